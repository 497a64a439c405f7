"""What each chart shows, in words: its title states the finding, its note how far the finding goes."""

from __future__ import annotations

from autotl.report import words
from autotl.report.data import ReportData, StrategyRecord
from autotl.report.language import say
from autotl.report.points import sampled_note, without_depth

SMALL_GAP = 0.02
"""Training runs that differ in their seed alone often differ by this much mAP."""

MAX_FAINT_CURVES = 300
"""More curves of strategies that were given up than these are one grey surface."""

MAX_CURVES = 300
"""Of the others."""

MAX_CLASSES = 40
"""The chart shows this many of the worst classes; its table has all."""

FEW_STRATEGIES = 20
"""With fewer complete strategies than these, parameter importance is a hint."""


def mapped(data: ReportData) -> list[StrategyRecord]:
    """The candidates that count frozen stages of pretrained weights."""
    return [record for record in data.candidates if record.has_depth]


def best_by_depth(data: ReportData) -> dict[int, StrategyRecord]:
    """The best candidate that freezes that many stages of a pretrained backbone, over all backbones."""
    best: dict[int, StrategyRecord] = {}
    for record in mapped(data):
        if record.frozen_stages is not None:
            best.setdefault(record.frozen_stages, record)
    return dict(sorted(best.items()))


def depth_title(data: ReportData) -> str:
    """Does freezing help here?"""
    best = best_by_depth(data)
    if len(best) < 2:
        return say("Does freezing help here? Too few depths have finished to say")
    scores = {depth: record.map or 0.0 for depth, record in best.items()}
    top = max(scores, key=lambda depth: scores[depth])
    if max(scores.values()) - min(scores.values()) < SMALL_GAP:
        return say(
            "Frozen depth makes little difference here: the best of each depth lie within {SMALL_GAP:.2f} mAP",
            SMALL_GAP=SMALL_GAP,
        )
    if 0 not in scores:
        return say(
            "The best depth so far is {top} frozen {stages}: {score} mAP",
            top=top,
            stages=_stages(top),
            score=words.score(scores[top]),
        )
    frozen = max((depth for depth in scores if depth), key=lambda depth: scores[depth])
    lead = scores[frozen] - scores[0]
    if abs(lead) < SMALL_GAP:
        return say(
            "Freezing {frozen} {stages} ({score}) and training everything ({trained}) cannot be told apart",
            frozen=frozen,
            stages=_stages(frozen),
            score=words.score(scores[frozen]),
            trained=words.score(scores[0]),
        )
    if lead > 0:
        return say(
            "Freezing helps here: {score} mAP with {frozen} frozen {stages}, {trained} with none",
            score=words.score(scores[frozen]),
            frozen=frozen,
            stages=_stages(frozen),
            trained=words.score(scores[0]),
        )
    return say(
        "Freezing costs accuracy here: {trained} mAP when everything is trained, {score} with {frozen} frozen {stages}",
        trained=words.score(scores[0]),
        score=words.score(scores[frozen]),
        frozen=frozen,
        stages=_stages(frozen),
    )


def depth_note(data: ReportData) -> str:
    """How to read the chart, and what it leaves out."""
    if not data.candidates:
        return say("It takes strategies that finish.")
    text = say(
        "Each point is a strategy, hollow where it was stopped early; a line joins a backbone's "
        "best. The other parameters differ from point to point, and each was trained once: gaps "
        "below about {SMALL_GAP:.2f} can be chance.",
        SMALL_GAP=SMALL_GAP,
    )
    pruned = len(data.in_state("pruned"))
    strategies = words.plural(pruned, "strategy", "strategies")
    left_out = [say("{strategies} pruned after fewer epochs", strategies=strategies)] if pruned else []
    left_out += without_depth(data.candidates)
    if left_out:
        text += " " + say("Not drawn: {left_out}.", left_out=words.listing(left_out))
    return f"{text} {sampled_note(mapped(data))}".strip()


