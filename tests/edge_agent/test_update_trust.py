"""Whose word a box takes: a key out of the agent's reach, which vouches for a slot at every start."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.errors import BundleUnsigned
from edge_agent.update.bundle import install
from edge_agent.update.health import RELEASE_KEY
from edge_agent.update.slots import MANIFEST, Home
from edge_agent.update.trust import is_vouched_for, read_key, why_unguarded
from service.contracts.releases import SIGNATURE
from tests.conftest import ROOT
from tests.edge_agent.conftest import wait_for
from tests.edge_agent.releases import KEY, PUBLIC, box, parts, small

BASE = "0.1.0"
AGENT = 54_321
"""A user who owns nothing here."""
RAW = KEY.public_key().public_bytes_raw()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike those of the tests."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _bundle(folder: Path, version: str) -> Path:
    path = folder / "release.bundle"
    path.write_bytes(small(version))
    return path


def _filled(folder: Path) -> Path:
    """The slot of a version that was put in."""
    home = box(folder / "box")
    install(home, _bundle(folder, "0.2.0"), BASE)
    return home.path / home.current()


# --- the key ----------------------------------------------------------------------------------------------------------


def test_a_key_that_the_agents_user_cannot_change_is_trusted(tmp_path: Path) -> None:
    key = tmp_path / "release.pub"
    key.write_text(PUBLIC)
    key.chmod(0o644)
    assert why_unguarded(key, AGENT) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda key: key.chmod(0o664), "group"),
        (lambda key: key.chmod(0o666), "all"),
        (lambda key: key.parent.chmod(0o777), "all"),  # the file could be put aside, and another in its place
        (lambda key: key.parent.parent.chmod(0o770), "group"),
        (lambda key: key.unlink(), "No such file"),
    ],
)
def test_a_key_that_others_could_replace_is_not(tmp_path: Path, change: Callable[[Path], None], why: str) -> None:
    key = tmp_path / "a" / "b" / "release.pub"
    key.parent.mkdir(parents=True)
    key.write_text(PUBLIC)
    change(key)
    assert why in why_unguarded(key, AGENT)


def test_neither_is_one_of_the_agents_own_nor_any_for_root(tmp_path: Path) -> None:
    key = tmp_path / "release.pub"
    key.write_text(PUBLIC)
    assert why_unguarded(key, 0)
    if os.geteuid() != 0:
        assert "own user" in why_unguarded(key, os.geteuid())
        return
    os.chown(key, AGENT, -1)
    assert "own user" in why_unguarded(key, AGENT)
    os.chown(key, 0, -1)
    os.chown(tmp_path, AGENT, -1)
    assert "own user" in why_unguarded(key, AGENT)


def test_a_link_to_a_key_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    key = tmp_path / "open" / "real"
    key.write_text(PUBLIC)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "release.pub").symlink_to(key)
    assert why_unguarded(tmp_path / "release.pub", AGENT)


def test_a_link_that_could_be_led_elsewhere_is_not_trusted(tmp_path: Path) -> None:
    """It would show the true key while it is judged, and another one while it is read."""
    key, folder = tmp_path / "release.pub", tmp_path / "open"
    key.write_text(PUBLIC)
    key.chmod(0o644)
    folder.mkdir()
    (folder / "link").symlink_to(key)
    assert why_unguarded(folder / "link", AGENT) == why_unguarded(key, AGENT)
    folder.chmod(0o777)
    assert f"{folder} may be written" in why_unguarded(folder / "link", AGENT)
    assert f"{folder} may be written" not in why_unguarded(key, AGENT)


@pytest.mark.parametrize("way", ["link", "hop/link"])
def test_no_link_on_the_way_may_be_led_elsewhere(tmp_path: Path, way: str) -> None:
    """A link to a link, or through a folder that is one: what lies between is neither above the first nor the key."""
    key, between, safe = tmp_path / "release.pub", tmp_path / "between", tmp_path / "safe"
    key.write_text(PUBLIC)
    key.chmod(0o644)
    between.mkdir()
    safe.mkdir()
    if way == "link":
        (between / "onward").symlink_to(key)
        (safe / "link").symlink_to("../between/onward")
    else:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "link").symlink_to(key)
        (between / "onward").symlink_to(tmp_path / "real")
        (safe / "hop").symlink_to(between / "onward")
    assert why_unguarded(safe / way, AGENT) == why_unguarded(key, AGENT)
    between.chmod(0o777)
    assert f"{between} may be written" in why_unguarded(safe / way, AGENT)


def test_a_way_without_an_end_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert why_unguarded(tmp_path / "a", AGENT)


def test_an_agent_told_of_a_key_takes_no_version_by_one_that_it_could_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These tests' own user owns the key, as a taken over agent would."""
    home = box(tmp_path / "box")
    key = tmp_path / "release.pub"
    key.write_text(PUBLIC)
    monkeypatch.setenv(RELEASE_KEY, str(key))
    with pytest.raises(BundleUnsigned, match="no key to trust") as raised:
        install(home, _bundle(tmp_path, "0.2.0"), BASE)
    assert "chown root" in raised.value.remedy
    assert home.current() == ""
    assert read_key(key, guarded=False) == RAW


