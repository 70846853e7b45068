# ruff: noqa: E501 (sentences stay whole, so that translators see them as readers do)
"""What findings about beds, wards, facilities, cameras and people at work say to people."""

from __future__ import annotations

from service.screening.law import Story, Text

_ABOVE = Text(
    "{hits} of {trials} is {share:percent}; even the lower end of its interval ({share_low:percent}) lies above the 95th percentile of {peers} peers ({share_low.threshold:percent}), whose median is {peers_median:percent}. A number to look into: there may be a good reason.",
    "{trials} 中 {hits}，占 {share:percent}；其置信下限（{share_low:percent}）仍高于 {peers} 个同类的第95百分位（{share_low.threshold:percent}），同类中位数为 {peers_median:percent}。此为待了解的数字，可能有合理原因。",
)
_BLIND = Text(
    "It was blind {blind} times of {trials} ({share:percent}); its {peers} peers were in {peers_share:percent} of theirs. Chance alone would do that with a probability of {chance} (limit {chance.threshold}, corrected for the number compared). What a logged privacy pause hid is not counted; a curtain that nobody logged is: ask the ward.",
    "{trials} 次中有 {blind} 次无法观测（{share:percent}）；{peers} 个同类为 {peers_share:percent}。随机发生的概率为 {chance}（界限 {chance.threshold}，已按比较数量校正）。已登记的隐私遮挡不计入；未登记的拉帘会计入，请向病区核实。",
)

