"""YAML files -> SearchSpace and Strategy, and a strategy back into YAML."""

from __future__ import annotations

from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML

from autotl.core.errors import ConfigError
from autotl.strategy.check import detector_problems, ignored_settings
from autotl.strategy.fields import problems_of
from autotl.strategy.parse import parse_space
from autotl.strategy.problems import config_error
from autotl.strategy.read_yaml import read_yaml_file
from autotl.strategy.schema import Strategy
from autotl.strategy.space import SearchSpace

_PACKAGE = Path(__file__).parents[1]


def shipped_spaces() -> dict[str, Path]:
    """Name -> file of the spaces that come with autotl, by name."""
    installed, in_repository = _PACKAGE / "search_spaces", _PACKAGE.parent / "search_spaces"
    folder = installed if installed.is_dir() else in_repository
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_space(path_or_name: str | Path) -> SearchSpace:
    """The search space of a shipped name ('quick') or a YAML file, checked as a whole.

    Raises:
        ConfigError: where there is no such space, or with every problem in it and its key path.
    """
    path = space_file(path_or_name)
    raw, problems = read_yaml_file(path)
    source = str(path_or_name) if path == Path(path_or_name) else path.name
    space = parse_space(raw, source, problems)
    problems = [*detector_problems(space), *ignored_settings(space)]
    if problems:
        raise config_error(source, problems)
    return space


def space_file(path_or_name: str | Path) -> Path:
    """The file behind a shipped name, or the path itself.

    Raises:
        ConfigError: where it is neither.
    """
    shipped, path = shipped_spaces(), Path(path_or_name)
    if str(path_or_name) in shipped:
        return shipped[str(path_or_name)]
    if path.exists():
        return path
    if path.suffix or len(path.parts) > 1:
        raise ConfigError(
            f"{path_or_name}: no such file; give a search space's YAML file, or one of {', '.join(shipped)}"
        )
    close = get_close_matches(str(path_or_name), shipped, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise ConfigError(f"no search space '{path_or_name}'; {hint}give one of {', '.join(shipped)}, or a YAML file")


def load_strategy(path: str | Path) -> Strategy:
    """The strategy in a YAML file; fields left out take their defaults.

    Raises:
        ConfigError: with every problem in the file and its key path.
    """
    raw, problems = read_yaml_file(Path(path))
    try:
        strategy = Strategy.model_validate(raw, strict=True)
    except ValidationError as error:
        raise config_error(str(path), [*problems, *problems_of(error)]) from None
    if problems:
        raise config_error(str(path), problems)
    return strategy


def dump_strategy(strategy: Strategy) -> str:
    """The strategy as YAML 1.2, every field given; `load_strategy` reads it back."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    yaml.dump(strategy.model_dump(), stream)
    return f"# Strategy {strategy.fingerprint()}\n{stream.getvalue()}"
