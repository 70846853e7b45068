"""What can be wrong with what a box reads in its own pictures."""

from __future__ import annotations

from service.kit.errors import Conflict, InvalidInput, WardwatchError


class ReadingsNotTaken(Conflict):
    """A site that sends pictures: the server reads them itself, which proves more."""

    code = "readings-not-taken"
    title_en = "This site sends pictures, not readings"
    title_zh = "本机构上传图像而非识别结果"


class EdgePackMismatch(Conflict):
    """A box with another model pack: its numbers mean something else."""

    code = "edge-pack-mismatch"
    title_en = "The box has another model pack than the server"
    title_zh = "设备与服务器的模型包不一致"


class SealingKeyMissing(Conflict):
    """A box that has not said for which key its gallery is to be sealed."""

    code = "sealing-key-missing"
    title_en = "The box has not registered a key for sealing"
    title_zh = "设备尚未登记加密公钥"


class ReadingRefused(InvalidInput):
    """A reading that is not signed by the sender, or contradicts its picture's statement or itself."""

    code = "reading-refused"
    title_en = "The reading does not hold"
    title_zh = "识别结果无效"


class DeviceOnly(WardwatchError):
    """A token, where only a paired device will do: what is sealed or signed needs a key."""

    code = "paired-device-only"
    status = 403
    title_en = "Only a paired device can do this"
    title_zh = "仅限已配对的设备"
