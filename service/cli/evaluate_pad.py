"""`wardwatch evaluate pad FOLDER|--rendered`: which attacks on the kiosk pass, and which honest people do not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.cli.faces_at_hand import head_library
from service.kit.errors import WardwatchError
from service.simulator.attacks import Species
from service.simulator.attempts import rendered_attempts
from service.vision import Pack, load_pack
from service.vision.liveness import PassiveModel, open_passive
from service.vision.liveness.evaluate import BONA_FIDE, Attempt, PadReport, evaluate_pad, read_bursts

Folder = Annotated[
    Path | None,
    typer.Argument(help="FOLDER/<species>/<attempt>/, pictures and burst.json · 每种类别一个文件夹"),
]


def pad_command(
    folder: Folder = None,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="Rendered heads and attacks instead of a folder · 渲染样本")
    ] = False,
    attempts: Annotated[int, typer.Option(min=1, max=500, help="Bursts a species · 每类样本数")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Which rendered bursts · 随机种子")] = 0,
    pack: Annotated[Path | None, typer.Option("--pack", help="Model pack folder · 模型包文件夹")] = None,
    passive: Annotated[
        Path | None, typer.Option("--passive", help="Folder of a passive model, counted as a warning · 被动活体模型")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table · 输出 JSON")] = False,
) -> None:
    """APCER a species and BPCER, with intervals. Rendered is not real: it shows that the checks work, not how well."""
    if (folder is None) != rendered:
        raise typer.BadParameter("name a folder, or say --rendered")
    try:
        models = Path(os.environ.get("WARDWATCH_MODELS_DIR", "models"))
        loaded = load_pack(pack or models / "wardwatch-default")
        beside = open_passive(passive) if passive is not None else None
        if folder is not None:
            report = _judge(read_bursts(folder), None, loaded, str(folder), beside, quiet=as_json)
        else:
            bursts = rendered_attempts(head_library(loaded), attempts, seed)
            report = _judge(bursts, attempts * (len(Species) + 1), loaded, "rendered", beside, quiet=as_json)
    except WardwatchError as error:
        Console(stderr=True, highlight=False).print(error.line(), style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        Console().print(pad_table(report))


def _judge(
    bursts: Iterable[Attempt], total: int | None, pack: Pack, source: str, passive: PassiveModel | None, *, quiet: bool
) -> PadReport:
    if quiet:
        return evaluate_pad(bursts, pack, source, passive=passive)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("bursts · 样本", total=total)
        return evaluate_pad(bursts, pack, source, step=lambda: bar.update(task, advance=1), passive=passive)


def pad_table(report: PadReport) -> Table:
    """The report for people."""
    table = Table(title=f"{report.source} · {report.model_id} {report.pack_hash[:12]}", title_justify="left")
    for name in ("species · 类别", "error · 错误率", "95%", "of · 分母", "relief · 立体度", "reasons · 原因"):
        table.add_column(name, overflow="fold")
    for result in report.species:
        rate = result.error
        name = "BPCER bona_fide · 真人误拒" if result.species == BONA_FIDE else f"APCER {result.species}"
        value = "-" if rate.value is None else f"{rate.value:.3f}"
        relief = "-" if result.parallax is None else " / ".join(f"{v:.2f}" for v in result.parallax)
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(result.reasons.items(), key=lambda r: -r[1]))
        table.add_row(name, value, f"{rate.low:.3f}–{rate.high:.3f}", f"{rate.hits} / {rate.trials}", relief, reasons)
    table.caption = f"p95 {report.seconds * 1000:.0f} ms"
    return table
