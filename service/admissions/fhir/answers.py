"""What a FHIR client gets back: OperationOutcome, bundles of answers, and the capability statement."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from service.admissions.errors import MessageRefused
from service.admissions.fhir.intake import Taken
from service.admissions.fhir.resources import TYPES, Release
from service.admissions.intake import Outcome

MEDIA_TYPE = "application/fhir+json"
# FHIR issue types by HL7 table 0357.
_ISSUES = {101: "required", 102: "invalid", 103: "code-invalid", 204: "not-found", 200: "not-supported"}


def outcome_of_error(error: MessageRefused, language: str) -> dict[str, Any]:
    """An OperationOutcome of one error, in "zh" or English, with the expression path of the element at fault."""
    text = error.chinese if language == "zh" and error.chinese else f"{error.message} - {error.remedy}"
    issue: dict[str, Any] = {
        "severity": "error",
        "code": _ISSUES.get(error.hl7_code, "processing"),
        "details": {"text": text},
        "diagnostics": error.line()[:2000],
    }
    if error.field:
        issue["expression"] = [error.field]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def outcome_of(outcome: Outcome, language: str) -> dict[str, Any]:
    """An OperationOutcome of what became of a resource."""
    if outcome.error is not None:
        return outcome_of_error(outcome.error, language)
    notes = outcome.notes or ("accepted",)
    issues = [{"severity": "information", "code": "informational", "diagnostics": note} for note in notes]
    return {"resourceType": "OperationOutcome", "id": outcome.message_id, "issue": issues}


def status_of(taken: Taken) -> int:
    """The HTTP status of one resource's answer."""
    if taken.outcome.error is not None:
        return 422
    return 201 if taken.entry.method == "POST" else 200


def bundle_answer(kind: str, taken: Sequence[Taken], language: str) -> dict[str, Any]:
    """The answer to a bundle: an entry for each entry, in the sender's order."""
    words = {200: "200 OK", 201: "201 Created", 422: "422 Unprocessable Entity"}
    entries = []
    for one in sorted(taken, key=lambda item: item.entry.number):
        response: dict[str, Any] = {"status": words[status_of(one)], "outcome": outcome_of(one.outcome, language)}
        if one.outcome.error is None:
            response["location"] = f"{one.entry.kind}/{one.logical_id}"
        entries.append({"response": response})
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": entries}


def capability_statement(release: Release, base: str) -> dict[str, Any]:
    """What this server takes. Nothing is read back by FHIR: the API answers questions."""
    interactions = [{"code": "create"}, {"code": "update"}]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-03-01",
        "kind": "instance",
        "fhirVersion": "4.0.1" if release == "r4" else "5.0.0",
        "format": ["json"],
        "software": {"name": "wardwatch", "version": version("wardwatch")},
        "implementation": {"description": "wardwatch: admissions in", "url": base},
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Authorization: Bearer token with the scope admissions:write"},
                "resource": [
                    {"type": kind, "interaction": interactions, "versioning": "no-version", "updateCreate": True}
                    for kind in TYPES
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }
