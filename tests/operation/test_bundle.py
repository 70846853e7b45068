"""The offline bundle: its list of checksums, what the installer refuses, and an installation without an index."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "deploy" / "bundle"


def wheel(folder: Path, name: str, version: str = "1.0") -> str:
    """A wheel of one module that says its name; returns its sha256."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text)}\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in (files | {f"{info}/RECORD": record + f"{info}/RECORD,,\n"}).items():
            archive.writestr(inside, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed(bundle: Path) -> None:
    subprocess.run([FOLDER / "build.sh", "--manifest", bundle], check=True, timeout=30)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of two tiny wheels."""
    made = tmp_path / "wardwatch-1.0"
    (made / "wheels").mkdir(parents=True)
    (made / "models" / "wardwatch-default").mkdir(parents=True)
    (made / "docs").mkdir()
    (made / "models" / "wardwatch-default" / "manifest.json").write_text("{}")
    (made / "docs" / "guide with a space.md").write_text("# Guide\n")
    needed, own = wheel(made / "wheels", "needed"), wheel(made / "wheels", "wardwatch")
    (made / "requirements.lock").write_text(f"needed==1.0 --hash=sha256:{needed}\n")
    (made / "wardwatch.lock").write_text(f"wardwatch==1.0 --hash=sha256:{own}\n")
    (made / "python-version").write_text("{}.{}\n".format(*sys.version_info[:2]))
    shutil.copy(FOLDER / "install.sh", made)
    listed(made)
    return made


def install(bundle: Path, target: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "HOME": str(bundle.parent)}
    return subprocess.run(
        [bundle / "install.sh", target], capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_the_list_names_every_file_but_itself(bundle: Path) -> None:
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    named = {line[66:]: line[:64] for line in lines}
    there = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert set(named) == there
    for name, digest in named.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    checked = install(bundle, "--check")
    assert (checked.returncode, checked.stdout.strip()) == (0, "the bundle is whole")


def changed(bundle: Path) -> None:
    with (bundle / "wheels" / "needed-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"x")


def missing(bundle: Path) -> None:
    (bundle / "docs" / "guide with a space.md").unlink()


def added(bundle: Path) -> None:
    wheel(bundle / "wheels", "stowaway")


def linked(bundle: Path) -> None:
    (bundle / "wheels" / "link.whl").symlink_to("/etc/hostname")


def reaching_out(bundle: Path) -> None:
    with (bundle / "SHA256SUMS").open("a") as file:
        file.write("0" * 64 + "  docs/../../outside\n")


def unlisted(bundle: Path) -> None:
    (bundle / "SHA256SUMS").unlink()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (changed, "damaged or changed"),
        (missing, "damaged or changed"),
        (added, "not part of the bundle: wheels/stowaway"),
        (linked, "holds a link"),
        (reaching_out, "no checksum of a file"),
        (unlisted, "SHA256SUMS is missing"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_made_is_refused(bundle: Path, fault: object, says: str, tmp_path: Path) -> None:
    fault(bundle)  # type: ignore[operator]
    for target in ("--check", str(tmp_path / "target")):
        done = install(bundle, target)
        assert done.returncode == 1
        assert says in done.stderr
    assert not (tmp_path / "target").exists()


def test_it_installs_without_an_index_and_only_what_the_locks_name(bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    done = install(bundle, str(target))
    assert done.returncode == 0, done.stderr
    code = "import needed, wardwatch; print(needed.NAME, wardwatch.NAME)"
    said = subprocess.run([target / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["needed", "wardwatch"]
    assert (target / "models" / "wardwatch-default" / "manifest.json").is_file()
    again = install(bundle, str(target))
    assert "holds an installation already" in again.stderr
    # A list made anew does not help whoever changes a wheel: the lock has its hash too.
    changed(bundle)
    listed(bundle)
    other = install(bundle, str(tmp_path / "other"))
    assert other.returncode != 0


def test_another_python_is_named(bundle: Path, tmp_path: Path) -> None:
    (bundle / "python-version").write_text("3.1\n")
    listed(bundle)
    done = install(bundle, str(tmp_path / "target"))
    assert (done.returncode, "for Python 3.1" in done.stderr) == (1, True)


def test_the_scripts_are_sound() -> None:
    for script in FOLDER.glob("*.sh"):
        subprocess.run(["bash", "-n", script], check=True, timeout=10)
        assert "set -euo pipefail" in script.read_text()
        assert script.stat().st_mode & 0o111
    checker = shutil.which("shellcheck")
    if checker:
        subprocess.run([checker, *FOLDER.glob("*.sh")], check=True, timeout=60)
