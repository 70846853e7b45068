"""Why a device's request is refused: one problem type for each reason, so that box and operator know what to mend."""

from __future__ import annotations

from typing import ClassVar

from service.kit.errors import WardwatchError


class SignatureRefused(WardwatchError):
    """The base of all reasons. `reason` labels the counter."""

    status = 401
    reason: ClassVar[str] = "refused"


class SignatureIncomplete(SignatureRefused):
    """Signature headers that cannot be read, or that leave out what must be signed."""

    code = "signature-incomplete"
    reason = "incomplete"
    title_en = "The signature is not complete"
    title_zh = "签名不完整"


class DeviceUnknown(SignatureRefused):
    """A key that no device here has."""

    code = "device-unknown"
    reason = "unknown"
    title_en = "No device has this key"
    title_zh = "未知设备"


class DeviceRevoked(SignatureRefused):
    """A device, or a key of it, that was put out of use."""

    code = "device-revoked"
    status = 403
    reason = "revoked"
    title_en = "The device is out of use"
    title_zh = "设备已停用"


class RequestAltered(SignatureRefused):
    """Signature and request do not belong together."""

    code = "request-altered"
    reason = "altered"
    title_en = "The request is not what was signed"
    title_zh = "请求与签名不符"


class WronglyAimed(SignatureRefused):
    """Well signed, for another server than this one."""

    code = "request-wrongly-aimed"
    status = 421
    reason = "wrongly_aimed"
    title_en = "The request was signed for another server"
    title_zh = "请求并非发往本服务器"


class SignatureStale(SignatureRefused):
    """Well signed, too long ago or in the future by the server's clock. The answer says what that clock reads."""

    code = "signature-stale"
    reason = "stale"
    title_en = "The signature is too old or ahead of time"
    title_zh = "签名时间过旧或超前"


class RequestReplayed(SignatureRefused):
    """The very same signed request came before."""

    code = "request-replayed"
    reason = "replayed"
    title_en = "The request was sent before"
    title_zh = "重复的请求"


class PairingRefused(WardwatchError):
    """A pairing code that is unknown, used or expired. Which of them is not said."""

    code = "pairing-refused"
    status = 403
    title_en = "The pairing code is not good"
    title_zh = "配对码无效"


class KeyRefused(WardwatchError):
    """A new key that its sender cannot use, or that is used already."""

    code = "key-refused"
    status = 422
    title_en = "The key is not accepted"
    title_zh = "密钥未被接受"
