# ruff: noqa: E501 (sentences stay whole, so that translators see them as readers do)
"""What findings about purchases say to people. They are read by inspectors and staff, never by a buyer."""

from __future__ import annotations

from service.screening.law import Story, Text

_ASKS = Text("The rule asks for {attempts.threshold} in a month.", "规则要求一个月内达到 {attempts.threshold} 次。")


def _attempts(en: str, zh: str, meaning_en: str, meaning_zh: str) -> Story:
    return Story(
        headline=Text(f"Buyer {{subject}}: {en}, {{attempts}} times", f"购药人 {{subject}}：{zh}，共 {{attempts}} 次"),
        paragraphs=(
            Text(
                f"On {{days}}, for {{patients}} patients, {meaning_en}",
                f"在 {{days}}，涉及 {{patients}} 名患者，{meaning_zh}",
            ),
            _ASKS,
        ),
    )


STORIES: dict[tuple[str, str], Story] = {
    ("dead_patient", "sold"): Story(
        headline=Text(
            "Card {subject}: {sales_after_death} sales after the death on record",
            "卡号 {subject}：登记死亡时间之后销售 {sales_after_death} 笔",
        ),
        paragraphs=(
            Text(
                "The sales were made on {days}, by the time of the service. Of them, {sales_after_notice} were made after the first notice of the death; before it, the pharmacy could not know.",
                "销售发生于 {days}（以服务时间为准）。其中 {sales_after_notice} 笔发生在首次通报死亡之后；通报之前药店无从得知。",
            ),
            Text(
                "Two identifiers of the notice agree with the patient's record. A death known by its date alone counts from the next midnight. Another source denies the death: {sources_conflict}. Ask the register first.",
                "通报中的两项身份信息与患者登记一致；仅有日期的死亡自次日零时起计。其他来源否认死亡：{sources_conflict}。请先向登记机关核实。",
            ),
        ),
    ),
    ("dead_patient", "presented"): Story(
        headline=Text(
            "Card {subject}: presented {purchases_after_death} times after the death on record, nothing sold",
            "卡号 {subject}：登记死亡时间之后出示 {purchases_after_death} 次，未售出",
        ),
        paragraphs=(
            Text(
                "On {days} the card was presented, and a person was asked before anything was sold. The buyer was not told why.",
                "在 {days} 出示该卡，售药前已转人工核实，未向购药人说明原因。",
            ),
            Text(
                "The register may be wrong: another source denies the death: {sources_conflict}.",
                "登记信息可能有误；其他来源否认死亡：{sources_conflict}。",
            ),
        ),
    ),
    ("inpatient_purchase", "sold"): Story(
        headline=Text(
            "Card {subject}: {sales_in_hospital} outpatient sales during a stay in hospital",
            "卡号 {subject}：住院期间门诊购药 {sales_in_hospital} 笔",
        ),
        paragraphs=(
            Text(
                "On {days} drugs were sold while the patient was admitted, not on leave, not on the day of admission or discharge, and not by a dual-channel or negotiated prescription.",
                "在 {days} 售药时患者处于住院状态，不属请假、入院或出院当日，也非双通道或国谈药品处方。",
            ),
        ),
    ),
    ("delegate_mismatch", "attempts"): _attempts(
        "a living face that is not the registered one",
        "现场人脸与登记人不符",
        "somebody else than the registered delegate stood at the kiosk. Documents could still be shown at the counter.",
        "终端前并非登记的受托人；其仍可到柜台出示证件办理。",
    ),
    ("no_delegation", "attempts"): _attempts(
        "no delegation",
        "无委托关系",
        "the buyer had no delegation. Help to register one is due before any suspicion.",
        "购药人无委托关系；应先协助登记，而非怀疑。",
    ),
    ("delegation_expired", "attempts"): _attempts(
        "an expired delegation", "委托已过期", "the delegation had ended. It can be renewed.", "委托已过期，可续办。"
    ),
    ("delegation_exhausted", "attempts"): _attempts(
        "a delegation used up",
        "委托次数已用完",
        "the agreed uses of the period had been used up.",
        "本周期约定次数已用完。",
    ),
    ("delegation_revoked", "attempts"): _attempts(
        "a revoked delegation",
        "委托已撤销",
        "the delegation had been withdrawn before.",
        "委托此前已被撤销。",
    ),
    ("delegate_hoarding", "patients"): Story(
        headline=Text("Buyer {subject}: bought for {patients} patients", "购药人 {subject}：为 {patients} 名患者购药"),
        paragraphs=(
            Text(
                "Within {within_days} days, on {days}, one delegate bought for at least {patients.threshold} patients, in {sales} sales at the pharmacies of the register. That nothing is known of their kinship does not make them strangers.",
                "在 {within_days} 天内（{days}），同一受托人为至少 {patients.threshold} 名患者购药，共 {sales} 笔。亲属关系未知不等于没有关系。",
            ),
            Text(
                "Registered care homes, village doctors and community workers are not counted.",
                "已备案的养老机构、村医和社区工作者不在此列。",
            ),
        ),
    ),
    ("presentation_attack", "days"): Story(
        headline=Text(
            "Buyer {subject}: suspect pictures on {suspect_days} days",
            "购药人 {subject}：{suspect_days} 天出现可疑画面",
        ),
        paragraphs=(
            Text(
                "{suspect_bursts} bursts on {days} did not show a living head: a print, a screen or a change of person. The rule asks for {suspect_days.threshold} days; one failure is a retry.",
                "在 {days} 的 {suspect_bursts} 次核验画面不似真人头部（照片、屏幕或中途换人）。规则要求 {suspect_days.threshold} 天；单次失败仅为重试。",
            ),
            Text(
                "The number is the card's. Who stood before the camera is not known: it may be somebody else with the card.",
                "编号来自所读的卡；镜头前是谁并不知道，也可能是持卡的他人。",
            ),
        ),
    ),
    ("presentation_attack", "seen"): Story(
        headline=Text(
            "Buyer {subject}: a presentation attack, seen by a person", "购药人 {subject}：经人员目击的呈现攻击"
        ),
        paragraphs=(
            Text(
                "{suspect_bursts} suspect bursts on {days}; at {seen_by_a_person} of them a person saw the photograph, screen or mask.",
                "在 {days} 出现 {suspect_bursts} 次可疑画面，其中 {seen_by_a_person} 次有人员目击照片、屏幕或面具。",
            ),
            Text(
                "The number is the card's. Who stood before the camera is not known: it may be somebody else with the card.",
                "编号来自所读的卡；镜头前是谁并不知道，也可能是持卡的他人。",
            ),
        ),
    ),
    ("wrong_provisional", "reconciled"): Story(
        headline=Text(
            "Buyer {subject}: {wrong_sales} sales without the network that should have been checked",
            "购药人 {subject}：断网期间 {wrong_sales} 笔本应核实的销售",
        ),
        paragraphs=(
            Text(
                "On {days} drugs were sold from the kiosk's cache. What the server knew at the time says otherwise: {reasons_found}.",
                "在 {days} 依据终端缓存售药；按当时服务器所知应另行处理：{reasons_found}。",
            ),
        ),
    ),
    ("opening_hours_cluster", "closed"): Story(
        headline=Text(
            "Pharmacy {subject}: {sales_closed} of {sales} sales while it was closed",
            "药店 {subject}：{sales} 笔销售中 {sales_closed} 笔发生在营业时间之外",
        ),
        paragraphs=(
            Text(
                "By the time of the service, at least {closed_share_low:percent} of the sales lie outside of the pharmacy's own hours; own hours and peers explain up to {closed_share_low.threshold:percent}. Sales uploaded later are left out.",
                "以服务时间计，至少 {closed_share_low:percent} 的销售在自身营业时间之外；自身时段与同类药店可解释的上限为 {closed_share_low.threshold:percent}。补传的销售不计入。",
            ),
        ),
    ),
    ("opening_hours_cluster", "edges"): Story(
        headline=Text(
            "Pharmacy {subject}: {sales_at_edges} of {sales} sales just after opening or before closing",
            "药店 {subject}：{sales} 笔销售中 {sales_at_edges} 笔集中在刚开门或将关门时",
        ),
        paragraphs=(
            Text(
                "By the time of the service, at least {edge_share_low:percent} of the sales within the hours lie in the first and last {edge_minutes} minutes. These minutes are {edge_share_of_hours:percent} of the pharmacy's own hours; twice that, and the peers, explain up to {edge_share_low.threshold:percent}. Sales uploaded later are left out.",
                "以服务时间计，营业时间内至少 {edge_share_low:percent} 的销售集中在开门后和关门前各 {edge_minutes} 分钟内，而这些时段仅占自身营业时间的 {edge_share_of_hours:percent}；其两倍与同类药店可解释的上限为 {edge_share_low.threshold:percent}。补传的销售不计入。",
            ),
        ),
    ),
    ("stock_unbooked", "feed"): Story(
        headline=Text(
            "Pharmacy {subject}: sales of {drugs_unbooked} drugs are missing in the stock feed",
            "药店 {subject}：{drugs_unbooked} 种药品的销售未入进销存账",
        ),
        paragraphs=(
            Text(
                "Verified sales that the feed's issues do not have, up to its last line (drug: quantity): {drugs}. Ask for the book before anything else.",
                "截至进销存数据最后一笔，已核验销售多于出库的数量（药品：数量）：{drugs}。请先核对账簿。",
            ),
        ),
    ),
    ("purchase_exemption_rate", "above_peers"): Story(
        headline=Text(
            "Pharmacy {subject}: {without_face} of {purchases} purchases without a face",
            "药店 {subject}：{purchases} 笔购药中 {without_face} 笔未用人脸",
        ),
        paragraphs=(
            Text(
                "At least {without_face_low:percent} of the purchases that were let pass rest on an exemption or on documents that a person confirmed; {peers} peers reach {without_face_low.threshold:percent}. By reason: {without_face_reasons}.",
                "放行的购药中至少 {without_face_low:percent} 依据豁免或经人员确认的证件；{peers} 家同类药店为 {without_face_low.threshold:percent}。按原因：{without_face_reasons}。",
            ),
        ),
    ),
    ("stock_mismatch", "oversold"): Story(
        headline=Text(
            "Pharmacy {subject}: {drugs_oversold} drugs sold above the stock",
            "药店 {subject}：{drugs_oversold} 种药品销售超出库存",
        ),
        paragraphs=(
            Text(
                "Opening stock and receipts do not cover the sales (drug: missing at the count / sold above the stock): {drugs}. A receipt that was entered late explains it as well.",
                "期初与入库不足以覆盖销售（药品：盘点缺少量 / 超库存销售量）：{drugs}。入库单迟录也可能造成此情形。",
            ),
        ),
    ),
    ("stock_mismatch", "count"): Story(
        headline=Text(
            "Pharmacy {subject}: the stock of {drugs_wrong} drugs does not close",
            "药店 {subject}：{drugs_wrong} 种药品账实不符",
        ),
        paragraphs=(
            Text(
                "Opening + in - out is not the count (drug: missing at the count / sold above the stock): {drugs}.",
                "期初 + 入库 − 出库 与盘点不符（药品：盘点缺少量 / 超库存销售量）：{drugs}。",
            ),
        ),
    ),
}

