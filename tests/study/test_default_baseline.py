from __future__ import annotations

from autotl.study.default_baseline import read_default_baseline
from autotl.study.ledger import Ledger
from tests.study.books import DATASET, ledger_with_session, memory_engine


def test_it_is_what_the_study_s_space_names() -> None:
    assert read_default_baseline(ledger_with_session(default_baseline="from_scratch")) == "from_scratch"


def test_a_space_that_was_stored_without_one_means_full_fine_tuning() -> None:
    assert read_default_baseline(ledger_with_session()) == "full_fine_tuning"
    oldest = Ledger(memory_engine(), "cells")
    oldest.write_study(dataset=DATASET, space={"name": "tiny"})
    assert read_default_baseline(oldest) == "full_fine_tuning"
