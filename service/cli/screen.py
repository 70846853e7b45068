"""`wardwatch screen`: run the rules of a facility now, tell one stay's story, compare two versions of a rule."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from service.access import SYSTEM
from service.admissions import admission_by_no
from service.cli.console import AsJson, Grid, answer, installation
from service.facilities import facility_by_code
from service.kit.errors import InvalidInput
from service.occupancy import advance_job
from service.platform.context import Context
from service.screening import (
    Comparison,
    Explanation,
    Finding,
    StayStory,
    compare,
    explain,
    readable_by,
    run,
    subject_label,
    tell,
)


def screen(
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    explain_admission: Annotated[
        str | None,
        typer.Option("--explain", metavar="ADMISSION_NO", help="Tell this admission's story, with its findings."),
    ] = None,
    compare_versions: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="CODE@1 CODE@2", help="What two versions of a rule say of the same facts."),
    ] = None,
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Judge what is due, run the rules, and list the findings; or tell one stay's story; or compare two versions."""
    if language not in ("en", "zh"):
        raise InvalidInput(f"{language[:16]!r} is no language", field="language", remedy="use en or zh")
    with installation() as context:
        with context.database.reading() as session:
            facility_id = facility_by_code(session, facility).id
        advance_job(context, {"facility_id": facility_id})
        run(context, facility_id)
        if compare_versions is not None:
            _print_comparison(compare(context, facility_id, *compare_versions), as_json)
            return
        found = _findings(context, facility_id, explain_admission)
        if explain_admission is not None:
            admission_id = _admission(context, facility_id, explain_admission)
            _print_story(tell(context, facility_id, admission_id, found, language), language, as_json)
            return
    rows = [
        (subject_label(row), row.rule, row.kind, _state(row), str(row.event_at), explain(row, language).headline)
        for row in found
    ]
    names = ("subject", "rule", "kind", "state", "event_at", "headline")
    document = [dict(zip(names, row, strict=True)) for row in rows]
    shown = [(*row[:3], _state(one, language), *row[4:]) for one, row in zip(found, rows, strict=True)]
    answer(document, as_json, Grid(_COLUMNS[language], shown))


def _admission(context: Context, facility_id: str, admission_no: str) -> str:
    with context.database.reading() as session:
        return admission_by_no(session, facility_id, admission_no).id


def _findings(context: Context, facility_id: str, admission_no: str | None) -> list[Finding]:
    admission_id = _admission(context, facility_id, admission_no) if admission_no is not None else None
    with context.database.reading() as session:
        return list(readable_by(session, SYSTEM, facility_id=facility_id, admission_id=admission_id))


_COLUMNS = {
    "en": ("Subject", "Rule", "Kind", "State", "Event time", "What"),
    "zh": ("对象", "规则", "类别", "状态", "事件时间", "内容"),
}
_IN_CHINESE = {"raised": "待处理", "withdrawn": "已撤回", "dismissed": "已排除", "upheld": "维持"}


def _state(row: Finding, language: str = "en") -> str:
    chinese = language == "zh"

    def word(code: str) -> str:
        return _IN_CHINESE.get(code, code) if chinese else code

    said = [word(row.state)]
    if row.decision and row.decision != row.state:
        said.append(f"经人员{word(row.decision)}" if chinese else f"{row.decision} by a person")
    if row.corrected_after_notice:
        said.append("通知后更正" if chinese else "corrected after notice")
    return ("，" if chinese else ", ").join(said)


def _print_story(story: StayStory, language: str, as_json: bool) -> None:
    document = {
        "admission_no": story.admission_no,
        "opening": story.opening,
        "events": [{"at": event.at.isoformat(), "local": event.local, "words": event.words} for event in story.events],
        "findings": [
            {"rule": row.rule, "state": row.state, "decisions": _decided(story, row), **asdict(words)}
            for row, words in story.findings
        ],
        "closing": story.closing,
    }
    lines = [story.opening, *(f"  {event.local}  {event.words}" for event in story.events), ""]
    lines += [line for row, words in story.findings for line in _lines(row, words, language)]
    answer(document, as_json, [*lines, story.closing] if story.closing else lines)


def _decided(story: StayStory, row: Finding) -> list[dict[str, str]]:
    return [
        {"verdict": item.verdict, "by": item.person_name, "at": item.decided_at.isoformat(), "reason": item.reason}
        for item in story.decisions.get(row.id, ())
    ]


def _lines(row: Finding, words: Explanation, language: str) -> list[str]:
    facts = [
        f"  {line.label}: {line.value}" + (f"  ({line.threshold})" if line.threshold else "") for line in words.facts
    ]
    return [
        f"{words.headline}  [{row.rule} {row.rule_version}, {_state(row, language)}]",
        *words.paragraphs,
        *facts,
        *(f"  + {text}" for text in words.counter_evidence),
        f"  § {words.legal_basis}",
        "",
    ]


def _print_comparison(found: Comparison, as_json: bool) -> None:
    rows = [(row.subject, row.by_first or "-", row.by_second or "-") for row in found.rows]
    document = {
        "first": found.first,
        "second": found.second,
        "judged": found.judged,
        "both": found.both,
        "only_first": found.only_first,
        "only_second": found.only_second,
        "rows": [dict(zip(("subject", "first", "second"), row, strict=True)) for row in rows],
    }
    summary = (f"{found.judged} judged", f"{found.both} by both, {found.only_first} / {found.only_second} by one")
    answer(document, as_json, Grid(("Subject", found.first, found.second), [*rows, (*summary, "")]))
