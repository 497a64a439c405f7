from __future__ import annotations

from typing import Any

import pytest

from autotl.report import confidence
from autotl.study.evidence import Grade
from tests.report.fresh_runs import BEST, DEFAULT, against, confirmation, confirmed


def test_quality_gives_runs_mean_and_interval() -> None:
    text = confidence.quality(confirmation(BEST))
    assert "0.470, 0.480 and 0.490 mAP with 3 fresh seeds, on 87 validation images" in text
    assert "expect 0.480 (0.450 to 0.510, 90% interval)" in text
    assert "0.440 and 0.450 mAP with 2 seeds, the search's among them, " in confidence.quality(
        confirmation(confirmed(2, 0.44, 0.45, **DEFAULT))
    )


def test_quality_in_folds_says_that_the_images_differ() -> None:
    text = confidence.quality(confirmation(BEST, folds=3, images=52))
    assert "0.490 mAP with 3 fresh seeds, each on other images, 52 validation images in 3 folds. With other" in text
    assert "had measured 0.500, on the images that it chose by, 0.020 more than these" in text
    one = confidence.quality(confirmation(confirmed(4, 0.47), folds=1, images=17))
    assert "1 fresh seed, on 17 validation images" in one


@pytest.mark.parametrize(
    ("search", "says"),
    [(0.5, "had measured 0.500, 0.020 more"), (0.46, "had measured 0.460, 0.020 less than these."), (0.48, "")],
)
def test_optimism_is_told_with_its_direction_and_only_where_there_is_one(search: float, says: str) -> None:
    text = confidence.quality(confirmation(confirmed(4, 0.47, 0.48, 0.49, search=search)))
    assert says in text
    assert ("had measured" in text) == bool(says)
    assert ("looks better than it is" in text) == (search == 0.5)


@pytest.mark.parametrize(
    ("grade", "says"),
    [
        ("clear", "It is clearly better than full fine-tuning, the default: +0.040 mAP (+0.020 to +0.060)"),
        ("likely", "It is likely better than full fine-tuning"),
        ("tied", "Nothing beats the default for sure"),
    ],
)
def test_the_default_is_compared_by_grade(grade: Grade, says: str) -> None:
    found = confirmation(BEST, confirmed(2, 0.44, 0.44, 0.44, against=against(0.04, grade), **DEFAULT))
    assert says in confidence.against_default(found)
    assert "cannot be called clear" not in confidence.against_default(found)


def test_the_default_is_called_by_its_name_and_full_fine_tuning_is_a_rival_as_any_other() -> None:
    extraction: dict[str, Any] = {"baseline": "feature_extraction", "optimism": None}
    default = confirmed(2, 0.44, 0.44, 0.44, against=against(0.04, "clear"), test_map=0.41, **extraction)
    full = confirmed(7, 0.48, against=against(0, "tied", 0.5), baseline="full_fine_tuning")
    best = confirmed(4, 0.47, 0.48, 0.49, test_map=0.46)
    found = confirmation(best, full, default, default_baseline="feature_extraction")
    assert confidence.against_default(found) == (
        "It is clearly better than feature extraction, the default: +0.040 mAP (+0.020 to +0.060), 3 runs against 3."
    )
    assert confidence.status(found) == "Confirmed: clearly better than the default; tied with #7"
    assert confidence.ties(found) == (
        "It cannot be told from #7 on these images; there is nothing to choose between them but what they take."
    )
    assert confidence.on_test(found).endswith("0.460 mAP, feature extraction's 0.410.")
    own = confirmation(confirmed(2, 0.5, **extraction), full, default_baseline="feature_extraction")
    assert confidence.against_default(own).startswith("Nothing tried beats the default, feature extraction:")
    tied = confirmed(2, 0.47, against=against(0.01, "tied", 0.6), **extraction)
    worse = confirmed(2, 0.55, against=against(-0.06, "tied", 0.02), **extraction)
    for one, says in (
        (tied, "Nothing beats the default for sure: against feature extraction, the default, it is +0.010 mAP"),
        (worse, "The default, feature extraction, is likely better"),
    ):
        text = confidence.against_default(confirmation(BEST, one, default_baseline="feature_extraction"))
        assert text.startswith(says)


def test_full_fine_tuning_that_is_not_the_default_says_nothing_of_it() -> None:
    full = confirmed(2, 0.5, 0.5, 0.5, **DEFAULT)
    found = confirmation(full, confirmed(1, 0.4, against=against(0.1, "clear")), default_baseline="from_scratch")
    assert confidence.against_default(found) == ""
    assert "default" not in confidence.status(found)


def test_a_default_that_does_better_is_not_called_tied() -> None:
    found = confirmation(BEST, confirmed(2, 0.55, 0.55, against=against(-0.06, "tied", 0.02), **DEFAULT))
    text = confidence.against_default(found)
    assert text.startswith("The default, full fine-tuning, is likely better")
    assert "alone can make" not in text
    assert "likely worse than the default" in confidence.status(found)


def test_too_few_runs_are_the_reason_why_it_is_not_clear() -> None:
    found = confirmation(BEST, confirmed(2, 0.44, against=against(0.04, "likely"), **DEFAULT))
    assert "With fewer than 3 runs of both it cannot be called clear" in confidence.against_default(found)
    assert "3 runs against 1" in confidence.against_default(found)


