"""What can go wrong between a registry and a usable pack; each error says in one line what to do."""

from __future__ import annotations

from service.kit.errors import WardwatchError


class PackError(WardwatchError):
    """Base of everything a model pack can be refused for."""

    code = "pack-error"
    status = 500
    title_en = "The model pack cannot be used"
    title_zh = "模型包无法使用"


class ClientMissing(PackError):
    """The registry client (npm or pip) that a source needs is not installed."""

    code = "pack-client-missing"
    title_en = "A package client is missing"
    title_zh = "缺少软件包客户端"


class DownloadFailed(PackError):
    """The registry client ran and failed: no network, no such version, no access."""

    code = "pack-download-failed"
    status = 503
    title_en = "A model file could not be downloaded"
    title_zh = "模型文件下载失败"


class WrongHash(PackError):
    """A file is not the one that was pinned: altered, replaced, or cut."""

    code = "pack-wrong-hash"
    title_en = "A file does not have the expected sha256"
    title_zh = "文件的 sha256 校验不符"


class ArchiveDamaged(PackError):
    """An archive is cut, or is no archive, or lacks a member it should have."""

    code = "pack-archive-damaged"
    status = 422
    title_en = "An archive is damaged"
    title_zh = "压缩包已损坏"


class ArchiveUnsafe(PackError):
    """An archive would write outside its folder, holds links, or is too large when unpacked."""

    code = "pack-archive-unsafe"
    status = 422
    title_en = "An archive is refused as unsafe"
    title_zh = "压缩包不安全，已拒绝"


class NoSpace(PackError):
    """The disk is full or not writable."""

    code = "pack-no-space"
    status = 507
    title_en = "A model file could not be written"
    title_zh = "模型文件无法写入"


class GoldenMismatch(PackError):
    """A prepared model does not compute what it computed when the recipe was made."""

    code = "pack-golden-mismatch"
    title_en = "A prepared model gives other numbers than expected"
    title_zh = "模型输出与基准不符"


class PackBusy(PackError):
    """Another process is preparing the same pack."""

    code = "pack-busy"
    status = 503
    title_en = "The pack is being prepared by another process"
    title_zh = "另一进程正在准备该模型包"


class PackMissing(PackError):
    """There is no such pack, or one of its files is not there."""

    code = "pack-missing"
    status = 503
    title_en = "The model pack is not there"
    title_zh = "找不到模型包"


class PackInvalid(PackError):
    """A folder or archive is not a model pack that can be read."""

    code = "pack-invalid"
    status = 422
    title_en = "This is not a usable model pack"
    title_zh = "不是可用的模型包"


class PackExists(PackError):
    """A different pack of the same name is already installed."""

    code = "pack-exists"
    status = 409
    title_en = "A pack of this name is already there"
    title_zh = "同名模型包已存在"


class UnsupportedOperation(PackError):
    """A graph uses an operation, or a variant of one, that the converter does not know."""

    code = "pack-unsupported-operation"
    status = 422
    title_en = "The graph uses an operation that cannot be converted"
    title_zh = "计算图包含无法转换的算子"
