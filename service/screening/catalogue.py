"""All rules, and which of them speak: the newest live version that was in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from service.kit.errors import NotFound
from service.screening.facts import AdmissionFacts, Suspicion
from service.screening.law import Rule, Text
from service.screening.pharmacy_rules import RULES as RULES_OF_PURCHASES
from service.screening.rules_of_places import RULES as RULES_OF_PLACES
from service.screening.rules_of_stays import RULES as RULES_OF_STAYS
from service.screening.subject_facts import SubjectFacts

__all__ = ["LIVE_RULES", "RULES", "Rule", "Text", "rule", "rule_version", "suspicions", "suspicions_of"]

RULES: tuple[Rule, ...] = (*RULES_OF_STAYS, *RULES_OF_PLACES, *RULES_OF_PURCHASES)
LIVE_RULES: tuple[Rule, ...] = tuple(item for item in RULES if item.stage == "live")

_COVERED_BY: dict[str, tuple[str, ...]] = {
    # A ghost is not called a phantom besides: there was nobody to leave. Two looks at an empty bed are the beginning of
    # both, and no third suspicion.
    "phantom_admission": ("ghost_admission",),
    "empty_bed_admission": ("ghost_admission", "phantom_admission"),
}


def rule(code: str, version: str | None = None) -> Rule:
    """The rule called `code`: the given version, or the one that is live. Raises `NotFound`."""
    for item in RULES:
        if item.code == code and (item.stage == "live" if version is None else item.version == version):
            return item
    raise NotFound(
        f"no rule {code[:64]!r}" + (f" of version {version[:16]!r}" if version else ""),
        field="rule",
        remedy="docs/rules.md lists the rules",
    )


def rule_version(label: str) -> Rule:
    """The rule written as CODE@VERSION. Raises `NotFound`."""
    code, _, version = label.partition("@")
    return rule(code, version or None)


def suspicions(facts: AdmissionFacts, rules: Iterable[Rule] = LIVE_RULES) -> tuple[Suspicion, ...]:
    """What the rules say of an admission."""
    return suspicions_of(facts, rules)


def suspicions_of(facts: SubjectFacts, rules: Iterable[Rule] = LIVE_RULES) -> tuple[Suspicion, ...]:
    """What those of `rules` that were in force say of one subject; what a stronger suspicion covers is left out."""
    fired: dict[str, Suspicion] = {}
    for item in rules:
        if isinstance(facts, item.facts):
            found = item.check(facts)
            if found is not None and item.in_force(_day(found)):
                fired[item.code] = found
    return tuple(
        found for code, found in fired.items() if not any(other in fired for other in _COVERED_BY.get(code, ()))
    )


def _day(found: Suspicion) -> date:
    return found.event_at.date()
