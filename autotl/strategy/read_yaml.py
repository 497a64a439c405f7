"""YAML 1.2 text as plain values: 1e-4 is a number, `no` is a word, a key given twice is a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from autotl.core.errors import ConfigError
from autotl.strategy.problems import Problem

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = (_TAG + "str", _TAG + "timestamp", _TAG + "value")
"""Plain text; YAML 1.2 knows neither dates nor the `=` of YAML 1.1."""


def read_yaml_file(path: Path) -> tuple[Any, list[Problem]]:
    """The file's content, and the keys it gives twice (the first one counts).

    Raises:
        ConfigError: where the file is missing, unreadable, no text, or not YAML 1.2 with plain values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8; give a YAML file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; give a YAML file") from None
    return read_yaml(text, str(path))


def read_yaml(text: str, source: str) -> tuple[Any, list[Problem]]:
    """Plain values (dict, list, str, int, float, bool, None), and the keys given twice (the first one counts).

    Args:
        text: one YAML document.
        source: what messages call it.

    Raises:
        ConfigError: where the text is not YAML 1.2, or holds tags or keys that are not plain.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        if yaml.version not in (None, (1, 2), "1.2"):
            raise ConfigError(f"{source}: %YAML: files are read as YAML 1.2; remove the directive")
        if root is None:
            raise ConfigError(f"{source}: the file is empty")
        reader = _NodeReader(source)
        return reader.read(root, "", ()), reader.problems
    except MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        said = ", ".join(str(part).splitlines()[0] for part in (error.context, error.problem) if part)
        raise ConfigError(f"{source}:{line} not valid YAML: {said}") from None
    except YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {str(error).splitlines()[0]}") from None


class _NodeReader:
    """Turns composed nodes into plain values; duplicate keys gather in `problems`."""

    def __init__(self, source: str):
        self.source = source
        self.problems: list[Problem] = []

    def read(self, node: Node, path: str, parents: tuple[Node, ...]) -> Any:
        if any(parent is node for parent in parents):
            raise self._error(node, f"the anchor '{node.anchor}' contains itself")
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, (*parents, node))
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.read(item, path, (*parents, node)) for item in node.value]
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        raise self._error(node, _tag_message(node))

    def _mapping(self, node: MappingNode, path: str, parents: tuple[Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, "a key must be a plain word")
            key, line = str(key_node.value), key_node.start_mark.line + 1
            key_path = f"{path}.{key}" if path else key
            if key_node.tag == _TAG + "merge":
                merged = self._merged(value_node, path, parents) | merged
            elif key in lines:
                self.problems.append(Problem(key_path, f"given twice, in lines {lines[key]} and {line}; keep one"))
            else:
                lines[key] = line
                found[key] = self.read(value_node, key_path, parents)
        return merged | found

    def _merged(self, node: Node, path: str, parents: tuple[Node, ...]) -> dict[str, Any]:
        """What `<<` brings in; of several mappings an earlier one wins."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, MappingNode):
                raise self._error(source, "<< takes a mapping, or a list of mappings")
            merged = self.read(source, path, parents) | merged
        return merged

    def _scalar(self, node: ScalarNode) -> str | int | float | bool | None:
        text = str(node.value)
        plain = text.replace("_", "").lower()
        try:
            if node.tag in _TEXT_TAGS:
                return text
            if node.tag == _TAG + "int":
                based = plain.lstrip("+-")[:2] in ("0o", "0x", "0b")
                return int(plain, 0) if based else int(plain)
            if node.tag == _TAG + "float":
                return float(plain.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            raise self._error(node, f"'{text}' is not a number") from None
        if node.tag == _TAG + "bool":
            return plain == "true"
        if node.tag == _TAG + "null":
            return None
        raise self._error(node, _tag_message(node))

    def _error(self, node: Node, message: str) -> ConfigError:
        return ConfigError(f"{self.source}: line {node.start_mark.line + 1}: {message}")


def _tag_message(node: Node) -> str:
    name = str(node.tag).replace(_TAG, "!!")
    return f"the tag {name} is not allowed; write plain values"