def baselines_title(data: ReportData) -> str:
    """What adapting pretrained features is worth, against the four standard ways."""
    winner, default = data.winner, data.default
    if winner is None or winner.map is None:
        return (
            say("The four baselines: none has finished yet")
            if data.running
            else say("The four baselines: none finished")
        )
    finished = [
        record for record in data.baselines.values() if record.state == "complete" and record.number != winner.number
    ]
    if winner.baseline:
        if not finished:
            return say(
                "The best strategy is a baseline: {baseline}, {map} mAP",
                baseline=words.baseline(winner.baseline),
                map=words.score(winner.map),
            )
        second = max(finished, key=lambda record: record.map or 0.0)
        return say(
            "{first} leads at {score} mAP; the next baseline, {second}, has {second_score}",
            first=words.capital(words.baseline(winner.baseline)),
            score=words.score(winner.map),
            second=words.baseline(second.baseline or ""),
            second_score=words.score(second.map),
        )
    if default is not None and default.state == "complete" and default.map is not None and winner.map > default.map:
        text = say(
            "{gain} mAP over {default_baseline}",
            gain=words.gain(winner.map - default.map),
            default_baseline=words.default_baseline(data.default_baseline),
        )
        best = max(finished, key=lambda record: record.map or 0.0)
        if best is default:
            return say("{text} and the best of the baselines", text=text)
        lead = winner.map - (best.map or 0.0)
        return say(
            "{text}; {lead} over {baseline}, the best baseline",
            text=text,
            lead=words.gain(lead),
            baseline=words.baseline(best.baseline or ""),
        )
    if finished:
        best = max(finished, key=lambda record: record.map or 0.0)
        lead = winner.map - (best.map or 0.0)
        return say(
            "{lead} mAP over {baseline}, the best baseline that finished",
            lead=words.gain(lead),
            baseline=words.baseline(best.baseline or ""),
        )
    if not data.baselines:
        return say("No baseline has run yet") if data.running else say("No baseline ran")
    return say("No baseline finished, so the recommended strategy has nothing of equal length to compare with")


def baselines_note(data: ReportData) -> str:
    """What pretraining is worth, where full fine-tuning and training from scratch can be compared."""
    if not any(record.map is not None for record in data.baselines.values()):
        return ""
    text = say("Filled points were trained to their end; hollow ones had fewer epochs, so their scores are not final.")
    full, scratch = data.baselines.get("full_fine_tuning"), data.baselines.get("from_scratch")
    if full is None or scratch is None or full.map is None or scratch.map is None:
        return text
    epochs = min(full.epochs, scratch.epochs)
    with_weights, without = full.map_at(epochs), scratch.map_at(epochs)
    if with_weights is None or without is None:
        return text
    return say(
        "{text} After {epochs} of training everything, pretrained weights give {with_weights} mAP "
        "and random ones {without}; training from scratch needs far longer schedules to show what it "
        "can do.",
        text=text,
        epochs=words.plural(epochs, "epoch"),
        with_weights=words.score(with_weights),
        without=words.score(without),
    )


def importance_title(data: ReportData) -> str:
    """Which parameter matters most."""
    importance = data.importance
    if importance.missing_because:
        return say("Which parameters matter? Too early to say")
    first = next(iter(importance.shares))
    finding = say(
        "{first}, {shares} of the importance",
        first=words.parameter(first),
        shares=words.percent(importance.shares[first]),
    )
    if importance.strategies < FEW_STRATEGIES:
        return say("A first hint at what matters most: {finding}", finding=finding)
    return say("What separates the best strategies from the rest most: {finding}", finding=finding)


def importance_note(data: ReportData) -> str:
    """How the shares came about, and how little they may rest on."""
    importance = data.importance
    if importance.missing_because:
        so_far = words.plural(importance.strategies, "such strategy", "such strategies")
        return say(
            "Parameter importance is missing: {missing_because} ({so_far} so far).",
            missing_because=say(importance.missing_because),
            so_far=so_far,
        )
    text = say(
        "PED-ANOVA: how differently the best {best} of {strategies} complete strategies are spread "
        "over each parameter's values. Pruned strategies do not count.",
        best=importance.best,
        strategies=importance.strategies,
    )
    return text + (
        say(" With so few strategies this is a hint, not a measurement.")
        if importance.strategies < FEW_STRATEGIES
        else ""
    )


def saved_epochs(data: ReportData) -> int:
    """Epochs that pruned strategies did not train."""
    return sum(record.planned_epochs - record.epochs for record in data.in_state("pruned"))


def curves_title(data: ReportData) -> str:
    """What pruning saved."""
    pruned = data.in_state("pruned")
    trained = sum(record.epochs for record in data.strategies)
    if not trained:
        return say("No epoch has been trained yet") if data.running else say("No epoch was trained")
    if not pruned:
        return say("{epochs} trained, nothing pruned", epochs=words.plural(trained, "epoch"))
    saved = saved_epochs(data)
    return say(
        "Pruning stopped {strategies} early and saved {saved:,} of {epochs}",
        strategies=words.plural(len(pruned), "strategy", "strategies"),
        saved=saved,
        epochs=words.plural(trained + saved, "epoch"),
    )