STORIES: dict[tuple[str, str], Story] = {
    ("unregistered_person", "unregistered"): Story(
        Text(
            "Bed {subject}: occupied at {occupied_checks} checks without an admission",
            "床位 {subject}：{occupied_checks} 次检查有人但无住院登记",
        ),
        (
            Text(
                "At {occupied_checks} checks, on {days}, somebody lay in a bed to which nobody is admitted. At {checks_by_person} of them a person went and saw it. The rule asks for {occupied_checks.threshold} checks and {checks_by_person.threshold} person's look.",
                "在 {days} 的 {occupied_checks} 次检查中，无住院登记的床位上有人；其中 {checks_by_person} 次经人员到场查看。规则要求 {occupied_checks.threshold} 次检查及 {checks_by_person.threshold} 次人员查看。",
            ),
        ),
    ),
    ("unregistered_person", "sham_discharge"): Story(
        Text(
            "{subject}: still in a bed {hours_after_discharge} hours after discharge",
            "住院号 {subject}：出院登记 {hours_after_discharge} 小时后仍在床（疑似假出院）",
        ),
        (
            Text(
                "At {occupied_checks} checks, on {days}, the discharged patient was recognised in a bed to which nobody is admitted, and a person saw it at {checks_by_person}. The first {hours_after_discharge.threshold} hours after discharge, and people waiting for the bill, are not counted.",
                "在 {days} 的 {occupied_checks} 次检查中，已登记出院的患者被识别在无住院登记的床位上，其中 {checks_by_person} 次经人员查看。出院后 {hours_after_discharge.threshold} 小时内及等待结算者不计入。",
            ),
        ),
    ),
    ("staff_in_bed", "staff"): Story(
        Text(
            "Bed {subject}: a member of staff lay in it for {lying_minutes} minutes during a check",
            "床位 {subject}：检查期间职工卧床 {lying_minutes} 分钟",
        ),
        (
            Text(
                "At {staff_checks} check(s), on {days}, an enrolled member of staff who is not a patient lay in the bed for up to {lying_minutes} minutes; the rule counts from {lying_minutes.threshold}.",
                "在 {days} 的 {staff_checks} 次检查中，已登记且非在院患者的职工卧于该床，最长 {lying_minutes} 分钟；规则自 {lying_minutes.threshold} 分钟起计。",
            ),
        ),
    ),
    ("two_on_one_bed", "two_admissions"): Story(
        Text(
            "Bed {subject}: two admissions for {shared_hours} hours",
            "床位 {subject}：两名住院患者共用 {shared_hours} 小时",
        ),
        (
            Text(
                "Admissions {admissions} hold the bed at the same time for {shared_hours} hours; the rule counts from {shared_hours.threshold}. It may be a transfer that was not recorded.",
                "住院号 {admissions} 同时占用该床 {shared_hours} 小时；规则自 {shared_hours.threshold} 小时起计。也可能是漏登转床。",
            ),
        ),
    ),
    ("two_on_one_bed", "two_seen"): Story(
        Text(
            "Bed {subject}: two people lay in it at {two_seen_checks} checks",
            "床位 {subject}：{two_seen_checks} 次检查床上有两人",
        ),
        (
            Text(
                "At {two_seen_checks} checks, on {days}, two people lay in the bed and a person saw it; the rule asks for {two_seen_checks.threshold} checks.",
                "在 {days} 的 {two_seen_checks} 次检查中床上有两人，且经人员查看；规则要求 {two_seen_checks.threshold} 次。",
            ),
        ),
    ),
    ("overcapacity", "midnight"): Story(
        Text(
            "{subject}: more inpatients than beds at {over_days} midnights",
            "{subject}：{over_days} 天午夜在院人数超过床位",
        ),
        (
            Text(
                "At the midnights of {days} there were more inpatients than {census_share.threshold:percent} of the open beds; at most {inpatients} for {open_beds} beds. A statistic: it is never a case.",
                "在 {days} 午夜，在院人数超过开放床位的 {census_share.threshold:percent}；最多 {inpatients} 人、{open_beds} 张床。仅作统计，不作为案件。",
            ),
        ),
    ),
    ("excuse_inflation", "excuses"): Story(
        Text(
            "Ward {subject}: {share:percent} of its checks are excused",
            "病区 {subject}：{share:percent} 的检查以请假或离区免查",
        ),
        (
            _ABOVE,
            Text(
                "{near_checks} of the excuses began within the hour before a check.",
                "其中 {near_checks} 次在检查前一小时内开始。",
            ),
        ),
    ),
    ("late_signed_leave", "late_leaves"): Story(
        Text(
            "Ward {subject}: {share:percent} of its leaves were signed after they had begun",
            "病区 {subject}：{share:percent} 的请假为事后补签",
        ),
        (_ABOVE,),
    ),
    ("exemption_rate", "exemptions"): Story(
        Text(
            "Ward {subject}: {share:percent} of its patients are exempt from face checks",
            "病区 {subject}：{share:percent} 的患者豁免人脸核验",
        ),
        (_ABOVE,),
    ),
    ("alternative_inflation", "confirmations"): Story(
        Text(
            "{subject}: confirms {share:percent} of the requests to look",
            "{subject}：确认了 {share:percent} 的核查请求",
        ),
        (_ABOVE,),
    ),
    ("alternative_inflation", "in_a_row"): Story(
        Text(
            "{subject}: found the same patient {in_a_row} times in a row",
            "{subject}：连续 {in_a_row} 次由同一人确认同一患者",
        ),
        (
            Text(
                "Patient of admission {admissions} was found {in_a_row} times in a row by one person and by no camera; from {in_a_row.threshold} on somebody else should look. Please send another verifier.",
                "住院号 {admissions} 的患者连续 {in_a_row} 次仅由同一人确认，摄像头均未核实；超过 {in_a_row.threshold} 次应换人核查。请安排他人复核。",
            ),
        ),
    ),
    ("alternative_inflation", "contradicted"): Story(
        Text(
            "{subject}: {contradicted} of {confirmations} finds were contradicted by another ward",
            "{subject}：{confirmations} 次确认中有 {contradicted} 次被其他病区复核否定",
        ),
        (
            Text(
                "Somebody of another ward verified the same patients again (admissions {admissions}) and did not find them as reported.",
                "其他病区人员对相同患者（住院号 {admissions}）再次核查，结果与上报不符。",
            ),
        ),
    ),
    ("selective_blindness", "blind_checks"): Story(
        Text("{subject}: blind at {blind} of {trials} checks", "{subject}：{trials} 次检查中 {blind} 次无法观测"),
        (_BLIND,),
    ),
    ("selective_blindness", "blind_nights"): Story(
        Text(
            "{subject}: blind in {blind} of {trials} night hours",
            "{subject}：夜间 {trials} 小时中有 {blind} 小时无法观测",
        ),
        (_BLIND,),
    ),
    ("camera_tampering", "impossible"): Story(
        Text("Camera {subject}: its picture cannot be true ({causes})", "摄像头 {subject}：画面不可能为真（{causes}）"),
        (
            Text(
                "{events} event(s) ({causes}), at {times}, of up to {event_minutes} minutes: frozen with identical noise, looped, swapped, without the commanded change, or wrongly signed. A quiet night does none of these. Views that lie count as unobserved; pictures of a roll call without the commanded change prove nobody absent.",
                "{times} 发生 {events} 次异常（{causes}），最长 {event_minutes} 分钟：噪声完全一致的冻结、循环画面、设备被替换、未响应指令变化或签名错误。安静的夜晚不会如此。不真实的画面按无法观测处理；未出现指令变化的点名画面不作为缺席依据。",
            ),
        ),
    ),
    ("camera_tampering", "at_checks"): Story(
        Text(
            "Camera {subject}: covered, moved or wrong at {events} checks ({causes})",
            "摄像头 {subject}：{events} 次检查时被遮挡、移动或异常（{causes}）",
        ),
        (
            Text(
                "At {times} the view or the clock was wrong, or a roll call's command not answered ({causes}), during checks; the rule asks for {events.threshold} such times. Logged privacy pauses of up to 30 minutes are left out; a curtain that nobody logged is not: ask the ward.",
                "{times} 检查期间画面或时钟异常，或未应答点名指令（{causes}）；规则要求 {events.threshold} 次。已登记且不超过30分钟的隐私遮挡不计入；未登记的拉帘会计入，请向病区核实。",
            ),
        ),
    ),
    ("repeated_face", "same_pose"): Story(
        Text(
            "Admission {subject}: the same face in the same pose on {nights_alike} nights. Please look at the bed",
            "住院号 {subject}：{nights_alike} 个夜晚面部与姿态完全相同，请到床旁查看",
        ),
        (
            Text(
                "On the nights of {nights} the verified face was alike as one picture is with itself ({repeated_readings} readings): its landmarks differ by at most {shape_distance} (one picture: up to {shape_distance.threshold}), its coarse pattern in {bits_different:percent} of the bits (up to {bits_different.threshold:percent}), its similarity to the reference by {similarity_spread} (up to {similarity_spread.threshold}).",
                "在 {nights} 的夜晚，已核实的面部如同一张照片般相同（{repeated_readings} 条读数）：关键点差异不超过 {shape_distance}（同一照片至多 {shape_distance.threshold}），粗略纹理差异 {bits_different:percent}（至多 {bits_different.threshold:percent}），与底照相似度相差 {similarity_spread}（至多 {similarity_spread.threshold}）。",
            ),
            Text(
                "A photograph in the bed does this; so may a patient on a ventilator. Somebody should go to the bed. It says nothing against the patient.",
                "床上放置照片会如此，使用呼吸机的患者也可能如此。请安排人员到床旁查看。本条不对患者作任何指责。",
            ),
        ),
    ),
    ("repeated_face", "enrolment_picture"): Story(
        Text(
            "Admission {subject}: the face in the bed is the enrolment picture itself. Please look at the bed",
            "住院号 {subject}：床上面部与登记底照为同一张图片，请到床旁查看",
        ),
        (
            Text(
                "On the nights of {nights} the face seen in the bed was as near to the reference as only the same picture is: similarity {similarity_high} (a living face stays below {similarity_high.threshold}), pattern different in {bits_different:percent} of the bits (up to {bits_different.threshold:percent}).",
                "在 {nights} 的夜晚，床上面部与底照的接近程度只有同一张图片才能达到：相似度 {similarity_high}（真人低于 {similarity_high.threshold}），纹理差异 {bits_different:percent}（至多 {bits_different.threshold:percent}）。",
            ),
            Text(
                "The picture may have been taken in this very bed. Somebody should go and look. It says nothing against the patient.",
                "底照也可能就是在该床拍摄。请安排人员到床旁查看。本条不对患者作任何指责。",
            ),
        ),
    ),
    ("late_backfill", "late"): Story(
        Text(
            "Camera {subject}: {late_share:percent} of its pictures came late",
            "摄像头 {subject}：{late_share:percent} 的画面为事后补传",
        ),
        (
            Text(
                "{late_frames} pictures, {late_at_checks} of them of checks, came late and without the server's chain. They may excuse; no finding rests on them. Somebody should look at the network, or at the box.",
                "{late_frames} 帧画面（其中检查时段 {late_at_checks} 帧）事后补传且未成链。此类画面只作有利证据，不作认定依据。请检查网络或设备。",
            ),
        ),
    ),
}

