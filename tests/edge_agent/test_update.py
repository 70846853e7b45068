"""Updates of the agent: what is refused, what a death in the middle leaves, and who goes back by himself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.errors import (
    BundleDamaged,
    BundleFailedBefore,
    BundleForeign,
    BundleOld,
    BundleUnsigned,
    UpdateBusy,
    UpdateRefused,
)
from edge_agent.update.build import build_bundle, pack
from edge_agent.update.bundle import install
from edge_agent.update.slots import CRASHED, RETRY_SECONDS, UNPROVEN, Home
from service.contracts.releases import FILES, MANIFEST, SIGNATURE
from service.kit.errors import InvalidInput
from tests.conftest import ROOT
from tests.edge_agent.conftest import wait_for
from tests.edge_agent.releases import DEAD, SICK, WELL, box, parts, small

BASE = "0.1.0"
CODE = {"edge_agent/__init__.py": b"", "edge_agent/__main__.py": b"pass"}


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "release.bundle"
    path.write_bytes(data)
    return path


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _twice() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in parts("0.2.0", CODE).items():
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(FILES + "edge_agent/__main__.py", b"evil")
    return buffer.getvalue()


def _swapped() -> bytes:
    """The manifest's sizes hold, one file's bytes do not."""
    return pack(parts("0.2.0", CODE) | {FILES + "edge_agent/__main__.py": b"evil"})


def _manifest_changed() -> bytes:
    whole = parts("0.2.0", CODE)
    return pack(whole | {MANIFEST: whole[MANIFEST].replace(b'"0.2.0"', b'"0.3.0"')})


def _flipped() -> bytes:
    """One bit of a stored file: the archive's own checksum notices."""
    data = bytearray(small("0.2.0"))
    data[data.index(b"edge_agent/__main__.py") + 60] ^= 1
    return bytes(data)


