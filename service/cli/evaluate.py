"""`wardwatch evaluate faces|ward FOLDER`: measure a model pack on labelled pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.cli.console import Grid, answer
from service.cli.evaluate_conditions import conditions_grid, conditions_json, evaluate_conditions
from service.kit.errors import InvalidInput, WardwatchError
from service.kit.statistics import Rate
from service.vision import Pack, ReadingPolicy, load_pack
from service.vision.evaluate import (
    DEGRADATIONS,
    Area,
    ConditionRow,
    Degradation,
    FaceReport,
    WardReport,
    evaluate_faces,
    evaluate_ward,
)

evaluate_app = typer.Typer(
    help="Measure a model pack on labelled pictures · 在标注图片上评测模型包", no_args_is_help=True
)

Folder = Annotated[Path, typer.Argument(help="Folder of labelled pictures · 标注图片文件夹")]
PackFolder = Annotated[
    Path | None, typer.Option("--pack", help="Model pack folder; the default pack if left out · 模型包文件夹")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table · 输出 JSON")]


@evaluate_app.command("faces")
def faces_command(
    folder: Annotated[Path | None, typer.Argument(help="Folder of labelled pictures · 标注图片文件夹")] = None,
    pack: PackFolder = None,
    as_json: AsJson = False,
    threshold: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="Cosine of a match; the pack's own if left out · 相似度阈值")
    ] = None,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="Rendered patients, by condition, instead of a folder · 渲染样本")
    ] = False,
    frames: Annotated[
        int, typer.Option(min=1, max=500, help="Rendered frames of four beds a condition · 每种条件帧数")
    ] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Which rendered frames · 随机种子")] = 0,
    conditions: Annotated[
        str, typer.Option(help="Also with the photographs spoilt: all, none, or names with commas · 退化条件")
    ] = "all",
) -> None:
    """1:1 errors on FOLDER/<person>/<picture>, in all and by condition, or on rendered beds · 人脸 1:1 比对误差"""
    if (folder is None) != rendered:
        raise typer.BadParameter("name a folder, or say --rendered")
    with _one_line_errors():
        if folder is None:
            _conditions(_pack(pack), frames, seed, as_json=as_json)
            return
        wanted = _degradations(conditions)
        with _progress("faces · 人脸", as_json) as step:
            report = evaluate_faces(folder, _pack(pack), threshold, step, wanted)
        _print(report.to_json(), _faces_table(report), as_json)
        if report.conditions and not as_json:
            answer(None, False, _conditions_grid(report.conditions))
            answer(None, False, [_DEGRADED])


_DEGRADED = (
    "degraded: real photographs spoilt by the rule named, not taken that way; probes against the person's other "
    "photographs, each with its 95% Wilson interval · 退化样本为按规则处理的真实照片，并非实拍"
)


def _degradations(names: str) -> tuple[Degradation, ...]:
    if names in ("all", "none"):
        return DEGRADATIONS if names == "all" else ()
    known = {one.name: one for one in DEGRADATIONS}
    asked = [name.strip() for name in names.split(",")]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise InvalidInput(
            f"no condition is called {', '.join(unknown)}", field="conditions", remedy=f"use {', '.join(known)}"
        )
    return tuple(known[name] for name in asked)


def _conditions_grid(rows: tuple[ConditionRow, ...]) -> Grid:
    columns = (
        "condition · 条件",
        "px",
        "found\n检出",
        "usable\n可用",
        "FNMR\n漏认",
        "another\n误判他人",
        "FMR\n误认",
        "taken\n认作邻床",
    )
    shown = [
        (
            row.name if row.origin == "degraded" else f"{row.name} ({row.origin})",
            "–" if row.pixels is None else f"{row.pixels:.0f}",
            *map(_short, (row.found, row.usable, row.missed, row.accused, row.false_matches, row.taken)),
        )
        for row in rows
    ]
    return Grid(columns, shown)


def _short(rate: Rate) -> str:
    """Over two lines, so that eight columns fit a terminal."""
    return f"{rate.hits}/{rate.trials}\n{rate.low:.2g}–{rate.high:.2g}"


def _conditions(pack: Pack, frames: int, seed: int, *, as_json: bool) -> None:
    with _progress("conditions · 条件", as_json) as step:
        results = evaluate_conditions(frames, pack, seed, step)
    answer(conditions_json(results, pack, frames, seed), as_json, conditions_grid(results))


@evaluate_app.command("ward")
def ward_command(folder: Folder, pack: PackFolder = None, as_json: AsJson = False) -> None:
    """Occupancy and face recall on FOLDER/labels.csv and FOLDER/images · 床位占用与人脸检出"""
    with _one_line_errors():
        with _progress("beds · 床位", as_json) as step:
            report = evaluate_ward(folder, _pack(pack), ReadingPolicy(), step)
        _print(report.to_json(), _ward_table(report), as_json)


def _pack(folder: Path | None) -> Pack:
    models = Path(os.environ.get("WARDWATCH_MODELS_DIR", "models"))
    return load_pack(folder or models / "wardwatch-default")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except WardwatchError as error:
        Console(stderr=True, highlight=False).print(error.line(), style="red", markup=False)
        raise typer.Exit(1) from None


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    if quiet:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(values: dict[str, object], table: Table, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        Console().print(table)


def _faces_table(report: FaceReport) -> Table:
    table = _table(f"{report.model_id} {report.pack_hash[:12]}")
    _line(table, "people · 人数", str(report.people))
    _rate(table, "failure_to_enrol · 注册失败率", report.failure_to_enrol)
    _line(table, "threshold · 阈值", f"{report.threshold:.3f}")
    _rate(table, "fnmr_at_threshold · 错误拒绝率", report.fnmr_at_threshold)
    _rate(table, "fmr_at_threshold · 错误接受率", report.fmr_at_threshold)
    _line(table, "fmr proven below, 95% one-sided · 可证上限", f"{report.fmr_upper_bound:.2e}")
    _rate(table, f"fnmr_at_fmr_1e-3 (≥ {report.threshold_at_fmr:.3f})", report.fnmr_at_fmr)
    _line(table, "d'", "-" if report.separation is None else f"{report.separation:.2f}")
    return table


def _ward_table(report: WardReport) -> Table:
    table = _table(f"{report.model_id} {report.pack_hash[:12]}")
    _line(table, "beds · 床位", f"{report.beds} ({report.occupied} occupied · 有人)")
    _area(table, "auc", report.auc)
    _rate(table, f"precision · 精确率 (≥ {report.threshold})", report.precision)
    _rate(table, f"recall · 召回率 (≥ {report.threshold})", report.recall)
    _rate(table, f"uncertain · 不确定 ({report.absent_below} – {report.threshold})", report.uncertain)
    _rate(table, "face_recall · 人脸检出率", report.face_recall)
    if report.cross_validated is not None:
        found = report.cross_validated
        _area(table, f"auc, body and face, {found.folds} folds · 交叉验证", found.auc)
        _rate(table, "precision, held out · 留出", found.precision)
        _rate(table, "recall, held out · 留出", found.recall)
        _rate(table, "precision, held-out body threshold · 留出阈值", found.at_threshold_precision)
        _rate(table, "recall, held-out body threshold · 留出阈值", found.at_threshold_recall)
        _line(table, "brier, held out · 留出", f"{found.brier:.3f}")
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("metric · 指标", "value · 值", "95% low · 下限", "95% high · 上限", "of · 分母"):
        table.add_column(name, justify="left" if name.startswith("metric") else "right")
    return table


def _line(table: Table, name: str, value: str) -> None:
    table.add_row(name, value, "", "", "")


def _rate(table: Table, name: str, rate: Rate) -> None:
    value = "-" if rate.value is None else f"{rate.value:.4f}"
    table.add_row(name, value, f"{rate.low:.4f}", f"{rate.high:.4f}", f"{rate.hits} / {rate.trials}")


def _area(table: Table, name: str, area: Area) -> None:
    value = "-" if area.value is None else f"{area.value:.4f}"
    table.add_row(name, value, f"{area.low:.4f}", f"{area.high:.4f}", "")
