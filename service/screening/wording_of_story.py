# ruff: noqa: E501 (sentences stay whole, so that translators see them as readers do)
"""The sentences of a stay's story."""

from __future__ import annotations

from service.screening.law import Text

SUMMARY = Text(
    "Admission {no}: {checks} checks, at {shown} of them the patient was shown to be there, at {absent} two people confirmed that nobody was.",
    "住院号 {no}：共 {checks} 次检查，其中 {shown} 次证实患者在院，{absent} 次经两人确认不在院。",
)
NOTHING = Text("There is no finding about this stay.", "本次住院无疑点。")

EVENTS: dict[str, Text] = {
    "admitted": Text("Admitted.", "入院。"),
    "bed": Text("In bed {bed}.", "安排床位 {bed}。"),
    "leave": Text("On leave until {due} at the latest; signed {signed}.", "请假至 {due} 为止；签批于 {signed}。"),
    "returned": Text("Back from leave.", "请假返院。"),
    "off_ward": Text("Off the ward: {kind}.", "离区：{kind}。"),
    "discharged": Text("Discharged.", "出院。"),
    "correction": Text(
        "A message ({trigger}) changed what the records say from {since} on.",
        "收到消息（{trigger}），更改了自 {since} 起的记录。",
    ),
    "finding.dismissed": Text(
        "{who} dismissed the finding ({rule}): {reason}", "{who} 认定疑点（{rule}）不成立：{reason}"
    ),
    "finding.upheld": Text("{who} upheld the finding ({rule}): {reason}", "{who} 认定疑点（{rule}）成立：{reason}"),
    "check.present_verified": Text("Check: the patient was there ({method}).", "检查：患者在院（{method}）。"),
    "check.present_alternative": Text(
        "Check: a person found the patient ({method}).", "检查：经人员确认患者在院（{method}）。"
    ),
    "check.present_unidentified": Text(
        "Check: somebody lay in bed {bed}, no usable face.", "检查：床位 {bed} 有人，面部不可识别。"
    ),
    "check.on_leave": Text("Check: on leave.", "检查：请假中。"),
    "check.off_ward": Text("Check: off the ward on record.", "检查：已登记离区。"),
    "check.exempt": Text(
        "Check: exempt from face checks, verified another way.", "检查：豁免人脸核验，以其他方式核实。"
    ),
    "check.in_grace": Text("Check: just admitted, not yet expected in bed.", "检查：刚入院，处于宽限期。"),
    "check.not_seen": Text("Check: not seen; undecided.", "检查：未观测到，未判定。"),
    "check.bed_empty": Text("Check: bed {bed} was empty the whole time.", "检查：床位 {bed} 全程空置。"),
    "check.unanswered": Text(
        "Check: not seen, and nobody answered the request to look. Silence is no absence.",
        "检查：未观测到，且无人答复核查请求。无答复不计为缺席。",
    ),
    "check.absent_confirmed": Text(
        "Check: two people looked and confirmed that the patient was not in the hospital.",
        "检查：两名人员查找，确认患者不在院。",
    ),
    "check.impostor_suspected": Text(
        "Check: a good face in bed {bed} was not the patient's.", "检查：床位 {bed} 上的清晰面部与患者不符。"
    ),
    "check.no_reference": Text("Check: no proven reference yet, no judgement.", "检查：尚无已核验底照，不作判定。"),
    "check.unobserved": Text("Check: no camera saw bed {bed}.", "检查：床位 {bed} 无法观测。"),
}

LOOKED: dict[str, Text] = {
    "found": Text("{who} found the patient ({method}).", "{who}找到患者（{method}）。"),
    "not_found": Text("{who} looked and did not find the patient ({method}).", "{who}查看，未找到患者（{method}）。"),
    "identity_mismatch": Text(
        "{who} found somebody whose document did not match ({method}).", "{who}发现床上人员与证件不符（{method}）。"
    ),
    "carer": Text("{who} found a carer or visitor in the bed ({method}).", "{who}发现床上为陪护或访客（{method}）。"),
}

TRIGGERS: dict[str, Text] = {
    "cancel_admission": Text("admission cancelled", "取消入院"),
    "cancel_discharge": Text("discharge cancelled", "取消出院"),
    "cancel_leave": Text("leave cancelled", "取消请假"),
    "cancel_off_ward": Text("off-ward activity cancelled", "取消离区"),
    "census": Text("census", "住院名单"),
    "discharge": Text("discharge", "出院"),
    "leave": Text("leave", "请假"),
    "off_ward": Text("off-ward activity", "离区"),
    "return": Text("return from leave", "请假返院"),
    "transfer": Text("transfer", "转床转科"),
}
"""What our own programs say; an HL7 or FHIR message has its event's code, which both languages know."""

METHODS: dict[str, Text] = {
    "staff": Text("The ward's staff", "病区人员"),
    "inspector": Text("An inspector", "稽核人员"),
    "face": Text("face", "人脸"),
    "face_continuity": Text("the identity held since an earlier face", "此前核实的身份持续有效"),
    "wristband": Text("wristband", "腕带"),
    "id_card": Text("identity card", "证件"),
    "bedside": Text("at the bedside", "床旁"),
    "handheld": Text("hand-held picture", "手持终端"),
    "ward_search": Text("search of the ward", "病区搜寻"),
    "two_looks": Text("two looks", "两次查看"),
    "theatre": Text("theatre", "手术"),
    "imaging": Text("imaging", "影像检查"),
    "dialysis": Text("dialysis", "透析"),
    "therapy": Text("therapy", "治疗"),
    "other": Text("other", "其他"),
}
