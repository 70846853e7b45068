# ruff: noqa: E501 (sentences stay whole, so that translators see them as readers do)
"""What a finding says to people, in English and Chinese. Full sentences; every number comes from the finding's facts."""

from __future__ import annotations

from service.screening.law import Story, Text
from service.screening.wording_of_pharmacy import LABELS as LABELS_OF_PURCHASES
from service.screening.wording_of_pharmacy import STORIES as STORIES_OF_PURCHASES
from service.screening.wording_of_places import LABELS as LABELS_OF_PLACES
from service.screening.wording_of_places import STORIES as STORIES_OF_PLACES
from service.screening.wording_of_stays import LABELS as LABELS_OF_STAYS
from service.screening.wording_of_stays import STORIES as STORIES_OF_STAYS

NOT_A_VERDICT = Text(
    en="This is a suspicion for people to examine. It is no finding of fault, and nobody's care may depend on it.",
    zh="本提示仅为疑点，须由人员核实，不构成违规认定，不得影响患者诊疗。",
)

NOT_A_CASE = Text(
    en="This is a number or a piece of work for people to look at. It is no suspicion, and never a case by itself.",
    zh="本条为供人员查看的数字或待办事项，不是疑点，也不单独成为案件。",
)

KEPT = Text(
    en="The records were corrected after people had looked or the finding had been made. It is kept as it was until a "
    "person has weighed the correction (corrected after notice).",
    zh="在人员查看或提示之后，记录被更正。本条保持原状，直至人员对更正作出判断（通知后更正）。",
)

COUNTED = (
    "checks",
    "hours",
    "days",
    "minutes",
    "times",
    "sales",
    "drugs",
    "peers",
    "pictures",
    "patients",
    "looks",
    "requests",
    "readings",
    "purchases",
    "nights",
    "midnights",
    "bursts",
    "beds",
    "finds",
)
"""English nouns that stand behind a number; of one there is one less letter."""

STORIES: dict[tuple[str, str], Story] = {
    **STORIES_OF_STAYS,
    **STORIES_OF_PLACES,
    **STORIES_OF_PURCHASES,
    ("phantom_admission", "days"): Story(
        headline=Text(
            "Admission {subject}: not in the hospital at {confirmed_checks} checks on {confirmed_days} days",
            "住院号 {subject}：{confirmed_days} 天内 {confirmed_checks} 次检查确认不在院",
        ),
        paragraphs=(
            Text(
                "At {confirmed_checks} checks, on {days}, two different people looked for the patient at least two hours "
                "apart. The ward was searched and the patient was called. Nobody was found, and no leave or activity "
                "was recorded for those times.",
                "在 {days} 的 {confirmed_checks} 次检查中，两名不同人员间隔至少两小时分别查找，已搜寻病区并电话联系患者，"
                "均未找到，且当时无请假或离区登记。",
            ),
            Text(
                "The rule asks for {confirmed_checks.threshold} such checks on {confirmed_days.threshold} different days. "
                "Cameras alone never count as absence.",
                "规则要求在 {confirmed_days.threshold} 个不同日期至少有 {confirmed_checks.threshold} 次此类确认；"
                "仅凭摄像头画面不认定缺席。",
            ),
        ),
    ),
    ("phantom_admission", "nights"): Story(
        headline=Text(
            "Admission {subject}: bed empty on {empty_nights} of {observed_nights} observed nights",
            "住院号 {subject}：{observed_nights} 个可观测夜晚中有 {empty_nights} 个夜晚床位空置",
        ),
        paragraphs=(
            Text(
                "Between 23:00 and 05:00 the bed was seen empty for at least {empty_hours.threshold} hours on the nights of "
                "{nights}. On {confirmed_nights} of them two people looked for the patient and found nobody in the "
                "hospital.",
                "在 {nights} 的 23:00 至次日 05:00，床位被观测到空置至少 {empty_hours.threshold} 小时；"
                "其中 {confirmed_nights} 个夜晚经两人查找确认患者不在院。",
            ),
            Text(
                "Only nights of which at least {night_coverage.threshold:percent} was observed are counted; nights with "
                "leave or a recorded activity are left out.",
                "仅统计观测覆盖率不低于 {night_coverage.threshold:percent} 的夜晚；有请假或离区登记的夜晚不计。",
            ),
        ),
    ),
    ("ghost_admission", "never_seen"): Story(
        headline=Text(
            "Admission {subject}: nobody was ever seen in {hours_since_admission} hours",
            "住院号 {subject}：入院 {hours_since_admission} 小时以来从未观测到患者",
        ),
        paragraphs=(
            Text(
                "Since admission {coverage_since_admission:percent} of the bed time was observed. In all of it the patient's "
                "face was recognised nowhere in the hospital, and nobody who could be the patient lay in the bed.",
                "自入院以来，床位时间的 {coverage_since_admission:percent} 已被观测；期间全院均未识别到患者面部，"
                "床上也从未出现可能为该患者的人。",
            ),
            Text(
                "At {confirmed_checks} checks, on {days}, two people searched the ward and called the patient. They found "
                "nobody. The rule asks for {hours_since_admission.threshold} hours, an observed share of "
                "{coverage_since_admission.threshold:percent}, and {confirmed_checks.threshold} confirmed check.",
                "在 {days} 的 {confirmed_checks} 次检查中，两名人员搜寻病区并电话联系，均未找到患者。规则要求入院满 "
                "{hours_since_admission.threshold} 小时、观测覆盖率不低于 {coverage_since_admission.threshold:percent}、"
                "且至少 {confirmed_checks.threshold} 次双人确认。",
            ),
        ),
    ),
    ("impersonation", "id_card"): Story(
        headline=Text(
            "Admission {subject}: somebody else in the bed on {suspected_days} days",
            "住院号 {subject}：{suspected_days} 天内床上为他人",
        ),
        paragraphs=(
            Text(
                "At {suspected_checks} checks, on {days}, a lone occupant's clear face did not match the patient's proven "
                "enrolment in several frames, and matched no other admitted patient.",
                "在 {days} 的 {suspected_checks} 次检查中，床上单独一人的清晰面部在多帧画面中与患者已核验的底照不符，"
                "且不是其他在院患者。",
            ),
            Text(
                "A person then checked the identity card: it did not belong to the occupant ({identity_mismatches} such "
                "checks). The rule asks for {suspected_days.threshold} days and {identity_mismatches.threshold} checks "
                "of the document by a person; a face alone is never enough.",
                "随后由人员核对身份证件，证件与床上人员不符（{identity_mismatches} 次）。规则要求 {suspected_days.threshold} 天"
                "及 {identity_mismatches.threshold} 次人工证件核对；仅凭人脸不作认定。",
            ),
        ),
    ),
}

