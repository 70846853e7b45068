"""What a rule is as data: code, version, dates, legal basis, parameters, exclusions, and the function behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from service.screening.facts import AdmissionFacts, Suspicion
from service.screening.subjects import FindingKind


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        """The text for a reader of `language`."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Story:
    """The sentences of one way in which a rule fires. Placeholders are codes of facts, and `subject`."""

    headline: Text
    paragraphs: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. `check` is a pure function of facts of the class `facts`, its parameters bound.

    `stage`: `live`, or `shadow` for a version that is only compared with its predecessor and raises nothing.
    """

    code: str
    version: str
    effective_from: date
    effective_to: date | None
    severity: str
    name: Text
    legal_basis: Text
    exclusions: tuple[Text, ...]
    parameters: object
    check: Callable[[Any], Suspicion | None]
    facts: type = AdmissionFacts
    kind: FindingKind = FindingKind.FINDING
    stage: str = "live"

    @property
    def label(self) -> str:
        """Code and version, as people write them."""
        return f"{self.code}@{self.version}"

    def in_force(self, day: date) -> bool:
        """Whether the version applies to what happened on `day`."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


FUND_REGULATION = Text(
    en="Regulation on the Supervision and Administration of the Use of Healthcare Security Funds "
    "(State Council Decree 735, in force 2021-05-01), articles 38 and 40",
    zh="《医疗保障基金使用监督管理条例》（国务院令第735号，2021年5月1日施行）第三十八条、第四十条",
)
SPLIT_STAYS = Text(
    en="State Council Decree 735, article 38 (2): splitting hospital stays",
    zh="国务院令第735号第三十八条第（一）项：分解住院、挂床住院",
)
SUPERVISION = Text(
    en="State Council Decree 735, article 26 and following: intelligent monitoring. No sanction rests on it",
    zh="国务院令第735号第二十六条等：智能监控等监督检查措施，不直接作为处罚依据",
)
HOUSE_RULES = Text(
    en="The hospital's agreement with the fund and its own leave rules",
    zh="定点医疗机构服务协议及医院请假管理制度",
)
IN_FORCE_SINCE = date(2021, 5, 1)
