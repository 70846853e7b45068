"""Reason codes of enrolment, in words that whoever takes the photograph can act on."""

from __future__ import annotations

from dataclasses import dataclass

from service.kit.errors import WardwatchError

_TEXTS: dict[str, tuple[str, str]] = {
    # of the photograph
    "no_face": ("No face was found: photograph the face from the front.", "未检测到人脸：请正面拍摄。"),
    "several_faces": (
        "More than one face: only the patient may be in the picture.",
        "画面中不止一人：请只拍摄患者本人。",
    ),
    "too_small": ("The face is too small: go closer.", "人脸过小：请靠近拍摄。"),
    "blurred": ("The picture is blurred: hold still and take it again.", "图像模糊：请保持稳定后重拍。"),
    "too_dark": ("The face is too dark: add light.", "面部过暗：请增加光线。"),
    "too_bright": ("The face is too bright: avoid flash and direct sun.", "面部过亮：请避免闪光灯或阳光直射。"),
    "turned_away": ("The head is turned: look into the camera.", "头部偏转：请正视镜头。"),
    "occluded": ("The face is covered: take off mask, glasses or hat.", "面部被遮挡：请摘下口罩、眼镜或帽子。"),
    "low_confidence": ("It is unsure that this is a face: take another picture.", "人脸可信度低：请重新拍摄。"),
    # of the enrolment
    "consent_missing": (
        "No consent to face matching is recorded: ask for it first.",
        "未登记人脸识别同意书：请先征得单独同意。",
    ),
    "consent_refused": (
        "The patient refused or withdrew consent: verify another way.",
        "患者已拒绝或撤回同意：请采用其他方式核验。",
    ),
    "consent_invalid": ("The consent is not valid.", "同意书无效。"),
    "photos_differ": ("The pictures show different people.", "多张照片不是同一人。"),
    "unlike_the_others": (
        "This picture shows somebody else than the others do: it is left out. Check whose picture it is.",
        "该照片与其他照片不是同一人，已剔除：请核对照片中的人。",
    ),
    "not_compared_with_previous": (
        "The templates before were made by another model pack and cannot be compared: look at the ID again.",
        "原有模板由其他模型包生成，无法比对：请重新核对证件。",
    ),
    "photo_of_another_patient": (
        "The same file is enrolled for another patient: check who is in it.",
        "同一照片已用于其他患者：请核对照片中的人。",
    ),
    "differs_from_previous": (
        "The face is not the one enrolled before: revoke that one, or enrol with two persons.",
        "与原有建档人脸不一致：请先撤销原档，或由两人共同建档。",
    ),
    "weaker_reference": (
        "A proven reference exists: an unproven picture does not replace it.",
        "已有经核实的底照：未核实的照片不能替换。",
    ),
    "photo_missing": ("The picture is not in the folder or ZIP.", "文件夹或压缩包中没有该照片。"),
    "photo_unsafe": (
        "The picture's name or kind is not safe: no links, no paths upwards, plain files only.",
        "照片文件名或类型不安全：不得为链接或上级路径，只能是普通文件。",
    ),
    "unknown_patient": ("No patient has this number: import the census first.", "没有该患者编号：请先导入在院名单。"),
    "contradicts_row": (
        "An earlier row of the same patient says something else: make them agree.",
        "与该患者前一行内容不一致：请统一。",
    ),
    "row_invalid": ("The row of the table is not valid.", "表格该行无效。"),
    "refused_elsewhere": ("Another picture of the enrolment was refused.", "同一患者的其他照片未通过。"),
    # things to look at
    "looks_like_another": (
        "The face resembles another patient: check that nobody is enrolled twice.",
        "与其他患者相似：请核对是否重复建档。",
    ),
    "awaits_second_person": (
        "A second person has to confirm that this is the patient.",
        "需由另一名工作人员确认为患者本人。",
    ),
    "unproven_reference": (
        "Nothing proves that this is the patient: it is kept, and judges nobody.",
        "未证明为患者本人：仅存档，不参与判定。",
    ),
    "birth_date_unknown": (
        "The date of birth is not recorded: make sure that a guardian consented for a child under 14.",
        "未登记出生日期：若未满 14 周岁，请确认已取得监护人同意。",
    ),
}
REASON_CODES = tuple(_TEXTS)


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code with its text in both languages."""

    code: str
    text_en: str
    text_zh: str

    def text(self, language: str) -> str:
        """The text in "zh" or English."""
        return self.text_zh if language == "zh" else self.text_en


def reason(code: str) -> Reason:
    """The reason with this code. Raises `KeyError` for an unknown one."""
    return Reason(code, *_TEXTS[code])


def reason_of_error(error: WardwatchError, code: str | None = None) -> Reason:
    """An error as a reason: its code with underscores, its message with the remedy."""
    message_zh = str(error.extra.get("message_zh") or error.title_zh)
    remedy_zh = str(error.extra.get("remedy_zh") or "")
    return Reason(
        code or error.code.replace("-", "_"),
        f"{error.title_en}: {error.line()}",
        f"{message_zh}{'：' if remedy_zh else ''}{remedy_zh}",
    )
