"""The registries' ordinary clients, run as a person would: pip and npm, found as they are configured here.

No host is named: which index is asked is the client's own configuration, and the pinned sha256 decides what is
accepted.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from service.vision.packs.errors import ArchiveDamaged, ClientMissing, DownloadFailed, NoSpace, WrongHash
from service.vision.packs.progress import Progress
from service.vision.packs.recipe import Package

TIMEOUT_S = 3600.0
"""A whole download: 145 MB over the slowest line anyone would wait for."""
POLL_S = 0.25
_LAST_WORDS = 200
_NO_NETWORK = (
    "enotfound",
    "eai_again",
    "etimedout",
    "econnrefused",
    "econnreset",
    "enetunreach",
    "connection broken",
    "connectionerror",
    "connecttimeout",
    "newconnectionerror",
    "name resolution",
    "network is unreachable",
    "cannot connect to proxy",
)
"""What pip and npm say when nobody answers; pip ends with a misleading "no matching distribution" then."""


def download(package: Package, folder: Path, progress: Progress) -> Path:
    """Downloads a package's archive into the empty `folder` and returns its path; the hash is not checked here
    for npm.

    Raises `ClientMissing`, `DownloadFailed`, `WrongHash` (pip checks by itself, before it would build anything) and
    `NoSpace`.
    """
    command = _npm(package, folder) if package.client == "npm" else _pip(package, folder)
    watched = [folder, *([_npm_scratch(command[0])] if package.client == "npm" else [])]
    code, words = _run(command, folder, watched, package, progress)
    if code != 0:
        raise _failure(package, code, words)
    archives = [path for path in folder.iterdir() if path.name.endswith((".whl", ".tgz", ".tar.gz", ".zip"))]
    if len(archives) != 1:
        raise ArchiveDamaged(f"{package.client} left no archive of {package}", remedy="run it again")
    return archives[0]


def _pip(package: Package, folder: Path) -> list[str]:
    """`--require-hashes` makes pip refuse a changed source archive before it runs anything from it."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package} --hash=sha256:{package.sha256}\n")
    kind = "--no-binary" if package.sdist else "--only-binary"
    options = ["--no-deps", "--require-hashes", kind, package.name, "--disable-pip-version-check", "--no-input"]
    return [
        *_pip_command(),
        "download",
        *options,
        "--progress-bar",
        "off",
        "--dest",
        str(folder),
        "-r",
        str(requirement),
    ]


def _pip_command() -> list[str]:
    """This interpreter's pip, or one on the path: a virtual environment may have been made without pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise ClientMissing(
            "pip is not installed", remedy=f"run: {sys.executable} -m ensurepip, or use --mirror FOLDER"
        )
    return [found]


def _npm(package: Package, folder: Path) -> list[str]:
    found = shutil.which("npm")
    if found is None:
        raise ClientMissing(
            "npm is not installed",
            remedy=f"install npm, or put {package.archive} into a folder and use --mirror FOLDER",
        )
    return [found, "pack", str(package), "--pack-destination", str(folder), "--ignore-scripts", "--loglevel", "error"]


def _npm_scratch(npm: str) -> Path:
    """Where npm keeps a download under way, so that its progress can be seen."""
    asked = subprocess.run([npm, "config", "get", "cache"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    return Path(asked.stdout.strip() or os.devnull) / "_cacache" / "tmp"


def _run(
    command: list[str], folder: Path, watched: Iterable[Path], package: Package, progress: Progress
) -> tuple[int, str]:
    """Runs a client to its end, reporting the bytes that arrive; returns exit status and what it said."""
    folders = list(watched)
    before = _size(folders)
    environment = os.environ | {"TMPDIR": str(folder), "NO_COLOR": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment
        )
        started = time.monotonic()
        try:
            while process.poll() is None:
                arrived = max(0, _size(folders) - before)
                progress(f"download {package.name}", min(arrived, package.bytes), package.bytes)
                if time.monotonic() - started > TIMEOUT_S:
                    return -1, "no end after an hour"
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        return process.returncode, said.read().decode(errors="replace")


def _size(folders: Iterable[Path]) -> int:
    """Bytes below `folders`, while a client makes, renames and removes files there."""
    return sum(
        _size_of(os.path.join(parent, name))
        for folder in folders
        for parent, _, names in os.walk(folder)
        for name in names
    )


def _size_of(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _failure(package: Package, code: int, words: str) -> Exception:
    lowered = words.lower()
    if "do not match the hashes" in lowered:
        return WrongHash(
            f"{package.client} was given another {package} than the pinned one",
            remedy="ask whoever runs your package index, or use --mirror FOLDER with the original file",
        )
    if "no space left" in lowered or "enospc" in lowered:
        return NoSpace("the disk is full", remedy="free about 500 MB and run it again")
    elsewhere = f"put {package.archive} into a folder and use --mirror FOLDER"
    if any(sign in lowered for sign in _NO_NETWORK):
        return DownloadFailed(
            f"no network: {package.client} could not reach its registry for {package}",
            remedy=f"check network and proxy, or {elsewhere}",
        )
    return DownloadFailed(
        f"{package.client} could not download {package} (exit {code}: {_telling_line(words)})",
        remedy=f"check the registry that {package.client} is set to, or {elsewhere}",
    )


def _telling_line(words: str) -> str:
    """The line of a client's output that says most: its first error, else its last line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "complete log" not in line]
    return (errors[:1] or lines[-1:] or ["it said nothing"])[0][:_LAST_WORDS]
