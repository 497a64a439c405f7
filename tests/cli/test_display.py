from __future__ import annotations

import io

from rich.console import Console

from autotl.cli.display import Lines, Panel, open_display
from autotl.strategy.schema import BackbonePart, Strategy
from autotl.study.progress import TrialInfo
from autotl.study.stop import Stop
from autotl.training.loop import EpochRecord
from tests.study.scripted import Clock, metrics


def record(epoch: int, map: float) -> EpochRecord:
    return EpochRecord(epoch=epoch, train_loss=1, lr=0.1, seconds=1, evaluation_seconds=0, metrics=metrics(map))


def info(number: int, baseline: str | None = None, name: str = "efficientnet_lite0") -> TrialInfo:
    return TrialInfo(number=number, strategy=Strategy(backbone=BackbonePart(name=name)), baseline=baseline)


def play(display: Lines) -> None:
    """Two trials ended, and a third in its second epoch."""
    display.on_trial_start(info(0, "feature_extraction"))
    display.on_epoch(record(1, 0.4))
    display.on_trial_end("complete", 0.4, "")
    display.on_trial_start(info(1))
    display.on_trial_end("failed", None, "out of memory on cpu")
    display.on_trial_start(info(2))
    display.on_epoch(record(1, 0.25))
    display.on_step(2, 3, 9)


def draw(panel: Panel) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=140, record=True)
    console.print(panel)
    return console.export_text()


def test_lines_say_what_happened_and_when() -> None:
    clock = Clock()
    out = io.StringIO()
    lines = Lines(Console(file=out, width=40), Stop(600, clock=clock))
    clock.now = 75
    play(lines)
    lines.on_interrupt()
    told = out.getvalue().splitlines()
    assert told[0].startswith("[1 min 15 s] trial 0 (feature extraction): efficientnet_lite0, nothing frozen")
    assert told[1].endswith("trial 0: complete with mAP 0.400 after 1 epoch, best so far")
    assert told[3].endswith("trial 1: failed (out of memory on cpu)")
    assert told[-1].endswith("interrupted: ending the current trial; press Ctrl-C again to end at once")


def test_a_confirmation_in_folds_is_told() -> None:
    out = io.StringIO()
    lines = Lines(Console(file=out, width=40), Stop(600, clock=Clock()))
    lines.on_confirmation(90.0, 0)
    lines.on_confirmation(90.0, 5)
    told = out.getvalue().splitlines()
    assert told[0].endswith("the best strategies are trained again with other seeds, for 1 min 30 s at most")
    assert "with other seeds, each in another of 5 folds, " in told[1]


def test_the_panel_shows_budget_counts_best_and_what_runs_now() -> None:
    clock = Clock()
    panel = Panel(Console(file=io.StringIO()), Stop(600, clock=clock))
    clock.now = 90
    assert "none yet" in draw(panel)
    play(panel)
    shown = draw(panel)
    assert "8 min 30 s" in shown
    assert "1 running, 1 complete, 1 failed" in shown
    assert "mAP 0.400  efficientnet_lite0" in shown
    assert "trial 2: epoch 2 of 12, step 3 of 9, mAP 0.250" in shown
    panel.on_trial_end("pruned", 0.25, "")
    assert "1 complete, 1 pruned, 1 failed" in draw(panel)


def test_epochs_that_were_not_evaluated_count_too() -> None:
    out = io.StringIO()
    panel = Panel(Console(file=out, width=200), Stop())
    panel.on_trial_start(info(0))
    panel.on_step(1, 9, 9)
    panel.on_epoch(record(1, 0.2))
    for epoch in (2, 3, 4):
        panel.on_step(epoch, 9, 9)
    assert "trial 0: epoch 4 of 12, step 9 of 9, mAP 0.200" in draw(panel)
    panel.on_epoch(record(4, 0.4))
    panel.on_trial_end("pruned", 0.4, "")
    assert out.getvalue().splitlines()[-1].endswith("trial 0: pruned with mAP 0.400 after 4 epochs")
    panel.on_trial_start(info(1))
    assert "trial 1: epoch 1 of 12, step 0 of 9" in draw(panel)


def test_a_search_without_a_time_limit_has_no_bar() -> None:
    assert "no time limit" in draw(Panel(Console(file=io.StringIO()), Stop()))


def test_a_resumed_search_begins_with_what_the_study_has() -> None:
    out = io.StringIO()
    panel = Panel(Console(file=out, width=200), Stop())
    panel.on_resume({"complete": 3, "pruned": 2}, (0.6, info(1)))
    assert "going on with a study of 5 strategies (3 complete, 2 pruned); best so far: trial 1 with mAP 0.600" in (
        out.getvalue()
    )
    panel.on_trial_start(info(5))
    panel.on_trial_end("complete", 0.5, "")
    assert "best so far" not in out.getvalue().splitlines()[-1]
    assert "4 complete, 2 pruned" in draw(panel)


def test_names_that_look_like_markup_are_text() -> None:
    out = io.StringIO()
    panel = Panel(Console(file=out, width=200), Stop())
    panel.on_trial_start(info(0, name="file:[red]x[/red]"))
    panel.on_trial_end("complete", 0.4, "[bold]why[/bold]")
    panel.on_message("[link]path[/link]")
    assert out.getvalue().count("[red]x[/red]") == 1
    assert "([bold]why[/bold])" in out.getvalue()
    assert "[link]path[/link]" in out.getvalue()
    assert "[red]x[/red]" in draw(panel)


def test_lines_where_nobody_watches() -> None:
    with open_display(Stop(), to_stderr=True) as display:
        assert type(display) is Lines