LABELS: dict[str, Text] = {
    **LABELS_OF_PURCHASES,
    **LABELS_OF_STAYS,
    **LABELS_OF_PLACES,
    "confirmed_checks": Text("Checks with a confirmed absence", "确认缺席的检查次数"),
    "confirmed_days": Text("Days with a confirmed absence", "确认缺席的天数"),
    "checks_judged": Text("Checks judged", "已判定的检查次数"),
    "days": Text("Days", "日期"),
    "nights": Text("Nights", "夜晚"),
    "observed_nights": Text("Nights observed", "可观测夜晚数"),
    "empty_nights": Text("Nights with an empty bed", "床位空置夜晚数"),
    "empty_hours": Text("Shortest empty time of those nights, hours", "上述夜晚最短空置时长（小时）"),
    "confirmed_nights": Text("Nights with a confirmed absence", "确认缺席的夜晚数"),
    "night_coverage": Text("Lowest observed share of those nights", "上述夜晚最低观测覆盖率"),
    "hours_since_admission": Text("Hours since admission", "入院时长（小时）"),
    "coverage_since_admission": Text("Observed share of bed time", "床位时间观测覆盖率"),
    "sightings": Text("Sightings of the patient", "观测到患者次数"),
    "suspected_checks": Text("Checks with somebody else's face", "床上为他人面部的检查次数"),
    "suspected_days": Text("Days with somebody else's face", "床上为他人面部的天数"),
    "identity_mismatches": Text("Identity documents that did not match", "证件核对不符次数"),
}

COUNTER: dict[str, Text] = {
    "verified_checks": Text(
        "The patient was verified at {n} checks, last on {last}.", "患者在 {n} 次检查中被核实在院，最近一次为 {last}。"
    ),
    "alternative_checks": Text(
        "People found the patient in another way at {n} checks.", "{n} 次检查中由人员以其他方式确认患者在院。"
    ),
    "unidentified_checks": Text(
        "Somebody without a visible face lay in the bed at {n} checks.", "{n} 次检查中床上有人但面部不可见。"
    ),
    "unanswered_checks": Text(
        "{n} requests to look stayed without an answer; silence is not counted as absence.",
        "{n} 次核查请求无人答复；无答复不计为缺席。",
    ),
    "unobserved_checks": Text("{n} checks could not be observed.", "{n} 次检查无法观测。"),
    "leaves": Text("Leave on record: {items}.", "请假登记：{items}。"),
    "activities": Text("Activities on record: {items}.", "离区登记：{items}。"),
    "orders": Text("Orders or examinations on record for the stay: {n}.", "住院期间有 {n} 条医嘱或检查记录。"),
    "corrections": Text(
        "The records were changed after people had looked ({items}): a person decides what that means.",
        "人员查看之后记录被更正（{items}）：须由人员判断其意义。",
    ),
    "late_leaves": Text("Leaves signed after they had begun: {n}.", "{n} 次请假为事后补签。"),
    "late_frames": Text(
        "{n} pictures came late, without the server's chain. What comes late excuses and does not prove.",
        "{n} 帧画面为事后补传且未成链：只作有利证据，不作不利证据。",
    ),
    "carer_looks": Text("At {n} looks a person found a carer or visitor in the bed.", "{n} 次查看中床上为陪护或访客。"),
    "privacy_pauses": Text("Privacy pauses logged: {n}.", "已登记 {n} 次隐私遮挡。"),
    "blind_checks": Text("{n} checks of the time could not be observed.", "期间有 {n} 次检查无法观测。"),
    "clear_checks": Text("{n} checks of the time showed nothing unusual.", "期间有 {n} 次检查未见异常。"),
    "confirmed_finds": Text("Finds confirmed by somebody else: {n}.", "其中 {n} 次已由他人复核属实。"),
    "other_specialty_days": Text("Extra beds were on record on {n} days.", "有 {n} 天登记了加床。"),
    "none_of_place": Text("Nothing on record explains it.", "无可解释的记录。"),
    "none": Text("Nothing on record speaks for the patient's presence.", "无在院佐证记录。"),
}
