"""The rules as data: version, effective dates, legal basis, parameters, exclusions, severity. Numbers that differ from
place to place are here, not in the rules' code; the texts are in `wording.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from service.kit.errors import NotFound
from service.screening.facts import AdmissionFacts, Suspicion
from service.screening.rules import (
    GhostParameters,
    ImpersonationParameters,
    PhantomParameters,
    ghost_admission,
    impersonation,
    phantom_admission,
)


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        """The text for a reader of `language`."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. `check` is a pure function of an admission's facts, its parameters bound."""

    code: str
    version: str
    effective_from: date
    effective_to: date | None
    severity: str
    name: Text
    legal_basis: Text
    exclusions: tuple[Text, ...]
    parameters: object
    check: Callable[[AdmissionFacts], Suspicion | None]


_FUND_REGULATION = Text(
    en="Regulation on the Supervision and Administration of the Use of Healthcare Security Funds "
    "(State Council Decree 735, in force 2021-05-01), articles 38 and 40",
    zh="《医疗保障基金使用监督管理条例》（国务院令第735号，2021年5月1日施行）第三十八条、第四十条",
)

_PHANTOM = PhantomParameters()
_GHOST = GhostParameters()
_IMPERSONATION = ImpersonationParameters()

RULES: tuple[Rule, ...] = (
    Rule(
        code="ghost_admission",
        version="1",
        effective_from=date(2021, 5, 1),
        effective_to=None,
        severity="high",
        name=Text("Ghost admission", "虚假住院"),
        legal_basis=_FUND_REGULATION,
        exclusions=(
            Text("any check at which the patient was shown to be present", "任何一次检查已证实患者在院"),
            Text(
                "newborns, intensive care, isolation, a recorded stay in theatre",
                "新生儿、重症监护、隔离、有手术室记录",
            ),
            Text("patients who are looked for on the ward and not in the bed", "应在病区而非床位查找的患者"),
            Text("stays of less than 24 hours, and patients without a proven reference", "住院不足24小时、无核验底照"),
        ),
        parameters=_GHOST,
        check=lambda facts: ghost_admission(facts, _GHOST),
    ),
    Rule(
        code="phantom_admission",
        version="1",
        effective_from=date(2021, 5, 1),
        effective_to=None,
        severity="high",
        name=Text("Phantom admission", "挂床住院"),
        legal_basis=_FUND_REGULATION,
        exclusions=(
            Text("leave, also when signed up to 24 hours late", "请假（含补签不超过24小时）"),
            Text(
                "unobserved, unanswered, exempt or unproven: none of them is an absence",
                "未观测、未答复、豁免、无底照均不算缺席",
            ),
            Text("day-only patients, for the part about nights", "日间住院患者不适用夜间条款"),
            Text("not raised besides a ghost admission", "已认定虚假住院嫌疑的不重复提示"),
        ),
        parameters=_PHANTOM,
        check=lambda facts: phantom_admission(facts, _PHANTOM),
    ),
    Rule(
        code="impersonation",
        version="1",
        effective_from=date(2021, 5, 1),
        effective_to=None,
        severity="high",
        name=Text("Impersonation", "冒名住院"),
        legal_basis=_FUND_REGULATION,
        exclusions=(
            Text("a carer in the bed, as a person found", "经人员核实为陪护"),
            Text("another admitted patient's face: an unrecorded swap of beds", "为另一在院患者：属未登记换床"),
            Text("newborns and children, with whom a parent lies", "新生儿及儿童（家长陪床）"),
            Text("without a person's check of an identity document", "未经人员核对身份证件"),
        ),
        parameters=_IMPERSONATION,
        check=lambda facts: impersonation(facts, _IMPERSONATION),
    ),
)


def rule(code: str) -> Rule:
    """The rule called `code`. Raises `NotFound`."""
    for item in RULES:
        if item.code == code:
            return item
    raise NotFound(f"no rule {code[:64]!r}", field="rule", remedy="docs/rules.md lists the rules")


def suspicions(facts: AdmissionFacts) -> tuple[Suspicion, ...]:
    """What the rules say of an admission. A ghost is not called a phantom besides: there was nobody to leave."""
    fired = {item.code: item.check(facts) for item in RULES}
    if fired["ghost_admission"] is not None:
        fired["phantom_admission"] = None
    return tuple(found for found in fired.values() if found is not None)
