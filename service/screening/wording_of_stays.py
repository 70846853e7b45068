# ruff: noqa: E501 (sentences stay whole, so that translators see them as readers do)
"""What findings about stays say to people, beside the three first ones of `wording.py`."""

from __future__ import annotations

from service.screening.law import Story, Text

STORIES: dict[tuple[str, str], Story] = {
    ("empty_bed_admission", "two_looks"): Story(
        Text(
            "Admission {subject}: two people found the bed empty, {hours_apart} hours apart",
            "住院号 {subject}：间隔 {hours_apart} 小时两次查看均为空床",
        ),
        (
            Text(
                "At {times} people looked for the patient and found nobody. Between the two looks no order and no examination is on record ({orders_meanwhile}), and no camera recognised the patient.",
                "人员于 {times} 两次查看均未找到患者；两次之间无医嘱、无检查记录（{orders_meanwhile} 条），摄像头也未识别到患者。",
            ),
            Text(
                "The rule asks for {empty_looks.threshold} looks at least {hours_apart.threshold} hours apart, after the grace period.",
                "规则要求宽限期之后至少 {empty_looks.threshold} 次查看，间隔不少于 {hours_apart.threshold} 小时。",
            ),
        ),
    ),
    ("bed_swap_unrecorded", "swap"): Story(
        Text(
            "Admission {subject}: seen in each other's beds with {swapped_with}",
            "住院号 {subject}：与 {swapped_with} 换床未登记",
        ),
        (
            Text(
                "At {swapped_checks} checks, on {days}, the cameras recognised admitted patients in each other's beds ({swapped_with}), and no transfer is on record. The rule asks for {swapped_checks.threshold} checks. Please record the transfer or move the patients back.",
                "在 {days} 的 {swapped_checks} 次检查中，摄像头识别到在院患者互换床位（{swapped_with}），且无转床登记。规则要求 {swapped_checks.threshold} 次。请补登转床或恢复床位。",
            ),
        ),
    ),
    ("two_places_at_once", "seen"): Story(
        Text(
            "Admission {subject}: verified in two hospitals {minutes_between} minutes apart",
            "住院号 {subject}：{minutes_between} 分钟内在两家机构被核实",
        ),
        (
            Text(
                "The same person, by two identifiers that agree, was verified twice by a clear face in the bed here and under {other_admission} elsewhere, up to {minutes_between} minutes apart, at {times}. The way between takes at least {minutes_between.threshold} minutes.",
                "两项身份标识一致的同一人，在本机构与另一机构（{other_admission}）两次以清晰人脸在病床上核实，间隔不超过 {minutes_between} 分钟（{times}）；两地路程至少 {minutes_between.threshold} 分钟。",
            ),
        ),
    ),
    ("two_places_at_once", "overlap"): Story(
        Text(
            "Admission {subject}: overlaps another stay of the same person by {overlap_hours} hours",
            "住院号 {subject}：与同一人的另一次住院重叠 {overlap_hours} 小时",
        ),
        (
            Text(
                "Stay {other_admission} of the same person, by two identifiers that agree, was open at the same time for {overlap_hours} hours; the rule tolerates {overlap_hours.threshold}.",
                "两项身份标识一致的同一人另有住院 {other_admission}，重叠 {overlap_hours} 小时；规则容许 {overlap_hours.threshold} 小时。",
            ),
        ),
    ),
    ("duplicate_identity", "face"): Story(
        Text(
            "Admission {subject}: the same face under other numbers ({other_patients})",
            "住院号 {subject}：同一面部对应其他编号（{other_patients}）",
        ),
        (
            Text(
                "The enrolled face resembles that of {other_patients} with {similarity} (threshold {similarity.threshold}). Compare the documents: it may be one person under two numbers, a slip, or twins. This is a piece of work, not a suspicion.",
                "登记面部与 {other_patients} 的相似度为 {similarity}（阈值 {similarity.threshold}）。请核对证件：可能为一人两号、录入差错或双胞胎。本条为待办事项，不是疑点。",
            ),
        ),
    ),
    ("enrolment_swap", "template"): Story(
        Text(
            "Admission {subject}: the reference face was replaced during the stay",
            "住院号 {subject}：住院期间更换了底照",
        ),
        (
            Text(
                "At {times} the enrolled face was replaced {template_changes} time(s). The new one does not match the old one, and no second person confirmed the change.",
                "底照于 {times} 被更换 {template_changes} 次；新底照与旧底照不一致，且未经第二人确认。",
            ),
        ),
    ),
    ("late_return", "late"): Story(
        Text(
            "Admission {subject}: back {hours_late} hours late from leave",
            "住院号 {subject}：请假逾期 {hours_late} 小时未归",
        ),
        (
            Text(
                "{late_returns} leave(s) ended later than agreed (due back {times}); tolerated are {hours_late.threshold} hours.",
                "{late_returns} 次请假逾期返院（应返时间 {times}）；容许 {hours_late.threshold} 小时。",
            ),
        ),
    ),
    ("overnight_leave", "overnight"): Story(
        Text(
            "Admission {subject}: on leave for {night_hours} hours of the night",
            "住院号 {subject}：夜间外出 {night_hours} 小时",
        ),
        (
            Text(
                "{overnight_leaves} leave(s), from {times}, took up most of a night (23:00 to 05:00); the rule counts from {night_hours.threshold} hours. Inpatients sleep in the hospital unless a doctor had a reason.",
                "{overnight_leaves} 次请假（起于 {times}）占用夜间（23:00–05:00）大部分时间；规则自 {night_hours.threshold} 小时起计。除医师另有理由外，住院患者应在院过夜。",
            ),
        ),
    ),
    ("split_admission", "readmitted"): Story(
        Text(
            "Admission {subject}: re-admitted {days_between} days after {other_admission}",
            "住院号 {subject}：距上次出院（{other_admission}）{days_between} 天再次入院",
        ),
        (
            Text(
                "The stay begins {days_between} days after {other_admission} ended, for the same disease ({diagnosis}). The rule looks {days_between.threshold} days back and leaves out emergencies, referrals and planned courses.",
                "本次入院距 {other_admission} 出院 {days_between} 天，且为同一病种（{diagnosis}）。规则回溯 {days_between.threshold} 天，不含急诊、转诊及计划性疗程。",
            ),
        ),
    ),
    ("stay_after_absence", "charged"): Story(
        Text(
            "Admission {subject}: charges go on after {absent_days} days of confirmed absence",
            "住院号 {subject}：确认缺席 {absent_days} 天后仍在计费",
        ),
        (
            Text(
                "On {days} two people confirmed that the patient was not in the hospital, and nothing since shows otherwise. Yet {charges_after} clinical charges ({amount_after}) were made after that. Bed and nursing charges are not counted.",
                "在 {days} 经两人确认患者不在院，此后无在院证据；但之后仍有 {charges_after} 笔诊疗费用（金额 {amount_after}）。床位费与护理费不计入。",
            ),
        ),
    ),
    ("per_diem_gap", "bed_days"): Story(
        Text(
            "Admission {subject}: {unconfirmed_days} of {billed_days} billed bed-days without a patient",
            "住院号 {subject}：{billed_days} 个计费床日中 {unconfirmed_days} 天患者不在院",
        ),
        (
            Text(
                "Payment is per diem. On {days} a bed-day was billed, an absence was confirmed, and nothing shows presence, leave or an activity. That is {unconfirmed_share:percent} of the billed days; the rule asks for {unconfirmed_days.threshold} days and {unconfirmed_share.threshold:percent}.",
                "本次住院按床日付费。在 {days} 已计床日费，但经确认患者缺席，且无在院、请假或离区证据，占计费床日的 {unconfirmed_share:percent}；规则要求至少 {unconfirmed_days.threshold} 天且不低于 {unconfirmed_share.threshold:percent}。",
            ),
        ),
    ),
    ("corrected_after_notice", "corrected"): Story(
        Text(
            "Admission {subject}: records changed after people had looked", "住院号 {subject}：人员查看之后记录被更正"
        ),
        (
            Text(
                "{corrections} message(s) ({messages}) received at {times} changed what the records say of {days}, after two looks had found nobody. Both times are kept. A person decides; findings about the stay stand meanwhile.",
                "{corrections} 条消息（{messages}）于 {times} 收到，在两次查看均未找到患者之后更改了 {days} 的记录。两种时间均已保存，由人员判断；相关疑点在此期间保持有效。",
            ),
        ),
    ),
}