def test_the_default_itself_may_be_the_best_and_without_a_run_of_it_nothing_is_said() -> None:
    own = confirmation(confirmed(4, 0.5, **DEFAULT), confirmed(1, 0.4, against=against(0.1, "clear")))
    assert confidence.against_default(own).startswith("Nothing tried beats the default, full fine-tuning:")
    assert confidence.against_default(confirmation(BEST)) == ""


def test_ties_are_listed_and_speed_is_a_reason_only_where_it_was_one() -> None:
    rivals = [confirmed(7, 0.48, against=against(0, "tied", 0.5)), confirmed(9, 0.4, against=against(0.08, "clear"))]
    text = confidence.ties(confirmation(BEST, *rivals))
    assert "It cannot be told from #7 on these images; there is nothing to choose between them" in text
    assert "It is clearly better than #9." in text
    assert "least time" not in text
    quicker = confidence.ties(confirmation(BEST, *rivals, chosen_for_speed=True))
    assert "least time" in quicker
    assert "nothing to choose" not in quicker
    ahead = [confirmed(7, 0.477, against=against(0.003, "tied", 0.6)), *rivals]
    assert "; it is recommended because slightly more is expected of it." in confidence.ties(confirmation(BEST, *ahead))
    assert confidence.ties(confirmation(BEST)).startswith("No other strategy")


def test_candidates_that_failed_are_told_once_with_their_reason() -> None:
    failed = {9: "DivergedError: it diverged"}
    assert "#9 failed when it was trained again (DivergedError: it diverged)" in confidence.failures(failed, 4)
    assert "failed" not in confidence.ties(confirmation(BEST, failed=failed))


def test_the_test_split_is_told_where_it_was_measured() -> None:
    default = confirmed(2, 0.4, against=against(0.1, "clear"), test_map=0.41, **DEFAULT)
    assert confidence.on_test(confirmation(BEST, default)) == ""
    text = confidence.on_test(confirmation(confirmed(4, 0.48, test_map=0.46), default))
    assert "0.460 mAP" in text
    assert "full fine-tuning's 0.410" in text


@pytest.mark.parametrize(
    ("grade", "says"),
    [("clear", "clearly better"), ("likely", "likely better"), ("tied", "tied with the default and #7")],
)
def test_the_status_is_the_answer_to_the_default_and_its_ties(grade: Grade, says: str) -> None:
    default = confirmed(2, 0.4, against=against(0.1, grade), **DEFAULT)
    rival = confirmed(7, 0.48, against=against(0, "tied", 0.5))
    text = confidence.status(confirmation(BEST, rival, default))
    assert says in text
    assert text.endswith("#7")


def test_without_the_default_the_status_has_the_grade_among_the_others_or_says_that_there_is_none() -> None:
    assert confidence.status(confirmation(BEST)) == (
        "Confirmed: 3 runs with fresh seeds; no grade, for there is nothing to compare it with"
    )
    rival = confirmed(7, 0.4, against=against(0.1, "clear"))
    for grade, says in (("clear", "clearly"), ("likely", "likely")):
        text = confidence.status(confirmation(BEST, rival, grade=grade))
        assert text == f"Confirmed: 3 runs with fresh seeds; {says} better than the others that were trained again"


def test_a_default_whose_only_run_is_the_searchs_is_not_called_confirmed() -> None:
    own = confirmed(90, 0.5, baseline="full_fine_tuning", optimism=None)
    assert confidence.status(confirmation(own)) == ("Rivals trained again: nothing tried beats the default")
    assert "nothing tried beats the default" in confidence.status(confirmation(confirmed(2, 0.4, 0.41, **DEFAULT)))


def test_candidates_that_failed_when_trained_again_are_told_with_the_reason() -> None:
    assert confidence.failures({}, 4) == ""
    text = confidence.failures({7: "the loss became nan"}, 4)
    assert text == "#7 failed when it was trained again (the loss became nan), so it is not recommended."


def test_the_recommended_one_s_own_failure_is_told_as_such() -> None:
    text = confidence.failures({7: "the loss became nan"}, 7)
    assert text.startswith("#7, which is recommended, failed when it was trained again (the loss became nan)")


def test_the_search_s_own_run_alone_is_not_said_to_be_fresh() -> None:
    own = confirmation(confirmed(2, 0.45, search=0.45, **DEFAULT))
    assert confidence.quality(own).startswith("0.450 mAP on 87 validation images in the search's run, the only one.")
    again = confirmation(confirmed(2, 0.45, 0.44, search=0.45, **DEFAULT))
    assert confidence.quality(again).startswith("Trained again")


def test_what_is_tied_and_clearly_quicker_is_named() -> None:
    quick = confirmed(7, 0.48, against=against(0, "tied", 0.5), seconds_per_image=0.008)
    assert "#7 takes 8.0 ms for an image, not 10.0 ms, and is as good as far" in confidence.ties(
        confirmation(BEST, quick)
    )
    alike = confirmed(7, 0.48, against=against(0, "tied", 0.5), seconds_per_image=0.0095)
    assert "takes" not in confidence.ties(confirmation(BEST, alike))
    worse = confirmed(7, 0.40, against=against(0.08, "clear"), seconds_per_image=0.001)
    assert "takes" not in confidence.ties(confirmation(BEST, worse))
