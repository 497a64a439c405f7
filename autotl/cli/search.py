"""autotl search: the strategy search on a dataset."""

from __future__ import annotations

import re
import time
from pathlib import Path

from autotl.cli.data_options import Data, Format, IgnoredClasses, Leaks, LeaksOption, SplitMap, parse_splits
from autotl.cli.device_option import Device
from autotl.cli.duration import parse_duration
from autotl.cli.limit_options import MaxLatency, MaxMemory, MaxParams, MaxSize, parse_limits
from autotl.cli.search_options import (
    DEFAULT_BUDGET,
    AsJson,
    Budget,
    CacheSize,
    Confirm,
    Database,
    DeviceTime,
    DryRun,
    Epochs,
    Experience,
    ExperienceOption,
    ImageSize,
    LabelCurve,
    Name,
    Out,
    Resume,
    SearchOptions,
    Seed,
    Space,
    StopWhenDone,
    Ties,
    TiesOption,
    Trials,
)
from autotl.cli.size import parse_size
from autotl.cli.weights_dir import WeightsDir, use_weights_dir


def search(
    data: Data,
    space: Space = None,
    trials: Trials = None,
    budget: Budget = None,
    epochs: Epochs = None,
    device_time: DeviceTime = None,
    name: Name = None,
    out: Out = None,
    storage: Database = None,
    seed: Seed = 0,
    device: Device = "auto",
    image_size: ImageSize = None,
    format: Format = None,
    split: SplitMap = None,
    ignore_class: IgnoredClasses = None,
    leaks: LeaksOption = Leaks.REPORT,
    cache_size: CacheSize = None,
    max_latency: MaxLatency = None,
    max_params: MaxParams = None,
    max_size: MaxSize = None,
    max_memory: MaxMemory = None,
    stop_when_done: StopWhenDone = False,
    confirm: Confirm = True,
    ties: TiesOption = Ties.FASTEST,
    label_curve: LabelCurve = False,
    experience: ExperienceOption = Experience.ALL,
    weights_dir: WeightsDir = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    json_output: AsJson = False,
) -> None:
    """Search for the best transfer-learning strategy on a dataset.

    Without a limit a search takes 10 minutes; of several, whichever is reached first counts. Ctrl-C ends it cleanly: what
    was learnt is kept, the report is written, and --resume goes on.

    Examples:
      autotl search data/blood_cells --budget 10m

      autotl search data/annotations.json --space thorough --trials 50 --device cuda

      autotl search data/blood_cells --resume --budget 1h
    """
    started = time.monotonic()
    use_weights_dir(weights_dir)
    name = name or study_name(data)
    limited = trials or epochs or device_time
    options = SearchOptions(
        space=space, trials=trials, epochs=epochs, started=started, name=name, out=out or Path("reports") / name,
        seconds=None if budget is None and limited else parse_duration(budget or DEFAULT_BUDGET, "--budget"),
        device_seconds=None if device_time is None else parse_duration(device_time, "--device-time"),
        storage=storage, seed=seed, device=device, image_size=image_size,
        cache_bytes=None if cache_size is None else parse_size(cache_size, "--cache-size"),
        limits=parse_limits(max_latency, max_params, max_size, max_memory),
        stop_when_done=stop_when_done, confirm=confirm, ties=ties, label_curve=label_curve, experience=experience,
        dry_run=dry_run, resume=resume, json_output=json_output,
    )  # fmt: skip
    options.check()

    from autotl.cli.launch import launch
    from autotl.data.opening import open_dataset

    dataset = open_dataset(
        data, format=format, split_map=parse_splits(split), ignore_classes=tuple(ignore_class or ()), leaks=leaks.word,
        seed=seed,
    )  # fmt: skip
    launch(dataset, options)


def study_name(data: Path) -> str:
    """The dataset's name in characters that suit a folder."""
    return re.sub(r"[^a-z0-9]+", "-", data.resolve().stem.lower()).strip("-") or "study"
