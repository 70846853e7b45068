"""What can be wrong with a picture, a model pack or a back end, each with its own name."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class ImageError(WardwatchError):
    """A picture that cannot be used. Subclasses say why; catch this one to catch them all."""

    code = "image-unusable"
    status = 422
    title_en = "The picture cannot be used"
    title_zh = "图片无法使用"


class ImageEmpty(ImageError):
    """No bytes at all."""

    code = "image-empty"
    title_en = "The picture is empty"
    title_zh = "图片为空"


class ImageTooLarge(ImageError):
    """More bytes than the limit."""

    code = "image-too-large"
    status = 413
    title_en = "The picture has too many bytes"
    title_zh = "图片文件过大"


class TooManyPixels(ImageError):
    """More pixels, or a longer side, than the limit: a decompression bomb is refused by its header."""

    code = "image-too-many-pixels"
    status = 413
    title_en = "The picture has too many pixels"
    title_zh = "图片像素过多"


class ImageTooSmall(ImageError):
    """Fewer pixels than any face or bed needs."""

    code = "image-too-small"
    title_en = "The picture is too small"
    title_zh = "图片尺寸过小"


class ImageUnsupported(ImageError):
    """Not a still JPEG, PNG or WebP picture in grey or RGB."""

    code = "image-unsupported"
    status = 415
    title_en = "The picture's format is not supported"
    title_zh = "不支持的图片格式"


class ImageTruncated(ImageError):
    """The picture ends before its last row."""

    code = "image-truncated"
    title_en = "The picture is cut off"
    title_zh = "图片不完整（被截断）"


class ImageCorrupt(ImageError):
    """The header is a picture's, the rest cannot be decoded."""

    code = "image-corrupt"
    title_en = "The picture is damaged"
    title_zh = "图片已损坏"


class PackUnusable(WardwatchError):
    """A model pack that lacks a part, or whose parts are not what its manifest says."""

    code = "model-pack-unusable"
    status = 503
    title_en = "The model pack cannot be used"
    title_zh = "模型包无法使用"


class ProviderMissing(WardwatchError):
    """An execution provider was asked for and onnxruntime did not start it: never a silent fall-back to CPU."""

    code = "inference-provider-missing"
    status = 503
    title_en = "The inference provider is missing"
    title_zh = "缺少推理加速组件"
