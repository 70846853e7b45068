"""What keeps a box from judging its pictures."""

from __future__ import annotations

from edge_agent.errors import EdgeError


class GalleryMissing(EdgeError):
    """No gallery, or one that has expired. Pictures wait."""

    code = "edge-gallery-missing"
    title_en = "There is no gallery to compare with"
    title_zh = "没有可用的比对底库"


class PackDiffers(EdgeError):
    """Another model pack than the server's."""

    code = "edge-pack-differs"
    title_en = "The box has another model pack than the server"
    title_zh = "模型包与服务器不一致"


class KeptUnusable(EdgeError):
    """The file that keeps pictures for later questions cannot be used."""

    code = "edge-kept-unusable"
    title_en = "The kept pictures cannot be used"
    title_zh = "无法使用本地保存的图像"
