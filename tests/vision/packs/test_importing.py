"""Importing packs that others made, kind and hostile."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from service.vision.packs import archives
from service.vision.packs.checking import list_packs, verify_pack
from service.vision.packs.errors import ArchiveDamaged, ArchiveUnsafe, PackExists, PackInvalid, PackMissing, WrongHash
from service.vision.packs.importing import import_pack
from service.vision.packs.manifest import read_manifest
from tests.vision.packs.tiny import detection_onnx, embedding_onnx, sha256, tarred, zipped


def version_2(model_id: str = "lab-pack", **extra: Any) -> dict[str, bytes]:
    """The files of a small manifest V2 pack."""
    model = embedding_onnx()
    task = {"file": "r.onnx", "sha256": sha256(model), "preprocessing": {"mean": 0.0, "std": 1.0}}
    document = {"manifest_version": 2, "model_id": model_id, "license": "MODEL.LICENSE", "tasks": {"recognition": task}}
    return {"manifest.json": json.dumps(document | extra).encode(), "r.onnx": model, "MODEL.LICENSE": b"ask us"}


def legacy() -> dict[str, bytes]:
    return {"det.onnx": detection_onnx(), "rec.onnx": embedding_onnx(), "notes.txt": b"as insightface had it"}


def as_folder(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def written(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tgz", "nested zip"])
def test_a_pack_comes_as_folder_zip_or_tar(tmp_path: Path, models: Path, kind: str) -> None:
    files = version_2()
    nested = {f"some-folder/{name}": data for name, data in files.items()}
    source = {
        "folder": lambda: as_folder(files, tmp_path / "src"),
        "zip": lambda: written(tmp_path, "p.zip", zipped(files)),
        "tar": lambda: written(tmp_path, "p.tar", tarred(files, "w")),
        "tgz": lambda: written(tmp_path, "p.tgz", tarred(files)),
        "nested zip": lambda: written(tmp_path, "p.zip", zipped(nested)),
    }[kind]()
    imported = import_pack(source, models)
    assert imported.folder == models / "lab-pack"
    assert {path.name for path in imported.folder.iterdir() if path.name[0] != "."} == set(files)
    assert verify_pack(imported.folder).pack_hash == imported.verified.pack_hash
    assert not imported.commercial_use
    assert import_pack(source, models).already_there


def test_a_pack_that_states_commercial_use_is_believed(tmp_path: Path, models: Path) -> None:
    source = as_folder(version_2(commercial_use=True), tmp_path / "src")
    assert import_pack(source, models).commercial_use


def test_a_folder_without_manifest_gets_one_with_insightfaces_own_rules(tmp_path: Path, models: Path) -> None:
    imported = import_pack(written(tmp_path, "my pack.zip", zipped(legacy())), models)
    manifest = read_manifest(imported.folder)
    assert manifest.model_id == "my-pack"
    assert {task: part.file for task, part in manifest.parts.items()} == {
        "detection": "det.onnx",
        "recognition": "rec.onnx",
    }
    assert manifest.parts["recognition"].embedding_dimension == 3
    tasks = json.loads((imported.folder / "manifest.json").read_bytes())["tasks"]
    assert tasks["recognition"]["preprocessing"] == {"mean": 127.5, "std": 127.5}
    assert not imported.commercial_use


def test_a_model_that_scales_its_own_input_is_recognised_by_its_first_nodes(tmp_path: Path, models: Path) -> None:
    files = legacy() | {"rec.onnx": embedding_onnx(names=("Sub0", "Mul1"))}
    imported = import_pack(as_folder(files, tmp_path / "old"), models)
    tasks = json.loads((imported.folder / "manifest.json").read_bytes())["tasks"]
    assert tasks["recognition"]["preprocessing"] == {"mean": 0.0, "std": 1.0}


def test_insightface_itself_reads_an_imported_pack(tmp_path: Path, models: Path) -> None:
    from insightface.model_zoo import load_model_package

    imported = import_pack(as_folder(legacy(), tmp_path / "old"), models)
    package = load_model_package(imported.folder)
    assert package.verify_task("recognition").metadata["embedding_dimension"] == 3


def link(name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        archive.addfile(entry)
    return buffer.getvalue()


def zip_link(name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        zipped({"../evil.onnx": b"x"}),
        zipped({"a/../../evil.onnx": b"x"}),
        zipped({"/evil.onnx": b"x"}),
        zipped({"..\\evil.onnx": b"x"}),
        zipped({"C:evil.onnx": b"x"}),
        tarred({"../evil.onnx": b"x"}),
        tarred({"/evil.onnx": b"x"}),
        link("r.onnx", "/etc/passwd"),
        zip_link("r.onnx", "/etc/passwd"),
        tarred({"a": b"x", "a/b": b"evil"}),
        tarred({"r.onnx": b"x", "./r.onnx": b"evil"}),
        tarred({"n" * 300: b"evil"}),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, models: Path, data: bytes) -> None:
    source = written(tmp_path, "evil.zip", data)
    with pytest.raises(ArchiveUnsafe):
        import_pack(source, models)
    assert sorted(path.name for path in tmp_path.rglob("*evil*")) == ["evil.zip"]
    assert list_packs(models) == ()


def test_an_archive_that_fills_the_disk_is_refused(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1000)
    bomb = tarred({"r.onnx": bytes(100_000)})
    assert len(bomb) < 1000
    with pytest.raises(ArchiveUnsafe, match="too much"):
        import_pack(written(tmp_path, "bomb.tgz", bomb), models)


def test_an_archive_of_countless_files_is_refused(tmp_path: Path, models: Path) -> None:
    data = zipped({f"{index}.txt": b"" for index in range(archives.MAX_FILES + 1)})
    with pytest.raises(ArchiveUnsafe, match="more than"):
        import_pack(written(tmp_path, "many.zip", data), models)


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_cut_archive_is_refused(tmp_path: Path, models: Path, cut: float) -> None:
    data = tarred(version_2())
    with pytest.raises((ArchiveDamaged, PackInvalid)):
        import_pack(written(tmp_path, "p.tgz", data[: int(len(data) * cut)]), models)
    assert list_packs(models) == ()


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ({"readme.txt": b"hello"}, PackInvalid, "neither"),
        ({"a.onnx": b"not a model"}, PackInvalid, r"a\.onnx"),
        ({"det.onnx": detection_onnx()}, PackInvalid, "recognition"),
        (version_2() | {"r.onnx": b"other"}, WrongHash, r"r\.onnx"),
        ({"manifest.json": b"{"}, PackInvalid, "JSON"),
        ({"manifest.json": b"[]"}, PackInvalid, "object"),
        ({"manifest.json": b"[" * 200_000}, PackInvalid, "JSON"),
        (version_2(model_id="../up"), PackInvalid, "letters"),
        (version_2(model_id="wardwatch-default"), PackInvalid, "other files"),
        (version_2(manifest_version=3), PackInvalid, "must be 2"),
        (version_2(tasks={"recognition": {"file": "../../x.onnx"}}), PackInvalid, "inside the pack"),
        (version_2(tasks={"recognition": {"file": "gone.onnx"}}), PackMissing, "gone"),
        (version_2(tasks={"recognition": {"file": "r.onnx", "sha256": "abc"}}), PackInvalid, "64"),
    ],
)
def test_what_is_no_pack_is_refused_and_nothing_placed(
    tmp_path: Path, models: Path, files: dict[str, bytes], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        import_pack(written(tmp_path, "p.zip", zipped(files)), models)
    assert caught.value.remedy  # type: ignore[attr-defined]
    assert list_packs(models) == ()


def test_a_file_that_is_no_archive_and_one_that_is_not_there(tmp_path: Path, models: Path) -> None:
    with pytest.raises(PackInvalid, match="no ZIP"):
        import_pack(written(tmp_path, "photo.jpg", b"\xff\xd8\xff"), models)
    with pytest.raises(PackMissing, match="gone"):
        import_pack(tmp_path / "gone", models)


def test_another_pack_of_the_name_is_kept_until_replacing_is_asked_for(tmp_path: Path, models: Path) -> None:
    first = import_pack(as_folder(version_2(), tmp_path / "one"), models)
    other = version_2()
    changed = embedding_onnx(names=("x", "y"))
    other["manifest.json"] = other["manifest.json"].replace(sha256(other["r.onnx"]).encode(), sha256(changed).encode())
    other["r.onnx"] = changed
    source = as_folder(other, tmp_path / "two")
    (first.folder / "extra.onnx").write_bytes(b"left behind")
    with pytest.raises(PackExists):
        import_pack(source, models)
    assert verify_pack(first.folder).pack_hash == first.verified.pack_hash
    second = import_pack(source, models, replace=True)
    assert second.verified.pack_hash != first.verified.pack_hash
    assert not (first.folder / "extra.onnx").exists()


def test_the_hash_of_a_pack_follows_files_and_preprocessing_but_not_names(tmp_path: Path, models: Path) -> None:
    base = version_2()
    document = json.loads(base["manifest.json"])
    renamed = json.dumps(document | {"model_id": "renamed", "display_name": "Else"}).encode()
    document["tasks"]["recognition"]["preprocessing"] = {"mean": 127.5, "std": 127.5}
    rescaled = json.dumps(document | {"model_id": "rescaled"}).encode()
    hashes = [
        import_pack(as_folder(base | {"manifest.json": text}, tmp_path / str(index)), models).verified.pack_hash
        for index, text in enumerate((base["manifest.json"], renamed, rescaled))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_list_names_what_is_wrong_with_a_pack(tmp_path: Path, models: Path) -> None:
    whole = import_pack(as_folder(version_2(), tmp_path / "src"), models)
    as_folder(version_2(model_id="broken"), models / "broken")
    (models / "broken" / "r.onnx").unlink()
    as_folder({"manifest.json": b"{"}, models / "garbage")
    listed = {pack.name: pack for pack in list_packs(models)}
    assert listed["lab-pack"].problem == ""
    assert listed["lab-pack"].pack_hash == whole.verified.pack_hash
    assert "r.onnx missing" in listed["broken"].problem
    assert "JSON" in listed["garbage"].problem
