"""A release's bundle onto this box: judged first, unpacked into the idle slot, put in as a version on trial."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
import sysconfig
import zipfile
import zlib
from pathlib import Path
from typing import IO

from edge_agent.errors import (
    BundleDamaged,
    BundleFailedBefore,
    BundleForeign,
    BundleOld,
    BundleUnsigned,
    UpdateBusy,
    UpdateRefused,
)
from edge_agent.update.health import RELEASE_KEY, VERSION
from edge_agent.update.slots import CODE, MANIFEST, Home, State
from edge_agent.update.trust import read_key
from service.contracts.releases import (
    ANY_PLATFORM,
    FILES,
    SIGNATURE,
    BundleHead,
    is_release_signed,
    read_bundle_head,
    version_order,
)
from service.kit.errors import InvalidInput

KEY_FILE = "release.pub"
_TAKE_AGAIN = "take the bundle again, as it was released"


def base_version() -> str:
    """Of the code that runs: the slot's that the launcher started, else the installation's."""
    told = os.environ.get(VERSION, "")
    if told:
        return told
    try:
        return importlib.metadata.version("wardwatch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def platform() -> str:
    """What a bundle with compiled packages must be built for, like `linux-x86_64-py311`."""
    return f"{sysconfig.get_platform()}-py{sys.version_info[0]}{sys.version_info[1]}"


def release_key(home: Home) -> bytes:
    """The release key's public half, 32 bytes, put here at the installation. Raises `BundleUnsigned`.

    Where the launcher was given a key file, that one, and only if the agent could not have written it.
    """
    told = os.environ.get(RELEASE_KEY, "")
    return read_key(Path(told), guarded=True) if told else read_key(home.path / KEY_FILE, guarded=False)


def running_version(home: Home, base_version: str) -> str:
    """Of the version that runs now."""
    return home.version_of(home.current()) or base_version


def judge(home: Home, version: str, built_for: str, bundle: str, base_version: str, *, force: bool = False) -> None:
    """Whether this box takes the version. `bundle`: SHA-256 of its manifest. Raises a subclass of `UpdateRefused`."""
    if built_for not in (ANY_PLATFORM, platform()):
        raise BundleForeign(f"it is for {built_for}, this box is {platform()}", remedy="take the bundle for this one")
    state = home.state()
    if state.trial is not None:
        raise UpdateBusy(f"version {state.trial.version} is still on trial", remedy="wait until it proved itself")
    if force:
        return
    newest = max((state.floor, running_version(home, base_version)), key=version_order)
    if version_order(version) <= version_order(newest):
        raise BundleOld(
            f"it is version {version}, {newest} was here before", remedy="to step back on purpose, add --force"
        )
    _refuse_failed(home, state, bundle)


def _refuse_failed(home: Home, state: State, bundle: str) -> None:
    failure = state.failures.get(bundle)
    if failure is not None and not home.may_try(bundle):
        raise BundleFailedBefore(
            f"version {failure.version} was tried here and went back: {failure.reason}",
            remedy="take the next version, or try this one again with --force",
        )


def install(home: Home, path: Path, base_version: str, *, force: bool = False) -> str:
    """Put the bundle at `path` in as a version on trial; the launcher starts it. Returns its version.

    Until the last step nothing that runs is touched. Raises a subclass of `UpdateRefused`.
    """
    try:
        with home.changing():
            head = verified_head(home, path)
            manifest = head.manifest
            judge(home, manifest.version, manifest.platform, head.manifest_sha256, base_version, force=force)
            slot = home.idle_slot()
            folder = home.empty_slot(slot)
            try:
                _unpack(path, head, folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            home.put_in(slot, manifest.version, head.manifest_sha256)
    except BlockingIOError:
        raise UpdateBusy("another update is being put in", remedy="wait until it is done") from None
    except OSError as error:
        raise UpdateRefused(f"it cannot be put in: {error}", remedy="look at the disk and its free space") from None
    return manifest.version


def verified_head(home: Home, path: Path) -> BundleHead:
    """What the bundle says of itself, once the pinned key is seen to vouch for it."""
    key = release_key(home)
    try:
        head = read_bundle_head(path)
    except InvalidInput as error:
        raise BundleDamaged(error.message, remedy=_TAKE_AGAIN) from None
    manifest = head.manifest
    if not is_release_signed(manifest.version, manifest.platform, head.manifest_sha256, head.signature, key):
        raise BundleUnsigned("its signature is not of this box's release key", remedy=_TAKE_AGAIN)
    return head


def _unpack(path: Path, head: BundleHead, folder: Path) -> None:
    """Every file of the manifest below `folder`, durable, and its bytes as the manifest says."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name, about in sorted(head.manifest.files.items()):
                target = folder / CODE / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(FILES + name) as source, target.open("xb") as file:
                    digest = _copy(source, file, about.size)
                if digest != about.sha256:
                    raise BundleDamaged(f"{name} is not what the manifest says", remedy=_TAKE_AGAIN)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise BundleDamaged(f"it cannot be unpacked: {type(error).__name__}", remedy=_TAKE_AGAIN) from None
    for name, data in ((SIGNATURE, head.signature.encode("ascii")), (MANIFEST, head.manifest_bytes)):
        with (folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _copy(source: IO[bytes], file: IO[bytes], size: int) -> str:
    """At most `size` bytes and one, whatever the archive says. Returns their SHA-256."""
    digest, left = hashlib.sha256(), size + 1
    while left > 0 and (chunk := source.read(min(left, 1 << 20))):
        digest.update(chunk)
        file.write(chunk)
        left -= len(chunk)
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()
