"""Layout text to plain values: YAML or JSON from a stranger, with limits on size, depth and tricks."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from service.facilities.errors import LayoutInvalid, LayoutIssue

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 16
"""A layout nests to 8 (facility, policy); deeper text is an attack on the parser's stack."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML with the scalars of JSON only: `01` stays text, `no` stays text, 12:30 stays text, a date stays text.

    YAML 1.1 would read bed `010` as 8 and ward `no` as false.
    """


_PlainLoader.yaml_implicit_resolvers = {}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789")
)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^-?(?:0|[1-9][0-9]{0,17})?\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,3})?$"),
    list("-0123456789."),
)


def _mapping(loader: _PlainLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key is text", key_node.start_mark)
        if key_node.value in seen:
            problem = f"the key {key_node.value[:40]!r} appears twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        seen.add(key_node.value)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_layout_text(text: str | bytes) -> dict[str, Any]:
    """The document as nested dicts, lists and scalars. Raises `LayoutInvalid` naming line and remedy."""
    document = _decode(text)
    try:
        _refuse_tricks(document)
        value = yaml.load(document, Loader=_PlainLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise _syntax(error) from None
    except (RecursionError, ValueError) as error:
        raise _wrong("", f"the layout cannot be read ({type(error).__name__})", "write plain YAML or JSON") from None
    if not isinstance(value, dict):
        raise _wrong("", "a layout is a mapping", "start it with `facility:` and `wards:`")
    return value


def parse_layout_json(text: str | bytes) -> dict[str, Any]:
    """A JSON document as nested dicts, lists and scalars; a key given twice is refused."""
    document = _decode(text)
    if _json_depth(document) > MAX_DEPTH:
        raise _wrong("", f"nested deeper than {MAX_DEPTH}", "write a flat layout")
    try:
        value = json.loads(document, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _wrong(f"line {error.lineno}", "this is not JSON", "check brackets, commas and quotes") from None
    except RecursionError:
        raise _wrong("", "nested too deep", "write a flat layout") from None
    if not isinstance(value, dict):
        raise _wrong("", "a layout is an object", 'start it with {"facility": …, "wards": […]}')
    return value


def _decode(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise _wrong("", f"the layout is larger than {MAX_BYTES // 1024} KiB", "split it by facility")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("", "the layout is not UTF-8", "save the file as UTF-8") from None


def _refuse_tricks(document: str) -> None:
    """Counts on the event stream, before anything is built: an alias can name a gigabyte in a few lines."""
    depth = documents = 0
    for event in yaml.parse(document, Loader=yaml.SafeLoader):
        line = f"line {event.start_mark.line + 1}" if event.start_mark is not None else ""
        if isinstance(event, yaml.AliasEvent):
            raise _wrong(line, "YAML aliases (*name) are not read", "write the values out")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _wrong(line, f"nested deeper than {MAX_DEPTH}", "write a flat layout")
        if documents > 1:
            raise _wrong(line, "more than one document in the file", "keep one facility a file")


def _json_depth(document: str) -> int:
    depth = deepest = 0
    in_text = escaped = False
    for character in document:
        if in_text:
            in_text = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_text = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _wrong(twice[:40], "the key appears twice", "keep one of them")
    return result


def _no_constant(name: str) -> float:
    raise _wrong("", f"{name} is not a number of JSON", "use a finite number")


def _syntax(error: yaml.YAMLError) -> LayoutInvalid:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or "this is not YAML")[:200]
    where = f"line {mark.line + 1}" if mark is not None else ""
    return _wrong(where, problem, "check indentation, quotes and tags there")


def _wrong(path: str, message: str, remedy: str) -> LayoutInvalid:
    return LayoutInvalid([LayoutIssue(path or "layout", message, remedy)])
