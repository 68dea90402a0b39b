"""Plain data from YAML 1.2 (its core schema): 010 is ten, 1e-3 a number, yes and 1:30 are text."""

import json
import re
from typing import Any

import yaml

from simclr_core.errors import BadInput

SCALARS = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": ("<<", "<"),  # of YAML 1.1 alone, but of use
}  # tag -> what is of it, in the order in which they are tried; its first characters. All else is text.


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which knows YAML 1.1, with the scalars of 1.2; a key given twice is an error."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # filled below, in place of those of the class above

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            value = self.construct_object(key)  # 1 and 1.0 are the same key
            if value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(value)
        return super().construct_mapping(node, deep)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        text = self.construct_scalar(node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    def construct_real(self, node: yaml.ScalarNode) -> float:
        return float(re.sub(r"\.(?=[in])", "", self.construct_scalar(node).lower()))


for _tag, (_pattern, _first) in SCALARS.items():
    _empty = [""] if _tag == "null" else []
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), [*_first, *_empty])
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_real)


class _FlowLoader(_Loader):
    """Of a list, a mapping or a quoted text in which nothing is a comment: # is a character like any other."""

    SIGN = "\ue000"  # stands for # until the text is split

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text: str = super().construct_scalar(node)
        return text.replace(self.SIGN, "#")


class _PlainLoader(_Loader):
    """Of one scalar, whatever is in it."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        self._text = text

    def get_single_data(self) -> Any:
        tag = self.resolve(yaml.ScalarNode, self._text, (True, False))  # type: ignore[no-untyped-call]
        return self.construct_object(yaml.ScalarNode(tag, self._text))


def parse_yaml(text: str, where: str) -> Any:
    """Plain data from a file's text. Raises BadInput naming the line."""
    return _parsed(text, where, _Loader)


def parse_value(text: str, where: str) -> Any:
    """Plain data from a value on the command line: YAML, but in a text without quotes no character is special.

    So a # begins no comment, and outside of braces a colon ends no key. Raises BadInput.
    """
    text = text.strip()
    if text.startswith(("[", "{", '"', "'")):
        return _parsed(text.replace("#", _FlowLoader.SIGN), where, _FlowLoader)
    return _parsed(text, where, _PlainLoader)


def spelled(value: Any) -> str:
    """The text that `parse_value` reads as this value: quoted where it would else be another, or several."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spelled, value))}]"
    if not isinstance(value, str):
        return str(value) if isinstance(value, float) else json.dumps(value)
    try:
        alone = "," not in value and value == parse_value(value, "")
    except BadInput:
        alone = False
    return value if alone else json.dumps(value, ensure_ascii=False)


def _parsed(text: str, where: str, loader: type[yaml.SafeLoader]) -> Any:
    try:
        return yaml.load(text, loader)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInput(
            f"{where}{line}: invalid YAML: {getattr(error, 'problem', None) or ' '.join(str(error).split())}."
        ) from None
    except RecursionError:
        raise BadInput(f"{where}: invalid YAML: nested too deeply.") from None
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise BadInput(f"{where}: invalid YAML: {str(error).partition(';')[0]}.") from None