LABELS: dict[str, Text] = {
    "empty_looks": Text("Looks that found nobody", "未找到患者的查看次数"),
    "hours_apart": Text("Hours between them", "间隔（小时）"),
    "orders_meanwhile": Text("Orders and examinations meanwhile", "期间医嘱与检查数"),
    "times": Text("Times", "时间"),
    "swapped_checks": Text("Checks with swapped patients", "换床的检查次数"),
    "swapped_with": Text("With", "对方住院号"),
    "minutes_between": Text("Minutes between", "间隔（分钟）"),
    "other_admission": Text("Other stay", "另一次住院"),
    "overlap_hours": Text("Hours of overlap", "重叠时长（小时）"),
    "similarity": Text("Similarity of the faces", "面部相似度"),
    "other_patients": Text("Other numbers", "其他编号"),
    "template_changes": Text("Replaced references", "更换底照次数"),
    "late_returns": Text("Late returns", "逾期返院次数"),
    "hours_late": Text("Hours late", "逾期（小时）"),
    "overnight_leaves": Text("Leaves at night", "夜间外出次数"),
    "night_hours": Text("Hours of the night", "夜间时长（小时）"),
    "days_between": Text("Days between the stays", "两次住院间隔（天）"),
    "diagnosis": Text("Diagnosis", "诊断编码"),
    "absent_days": Text("Days of confirmed absence", "确认缺席天数"),
    "charges_after": Text("Clinical charges after that", "此后诊疗费用笔数"),
    "amount_after": Text("Their amount", "此后诊疗费用金额"),
    "billed_days": Text("Bed-days billed", "计费床日"),
    "unconfirmed_days": Text("Of these, confirmed absent", "其中确认缺席天数"),
    "unconfirmed_share": Text("Their share", "占比"),
    "corrections": Text("Corrections", "更正次数"),
    "messages": Text("Messages", "消息类型"),
}
