"""The rules about purchases as data; their texts are in `wording_of_pharmacy.py`, facts in `gather_pharmacy.py`."""

from __future__ import annotations

from service.screening.gather_pharmacy import gather_purchases
from service.screening.law import FUND_REGULATION, HOUSE_RULES, IN_FORCE_SINCE, SUPERVISION, Rule, Text
from service.screening.pharmacy_facts import BuyerPurchases, PatientPurchases, PharmacyMonth
from service.screening.rules.pharmacy_people import (
    AttackParameters,
    DeadPatientParameters,
    HoardingParameters,
    InpatientParameters,
    VerdictParameters,
    dead_patient,
    delegate_hoarding,
    inpatient_purchase,
    presentation_attack,
    verdict_reason,
    wrong_provisional,
)
from service.screening.rules.pharmacy_places import (
    ClosedParameters,
    ExemptionParameters,
    opening_hours_cluster,
    purchase_exemption_rate,
    stock_mismatch,
    stock_unbooked,
)
from service.screening.subjects import FindingKind
from service.screening.wording_of_pharmacy import LABELS, STORIES

__all__ = ["LABELS", "RULES", "STORIES", "gather_purchases"]

_DEAD, _STAY, _HOARD, _ATTACK = (
    DeadPatientParameters(),
    InpatientParameters(),
    HoardingParameters(),
    AttackParameters(),
)
_CLOSED, _EXEMPT = ClosedParameters(), ExemptionParameters()


_ALSO = {"no_delegation": ("delegation_wrong_patient",)}
"""Reasons that say the same of the buyer: a delegation for somebody else is none for this patient."""


