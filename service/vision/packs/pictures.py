"""Photographs of people for tests and the demo. They stay outside the project: in installed packages and in the
cache."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from service.vision.packs.errors import PackMissing
from service.vision.packs.files import sha256_of, wrong_hash
from service.vision.packs.progress import Progress, silent
from service.vision.packs.recipe import picture_sources
from service.vision.packs.sources import obtain

_INSTALLED = {
    "bundled": (
        "insightface",
        "data/images/t1.jpg",
        "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489",
    ),
    "astronaut": (
        "skimage",
        "data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
}


@dataclass(frozen=True, slots=True)
class TestPictures:
    """Paths of verified pictures. group_1927: the 29 people of the fifth Solvay conference; bundled:
    insightface's six friends; astronaut: one portrait, from scikit-image."""

    __test__ = False  # Not a test, whatever pytest reads in the name.

    group_1927: Path
    bundled: Path
    astronaut: Path


def fetch_test_pictures(cache_dir: Path, progress: Progress = silent, mirror: Path | None = None) -> TestPictures:
    """Obtains and verifies the pictures; a second call finds them in the cache. Raises `PackError` subclasses."""
    source = picture_sources()["group_1927"]
    cached = obtain([source], cache_dir, progress, mirror)[source.sha256]
    return TestPictures(cached, _installed("bundled"), _installed("astronaut"))


def _installed(name: str) -> Path:
    """A picture inside an installed package, found without importing the package."""
    package, member, expected = _INSTALLED[name]
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / member if spec is not None and spec.origin is not None else None
    if path is None or not path.is_file():
        raise PackMissing(f"{member} of {package} is not installed", remedy="install the versions of requirements.lock")
    actual = sha256_of(path)
    if actual != expected:
        raise wrong_hash(str(path), expected, actual, f"install {package} again, as requirements.lock says")
    return path
