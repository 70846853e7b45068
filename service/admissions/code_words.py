"""Codes of hospitals' standards, and the words of ours that they stand for."""

from __future__ import annotations

from collections.abc import Mapping

ADMISSION_TYPES = ("emergency", "planned", "referral", "newborn")
DISPOSITIONS = ("home", "transfer", "left_against_advice", "died", "interim_settlement")
COURSES = ("dialysis", "chemotherapy", "rehabilitation", "planned_course")

# HL7 table 0007, FHIR v3 ActPriority words, and Chinese.
ADMISSION_TYPE_WORDS: Mapping[str, str] = {
    **{word: word for word in ADMISSION_TYPES},
    **dict.fromkeys(("a", "e", "u", "em", "ur", "急诊", "急症"), "emergency"),
    **dict.fromkeys(("c", "r", "l", "el", "elective", "择期", "普通", "计划"), "planned"),
    **dict.fromkeys(("n", "新生儿"), "newborn"),
    **dict.fromkeys(("转诊", "转院"), "referral"),
}
# HL7 table 0023: 4 transfer from a hospital, 5 from a nursing facility, 6 from another health care facility.
REFERRAL_SOURCES = frozenset({"4", "5", "6", "hosp-trans", "转诊", "转院"})

# HL7 table 0112 has two digits, the front page of China's medical records (离院方式) one; FHIR has words.
DISPOSITION_WORDS: Mapping[str, str] = {
    **{word: word for word in DISPOSITIONS},
    **dict.fromkeys(("01", "06", "08", "1", "alt-home", "医嘱离院", "出院"), "home"),
    **dict.fromkeys(
        ("02", "03", "04", "05", "2", "3", "other-hcf", "hosp", "long", "rehab", "snf", "转院"), "transfer"
    ),
    **dict.fromkeys(("07", "4", "aadvice", "非医嘱离院", "自动出院"), "left_against_advice"),
    **dict.fromkeys(("20", "40", "41", "42", "5", "exp", "死亡"), "died"),
    **dict.fromkeys(("30", "中途结算"), "interim_settlement"),
}
PAYMENT_WORDS: Mapping[str, str] = {
    **{word: word for word in ("per_diem", "drg", "dip", "fee_for_service", "self_pay")},
    **dict.fromkeys(("按床日", "按床日付费", "床日", "bed_day"), "per_diem"),
    **dict.fromkeys(("按项目", "按项目付费", "ffs"), "fee_for_service"),
    **dict.fromkeys(("自费", "selfpay", "self-pay"), "self_pay"),
}
COURSE_WORDS: Mapping[str, str] = {
    **{word: word for word in COURSES},
    "透析": "dialysis",
    "化疗": "chemotherapy",
    "康复": "rehabilitation",
    "计划疗程": "planned_course",
}
CATEGORY_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("icu", "ccu", "nicu", "picu", "重症"), "icu"),
    **dict.fromkeys(("iso", "isolation", "隔离"), "isolation"),
    **dict.fromkeys(("obs", "mat", "maternity", "产科"), "maternity"),
    **dict.fromkeys(("ped", "pediatric", "paediatric", "儿科"), "paediatric"),
    **dict.fromkeys(("psy", "psychiatric", "精神科"), "psychiatric"),
    **dict.fromkeys(("dia", "dialysis", "透析"), "dialysis"),
    **dict.fromkeys(("reh", "rehabilitation", "康复"), "rehabilitation"),
    **dict.fromkeys(("day", "day_only", "日间"), "day_only"),
    **dict.fromkeys(("nbn", "newborn", "新生儿"), "newborn"),
}
OFF_WARD_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("or", "ot", "theatre", "theater", "surgery", "手术", "手术室"), "theatre"),
    **dict.fromkeys(("rad", "ct", "mr", "mri", "us", "xr", "nm", "imaging", "影像", "放射", "检查", "超声"), "imaging"),
    **dict.fromkeys(("dial", "hd", "dialysis", "透析", "血透"), "dialysis"),
    **dict.fromkeys(("pt", "reh", "rehab", "therapy", "康复", "理疗"), "therapy"),
}
# Departments (HL7 table 0049, 0074) and words for the kinds of orders and charges.
BILL_KIND_WORDS: Mapping[str, str] = {
    **{word: word for word in ("medication", "examination", "treatment", "nursing", "bed", "other")},
    **dict.fromkeys(("pha", "rx", "drug", "药品", "西药", "中药", "药费"), "medication"),
    **dict.fromkeys(
        ("rad", "lab", "ct", "mr", "us", "xr", "ekg", "ecg", "nm", "hm", "ch", "mb", "检查", "检验", "化验"),
        "examination",
    ),
    **dict.fromkeys(("sur", "or", "pt", "ot", "reh", "dia", "prc", "治疗", "手术", "康复", "材料"), "treatment"),
    **dict.fromkeys(("nur", "nrs", "护理"), "nursing"),
    **dict.fromkeys(("rmb", "room", "床位", "床位费"), "bed"),
}


def word(words: Mapping[str, str], code: str) -> str | None:
    """What the code stands for; None when it is empty or not known."""
    return words.get(code.strip().lower()) if code else None


def payment_word(code: str) -> str | None:
    """How the stay is paid: our word, else the hospital's own, shortened; None when it says nothing."""
    text = code.strip()
    return PAYMENT_WORDS.get(text.lower(), text[:32] if text.isprintable() else None) if text else None
