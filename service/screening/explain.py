"""A finding in words: what happened, which thresholds were met, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.kit.errors import NotFound
from service.screening.catalogue import rule
from service.screening.law import Rule, Text
from service.screening.subjects import FindingKind, SubjectKind
from service.screening.tables import Finding
from service.screening.wording import COUNTED, COUNTER, KEPT, LABELS, NOT_A_CASE, NOT_A_VERDICT, STORIES

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")
_ONE = re.compile(rf"(?<![\w.,:-])1 (such )?({'|'.join(COUNTED)})\b")
_PLACE = re.compile(r"\{(\w+)(\.threshold)?(:percent)?\}")


@dataclass(frozen=True, slots=True)
class FactLine:
    """One line of the table of facts."""

    code: str
    label: str
    value: str
    threshold: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding as a reader sees it, in one language."""

    headline: str
    paragraphs: tuple[str, ...]
    facts: tuple[FactLine, ...]
    counter_evidence: tuple[str, ...]
    exclusions: tuple[str, ...]
    legal_basis: str
    rule_name: str


def explain(finding: Finding, language: str) -> Explanation:
    """The finding explained in `language` ("zh", anything else is English)."""
    law = version_of(finding)
    story = STORIES[finding.rule, finding.facts["variant"]]
    facts = {fact["code"]: fact for fact in finding.facts["facts"]}
    known = {**facts, "subject": {"value": subject_label(finding), "threshold": None}}
    zone = finding.facts.get("timezone", "UTC")
    paragraphs = [_in_local_time(_told(text, known, language), zone) for text in story.paragraphs]
    if finding.corrected_after_notice:
        paragraphs.append(KEPT.in_language(language))
    standing = NOT_A_CASE if law.kind is not FindingKind.FINDING else NOT_A_VERDICT
    return Explanation(
        headline=_in_local_time(_told(story.headline, known, language), zone),
        paragraphs=(*paragraphs, standing.in_language(language)),
        facts=tuple(
            FactLine(
                code,
                LABELS[code].in_language(language),
                _in_local_time(_plain(fact["value"]), zone),
                _plain(fact["threshold"]),
            )
            for code, fact in facts.items()
        ),
        counter_evidence=tuple(
            _in_local_time(line, zone) for line in _counter(finding.counter_evidence, language, finding.subject_kind)
        ),
        exclusions=tuple(text.in_language(language) for text in law.exclusions),
        legal_basis=law.legal_basis.in_language(language),
        rule_name=law.name.in_language(language),
    )


def version_of(finding: Finding) -> Rule:
    """The rule in the version that made the finding; the live one when that version is gone."""
    try:
        return rule(finding.rule, finding.rule_version)
    except NotFound:
        return rule(finding.rule)


def subject_label(finding: Finding) -> str:
    """What people call the subject: findings made before there were other subjects name their admission only."""
    return str(finding.facts.get("subject") or finding.facts.get("admission_no") or finding.subject_id)


def _in_local_time(text: str, timezone: str) -> str:
    """`text` with its instants as the hospital's clocks showed them: people compare them with the ward's own notes."""

    def local(match: re.Match[str]) -> str:
        return datetime.fromisoformat(match[0]).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")

    return _INSTANT.sub(local, text)


def _told(text: Text, facts: Mapping[str, Mapping[str, Any]], language: str) -> str:
    return _of_one(_filled(text.in_language(language), facts))


def _of_one(text: str) -> str:
    """English with its nouns in the singular behind a one; Chinese has no such forms."""
    return _ONE.sub(lambda match: f"1 {match[1] or ''}{match[2][:-1]}", text)


def _filled(template: str, facts: Mapping[str, Mapping[str, Any]]) -> str:
    def value(match: re.Match[str]) -> str:
        fact = facts[match[1]]
        raw = fact["threshold"] if match[2] else fact["value"]
        return f"{float(raw):.0%}" if match[3] else _plain(raw)

    return _PLACE.sub(value, template)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _counter(evidence: Mapping[str, Any], language: str, subject_kind: str) -> tuple[str, ...]:
    found = []
    for code, text in COUNTER.items():
        value = evidence.get(code)
        if value and not code.startswith("none"):
            items = "; ".join(value) if isinstance(value, list) else ""
            last = str(evidence.get("last_verified_at") or "")
            found.append(_of_one(text.in_language(language).format(n=value, last=last, items=items)))
    nothing = "none" if subject_kind == SubjectKind.ADMISSION else "none_of_place"
    return tuple(found) or (COUNTER[nothing].in_language(language),)
