"""The photographed faces that the project may use: fetched, verified, and by the names of their catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from service.cli.scenarios import scenario_file
from service.platform.settings import get_settings
from service.simulator.attempts import HeadLibrary
from service.simulator.faces import read_catalogue
from service.vision import Pack, PackUnusable
from service.vision.packs import TestPictures, fetch_test_pictures


def picture_paths(pictures: TestPictures) -> Mapping[str, Path]:
    """The fetched photographs by the keys of the catalogue of faces."""
    return {
        "group-1927": pictures.group_1927,
        "group-colour": pictures.bundled,
        "portrait-colour": pictures.astronaut,
    }


def head_library(pack: Pack) -> HeadLibrary:
    """The heads of the test pictures. Raises `InvalidInput` without their catalogue, `PackUnusable` without a
    mesh."""
    if pack.mesh is None:
        raise PackUnusable("this pack has no face mesh", field="pack", remedy="use the default pack")
    settings = get_settings()
    pictures = fetch_test_pictures(settings.cache_dir, mirror=settings.models_mirror)
    catalogue = scenario_file("faces.yaml")
    return HeadLibrary(read_catalogue(catalogue.read_text(encoding="utf-8")), picture_paths(pictures), pack.mesh)
