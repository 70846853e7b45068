"""`wardwatch models`: fetch, import, verify, list and describe model packs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from service.platform.settings import Settings, get_settings
from service.vision.calibration import read_calibration
from service.vision.packs import (
    NON_COMMERCIAL_EN,
    NON_COMMERCIAL_ZH,
    ListedPack,
    Progress,
    VerifiedPack,
    card_text,
    fetch_default,
    fetch_test_pictures,
    import_pack,
    list_packs,
    pack_hash,
    read_manifest,
    verify_pack,
    write_card,
)

models_app = typer.Typer(no_args_is_help=True, help="Model packs: fetch, import, verify, list, describe.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
ModelsDir = Annotated[
    Path | None, typer.Option("--models-dir", help="Folder of the packs. Default: the setting models_dir.")
]
PackName = Annotated[
    str | None, typer.Argument(metavar="[PACK]", help="Name or folder of a pack. Default: the setting pack.")
]


@models_app.command("fetch")
def fetch(
    mirror: Annotated[
        Path | None,
        typer.Option(help="Folder with the packages or their files, asked first. Default: the setting models_mirror."),
    ] = None,
    models_dir: ModelsDir = None,
    with_test_pictures: Annotated[
        bool, typer.Option("--with-test-pictures", help="Also the photographs for tests and the demo.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Obtain the default pack with pip and npm, verify and prepare it. Does nothing when it is there and right."""
    settings = get_settings()
    source = mirror or settings.models_mirror
    with _progress(as_json) as report:
        fetched = fetch_default(models_dir or settings.models_dir, report, source, cache_dir=settings.cache_dir)
        pictures = fetch_test_pictures(settings.cache_dir, report, source) if with_test_pictures else None
    answer = _verified(fetched.verified) | {"already_there": fetched.already_there}
    if pictures is not None:
        answer["test_pictures"] = {name: str(path) for name, path in asdict(pictures).items()}
    state = "already there and right" if fetched.already_there else "fetched, verified and prepared"
    lines = [f"{fetched.folder}: {state} (pack {fetched.verified.pack_hash[:12]})"]
    _answer(answer, as_json, [*lines, *(f"{name}: {path}" for name, path in answer.get("test_pictures", {}).items())])


@models_app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A pack: folder, ZIP or tar file.")],
    models_dir: ModelsDir = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another pack of the same name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a pack made elsewhere and place it among the packs. Any insightface pack will do."""
    settings = get_settings()
    with _progress(as_json) as report:
        imported = import_pack(source, models_dir or settings.models_dir, report, replace=replace)
    note = "" if imported.commercial_use else _licence_note(settings)
    answer = _verified(imported.verified) | {"already_there": imported.already_there, "licence_note": note}
    state = "already there and right" if imported.already_there else "imported"
    lines = [f"{imported.folder}: {state} (pack {imported.verified.pack_hash[:12]})"]
    _answer(answer, as_json, [*lines, *([note] if note else [])])


@models_app.command("verify")
def verify(pack: PackName = None, models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """Compare every model file of a pack with the sha256 in its manifest."""
    folder = _folder(pack, models_dir)
    with _progress(as_json) as report:
        verified = verify_pack(folder, report)
    lines = [f"{folder}: every file is right (pack {verified.pack_hash[:12]})"]
    _answer(_verified(verified), as_json, lines + [f"{name}: no sha256 stated" for name in verified.unpinned])


@models_app.command("list")
def list_(models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """List the packs that are there."""
    folder = models_dir or get_settings().models_dir
    packs = list_packs(folder)
    if as_json:
        _answer([asdict(pack) for pack in packs], as_json, [])
    elif packs:
        Console().print(_table(packs))
    else:
        _answer(None, as_json, [f"no pack in {folder}; run: wardwatch models fetch"])


@models_app.command("card")
def card(
    pack: PackName = None,
    models_dir: ModelsDir = None,
    write: Annotated[bool, typer.Option("--write", help="Also write it into the pack, as MODEL_CARD.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a pack's model card: origin, licences, hashes, thresholds in force with their origin and intervals."""
    folder = _folder(pack, models_dir)
    manifest, digest = read_manifest(folder), pack_hash(folder)
    text = card_text(folder)
    written = write_card(folder) if write else None
    measured = read_calibration(folder, digest)
    document = {
        "model_id": manifest.model_id,
        "pack_hash": digest,
        "card": text,
        "parts": {task: asdict(part) for task, part in manifest.parts.items()},
        "calibration": measured.to_json() if measured is not None else None,
        "written": str(written) if written else None,
    }
    _answer(document, as_json, text.splitlines())


def _folder(pack: str | None, models_dir: Path | None) -> Path:
    """A pack by name among the packs, or by path."""
    settings = get_settings()
    if pack is None:
        return models_dir / settings.pack if models_dir else settings.pack_folder()
    named = (models_dir or settings.models_dir) / pack
    return named if named.is_dir() else Path(pack)


def _licence_note(settings: Settings) -> str:
    return NON_COMMERCIAL_ZH if settings.language == "zh" else NON_COMMERCIAL_EN


def _verified(verified: VerifiedPack) -> dict[str, Any]:
    manifest = verified.manifest
    return {
        "model_id": manifest.model_id,
        "folder": str(manifest.folder),
        "pack_hash": verified.pack_hash,
        "bytes": verified.bytes,
        "files": {part.file: part.sha256 for part in manifest.parts.values()},
        "unpinned": list(verified.unpinned),
    }


def _table(packs: tuple[ListedPack, ...]) -> Table:
    table = Table("pack", "hash", "files", "commercial use", "problem")
    commercial = {True: "yes", False: "no", None: "not stated"}
    for pack in packs:
        files = str(len(pack.files))
        table.add_row(pack.name, pack.pack_hash[:12], files, commercial[pack.commercial_use], pack.problem or "-")
    return table


def _answer(document: Any, as_json: bool, lines: list[str]) -> None:
    """The result on standard output, as JSON or as plain lines that a terminal may wrap but nothing colours."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str) if as_json else "\n".join(lines)
    Console(soft_wrap=True, markup=False, highlight=False).print(text)


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar for every stage, on standard error so that the answer can be piped."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), disable=quiet) as bars:
        stages: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            name = stage.split(" ")[0] if total and total < 100 else stage
            if name not in stages:
                stages[name] = bars.add_task(name, total=total or None)
            bars.update(stages[name], description=stage, completed=done, total=total or None)

        yield report
