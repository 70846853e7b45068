"""Results as tables for a terminal, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.simulator.compare import Comparison, Confusion
from service.simulator.results import RaisedFinding, Results, WardRate

_WORDS: dict[str, tuple[str, str]] = {
    "rates": ("In-bed rate by ward", "各病区在床率"),
    "ward": ("ward", "病区"),
    "low": ("low (95% interval)", "下限（95% 区间）"),
    "high": ("high (95% interval)", "上限（95% 区间）"),
    "expected": ("expected", "应在床"),
    "excused": ("excused", "已说明"),
    "uncovered": ("uncovered", "未覆盖"),
    "coverage": ("coverage", "覆盖率"),
    "not_reportable": ("not reportable", "不可报告"),
    "findings": ("Findings (in shadow mode: they stay inside)", "疑点（影子模式，仅限院内）"),
    "none": ("none", "无"),
    "truth": ("Compared with the scenario's truth", "与场景真值对照"),
    "beds": ("Bed states, sampled pictures", "床位状态（抽样画面）"),
    "checks": ("Presence states, every check", "在床核查结果（全部）"),
    "truth_result": ("truth \\ result", "真值 \\ 结果"),
    "right": ("right", "正确"),
    "found": ("findings expected and raised", "应有且已提示的疑点"),
    "missing": ("findings missing", "漏报疑点"),
    "extra": ("findings that nobody expected", "误报疑点"),
    "accused": ("honest patients accused", "被误判的诚信患者"),
    "holds": ("Truth and result agree.", "结果与真值一致。"),
    "differs": ("Truth and result differ:", "结果与真值不一致："),
}


def word(key: str, language: str) -> str:
    """A fixed text in `language` ("zh" or English)."""
    english, chinese = _WORDS[key]
    return chinese if language == "zh" else english


def results_printout(results: Results, language: str) -> RenderableType:
    """Everything about a run: rates, findings, comparison."""
    return Group(
        rates_table(results.rates, language),
        Text(),
        findings_printout(results.findings, language),
        Text(),
        comparison_printout(results.comparison, language),
    )


def rates_table(rates: Sequence[WardRate], language: str) -> Table:
    """In-bed rates, low and high together, with what they rest on."""
    table = Table(title=word("rates", language), title_justify="left")
    for key in ("ward", "low", "high", "expected", "excused", "uncovered", "coverage"):
        table.add_column(word(key, language), justify="left" if key == "ward" else "right")
    for rate in rates:
        covered = "–" if rate.coverage is None else f"{rate.coverage:.1%}"
        if not rate.reportable:
            covered += f" ({word('not_reportable', language)})"
        counts = (str(rate.expected), str(rate.excused), str(rate.uncovered))
        table.add_row(f"{rate.ward} {rate.name}".strip(), _interval(rate.low), _interval(rate.high), *counts, covered)
    return table


def findings_printout(findings: Sequence[RaisedFinding], language: str) -> RenderableType:
    """Each finding with its reasons."""
    parts: list[RenderableType] = [Text(word("findings", language), style="bold")]
    for finding in findings:
        parts.append(Text(f"• {finding.admission_no} {finding.rule} [{finding.severity}]: {finding.headline}"))
        parts += [Padding(Text(paragraph), (0, 0, 0, 4)) for paragraph in finding.paragraphs]
    if not findings:
        parts.append(Text(word("none", language)))
    return Group(*parts)


def comparison_printout(comparison: Comparison, language: str) -> RenderableType:
    """The confusion tables, the findings counted, and the verdict."""
    lines = [
        f"{word('found', language)}: {len(comparison.found)}",
        f"{word('missing', language)}: {len(comparison.missing)}",
        f"{word('extra', language)}: {len(comparison.extra)}",
        f"{word('accused', language)}: {len(comparison.accused)}",
    ]
    verdict = Text(word("holds", language), style="bold green")
    if not comparison.holds:
        told = "\n".join(f"  - {problem}" for problem in comparison.problems)
        verdict = Text(f"{word('differs', language)}\n{told}", style="bold red")
    return Group(
        Text(word("truth", language), style="bold"),
        confusion_table(comparison.beds, word("beds", language), language),
        confusion_table(comparison.checks, word("checks", language), language),
        Text("\n".join(lines)),
        verdict,
    )


def confusion_table(confusion: Confusion, title: str, language: str) -> Table:
    """How often each truth became each result."""
    right = confusion.right
    shown = "–" if right.value is None else f"{right.value:.2%} ({right.low:.2%}–{right.high:.2%})"
    table = Table(
        title=f"{title}: {right.hits}/{right.trials} {word('right', language)}, {shown}", title_justify="left"
    )
    table.add_column(word("truth_result", language))
    for column in confusion.columns:
        table.add_column(column, justify="right", overflow="fold")
    for row in confusion.rows:
        counts = [confusion.counts.get((row, column), 0) for column in confusion.columns]
        table.add_row(row, *(str(count) if count else "·" for count in counts))
    return table


def _interval(rate: tuple[float | None, float, float]) -> str:
    value, low, high = rate
    return "–" if value is None else f"{value:.1%} ({low:.1%}–{high:.1%})"
