"""HL7 v2 messages that others published: in the source archives of freely licensed parsers.

As with the photographs of faces, nothing of them is part of this project: the archives are fetched by the registries'
ordinary clients, checked by sha256 and kept in the cache outside it. `python -m tests.admissions.published` fetches
them beforehand.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.vision.packs import PackError, default_cache
from service.vision.packs.progress import silent
from service.vision.packs.recipe import Package, Source
from service.vision.packs.sources import obtain

_HL7PARSER = Package(
    "pip",
    "hl7parser",
    "0.7.4",
    "hl7parser-0.7.4.tar.gz",
    "60b2827111e91896b9e0ea816d9b52422929b8bcc5f3e7a947840c7c13c29a1a",
    15477,
    sdist=True,
)
_HL7 = Package(
    "pip",
    "hl7",
    "0.4.5",
    "hl7-0.4.5.tar.gz",
    "b6eb97499ebe236e00c3009d43e6b0f040de002df12a292fa5efbd2ce2a8a838",
    48796,
    sdist=True,
)
_NODEHL7 = Package(
    "npm",
    "nodehl7",
    "2.0.0",
    "nodehl7-2.0.0.tgz",
    "1edb7028520ea1e8ebf0916c48135bbc359846d989d52c1a1b60e023c34a5666",
    129348,
)
_HL7_STANDARD = Package(
    "npm",
    "hl7-standard",
    "1.0.4",
    "hl7-standard-1.0.4.tgz",
    "81c1637eed26ecf9a3e2405ef525046609c909d3b0d8f940220c38507e007337",
    28858,
)
_PARSER_TESTS = Source(
    _HL7PARSER,
    "hl7parser-0.7.4/tests/test_parse.py",
    "2fe2b4311d735ab44dd0d8f7ca1f6fb064c635293a03e8229a56325947081322",
)
_HL7_SAMPLES = Source(
    _HL7,
    "hl7-0.4.5/tests/samples.py",
    "80ba15fd071ff32734be2c2ce3fe5d7a8d0d522fdbbf932c780ebfac158c8deb",
)
_NODE_FILE = Source(
    _NODEHL7,
    "package/test/testfiles/ADTA01.adm",
    "49b9edc0fd722484cd23af18308a5fd12e8a2a559209347c3918c5f52cf36628",
)
_STANDARD_FILE = Source(
    _HL7_STANDARD,
    "package/tests/data/message.hl7",
    "6bd1048f46dd2f38dea83526cfccaff82ac05e1b417afab7d7ae7b7a85194aba",
)


@dataclass(frozen=True, slots=True)
class Published:
    """Where a message stands: a file of its own, or a text called `variable` in a Python file."""

    source: Source
    variable: str = ""


PUBLISHED: Mapping[str, Published] = {
    # The standard's example of an admission, of Adam Everyman in the Good Health Hospital, and what was made of it.
    "everyman": Published(_PARSER_TESTS, "msg_string1"),
    "everyman-cut": Published(_PARSER_TESTS, "msg_string2"),
    "everyman-merged": Published(_PARSER_TESTS, "msg_mrg"),
    "appleseed": Published(_NODE_FILE),
    # The standard's example of a result, of Eve Everywoman.
    "everywoman": Published(_HL7_SAMPLES, "sample_hl7"),
    # Hospitals' own.
    "registered": Published(_HL7_SAMPLES, "sample_batch4"),
    "two-at-once": Published(_HL7_SAMPLES, "sample_batch2"),
    "batch": Published(_HL7_SAMPLES, "sample_batch"),
    "surgery": Published(_HL7_SAMPLES, "sample_msh"),
    "mother-to-be": Published(_STANDARD_FILE),
}


def fetch_published(cache: Path | None = None) -> dict[str, bytes]:
    """Every message, as the archive has it. Raises `PackError` subclasses when one cannot be had."""
    wanted = list(dict.fromkeys(one.source for one in PUBLISHED.values()))
    files = obtain(wanted, cache or default_cache(), silent)
    return {name: _message(files[one.source.sha256], one.variable) for name, one in PUBLISHED.items()}


def _message(path: Path, variable: str) -> bytes:
    """The file, or the text that its Python gives the variable: read, never run."""
    data = path.read_bytes()
    if not variable:
        return data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separators of HL7 look like escapes of Python
        tree = ast.parse(data)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == variable for target in node.targets):
            return _text(node.value).encode()
    raise LookupError(f"{path} has no {variable}")


def _text(value: ast.expr) -> str:
    """A literal, or literals joined by one: `"\\r".join([...])`."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return str(ast.literal_eval(value.func.value)).join(ast.literal_eval(value.args[0]))
    return str(ast.literal_eval(value))


if __name__ == "__main__":
    try:
        fetch_published()
    except PackError as error:
        sys.exit(f"{error.line()}; the tests go on without these messages")