def going_on(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were not."""
    return [record for record in data.in_state("complete", "stopped", "running") if record.curve]


def given_up(data: ReportData) -> list[StrategyRecord]:
    """The strategies with epochs that were pruned, failed or cut off."""
    return [record for record in data.in_state("pruned", "failed", "infeasible", "killed") if record.curve]


def curves_note(data: ReportData) -> str:
    """What pruning saved in time, estimated from each pruned strategy's own epochs."""
    if not any(record.curve for record in data.strategies):
        return ""
    text = say("Validation mAP after every epoch. Faint grey: pruned or failed.")
    faint = len(given_up(data))
    if faint > MAX_FAINT_CURVES:
        text += say(
            " Of these {faint:,} the last {MAX_FAINT_CURVES} are drawn.", faint=faint, MAX_FAINT_CURVES=MAX_FAINT_CURVES
        )
    text = f"{text} {sampled_note(going_on(data), MAX_CURVES)}".strip()
    seconds = sum(
        sum(point.seconds for point in record.curve) / record.epochs * (record.planned_epochs - record.epochs)
        for record in data.in_state("pruned")
        if record.epochs
    )
    if not seconds:
        return text
    return say(
        "{text} At the speed of their own epochs, the pruned strategies would have taken another {seconds}.",
        text=text,
        seconds=words.duration(seconds),
    )


def sharing(data: ReportData) -> str:
    """What reading activations of frozen layers, where they were known, saved; empty where nothing could be read."""
    uses = [record.costs["cache"] for record in data.strategies if "cache" in record.costs]
    read, computed = (sum(use[key] for use in uses) for key in ("images_read", "images_computed"))
    if not read:
        return ""
    saved = sum(use["seconds_saved"] for use in uses)
    text = say(
        "Strategies that freeze the same layers share what these compute: of {read:,} passes of an "
        "image through frozen layers {read2} were read instead of computed",
        read=read + computed,
        read2=words.percent(read / (read + computed)),
    )
    return (
        say("{text}, which saved {saved}.", text=text, saved=words.duration(saved))
        if saved > 0
        else say("{text}, which saved no time.", text=text)
    )


def classes_title(data: ReportData) -> str:
    """Which class is hardest for the winner."""
    scores = winner_class_scores(data)
    if not scores:
        return say("Average precision by class is not known yet")
    if len(scores) == 1:
        return say("{name}: {score} mAP", name=scores[0][0], score=words.score(scores[0][1]))
    (worst, low, _), (best, high, _) = scores[0], scores[-1]
    return say(
        "{worst} is the hardest class ({low} mAP), {best} the easiest ({high})",
        worst=worst,
        low=words.score(low),
        best=best,
        high=words.score(high),
    )


def classes_note(data: ReportData) -> str:
    """Whose scores these are, and which classes they leave out."""
    if data.winner is None:
        return say("It takes a strategy with a score.")
    by_class = data.winner.metrics.get("by_class", {})
    scored = len(winner_class_scores(data))
    absent = [name for name, found in by_class.items() if found["map"] is None]
    run = say("the search's run of strategy") if data.confirmation else say("strategy")
    text = say(
        "The validation images under {run} #{number}; filled: mAP, hollow: AP50.", run=run, number=data.winner.number
    )
    if scored > MAX_CLASSES:
        text += say(" Drawn are the worst {MAX_CLASSES} of {scored} classes.", MAX_CLASSES=MAX_CLASSES, scored=scored)
    if not absent:
        return text
    return say(
        "{text} Without validation boxes, and so without a score: {absent}.", text=text, absent=words.listing(absent)
    )


def class_scores(record: StrategyRecord) -> list[tuple[str, float, float]]:
    """(class, mAP, AP50), worst first; classes without validation boxes are left out."""
    by_class = record.metrics.get("by_class", {})
    scores = [(name, found["map"], found["ap50"]) for name, found in by_class.items() if found["map"] is not None]
    return sorted(scores, key=lambda found: (found[1], found[0]))


def winner_class_scores(data: ReportData) -> list[tuple[str, float, float]]:
    """The same of the winner; none before there is one."""
    return class_scores(data.winner) if data.winner else []


def _stages(count: int) -> str:
    return say("stage") if count == 1 else say("stages")
