import pytest
import yaml

from ablations.studies.options import parse_only, parse_overrides
from ablations.studies.parse import parse_value, parse_yaml, spelled
from simclr_core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("1e-3", 0.001), ("5.", 5.0), (".5", 0.5)),
        *(("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("-.inf", float("-inf"))),
        *(
            (text, text)
            for text in ("yes", "no", "on", "off", "y", "1:30", "1_000", "0b11", "2001-01-01", "tRUE", "1.5e")
        ),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    """By chapter 10.3.2 of its specification, the core schema."""
    for read in (parse_yaml, parse_value):
        found = read(f"[{text}]" if text else "", "here")
        assert (found[0] if text else found) == value
        assert type(found[0] if text else found) is type(value)


def test_what_yaml_1_1_made_of_ratios_and_of_leading_zeros():
    assert yaml.safe_load("[3:4, 010]") == [184, 8]
    assert parse_yaml("[3:4, 010]", "here") == ["3:4", 10]


def test_in_a_value_of_the_command_line_nothing_is_a_comment():
    given = ["data.source=folder:a/set #2", 'views.left=[crop, "b # c"]', "x={a: #1}"]
    assert parse_overrides(given) == {
        "data.source": "folder:a/set #2",
        "views.left": ["crop", "b # c"],
        "x": {"a": "#1"},
    }
    assert parse_yaml("a  # a comment", "here") == "a"


@pytest.mark.parametrize(
    "text", ["folder:", "folder:a: b", "- a", "*a", "&a b", "!a", "!!int 1:3", "a, b", "a]", "%a", "@a"]
)
def test_a_text_without_quotes_is_a_text_whatever_is_in_it(text):
    assert parse_value(f" {text} ", "here") == text


@pytest.mark.parametrize("text", ["{1: a, 1.0: b}", "{true: a, 1: b}", "{a: 1, 'a': 2}"])
def test_two_spellings_of_one_key_are_one_key_given_twice(text):
    with pytest.raises(BadInput, match="given twice"):
        parse_yaml(text, "here")


VALUES = [
    None,
    True,
    3,
    0.05,
    1e-5,
    "crop",
    "1",
    "1.10",
    "true",
    "",
    "a, b",
    "a: b",
    "#",
    "[a]",
    "it's",
    ["crop", "1", 2],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_spelled_reads_back_as_the_same_value_and_as_one(value):
    assert parse_value(spelled(value), "here") == value
    assert parse_only([f"a={spelled(value)},b"])["a"] == [spelled(value), "b"]
