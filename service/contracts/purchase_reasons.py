"""Why a purchase got its verdict: every code, what it does, and what a pharmacist says aloud, in two languages."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class ReasonCode(StrEnum):
    """One reason. `RECORD_CHECK` stands for whatever only a person of the register may know: the buyer is not told."""

    # identity
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_UNCERTAIN = "identity_uncertain"
    IDENTITY_MISMATCH = "identity_mismatch"
    FACE_UNUSABLE = "face_unusable"
    NOT_ENROLLED = "not_enrolled"
    IDENTITY_BY_DOCUMENTS = "identity_by_documents"
    DOCUMENTS_TO_REVIEW = "documents_to_review"
    IDENTITY_UNCHECKED = "identity_unchecked"
    PATIENT_UNKNOWN = "patient_unknown"
    DELEGATE_UNKNOWN = "delegate_unknown"
    # liveness
    LIVENESS_PASSED = "liveness_passed"
    LIVENESS_RETRY = "liveness_retry"
    LIVENESS_FAILED = "liveness_failed"
    LIVENESS_NOT_TRIED = "liveness_not_tried"
    PASSIVE_WARNING = "passive_warning"
    # delegation
    PATIENT_BUYS = "patient_buys"
    DELEGATION_VALID = "delegation_valid"
    NO_DELEGATION = "no_delegation"
    DELEGATION_WRONG_PATIENT = "delegation_wrong_patient"
    DELEGATION_PENDING = "delegation_pending"
    DELEGATION_NOT_YET_VALID = "delegation_not_yet_valid"
    DELEGATION_EXPIRED = "delegation_expired"
    DELEGATION_REVOKED = "delegation_revoked"
    DELEGATION_EXHAUSTED = "delegation_exhausted"
    DELEGATION_OVER_QUANTITY = "delegation_over_quantity"
    DRUG_NOT_COVERED = "drug_not_covered"
    DRUG_EXCLUDED = "drug_excluded"
    TOO_MANY_PRINCIPALS = "too_many_principals"
    # vital status
    RECORD_CHECK = "record_check"
    REGISTER_STALE = "register_stale"
    # admission
    INPATIENT = "inpatient"
    INPATIENT_EXCUSED = "inpatient_excused"
    # quantity and frequency
    SUPPLY_TOO_LONG = "supply_too_long"
    OVER_QUANTITY = "over_quantity"
    OVER_DOSE = "over_dose"
    SUPPLY_OVERLAP = "supply_overlap"
    TOO_SOON = "too_soon"
    TOO_OFTEN = "too_often"
    # without network
    OFFLINE = "offline"
    CACHE_TOO_OLD = "cache_too_old"


class Effect(StrEnum):
    """What a reason does to the verdict; the gravest of all decides."""

    NOTE = "note"
    PROVISIONAL = "provisional"
    MANUAL_REVIEW = "manual_review"
    REFUSE = "refuse"


class ReasonText(NamedTuple):
    """What is said aloud, in both languages."""

    en: str
    zh: str


REASON_TEXTS: dict[ReasonCode, ReasonText] = {
    ReasonCode.IDENTITY_VERIFIED: ReasonText("Your identity is confirmed.", "您的身份已核实。"),
    ReasonCode.IDENTITY_UNCERTAIN: ReasonText(
        "The picture was not clear enough to be sure. A colleague will check your documents.",
        "照片不够清晰，无法确认。请由工作人员核对您的证件。",
    ),
    ReasonCode.IDENTITY_MISMATCH: ReasonText(
        "The face does not match the person registered. Please show your documents at the counter instead.",
        "面部与登记人不一致。请到柜台出示证件办理。",
    ),
    ReasonCode.FACE_UNUSABLE: ReasonText(
        "The camera could not see your face well. You may try again or show your documents.",
        "摄像头未能看清您的面部。您可以重试，或出示证件办理。",
    ),
    ReasonCode.NOT_ENROLLED: ReasonText(
        "There is no registered picture yet. A colleague will check your documents.",
        "尚无登记照片。请由工作人员核对您的证件。",
    ),
    ReasonCode.IDENTITY_BY_DOCUMENTS: ReasonText(
        "Your documents were checked. That is enough.", "您的证件已核对，可以办理。"
    ),
    ReasonCode.DOCUMENTS_TO_REVIEW: ReasonText(
        "A second colleague will confirm your documents in a moment.", "您的证件将由另一位工作人员复核，请稍候。"
    ),
    ReasonCode.IDENTITY_UNCHECKED: ReasonText(
        "Your identity could not be checked without the network.", "网络中断，暂无法核对身份。"
    ),
    ReasonCode.PATIENT_UNKNOWN: ReasonText(
        "This card is not in the register yet. A colleague will help you.", "该卡尚未登记。请由工作人员协助办理。"
    ),
    ReasonCode.DELEGATE_UNKNOWN: ReasonText(
        "You are not registered as a delegate yet. You can register here with your documents.",
        "您尚未登记为受托人。您可以凭证件在此登记。",
    ),
    ReasonCode.LIVENESS_PASSED: ReasonText("Thank you, the head turns were right.", "谢谢，动作已完成。"),
    ReasonCode.LIVENESS_RETRY: ReasonText(
        "That did not work. Please try once more, or show your documents at the counter.",
        "动作未通过。请再试一次，或到柜台出示证件办理。",
    ),
    ReasonCode.LIVENESS_FAILED: ReasonText(
        "The camera check did not work. A colleague will check your documents.",
        "摄像头核验未通过。请由工作人员核对您的证件。",
    ),
    ReasonCode.LIVENESS_NOT_TRIED: ReasonText("The camera was not used.", "未使用摄像头。"),
    ReasonCode.PASSIVE_WARNING: ReasonText(
        "A colleague may take another look at the picture. It changes nothing now.",
        "工作人员可能会再看一下画面，不影响本次办理。",
    ),
    ReasonCode.PATIENT_BUYS: ReasonText("You buy for yourself.", "本人购药。"),
    ReasonCode.DELEGATION_VALID: ReasonText("You may buy for this patient.", "您可以为该患者代购。"),
    ReasonCode.NO_DELEGATION: ReasonText(
        "You are not registered for this patient yet. You can register here with your documents.",
        "您尚未登记为该患者的受托人。您可以凭证件在此登记，由工作人员审核。",
    ),
    ReasonCode.DELEGATION_WRONG_PATIENT: ReasonText(
        "Your registration is for another patient. You can register here for this one.",
        "您登记的是其他患者。您可以凭证件在此登记为该患者的受托人。",
    ),
    ReasonCode.DELEGATION_PENDING: ReasonText(
        "Your registration is being checked. A colleague will decide.", "您的委托登记正在审核，请由工作人员确认。"
    ),
    ReasonCode.DELEGATION_NOT_YET_VALID: ReasonText(
        "Your registration for this patient begins on a later day.", "您的委托尚未到生效日期。"
    ),
    ReasonCode.DELEGATION_EXPIRED: ReasonText(
        "Your registration for this patient has ended. It can be renewed at the counter.",
        "您的委托已过期，可到柜台续办。",
    ),
    ReasonCode.DELEGATION_REVOKED: ReasonText(
        "Your registration for this patient was withdrawn. Please ask at the counter.",
        "您的委托已被撤销，请到柜台咨询。",
    ),
    ReasonCode.DELEGATION_EXHAUSTED: ReasonText(
        "The agreed number of purchases for this period is used up.", "本周期约定的代购次数已用完。"
    ),
    ReasonCode.DELEGATION_OVER_QUANTITY: ReasonText(
        "Your registration allows a smaller quantity at once. Please reduce it.",
        "超过您的委托单次可代购的数量，请减少数量。",
    ),
    ReasonCode.DRUG_NOT_COVERED: ReasonText(
        "Your registration does not cover this kind of medicine.", "您的委托不包含此类药品。"
    ),
    ReasonCode.DRUG_EXCLUDED: ReasonText(
        "This kind of medicine is handed to the patient only.", "此类药品须由患者本人购买。"
    ),
    ReasonCode.TOO_MANY_PRINCIPALS: ReasonText(
        "You buy for more patients than usual. A colleague will take a look.", "您代购的患者较多，请由工作人员确认。"
    ),
    ReasonCode.RECORD_CHECK: ReasonText(
        "A colleague has to check the record first. Please wait a moment.", "需由工作人员先核对登记信息，请稍候。"
    ),
    ReasonCode.REGISTER_STALE: ReasonText(
        "The register is being updated. The purchase will be confirmed later.",
        "登记信息正在更新，本次购药将在稍后确认。",
    ),
    ReasonCode.INPATIENT: ReasonText(
        "The patient is on record as staying in hospital. A colleague will check the prescription.",
        "该患者登记为住院中，请由工作人员核对处方。",
    ),
    ReasonCode.INPATIENT_EXCUSED: ReasonText(
        "The stay in hospital is no obstacle to this purchase.", "住院登记不影响本次购药。"
    ),
    ReasonCode.SUPPLY_TOO_LONG: ReasonText(
        "This is more than may be handed out at once. Please reduce the quantity.", "超过单次可配药量，请减少数量。"
    ),
    ReasonCode.OVER_QUANTITY: ReasonText(
        "This quantity is above the limit for this medicine. Please reduce it.", "该药品数量超过限量，请减少数量。"
    ),
    ReasonCode.OVER_DOSE: ReasonText(
        "The quantity is large for these days. A colleague will check the prescription.",
        "按用药天数计算数量偏大，请由工作人员核对处方。",
    ),
    ReasonCode.SUPPLY_OVERLAP: ReasonText(
        "Together with earlier purchases this lasts very long. A colleague will take a look.",
        "与此前所配药品合计用药时间过长，请由工作人员确认。",
    ),
    ReasonCode.TOO_SOON: ReasonText(
        "The last supply should not be used up yet. A colleague will ask you about it.",
        "上次所配药品应尚未用完，请由工作人员了解情况。",
    ),
    ReasonCode.TOO_OFTEN: ReasonText(
        "There were many purchases for this patient lately. A colleague will take a look.",
        "该患者近期购药次数较多，请由工作人员确认。",
    ),
    ReasonCode.OFFLINE: ReasonText(
        "The network is down. The purchase will be confirmed later.", "网络中断，本次购药将在稍后确认。"
    ),
    ReasonCode.CACHE_TOO_OLD: ReasonText(
        "The network has been down for too long. A colleague will check your documents.",
        "网络中断时间过长，请由工作人员核对您的证件。",
    ),
}