LABELS: dict[str, Text] = {
    "purchases_after_death": Text("Times the card was presented after the death", "死亡后出示次数"),
    "sales_after_death": Text("Sales after the death", "死亡后销售笔数"),
    "sales_after_notice": Text("Sales after the first notice", "首次通报后销售笔数"),
    "sources_conflict": Text("Another source denies it", "其他来源否认"),
    "sales_in_hospital": Text("Sales during the stay", "住院期间销售笔数"),
    "attempts": Text("Times", "次数"),
    "patients": Text("Patients", "患者人数"),
    "within_days": Text("Within days", "天数范围"),
    "sales": Text("Sales", "销售笔数"),
    "suspect_bursts": Text("Suspect bursts", "可疑核验次数"),
    "suspect_days": Text("Days with one", "出现天数"),
    "seen_by_a_person": Text("Seen by a person", "人员目击次数"),
    "wrong_sales": Text("Sales that should have been checked", "本应核实的销售"),
    "reasons_found": Text("Reasons found afterwards", "事后发现的原因"),
    "sales_closed": Text("Sales while closed", "营业时间外销售"),
    "closed_share_low": Text("Their share, lower bound (95%)", "占比下限（95%）"),
    "purchases": Text("Purchases", "购药笔数"),
    "without_face": Text("Verified without a face", "未用人脸核验"),
    "without_face_low": Text("Their share, lower bound (95%)", "占比下限（95%）"),
    "peers": Text("Peers compared with", "对比的同类药店"),
    "sales_at_edges": Text("Sales at opening and closing", "开关门时段销售"),
    "edge_minutes": Text("Minutes counted as opening and closing", "开关门时段（分钟）"),
    "edge_share_low": Text("Their share, lower bound (95%)", "占比下限（95%）"),
    "edge_share_of_hours": Text("Share of these minutes in the hours", "该时段占营业时间比例"),
    "without_face_reasons": Text("By reason", "按原因"),
    "drugs_unbooked": Text("Drugs with sales that are not booked", "销售未入账的药品数"),
    "drugs_wrong": Text("Drugs that do not close", "账实不符的药品数"),
    "drugs_oversold": Text("Drugs sold above the stock", "超库存销售的药品数"),
    "drugs": Text("Drugs", "药品"),
    "days": Text("Days", "日期"),
}
