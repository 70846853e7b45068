"""What lies beside the models of the default pack: manifest, licence, card. The same bytes on every machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.vision.calibration import Calibration
from service.vision.packs.card import completed
from service.vision.packs.manifest import LICENCE, VERSION, hash_of, parse_manifest
from service.vision.packs.recipe import PackRecipe, PartRecipe, licence_text


def manifest_bytes(recipe: PackRecipe) -> bytes:
    """insightface's manifest V2 with every task, in the order of the recipe."""
    return (json.dumps(_document(recipe), indent=2) + "\n").encode()


def _document(recipe: PackRecipe) -> dict[str, Any]:
    return {
        "manifest_version": VERSION,
        "model_id": recipe.model_id,
        "display_name": recipe.display_name,
        "license": LICENCE,
        "commercial_use": True,
        "tasks": {
            part.task: {"file": part.file, "sha256": part.prepared_sha256, **part.entry} for part in recipe.parts
        },
    }


def licence_bytes(recipe: PackRecipe) -> bytes:
    """Who made the parts, and the full text of every licence they are under."""
    names = sorted({part.entry["licence"] for part in recipe.parts} | {"MIT"})
    parts = "\n".join(f"  {part.file}: {part.title}, {part.entry['licence']}" for part in recipe.parts)
    notices = "\n".join(f"  {line}" for line in recipe.copyrights)
    head = (
        f"{recipe.display_name}\n\nEvery part may be used commercially, each under its own licence.\n\n"
        f"{parts}\n\n{notices}\n\n"
        "The files were changed: quantised weights were folded to float32 and TensorFlow.js graphs converted to ONNX;\n"
        "the numbers they compute are the same.\n"
    )
    texts = [f"\n{'=' * 70}\n{name}\n{'=' * 70}\n\n{licence_text(name)}" for name in names]
    return (head + "".join(texts)).encode()


def card_bytes(recipe: PackRecipe, calibration: Calibration | None = None) -> bytes:
    """The model card, Markdown: the recipe's words, then hash, thresholds with their origin, and intervals."""
    document = _document(recipe)
    manifest = parse_manifest(document, Path(recipe.model_id))
    digest = hash_of(manifest, document)
    return completed(_words(recipe), manifest, digest, recipe.measured, calibration).encode()


def _words(recipe: PackRecipe) -> str:
    head = (
        f"# {recipe.display_name}\n\n"
        "Finds faces, refines their landmarks, compares them, and finds people in beds. Every part may be used\n"
        "commercially. Made by `wardwatch models fetch` from pinned sources; `wardwatch models verify` checks it.\n\n"
        "| task | model | file | licence |\n|---|---|---|---|\n"
    )
    rows = "".join(f"| {p.task} | {p.title} | `{p.file}` | {p.entry['licence']} |\n" for p in recipe.parts)
    limits = "\n## Known limits of the whole\n\n" + _bullets(recipe.limits)
    return head + rows + "".join(_section(part) for part in recipe.parts) + limits


def _section(part: PartRecipe) -> str:
    wanted = part.entry["input"]
    free = f"any size with sides a multiple of {wanted['multiple_of']}"
    size = free if wanted["size"] is None else "{} x {}".format(*wanted["size"])
    sources = [f"`{s.member}` of `{s.package}` ({s.package.client}), sha256 `{s.sha256}`" for s in part.sources]
    thresholds = ", ".join(f"{name} {value}" for name, value in part.entry["thresholds"].items()) or "none"
    return (
        f"\n## {part.title}: {part.task}\n\n"
        f"- Origin: {part.entry['origin']}. Licence: {part.entry['licence']}.\n"
        + "".join(f"- Source: {source}.\n" for source in sources)
        + f"- Prepared file: `{part.file}`, sha256 `{part.prepared_sha256}`; checked against {part.golden.reference}.\n"
        f"- Input: {wanted['colour']} {wanted['layout']}, {size}, "
        f"mean {wanted['mean']}, std {wanted['std']} for pixels 0..255.\n"
        f"- Thresholds: {thresholds}.\n" + _bullets(part.limits)
    )


def _bullets(lines: tuple[str, ...]) -> str:
    return "".join(f"- {line}\n" for line in lines)
