"""What can be wrong on a device, in words that say what to do."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class EdgeError(WardwatchError):
    """Anything that stops the agent with a reason a person can act on."""

    code = "edge-error"
    title_en = "The agent cannot go on"
    title_zh = "采集端无法继续"


class SettingsInvalid(EdgeError):
    """A flag, or a line of the configuration file, that does not meet its contract."""

    code = "edge-settings-invalid"
    title_en = "A setting of the agent is not valid"
    title_zh = "采集端设置无效"


class SourceUnusable(EdgeError):
    """A folder, file or camera that cannot be opened."""

    code = "edge-source-unusable"
    title_en = "The source of pictures cannot be used"
    title_zh = "图像来源无法使用"


class TokenUnusable(EdgeError):
    """A token file that is missing, empty or holds something else."""

    code = "edge-token-unusable"
    title_en = "The device's token cannot be used"
    title_zh = "设备令牌无法使用"


class KeyUnusable(EdgeError):
    """A device's key file that is missing, holds something else, or would be written over."""

    code = "edge-key-unusable"
    title_en = "The device's key cannot be used"
    title_zh = "设备密钥无法使用"


class PairingFailed(EdgeError):
    """The server did not take the device."""

    code = "edge-pairing-failed"
    title_en = "The device is not paired"
    title_zh = "设备未能配对"


class SpoolUnusable(EdgeError):
    """A spool that cannot be opened, belongs to a newer version, or is in use by another agent."""

    code = "edge-spool-unusable"
    title_en = "The spool cannot be used"
    title_zh = "缓存队列无法使用"


class SpoolDamaged(EdgeError):
    """The spool's file was damaged while in use. Opening it again rescues what can be read."""

    code = "edge-spool-damaged"
    title_en = "The spool is damaged"
    title_zh = "缓存队列已损坏"


class SpoolFull(EdgeError):
    """No room by the size bound, and the policy is to wait. Nothing was written; the source still has the picture."""

    code = "edge-spool-full"
    title_en = "The spool is full"
    title_zh = "缓存队列已满"


class UpdateRefused(EdgeError):
    """A bundle that is not taken: nothing on the box was changed. The subclasses say why."""

    code = "edge-update-refused"
    title_en = "The update is not taken"
    title_zh = "更新未被采用"


class BundleDamaged(UpdateRefused):
    """Half written, changed, or no bundle at all."""

    code = "edge-bundle-damaged"
    title_en = "The bundle is damaged"
    title_zh = "升级包已损坏"


class BundleUnsigned(UpdateRefused):
    """Not signed by the release key that was put on this box at its installation."""

    code = "edge-bundle-unsigned"
    title_en = "Nobody this box trusts vouches for the bundle"
    title_zh = "升级包签名不可信"


class BundleForeign(UpdateRefused):
    """Built for another processor, system or Python."""

    code = "edge-bundle-foreign"
    title_en = "The bundle is for another platform"
    title_zh = "升级包不适用于本设备平台"


class BundleOld(UpdateRefused):
    """Not newer than what proved itself here: an old bundle brought again, or a step back that nobody asked for."""

    code = "edge-bundle-old"
    title_en = "The bundle is not newer than what runs"
    title_zh = "升级包版本不高于当前版本"


class BundleFailedBefore(UpdateRefused):
    """This very version was tried here, and went back."""

    code = "edge-bundle-failed-before"
    title_en = "This version went back before"
    title_zh = "该版本曾在本设备回退"


class UpdateBusy(UpdateRefused):
    """Another update is under way, or the last one is still on trial."""

    code = "edge-update-busy"
    title_en = "Another update is under way"
    title_zh = "另一次更新正在进行"


class KioskStoreUnusable(EdgeError):
    """The kiosk's own files cannot be opened, or were changed."""

    code = "kiosk-store-unusable"
    title_en = "The kiosk's own files cannot be used"
    title_zh = "自助机本地数据无法使用"


class KioskRequestInvalid(EdgeError):
    """The page asked for something that cannot be done now."""

    code = "kiosk-request-invalid"
    title_en = "That cannot be done now"
    title_zh = "当前无法执行该操作"


class WrongTurn(KioskRequestInvalid):
    """The person turned another way than asked."""

    code = "kiosk-wrong-turn"
    title_en = "That was another turn"
    title_zh = "动作与提示不一致"