def _verdict_rule(
    code: str, reason: str, attempts: int, name: Text, kind: FindingKind, *exclusions: Text, severity: str = "medium"
) -> Rule:
    parameters = VerdictParameters(code=reason, attempts=attempts, also=_ALSO.get(reason, ()))
    return Rule(
        code=code,
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity=severity,
        name=name,
        legal_basis=FUND_REGULATION if kind is FindingKind.FINDING else HOUSE_RULES,
        exclusions=exclusions,
        parameters=parameters,
        check=lambda facts: verdict_reason(facts, parameters, code),
        facts=BuyerPurchases,
        kind=kind,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        code="dead_patient",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="high",
        name=Text("Purchase upon the card of a dead patient", "冒用死亡人员医保卡购药"),
        legal_basis=FUND_REGULATION,
        exclusions=(
            Text("a service before the death, however late it was entered", "死亡之前的服务，无论何时录入"),
            Text("a death known by its date alone, until the next midnight", "仅知日期的死亡，至次日零时前"),
            Text("a notice of which fewer than two identifiers agree", "两项身份信息未同时一致的通报"),
        ),
        parameters=_DEAD,
        check=lambda facts: dead_patient(facts, _DEAD),
        facts=PatientPurchases,
    ),
    Rule(
        code="inpatient_purchase",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="medium",
        name=Text("Outpatient purchase while admitted", "住院期间门诊购药"),
        legal_basis=FUND_REGULATION,
        exclusions=(
            Text("dual-channel and nationally negotiated prescriptions", "双通道、国谈药品处方"),
            Text("leave, the day of admission, the day of discharge", "请假期间、入院当日、出院当日"),
        ),
        parameters=_STAY,
        check=lambda facts: inpatient_purchase(facts, _STAY),
        facts=PatientPurchases,
    ),
    _verdict_rule(
        "delegate_mismatch",
        "identity_mismatch",
        2,
        Text("Somebody else than the registered buyer", "购药人与登记人不符"),
        FindingKind.FINDING,
        Text("a single mismatch: a camera may err", "单次不符（摄像头可能出错）"),
        Text("a face that was not shown to be a living one", "未证实为真人的面部"),
    ),
    _verdict_rule(
        "no_delegation",
        "no_delegation",
        3,
        Text("Buying without a delegation", "无委托关系代购"),
        FindingKind.WORK_ITEM,
        Text("fewer than three times: help to register is due first", "少于三次：应先协助登记"),
        severity="low",
    ),
    _verdict_rule(
        "delegation_expired",
        "delegation_expired",
        2,
        Text("Buying upon an expired delegation", "持过期委托代购"),
        FindingKind.WORK_ITEM,
        Text("a single time", "单次"),
        severity="low",
    ),
    _verdict_rule(
        "delegation_exhausted",
        "delegation_exhausted",
        2,
        Text("Buying upon a delegation used up", "委托次数用完后代购"),
        FindingKind.WORK_ITEM,
        Text("a single time", "单次"),
        severity="low",
    ),
    _verdict_rule(
        "delegation_revoked",
        "delegation_revoked",
        1,
        Text("Buying upon a revoked delegation", "委托撤销后代购"),
        FindingKind.FINDING,
        Text("what was bought before the revocation", "撤销之前的购药"),
    ),
    Rule(
        code="delegate_hoarding",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="high",
        name=Text("One buyer for many patients", "一人为多名患者代购"),
        legal_basis=FUND_REGULATION,
        exclusions=(
            Text("registered care homes, village doctors, community workers", "已备案的养老机构、村医、社区工作者"),
            Text("unknown kinship is not called unrelated", "亲属关系未知不视为无关"),
        ),
        parameters=_HOARD,
        check=lambda facts: delegate_hoarding(facts, _HOARD),
        facts=BuyerPurchases,
    ),
    Rule(
        code="presentation_attack",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="high",
        name=Text("Presentation attack", "呈现攻击（照片、屏幕、面具）"),
        legal_basis=FUND_REGULATION,
        exclusions=(
            Text("one failed challenge: it is a retry", "单次核验失败仅为重试"),
            Text("pictures that were too dark, too far or without a face", "过暗、过远或无人脸的画面"),
            Text("a visit at which a person saw who stood there, and approved", "经人员当面看到本人并同意的办理"),
        ),
        parameters=_ATTACK,
        check=lambda facts: presentation_attack(facts, _ATTACK),
        facts=BuyerPurchases,
    ),
    Rule(
        code="wrong_provisional",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="low",
        name=Text("Wrong sale without the network", "断网期间误售"),
        legal_basis=SUPERVISION,
        exclusions=(Text("identity that could not be checked without the network", "断网期间无法核对身份本身"),),
        parameters=None,
        check=wrong_provisional,
        facts=BuyerPurchases,
    ),
    Rule(
        code="opening_hours_cluster",
        version="2",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="medium",
        name=Text("Sales clustered at opening, closing or while closed", "开关门时段或营业时间外集中销售"),
        legal_basis=FUND_REGULATION,
        exclusions=(
            Text("fewer than 30 sales in the month", "当月销售少于30笔"),
            Text("sales uploaded later from an offline kiosk", "断网后补传的销售"),
            Text("pharmacies whose hours nobody described", "未登记营业时间的药店"),
        ),
        parameters=_CLOSED,
        check=lambda facts: opening_hours_cluster(facts, _CLOSED),
        facts=PharmacyMonth,
    ),
    Rule(
        code="purchase_exemption_rate",
        version="2",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="low",
        name=Text("Purchases without a face far above peers", "未用人脸核验比例远高于同类"),
        legal_basis=SUPERVISION,
        exclusions=(
            Text("fewer than 30 purchases, or fewer than 3 peers", "购药少于30笔或同类少于3家"),
            Text("tries that came to nothing; purchases without the network", "未成交的尝试、断网期间的购药"),
        ),
        parameters=_EXEMPT,
        check=lambda facts: purchase_exemption_rate(facts, _EXEMPT),
        facts=PharmacyMonth,
        kind=FindingKind.STATISTIC,
    ),
    Rule(
        code="stock_mismatch",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="medium",
        name=Text("Stock does not close", "进销存不符"),
        legal_basis=FUND_REGULATION,
        exclusions=(Text("drugs whose opening stock the feed does not name", "未报送期初库存的药品"),),
        parameters=None,
        check=stock_mismatch,
        facts=PharmacyMonth,
    ),
    Rule(
        code="stock_unbooked",
        version="1",
        effective_from=IN_FORCE_SINCE,
        effective_to=None,
        severity="low",
        name=Text("Verified sales missing in the stock feed", "已核验的销售未入进销存账"),
        legal_basis=HOUSE_RULES,
        exclusions=(Text("sales after the feed's last line", "进销存数据最后一笔之后的销售"),),
        parameters=None,
        check=stock_unbooked,
        facts=PharmacyMonth,
        kind=FindingKind.WORK_ITEM,
    ),
)