LABELS: dict[str, Text] = {
    "occupied_checks": Text("Checks with somebody in the bed", "床上有人的检查次数"),
    "checks_by_person": Text("Of these, seen by a person", "其中经人员查看"),
    "hours_after_discharge": Text("Hours after discharge", "出院后时长（小时）"),
    "staff_checks": Text("Checks with a member of staff in the bed", "职工卧床的检查次数"),
    "lying_minutes": Text("Longest time lying, minutes", "最长卧床（分钟）"),
    "shared_hours": Text("Hours shared", "共用时长（小时）"),
    "admissions": Text("Admissions", "住院号"),
    "two_seen_checks": Text("Checks with two people", "床上两人的检查次数"),
    "over_days": Text("Midnights above", "超床位天数"),
    "census_share": Text("Inpatients per open bed", "在院人数与床位之比"),
    "inpatients": Text("Inpatients", "在院人数"),
    "open_beds": Text("Open beds", "开放床位"),
    "share": Text("Share", "占比"),
    "share_low": Text("Lower end of its 95% interval", "占比95%置信下限"),
    "peers_median": Text("Median of the peers", "同类中位数"),
    "hits": Text("Counted", "计数"),
    "trials": Text("Of", "总数"),
    "peers": Text("Peers", "同类数"),
    "near_checks": Text("Begun within the hour before a check", "检查前一小时内开始"),
    "contradicted": Text("Contradicted finds", "被否定的确认"),
    "confirmations": Text("Finds", "确认次数"),
    "in_a_row": Text("Finds in a row", "连续确认次数"),
    "blind": Text("Blind", "无法观测次数"),
    "peers_share": Text("Share of the peers", "同类占比"),
    "chance": Text("Probability by chance", "随机概率"),
    "events": Text("Events", "事件数"),
    "causes": Text("Causes", "原因"),
    "event_minutes": Text("Longest, minutes", "最长（分钟）"),
    "late_frames": Text("Late pictures", "补传帧数"),
    "late_share": Text("Their share", "补传占比"),
    "late_at_checks": Text("Of checks", "检查时段补传帧数"),
    "repeated_readings": Text("Readings that are alike", "相同的读数条数"),
    "nights_alike": Text("Nights alike", "相同的夜晚数"),
    "shape_distance": Text("Greatest difference of landmarks", "关键点最大差异"),
    "bits_different": Text("Greatest difference of the pattern", "纹理最大差异"),
    "similarity_spread": Text("Spread of similarities to the reference", "与底照相似度的差幅"),
    "similarity_high": Text("Greatest similarity to the reference", "与底照最大相似度"),
}
