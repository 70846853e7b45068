"""The checks of `wardwatch doctor`. Each imports what it looks at: on a broken installation the others go on."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.kit.clock import system_clock
from service.kit.errors import WardwatchError
from service.platform.settings import Settings

_MIN_FREE_BYTES = 2 * 1024**3
_MIN_SQLITE = (3, 35)  # RETURNING
# Nobody runs this program before it was written.
_NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"})
_CLIENT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` is empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checkup(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other."""
    for name, check in _CHECKS:
        try:
            yield check(settings)
        except WardwatchError as error:
            yield Finding(name, False, error.message, error.remedy or "see the operator's guide")
        except Exception as error:
            yield Finding(name, False, f"{type(error).__name__}: {error}", "mend this first; then run the check again")


def _python(_settings: Settings) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _opencv(_settings: Settings) -> Finding:
    try:
        version = importlib.import_module("cv2").__version__
    except ImportError as error:
        remedy = "install the system libraries libGL and glib (Debian, Ubuntu: apt install libgl1 libglib2.0-0)"
        return Finding("opencv", False, str(error).splitlines()[0], remedy)
    others = [name for name in ("opencv-python-headless", "opencv-contrib-python") if _installed(name)]
    if others:
        return Finding("opencv", False, f"{others[0]} is installed too", f"pip uninstall {' '.join(others)}")
    return Finding("opencv", True, str(version))


def _onnxruntime(settings: Settings) -> Finding:
    available = importlib.import_module("onnxruntime").get_available_providers()
    missing = [provider for provider in settings.providers if provider not in available]
    remedy = f"set WARDWATCH_PROVIDERS to some of {', '.join(available)}, or install the onnxruntime that has it"
    if missing:
        return Finding("inference", False, f"{', '.join(missing)} is asked for and not available", remedy)
    return Finding("inference", True, ", ".join(settings.providers))


def _models(settings: Settings) -> Finding:
    folder = settings.pack_folder()
    if not _has_models(settings):
        return Finding("models", False, f"no model pack in {folder}", "wardwatch models fetch")
    packs = importlib.import_module("service.vision.packs")
    verified = packs.verify_pack(folder)
    return Finding("models", True, f"{folder}, every file as its manifest says (pack {verified.pack_hash[:12]})")


def _passive(settings: Settings) -> Finding:
    folder = settings.passive_pad_pack
    if folder is None:
        return Finding("passive liveness", True, "off: no model is named (WARDWATCH_PASSIVE_PAD_PACK)")
    importlib.import_module("service.vision.liveness").open_passive(folder)
    return Finding("passive liveness", True, f"{folder}, the file that its note says; it may warn")


def _clients(settings: Settings) -> Finding:
    found = {"pip": [sys.executable, "-m", "pip", "--version"], "npm": [shutil.which("npm") or "npm", "--version"]}
    missing = [name for name, command in found.items() if not _runs(command)]
    if not missing:
        return Finding("clients", True, "pip and npm, for fetching models")
    if _has_models(settings):
        return Finding("clients", True, f"{' and '.join(missing)} missing; not needed, the models are here")
    remedy = "install it, or take the models from a folder: WARDWATCH_MODELS_MIRROR, or `wardwatch models import`"
    return Finding("clients", False, f"{' and '.join(missing)} missing", remedy)


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        return Finding("data folder", False, f"{parent} cannot be written", "give the service's user the folder")
    free = shutil.disk_usage(parent).free
    text = f"{folder.absolute()}, {free / 1024**3:.1f} GiB free"
    if free < _MIN_FREE_BYTES:
        return Finding("data folder", False, text, "free some space: below 2 GiB a ward's pictures soon find no room")
    if _file_system(parent) in _NETWORK_FILE_SYSTEMS and settings.database_url is None:
        return Finding("data folder", False, f"{text}, on a network", "SQLite needs a local disk; move the folder")
    return Finding("data folder", True, text)


def _keys(settings: Settings) -> Finding:
    paths = sorted((settings.data_dir / "keys").glob("master-*.key"))
    if not paths:
        return Finding("keys", True, "made at first start")
    for path in paths:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return Finding("keys", False, f"{path} can be read by others", f"chmod 600 {path}")
    crypto = importlib.import_module("service.platform.crypto")
    crypto.KeyRing.load_or_create(settings.data_dir / "keys")
    return Finding("keys", True, f"{len(paths)} in {settings.data_dir / 'keys'}; back them up with the database")


def _database(settings: Settings) -> Finding:
    url = settings.resolved_database_url()
    sqlite = importlib.import_module("sqlite3")
    if url.startswith("sqlite") and sqlite.sqlite_version_info < _MIN_SQLITE:
        return Finding("database", False, f"SQLite {sqlite.sqlite_version}", "use a Python with SQLite 3.35 or newer")
    if settings.database_url is None and not (settings.data_dir / "wardwatch.db").exists():
        return Finding("database", True, "made at first start")
    platform = importlib.import_module("service.platform.database")
    migrate = importlib.import_module("service.platform.migrate")
    database = platform.Database(url)
    try:
        state = migrate.state(database.engine)
    finally:
        database.dispose()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    return Finding("database", state.is_current, f"{kind}, version {state.current or 'none'}", "wardwatch migrate")


def _clock(settings: Settings) -> Finding:
    now = system_clock.now()
    if now < _NOT_BEFORE:
        return Finding("clock", False, now.isoformat(), "set the machine's clock, and keep it with NTP")
    latest = _latest_entry(settings)
    if latest is not None and latest > now + timedelta(minutes=1):
        text = f"it is {now:%Y-%m-%d %H:%M} UTC here, and the ledger ends later, at {latest:%Y-%m-%d %H:%M}"
        return Finding("clock", False, text, "set the machine's clock, and keep it with NTP")
    return Finding("clock", True, f"{now:%Y-%m-%d %H:%M} UTC")


def _time_zones(_settings: Settings) -> Finding:
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Finding("time zones", False, "no time zone data", "pip install tzdata")
    return Finding("time zones", True, "known")


def _latest_entry(settings: Settings) -> datetime | None:
    if settings.database_url is None and not (settings.data_dir / "wardwatch.db").exists():
        return None
    database = importlib.import_module("service.platform.database").Database(settings.resolved_database_url())
    ledger = importlib.import_module("service.ledger")
    try:
        with database.reading() as session:
            at: datetime | None = ledger.latest_at(session)
            return at
    except Exception:
        return None  # the database's own check says what is wrong with it
    finally:
        database.dispose()


def _has_models(settings: Settings) -> bool:
    folder = settings.pack_folder()
    return folder.is_dir() and any(folder.glob("*.onnx"))


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _runs(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_CLIENT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _file_system(path: Path) -> str:
    """The type of the file system that holds `path`; empty where the system does not say."""
    best, kind = "", ""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, mount, found, *_ = line.split(" ")
        inside = str(path.absolute()) == mount or str(path.absolute()).startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind


_CHECKS: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
    ("python", _python),
    ("opencv", _opencv),
    ("inference", _onnxruntime),
    ("models", _models),
    ("passive liveness", _passive),
    ("clients", _clients),
    ("data folder", _data_folder),
    ("keys", _keys),
    ("database", _database),
    ("clock", _clock),
    ("time zones", _time_zones),
)