REFUSED: dict[str, tuple[Callable[[], bytes], type[UpdateRefused]]] = {
    "empty": (lambda: b"", BundleDamaged),
    "no archive": (lambda: b"<html>login</html>" * 100, BundleDamaged),
    "half written": (lambda: _half(small("0.2.0")), BundleDamaged),
    "a bit flipped": (_flipped, BundleDamaged),
    "no manifest": (lambda: pack({SIGNATURE: b"x"}), BundleDamaged),
    "no signature": (lambda: pack({MANIFEST: parts("0.2.0", CODE)[MANIFEST]}), BundleDamaged),
    "a file of other bytes": (_swapped, BundleDamaged),
    "a file that the manifest does not know": (
        lambda: pack(parts("0.2.0", CODE) | {FILES + "sitecustomize.py": b"evil"}),
        BundleDamaged,
    ),
    "a name twice": (_twice, BundleDamaged),
    "out of its folder": (lambda: pack(parts("0.2.0", {"../../evil.py": b"evil"})), BundleDamaged),
    "absolute": (lambda: pack(parts("0.2.0", {"/etc/evil": b"evil"})), BundleDamaged),
    "with backslashes": (lambda: pack(parts("0.2.0", {"a\\..\\evil": b"evil"})), BundleDamaged),
    "another key's": (lambda: pack(parts("0.2.0", CODE, key=Ed25519PrivateKey.generate())), BundleUnsigned),
    "another version's signature": (_manifest_changed, BundleUnsigned),
    "another platform's": (lambda: small("0.2.0", platform="linux-riscv64-py311"), BundleForeign),
    "older": (lambda: small("0.0.9"), BundleOld),
    "the same": (lambda: small("0.1.0"), BundleOld),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bundle_that_is_not_taken_changes_nothing(tmp_path: Path, name: str) -> None:
    make, error = REFUSED[name]
    home = box(tmp_path / "box")
    with pytest.raises(error):
        install(home, _file(tmp_path, make()), BASE)
    assert (home.current(), home.settle()) == ("", "")
    assert not any(path.is_dir() for path in home.path.iterdir())
    assert not (tmp_path / "evil.py").exists()


def test_a_box_without_a_release_key_takes_nothing(tmp_path: Path) -> None:
    home = box(tmp_path / "box")
    (home.path / "release.pub").unlink()
    with pytest.raises(BundleUnsigned):
        install(home, _file(tmp_path, small("0.2.0")), BASE)


def test_an_old_bundle_brought_again_is_refused_unless_forced(tmp_path: Path) -> None:
    home = box(tmp_path / "box")
    for version in ("0.2.0", "0.10.0"):
        install(home, _file(tmp_path, small(version)), BASE)
        assert home.version_of(home.settle()) == version
        home.accept()
    with pytest.raises(BundleOld):
        install(home, _file(tmp_path, small("0.9.0")), BASE)
    install(home, _file(tmp_path, small("0.9.0")), BASE, force=True)
    assert home.version_of(home.current()) == "0.9.0"
    with pytest.raises(UpdateBusy):  # on trial: the slot to go back to is not given away
        install(home, _file(tmp_path, small("0.11.0")), BASE, force=True)
    home.fail(CRASHED)
    assert home.version_of(home.settle()) == "0.10.0"


def test_a_version_that_went_back_is_not_taken_again_by_itself(tmp_path: Path) -> None:
    home = box(tmp_path / "box")
    bundle = _file(tmp_path, small("0.2.0"))
    install(home, bundle, BASE)
    home.fail(CRASHED)
    assert home.settle() == ""
    with pytest.raises(BundleFailedBefore):
        install(home, bundle, BASE)
    install(home, bundle, BASE, force=True)
    home.accept()
    assert home.state().failures == {}


def test_a_version_that_had_no_chance_is_tried_again_a_day_later_three_times(tmp_path: Path) -> None:
    home = box(tmp_path / "box")
    bundle = _file(tmp_path, small("0.2.0"))
    for _ in range(3):
        install(home, bundle, BASE, force=True)
        home.fail(UNPROVEN)
        home.settle()
        (digest,) = home.state().failures
        assert not home.may_try(digest, time.time() + RETRY_SECONDS / 2)
    assert home.state().failures[digest].times == 3
    assert not home.may_try(digest, time.time() + RETRY_SECONDS * 1.1)


# --- kill -9 at every step --------------------------------------------------------------------------------------------

STEPS = ("replace", "rename", "fsync", "symlink", "unlink", "mkdir", "rmdir", "open")


def _dies_at(number: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is killed before its `number`-th change of the file system; whether it was."""
    pid = os.fork()
    if pid == 0:
        left = number

        def wrapped(real: Callable[..., object]) -> Callable[..., object]:
            def call(*given: object, **named: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)

            return call

        for name in STEPS:
            setattr(os, name, wrapped(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _starts_whole(home: Home) -> str:
    """What a launcher would start; it must be whole, whatever happened."""
    slot = home.settle()
    assert slot == "" or home.is_whole(slot)
    return home.version_of(slot)


def test_kill_9_at_any_step_of_an_update_leaves_a_box_that_starts(tmp_path: Path) -> None:
    data, seen, number = _file(tmp_path, small("0.3.0")), set(), 0
    while True:
        home = box(tmp_path / f"box{number}")
        install(home, _file(home.path, small("0.2.0")), BASE)
        home.accept()
        killed = _dies_at(number, lambda home=home: install(home, data, BASE))
        version = _starts_whole(home)
        seen.add(version)
        if home.state().trial is None and version == "0.2.0":
            install(home, data, BASE)  # and the update can be done again
        assert _starts_whole(home) == "0.3.0"
        home.fail(CRASHED)
        assert _starts_whole(home) == "0.2.0"
        if not killed:
            break
        number += 1
    assert number > 20
    assert seen == {"0.2.0", "0.3.0"}


def test_kill_9_at_any_step_of_going_back_leaves_a_box_that_goes_back(tmp_path: Path) -> None:
    number = 0
    while True:
        home = box(tmp_path / f"box{number}")
        for version in ("0.2.0", "0.3.0"):
            install(home, _file(home.path, small(version)), BASE)
            if version == "0.2.0":
                home.accept()

        def go_back(home: Home = home) -> None:
            home.fail(CRASHED)
            home.settle()

        killed = _dies_at(number, go_back)
        if home.state().trial is not None:  # it died before it had written anything down: the launcher will again
            home.fail(CRASHED)
        assert _starts_whole(home) == "0.2.0"
        assert [failure.version for failure in home.state().failures.values()] == ["0.3.0"]
        if not killed:
            break
        number += 1
    assert number > 8


def test_a_slot_damaged_on_the_disk_is_not_started(tmp_path: Path) -> None:
    home = box(tmp_path / "box")
    for version in ("0.2.0", "0.3.0"):
        install(home, _file(tmp_path, small(version)), BASE)
        home.settle()
        home.accept()
    main = home.code(home.current()) / "edge_agent" / "__main__.py"
    main.write_bytes(main.read_bytes()[:-5])
    assert _starts_whole(home) == "0.2.0"
    for slot in ("slot-a", "slot-b"):
        (home.code(slot) / "edge_agent" / "__main__.py").unlink(missing_ok=True)
    assert _starts_whole(home) == ""  # the installation itself


@pytest.mark.parametrize("text", ["", "{", "[]", '{"trial": 3}', '{"trial": {"slot": "../x"}}', "\0" * 50])
def test_a_torn_state_does_not_keep_a_box_from_starting(tmp_path: Path, text: str) -> None:
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, small("0.2.0")), BASE)
    (home.path / "state.json").write_text(text)
    assert _starts_whole(home) == "0.2.0"


# --- the launcher -----------------------------------------------------------------------------------------------------


class Launched:
    """A real launcher with real children."""

    def __init__(self, home: Home, probation: float) -> None:
        self.home = home
        self.log = home.path / "launcher.log"
        command = [sys.executable, "-m", "edge_agent.update.launcher", "--home", str(home.path)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--probation", str(probation), "camera"], cwd=ROOT, stdout=log, stderr=log
            )

    def said(self, words: str) -> bool:
        return words in self.log.read_text()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def launch() -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(home: Home, probation: float = 60.0) -> Launched:
        started.append(Launched(home, probation))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


def _starts(home: Home) -> list[str]:
    return (home.path / "starts").read_text().split() if (home.path / "starts").exists() else []


def test_a_version_that_is_well_is_kept(tmp_path: Path, launch: Callable[..., Launched]) -> None:
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, small("0.2.0")), BASE)
    running = launch(home)
    wait_for(lambda: home.state().floor == "0.2.0", 60)
    # The next one is put in by hand while this one runs: the launcher notices by itself.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "edge_agent", "update"),
            str(_file(tmp_path, small("0.3.0"))),
            "--home",
            str(home.path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: home.state().floor == "0.3.0", 60)
    assert _starts(home) == ["0.2.0", "0.3.0"]
    assert home.state().report == "0.3.0 in use"
    assert running.end() == 0


@pytest.mark.parametrize(("main", "reason", "starts"), [(DEAD, CRASHED, 3), (SICK, UNPROVEN, 1)])
def test_a_version_that_is_not_well_goes_back_by_itself(
    tmp_path: Path, launch: Callable[..., Launched], main: str, reason: str, starts: int
) -> None:
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, small("0.2.0")), BASE)
    home.accept()
    install(home, _file(tmp_path, small("0.3.0", main)), BASE)
    launch(home, probation=20.0 if main is DEAD else 3.0)
    wait_for(lambda: _starts(home)[-1:] == ["0.2.0"], 90)
    assert _starts(home) == ["0.3.0"] * starts + ["0.2.0"]
    assert home.state().report == f"0.3.0 rolled back: {reason}"


def test_a_launcher_killed_in_the_trial_leaves_a_box_that_goes_back(
    tmp_path: Path, launch: Callable[..., Launched]
) -> None:
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, small("0.2.0")), BASE)
    home.accept()
    install(home, _file(tmp_path, small("0.3.0", SICK)), BASE)
    for number in range(3):
        running = launch(home)
        wait_for(lambda number=number: len(_starts(home)) == number + 1, 60)
        running.process.kill()
        running.process.wait()
    launch(home)
    wait_for(lambda: _starts(home)[-1:] == ["0.2.0"], 60)
    assert _starts(home) == ["0.3.0"] * 3 + ["0.2.0"]


def test_two_launchers_do_not_share_a_box(tmp_path: Path, launch: Callable[..., Launched]) -> None:
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, small("0.2.0")), BASE)
    launch(home)
    wait_for(lambda: _starts(home) != [], 60)
    assert launch(home).process.wait(60) == 1


# --- making a bundle --------------------------------------------------------------------------------------------------


def test_the_agents_own_code_is_bundled_and_runs_from_a_slot(tmp_path: Path) -> None:
    from tests.edge_agent.releases import KEY

    data = build_bundle(ROOT, "0.2.0", KEY)
    assert data == build_bundle(ROOT, "0.2.0", KEY)
    home = box(tmp_path / "box")
    install(home, _file(tmp_path, data), BASE)
    environment = {**os.environ, "PYTHONPATH": str(home.code(home.current()))}
    said = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import edge_agent.agent, service.contracts as c; print(edge_agent.__path__, c.__file__)",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.count("slot-a") == 2


def test_compiled_code_is_for_a_named_platform(tmp_path: Path) -> None:
    from tests.edge_agent.releases import KEY

    wheel = tmp_path / "fast-1.0-cp311-cp311-linux_x86_64.whl"
    wheel.write_bytes(pack({"fast/core.so": b"\x7fELF"}))
    with pytest.raises(InvalidInput, match="compiled"):
        build_bundle(ROOT, "0.2.0", KEY, [wheel])
    assert b"fast/core.so" in build_bundle(ROOT, "0.2.0", KEY, [wheel], "linux-x86_64-py311")
    assert WELL
