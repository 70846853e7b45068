"""What can be wrong with a snapshot beyond its picture."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class QueueFull(WardwatchError):
    """Too many snapshots wait for analysis. The device keeps its frame and comes back."""

    code = "queue-full"
    status = 503
    title_en = "The server is busy: send it again later"
    title_zh = "服务器繁忙，请稍后重发"


class CameraUnknown(WardwatchError):
    """The token's facility has no such camera, or the token belongs to another camera."""

    code = "camera-unknown"
    status = 422
    title_en = "This token may not post for that camera"
    title_zh = "该令牌不能为此摄像头上传"


class CameraInactive(WardwatchError):
    """A camera taken out of use: nothing it sends is looked at."""

    code = "camera-inactive"
    status = 409
    title_en = "The camera is out of use"
    title_zh = "摄像头已停用"


class ImplausibleTime(WardwatchError):
    """A capture time that the device's clock cannot have shown honestly."""

    code = "captured-at-implausible"
    status = 422
    title_en = "The capture time is not plausible"
    title_zh = "拍摄时间不合理"


class PicturesNotTransmitted(WardwatchError):
    """A picture from a site whose pictures stay on the ward box."""

    code = "pictures-not-transmitted"
    status = 403
    title_en = "This site's pictures stay on the ward box"
    title_zh = "本机构图像不得外传"


class StatementRefused(WardwatchError):
    """A capture statement that is missing, says something else than the picture, or is not the sender's."""

    code = "statement-refused"
    status = 422
    title_en = "The capture statement does not hold"
    title_zh = "拍摄声明无效"
