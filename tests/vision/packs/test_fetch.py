"""Fetching a pack from a local mirror, and from real clients that cannot reach anything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from service.kit.statistics import Rate
from service.vision.calibration import Calibration, write_calibration
from service.vision.packs.checking import list_packs, verify_pack
from service.vision.packs.errors import (
    ArchiveDamaged,
    ClientMissing,
    DownloadFailed,
    GoldenMismatch,
    NoSpace,
    PackBusy,
    PackMissing,
    WrongHash,
)
from service.vision.packs.fetch import FetchedPack, fetch_default
from service.vision.packs.files import disk_errors, sha256_of
from service.vision.packs.manifest import read_manifest
from service.vision.packs.progress import silent
from service.vision.packs.recipe import PackRecipe
from service.vision.packs.staging import locked
from tests.vision.packs.tiny import tarred, tiny_graph, tiny_recipe


class Site:
    """A mirror with a tiny recipe, a models folder, a cache."""

    def __init__(self, root: Path) -> None:
        self.mirror, self.models, self.cache = root / "mirror", root / "models", root / "cache"
        self.recipe: PackRecipe = tiny_recipe(self.mirror)
        self.folder = self.models / "tiny"

    def fetch(self, progress=silent, mirror: Path | None = None, **options) -> FetchedPack:
        source = mirror or self.mirror
        options.setdefault("recipe", self.recipe)
        return fetch_default(self.models, progress, source, cache_dir=self.cache, **options)

    def visible(self) -> set[str]:
        """What a server would see of the pack."""
        return {path.name for path in self.folder.glob("*") if not path.name.startswith(".")}


COMPLETE = {"adder.onnx", "scorer.onnx", "manifest.json", "MODEL.LICENSE", "MODEL_CARD.md"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_fetched_pack_is_complete_verified_and_runs(site: Site) -> None:
    fetched = site.fetch()
    assert not fetched.already_there
    assert site.visible() == COMPLETE
    assert fetched.verified.pack_hash == verify_pack(site.folder).pack_hash
    session = onnxruntime.InferenceSession(str(site.folder / "adder.onnx"), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"x": np.full((2, 2, 2, 3), 5, np.float32)})
    np.testing.assert_array_equal(answer, np.full((2, 2, 2, 3), 4))


def test_a_second_fetch_verifies_and_touches_nothing(site: Site) -> None:
    site.fetch()
    before = {path: path.stat().st_mtime_ns for path in site.folder.glob("*.*")}
    for path in site.mirror.iterdir():
        path.unlink()  # nothing may be read from there any more
    assert site.fetch().already_there
    assert {path: path.stat().st_mtime_ns for path in site.folder.glob("*.*")} == before


def test_two_fetches_make_the_same_bytes(site: Site, tmp_path: Path) -> None:
    site.fetch()
    other = Site(tmp_path / "other")
    other.fetch()
    for name in COMPLETE:
        assert (site.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_a_pack_of_an_older_recipe_is_made_again(site: Site) -> None:
    older = site.fetch().verified.pack_hash
    adder = site.recipe.parts[0]
    changed = replace(adder, entry={**adder.entry, "origin": "a later export"})
    newer = replace(site.recipe, parts=(changed, *site.recipe.parts[1:]))
    again = site.fetch(recipe=newer)
    assert not again.already_there
    assert site.fetch(recipe=newer).already_there
    # What a model computes has not changed, so templates made with it stay good.
    assert again.verified.pack_hash == older
    assert not site.fetch().already_there


def test_a_spoiled_model_is_noticed_and_made_again_from_the_cache(site: Site, tmp_path: Path) -> None:
    site.fetch()
    right = sha256_of(site.folder / "adder.onnx")
    with (site.folder / "adder.onnx").open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(WrongHash, match="adder"):
        verify_pack(site.folder)
    (tmp_path / "empty").mkdir()
    assert not site.fetch(mirror=tmp_path / "empty").already_there
    assert sha256_of(site.folder / "adder.onnx") == right


def test_a_rotten_cache_entry_is_thrown_away(site: Site) -> None:
    site.fetch()
    (site.folder / "adder.onnx").unlink()
    for path in (site.cache / "sources").iterdir():
        path.write_bytes(b"rot")
    assert not site.fetch().already_there


def test_a_mirror_may_hold_the_bare_files(site: Site, tmp_path: Path) -> None:
    site.fetch()
    bare = tmp_path / "bare"
    bare.mkdir()
    for part in site.recipe.parts:
        for source in part.sources:
            (bare / Path(source.member).name).write_bytes((site.cache / "sources" / source.cached_name).read_bytes())
    fetched = fetch_default(tmp_path / "m2", silent, bare, cache_dir=tmp_path / "c2", recipe=site.recipe)
    assert fetched.verified.pack_hash == verify_pack(site.folder).pack_hash


def nothing_is_there(site: Site) -> bool:
    return site.visible() == set() and list_packs(site.models) == ()


def test_another_archive_than_the_pinned_one_is_refused(site: Site) -> None:
    description, weights = tiny_graph()
    evil = tarred({"package/g.json": description, "package/g.bin": weights, "package/more": b"x"})
    (site.mirror / "g-2.0.tgz").write_bytes(evil)
    with pytest.raises(WrongHash, match=r"g-2\.0\.tgz") as caught:
        site.fetch()
    assert caught.value.remedy
    assert nothing_is_there(site)


def test_a_cut_archive_leaves_nothing(site: Site) -> None:
    whole = (site.mirror / "g-2.0.tgz").read_bytes()
    (site.mirror / "g-2.0.tgz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WrongHash):
        site.fetch()
    assert nothing_is_there(site)
    (site.mirror / "g-2.0.tgz").write_bytes(whole)
    assert not site.fetch().already_there


def test_a_cut_archive_is_told_apart_even_where_its_hash_was_pinned(site: Site) -> None:
    cut = (site.mirror / "g-2.0.tgz").read_bytes()[:60]
    (site.mirror / "g-2.0.tgz").write_bytes(cut)
    package = replace(site.recipe.parts[0].sources[0].package, sha256=sha256_of(site.mirror / "g-2.0.tgz"))
    sources = tuple(replace(source, package=package) for source in site.recipe.parts[0].sources)
    recipe = replace(site.recipe, parts=(replace(site.recipe.parts[0], sources=sources),))
    with pytest.raises(ArchiveDamaged, match=r"g-2\.0\.tgz"):
        site.fetch(recipe=recipe)
    assert nothing_is_there(site)


def test_a_wrong_member_is_refused(site: Site) -> None:
    part = site.recipe.parts[1]
    wrong = replace(part, sources=(replace(part.sources[0], sha256="0" * 64),))
    with pytest.raises(WrongHash, match=r"q/m\.onnx"):
        site.fetch(recipe=replace(site.recipe, parts=(wrong,)))
    assert nothing_is_there(site)


def test_a_model_that_computes_something_else_is_refused(site: Site) -> None:
    part = site.recipe.parts[0]
    shifted = tuple(replace(sample, value=sample.value + 0.01) for sample in part.golden.samples)
    wrong = replace(part, golden=replace(part.golden, samples=shifted))
    with pytest.raises(GoldenMismatch, match=r"off by 0\.01"):
        site.fetch(recipe=replace(site.recipe, parts=(wrong,)))
    assert nothing_is_there(site)


@pytest.mark.parametrize("stage", ["prepare adder.onnx", "prepare scorer.onnx"])
def test_a_stop_in_the_middle_leaves_nothing_half_made(site: Site, stage: str) -> None:
    class Stopped(Exception):
        pass

    def stop(name: str, done: int, total: int) -> None:
        if name == stage:
            raise Stopped

    with pytest.raises(Stopped):
        site.fetch(stop)
    assert nothing_is_there(site)
    assert [path.name for path in (site.folder / ".work").iterdir()] == ["lock"]
    site.fetch()
    assert site.visible() == COMPLETE


def _fetch_and_die(root: Path) -> None:
    def die(name: str, done: int, total: int) -> None:
        if name == "prepare scorer.onnx":
            os.kill(os.getpid(), signal.SIGKILL)

    Site(root).fetch(die)


def test_a_kill_in_the_middle_leaves_nothing_and_the_next_fetch_cleans_up(site: Site, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_fetch_and_die, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert nothing_is_there(site)
    assert any(path.name.startswith("stage-") for path in (site.folder / ".work").iterdir())
    site.fetch()
    assert site.visible() == COMPLETE
    assert [path.name for path in (site.folder / ".work").iterdir()] == ["lock"]


def test_a_pack_under_preparation_is_waited_for_and_then_left_alone(site: Site) -> None:
    inside, results = threading.Event(), []

    def slow(name: str, done: int, total: int) -> None:
        if name.startswith("prepare"):
            inside.set()
            time.sleep(0.2)

    first = threading.Thread(target=lambda: results.append(site.fetch(slow)))
    first.start()
    assert inside.wait(30)
    waited: list[str] = []
    second = site.fetch(lambda name, done, total: waited.append(name))
    first.join()
    assert second.already_there
    assert not results[0].already_there
    assert "wait for another process" in waited


def test_who_will_not_wait_is_told(site: Site) -> None:
    with locked(site.folder, silent), pytest.raises(PackBusy, match="tiny"):
        site.fetch(wait_s=0.0)


def test_without_npm_the_error_says_so(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClientMissing, match="npm") as caught:
        site.fetch(mirror=tmp_path / "empty")
    assert r"g-2.0.tgz" in caught.value.remedy
    assert "\n" not in caught.value.line()
    assert nothing_is_there(site)


def test_without_a_network_pip_says_so_in_one_line(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, asked to reach a port where nobody listens."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    (tmp_path / "empty").mkdir()
    recipe = replace(site.recipe, parts=site.recipe.parts[1:])
    with pytest.raises(DownloadFailed, match="pip") as caught:
        site.fetch(mirror=tmp_path / "empty", recipe=recipe)
    assert "--mirror" in caught.value.remedy
    assert "\n" not in caught.value.line()
    assert nothing_is_there(site)
    assert list((site.cache / "sources").iterdir()) == []


def test_a_mirror_that_is_no_folder_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(PackMissing, match="nowhere"):
        site.fetch(mirror=tmp_path / "nowhere")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_named() -> None:
    full = Path("/dev/full")
    with pytest.raises(NoSpace, match="full"), disk_errors(full), full.open("wb", buffering=0) as stream:
        stream.write(b"x")


def test_a_folder_that_may_not_be_written_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NoSpace, match="cannot be written"):
        fetch_default(tmp_path / "file", silent, site.mirror, cache_dir=site.cache, recipe=site.recipe)


def test_every_part_is_in_the_card_and_the_licence(site: Site) -> None:
    site.fetch()
    card = (site.folder / "MODEL_CARD.md").read_text()
    for part in site.recipe.parts:
        assert part.prepared_sha256 in card
        assert all(source.sha256 in card for source in part.sources)
    assert "THE SOFTWARE IS PROVIDED" in (site.folder / "MODEL.LICENSE").read_text()
    assert set(read_manifest(site.folder).parts) == {"adder", "scorer"}


def test_a_calibration_outlives_a_rebuild_of_the_same_models_and_no_other(site: Site) -> None:
    fetched = site.fetch().verified
    kept = site.folder / "calibration.json"
    for pack_hash, stays in ((fetched.pack_hash, True), ("0" * 64, False)):
        write_calibration(site.folder, _calibration(pack_hash))
        with (site.folder / "adder.onnx").open("ab") as stream:
            stream.write(b"!")
        assert not site.fetch().already_there
        assert kept.is_file() is stays


def _calibration(pack_hash: str) -> Calibration:
    rate = Rate(0, 10)
    return Calibration(pack_hash, "2026-03-01", 0.001, 0.42, 0.4, False, "", 10, 5, rate, rate, rate, rate)
