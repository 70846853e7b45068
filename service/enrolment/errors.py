"""What can be wrong with a consent, an enrolment or a bulk of them."""

from __future__ import annotations

from service.kit.errors import Conflict, InvalidInput


class ConsentInvalid(InvalidInput):
    """A consent that the law does not know: by a child, in the future, without a status."""

    code = "consent-invalid"
    title_en = "The consent is not valid"
    title_zh = "同意书无效"


class ConfirmationRefused(Conflict):
    """An enrolment that this person cannot confirm."""

    code = "confirmation-refused"
    title_en = "The enrolment cannot be confirmed"
    title_zh = "无法确认该建档"


class BulkUnreadable(InvalidInput):
    """A folder, ZIP or table of which no row can be read."""

    code = "bulk-unreadable"
    title_en = "The enrolment package cannot be read"
    title_zh = "无法读取批量建档文件"


class PhotoMissing(InvalidInput):
    """A picture that a table names and nobody sent."""

    code = "photo-missing"
    title_en = "The picture is missing"
    title_zh = "缺少照片"


class PhotoUnsafe(InvalidInput):
    """A file that is not read: a link, a path upwards, a bomb, something encrypted."""

    code = "photo-unsafe"
    title_en = "The file is not safe to read"
    title_zh = "文件不安全，未读取"
