from __future__ import annotations

import pytest

from autotl.study.storage import open_out
from autotl.study.weights_used import read_weights
from tests.study.scripted import Session


@pytest.mark.usefixtures("script")
def test_a_study_keeps_what_tells_the_weights_that_it_began_with(session: Session) -> None:
    session.run(trials=1)
    assert read_weights(open_out(session.out, None).ledger) == {"efficientnet_lite0, none": "0123456789abcdef"}
    session.run(trials=2, resume=True)
    assert len(read_weights(open_out(session.out, None).ledger)) == 1
