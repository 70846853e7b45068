"""`wardwatch evaluate calibrate FOLDER`: choose the 1:1 threshold for a false match rate, by evidence."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.console import AsJson, Grid, answer
from service.kit.errors import WardwatchError
from service.kit.statistics import Rate
from service.vision import load_pack
from service.vision.calibration import Calibration, write_calibration
from service.vision.evaluate import FusionGain, calibrate, fusion_gain, least_pairs, read_groups, read_templates
from service.vision.packs import write_card


def calibrate_command(
    folder: Annotated[Path, typer.Argument(help="FOLDER/<person>/<picture>; groups.csv (person,group) if any.")],
    target_fmr: Annotated[
        float, typer.Option(min=1e-7, max=0.1, help="False match rate that must not be exceeded · 目标误识率")
    ] = 1e-4,
    pack: Annotated[Path | None, typer.Option(help="Model pack folder; the default pack if left out")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Keep it beside the pack's manifest: from the next start it decides")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the threshold for a false match rate, within every group · 按目标误识率选定阈值"""
    place = pack or Path(os.environ.get("WARDWATCH_MODELS_DIR", "models")) / "wardwatch-default"
    try:
        opened = load_pack(place)
        with _progress(as_json) as bar:
            task = bar.add_task("faces · 人脸", total=None)
            templates = read_templates(
                folder, opened, lambda done, total: bar.update(task, completed=done, total=total)
            )
        now = datetime.now(UTC)
        chosen = calibrate(templates, opened, target_fmr=target_fmr, made_at=now, groups=read_groups(folder))
        gains = fusion_gain(templates, chosen.same_person)
        written = write_calibration(place, chosen) if write else None
        if written:
            write_card(place)
    except WardwatchError as error:
        Console(stderr=True, highlight=False).print(error.line(), style="red", markup=False)
        raise typer.Exit(1) from None
    document = chosen.to_json() | {
        "least_impostor_pairs": least_pairs(target_fmr),
        "fusion": [_gain_json(gain) for gain in gains],
        "written": str(written) if written else None,
    }
    answer(document, as_json, _grid(chosen, gains))
    if not as_json:
        answer(None, False, _notes(chosen, target_fmr, written))


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)


def _grid(chosen: Calibration, gains: tuple[FusionGain, ...]) -> Grid:
    rows = [
        ("threshold · 阈值", f"{chosen.same_person:.3f}", "", "", ""),
        ("shipped · 原阈值", f"{chosen.shipped:.3f}", "", "", ""),
        _row("FMR", chosen.fmr),
        _row("FNMR", chosen.fnmr),
        _row("FMR held out · 留出", chosen.held_out_fmr),
        _row("FNMR held out · 留出", chosen.held_out_fnmr),
    ]
    for group in chosen.groups:
        rows.append(_row(f"FMR within {group.name} (alone {group.needed:.3f})", group.fmr))
        rows.append(_row(f"FNMR within {group.name}", group.fnmr))
    for gain in gains:
        rows.append(_row(f"FNMR one frame, {gain.probes}", gain.single_fnmr))
        rows.append(_row(f"FNMR three fused, {gain.probes}", gain.fused_fnmr))
        rows.append(_row(f"FMR one frame, {gain.probes}", gain.single_fmr))
        rows.append(_row(f"FMR three fused, {gain.probes}", gain.fused_fmr))
    return Grid(("metric · 指标", "value · 值", "95% low · 下限", "95% high · 上限", "of · 分母"), rows)


def _row(name: str, rate: Rate) -> tuple[str, str, str, str, str]:
    value = "-" if rate.value is None else f"{rate.value:.5f}"
    return (name, value, f"{rate.low:.5f}", f"{rate.high:.5f}", f"{rate.hits} / {rate.trials}")


def _notes(chosen: Calibration, target: float, written: Path | None) -> list[str]:
    notes = [chosen.rule]
    if not chosen.proven:
        notes.append(
            f"not proven: {chosen.fmr.trials} pairs of different people, {least_pairs(target)} without a false match "
            f"are needed for {target:g}"
        )
    return [*notes, f"written: {written}" if written else "not written: --write keeps it beside the pack"]


def _gain_json(gain: FusionGain) -> dict[str, object]:
    rates = {
        "single_fnmr": gain.single_fnmr,
        "fused_fnmr": gain.fused_fnmr,
        "single_fmr": gain.single_fmr,
        "fused_fmr": gain.fused_fmr,
    }
    shown = {
        name: {"hits": r.hits, "trials": r.trials, "value": r.value, "low": r.low, "high": r.high}
        for name, r in rates.items()
    }
    return {"probes": gain.probes, **shown}
