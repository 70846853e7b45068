"""`wardwatch screen`: run the rules of a facility now, and say why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from service.access import SYSTEM
from service.admissions import admission_by_no
from service.cli.console import AsJson, Grid, answer, installation
from service.facilities import facility_by_code
from service.kit.errors import NotFound
from service.occupancy import advance_job
from service.platform.context import Context
from service.screening import Explanation, Finding, explain, readable_by, run


def screen(
    facility: Annotated[str, typer.Option(help="Code of the facility.")],
    explain_admission: Annotated[
        str | None, typer.Option("--explain", metavar="ADMISSION_NO", help="Explain this admission's findings.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Judge what is due, run the rules, and list the findings or explain those of one admission."""
    with installation() as context:
        with context.database.reading() as session:
            facility_id = facility_by_code(session, facility).id
        advance_job(context, {"facility_id": facility_id})
        run(context, facility_id)
        found = _findings(context, facility_id, explain_admission)
    if explain_admission is not None:
        _print_explanations(found, explain_admission, language, as_json)
        return
    rows = [
        (row.facts["admission_no"], row.rule, row.state, str(row.event_at), explain(row, language).headline)
        for row in found
    ]
    names = ("admission_no", "rule", "state", "event_at", "headline")
    document = [dict(zip(names, row, strict=True)) for row in rows]
    answer(document, as_json, Grid(("Admission", "Rule", "State", "Event time", "What"), rows))


def _findings(context: Context, facility_id: str, admission_no: str | None) -> list[Finding]:
    with context.database.reading() as session:
        admission_id = admission_by_no(session, facility_id, admission_no).id if admission_no is not None else None
        return list(readable_by(session, SYSTEM, facility_id=facility_id, admission_id=admission_id))


def _print_explanations(found: list[Finding], admission_no: str, language: str, as_json: bool) -> None:
    if not found:
        raise NotFound(f"no finding about admission {admission_no!r}", remedy="wardwatch screen lists the findings")
    told = [(row, explain(row, language)) for row in found]
    document = [{"rule": row.rule, "state": row.state, **asdict(words)} for row, words in told]
    answer(document, as_json, [line for row, words in told for line in _lines(row, words)])


def _lines(row: Finding, words: Explanation) -> list[str]:
    facts = [
        f"  {line.label}: {line.value}" + (f"  ({line.threshold})" if line.threshold else "") for line in words.facts
    ]
    return [
        f"{words.headline}  [{row.rule} {row.rule_version}, {row.state}]",
        *words.paragraphs,
        *facts,
        *(f"  + {text}" for text in words.counter_evidence),
        f"  § {words.legal_basis}",
        "",
    ]
