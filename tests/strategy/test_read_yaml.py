"""YAML 1.2 as plain values."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from autotl.core.errors import ConfigError
from autotl.strategy.read_yaml import read_yaml, read_yaml_file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5.0e-4", 5e-4),
        ("-1.5", -1.5),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("+12", 12),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 1e400", math.inf),
        ("-.inf", -math.inf),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found, problems = read_yaml(f"key: {text}", "t.yaml")
    assert found == {"key": value}
    assert type(found["key"]) is type(value)
    assert problems == []


def test_nan_is_read_as_a_number_that_fields_then_refuse() -> None:
    assert math.isnan(read_yaml("key: .nan", "t.yaml")[0]["key"])


def test_anchors_and_merges_are_plain_values() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\nd: *a"
    found, problems = read_yaml(text, "t.yaml")
    assert found["c"] == {"x": 9, "y": 2, "z": 4}
    assert found["d"] == {"x": 1, "y": 2}
    assert problems == []


def test_every_key_given_twice_is_found_and_the_first_counts() -> None:
    text = "a: 1\nb: {c: 1, c: 2}\na: 2\nd:\n  <<: {e: 1}\n  e: 2\n  e: 3"
    found, problems = read_yaml(text, "t.yaml")
    assert found == {"a": 1, "b": {"c": 1}, "d": {"e": 2}}
    assert [str(problem) for problem in problems] == [
        "b.c: given twice, in lines 2 and 2; keep one",
        "a: given twice, in lines 1 and 3; keep one",
        "d.e: given twice, in lines 6 and 7; keep one",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\nb: 3", "line 2: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got ':'"),
        ("a: 1\n  b: 2", "line 2: not valid YAML: mapping values are not allowed here"),
        ("a: *nowhere", "line 1: not valid YAML: found undefined alias 'nowhere'"),
        ("a: 1\n---\nb: 2", "line 2: not valid YAML: expected a single document in the stream, but found another"),
        ("a: \x07", "not valid YAML: unacceptable character #x0007: special characters are not allowed"),
        ("a:\n  b: !!python/object:os.system ls", "line 2: the tag !!python/object:os.system is not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: the tag !!python/object/apply:os.system is not allowed"),
        ("a: !secret {b: 1}", "line 1: the tag !secret is not allowed; write plain values"),
        ("a: !!binary aGVsbG8=", "line 1: the tag !!binary is not allowed"),
        ("a: !!set {b, c}", "line 1: the tag !!set is not allowed"),
        ("a: !!int many", "line 1: 'many' is not a number"),
        ("? [1, 2]\n: 3", "line 1: a key must be a plain word"),
        ("a: &a [*a]", "line 1: the anchor 'a' contains itself"),
        ("a:\n  <<: 3", "line 2: << takes a mapping, or a list of mappings"),
        ("%YAML 1.1\n---\na: no", "%YAML: files are read as YAML 1.2; remove the directive"),
        ("", "the file is empty"),
        ("# only a comment", "the file is empty"),
    ],
)
def test_what_is_not_plain_yaml_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "t.yaml")
    assert str(caught.value).startswith(f"t.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_a_yaml_1_2_directive_is_fine() -> None:
    assert read_yaml("%YAML 1.2\n---\na: no", "t.yaml")[0] == {"a": "no"}


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file$"):
        read_yaml_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; give a YAML file"):
        read_yaml_file(tmp_path)
    picture = tmp_path / "picture.yaml"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        read_yaml_file(picture)