# --- the slot ---------------------------------------------------------------------------------------------------------


def test_a_slot_as_it_was_put_in_is_vouched_for(tmp_path: Path) -> None:
    assert is_vouched_for(_filled(tmp_path), RAW)


def _main(slot: Path) -> Path:
    return slot / "files" / "edge_agent" / "__main__.py"


def _write(path: Path) -> None:
    path.write_bytes(b"evil = 1\n")


def _resigned(slot: Path) -> None:
    """Another program, with a manifest that fits it, signed by a key of the attacker's."""
    files = {"edge_agent/__init__.py": b"", "edge_agent/__main__.py": b"evil = 1\n"}
    forged = parts("0.2.0", files, key=Ed25519PrivateKey.generate())
    _main(slot).write_bytes(files["edge_agent/__main__.py"])
    (slot / MANIFEST).write_bytes(forged[MANIFEST])
    (slot / SIGNATURE).write_bytes(forged[SIGNATURE])


def _linked(slot: Path) -> None:
    """The same bytes for now, elsewhere."""
    elsewhere = slot.parent / "elsewhere.py"
    _main(slot).rename(elsewhere)
    _main(slot).symlink_to(elsewhere)


def _byte_code(slot: Path) -> None:
    """Python would run it in place of the source."""
    cache = slot / "files" / "edge_agent" / "__pycache__"
    cache.mkdir()
    (cache / f"__main__.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc").write_bytes(b"evil")


SPOILED: dict[str, Callable[[Path], None]] = {
    "another program": lambda slot: _write(_main(slot)),
    "another program, signed by another": _resigned,
    "one file more": lambda slot: _write(slot / "files" / "sitecustomize.py"),
    "byte code": _byte_code,
    "a link": _linked,
    "one file less": lambda slot: (slot / "files" / "edge_agent" / "__init__.py").unlink(),
    "no signature": lambda slot: (slot / SIGNATURE).unlink(),
    "no manifest": lambda slot: (slot / MANIFEST).unlink(),
}


@pytest.mark.parametrize("name", sorted(SPOILED))
def test_a_slot_that_somebody_wrote_into_is_not(tmp_path: Path, name: str) -> None:
    slot = _filled(tmp_path)
    SPOILED[name](slot)
    assert not is_vouched_for(slot, RAW)


def test_a_box_goes_back_from_a_slot_that_is_not_vouched_for(tmp_path: Path) -> None:
    """By the manifest alone the slot is whole: the attacker wrote that too."""
    slot = _filled(tmp_path)
    home = Home(slot.parent, lambda folder: is_vouched_for(folder, RAW))
    home.accept()
    _resigned(slot)
    assert Home(slot.parent).is_whole(slot.name)
    assert home.settle() == ""


# --- the launcher -----------------------------------------------------------------------------------------------------


AS_AGENT = (
    "setpriv",
    "--reuid",
    str(AGENT),
    "--regid",
    str(AGENT),
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)


def _launch(home: Home, key: Path, prefix: tuple[str, ...] = ()) -> tuple[subprocess.Popen[bytes], Path]:
    log = home.path.parent / "log"
    command = [*prefix, sys.executable, "-B", "-m", "edge_agent.update.launcher", "--home", str(home.path)]
    with log.open("ab") as file:
        command += ["--release-key", str(key), "camera"]
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file), log


def test_by_a_key_that_its_own_user_could_replace_only_the_installation_is_started(tmp_path: Path) -> None:
    slot = _filled(tmp_path)
    key = tmp_path / "release.pub"
    key.write_text(PUBLIC)
    process, log = _launch(Home(slot.parent), key)
    assert process.wait(60) != 0  # the installed agent, which was told of no camera
    assert "no key to trust" in log.read_text()
    assert "starting the installed version" in log.read_text()
    assert Home(slot.parent).current() == slot.name  # mend the key's rights, and it starts again


def _can_be_another() -> bool:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*AS_AGENT, sys.executable, "-c", ""], cwd=ROOT, check=False).returncode == 0


def test_the_service_starts_what_is_vouched_for_and_nothing_that_the_agent_wrote(open_folder: Path) -> None:
    """As the system's service does it: the key is root's, the folder of versions the agent's."""
    if not _can_be_another():
        pytest.skip("a program as another user: only root starts one, and Python must lie where others may read it")
    key = open_folder / "release.pub"
    key.write_text(base64.b64encode(RAW).decode())
    key.chmod(0o644)
    work = open_folder / "var"
    work.mkdir()
    slot = _filled(work)
    for each in (work, *work.rglob("*")):
        os.chown(each, AGENT, AGENT, follow_symlinks=False)
    home = Home(slot.parent)
    process, log = _launch(home, key, AS_AGENT)
    wait_for(lambda: home.state().floor == "0.2.0", 90)
    process.terminate()
    assert process.wait(60) == 0
    assert "0.2.0 is healthy: kept" in log.read_text()
    _resigned(slot)
    process, log = _launch(home, key, AS_AGENT)
    assert process.wait(90) != 0
    assert "slot-a is not started" in log.read_text()
    assert "starting the installed version" in log.read_text()
