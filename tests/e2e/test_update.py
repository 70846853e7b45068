"""A real box under its launcher, and a real server that offers versions: a good one is kept, a sick one goes back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import col, select

from edge_agent.update.build import build_bundle
from edge_agent.update.slots import CRASHED
from service.facilities.releases import Audience, add_release
from service.platform.context import Context
from service.sightings.device_tables import DeviceHeartbeat
from tests.builders import create_camera, create_facility, create_ward
from tests.conftest import ROOT
from tests.devices import pair_device
from tests.edge_agent.conftest import jpeg, wait_for
from tests.edge_agent.releases import KEY, PUBLIC, box


def _told(context: Context) -> dict[str, str]:
    """What the last heartbeat said of versions."""
    with context.database.reading() as session:
        query = select(DeviceHeartbeat).order_by(col(DeviceHeartbeat.received_at).desc()).limit(1)
        found = session.exec(query).first()
        return dict(found.versions) if found is not None else {}


def _offer(context: Context, folder: Path, version: str, *, sick: bool = False) -> None:
    """Offer the agent's code of this checkout as `version`; sick: its pulse dies of its first heartbeat."""
    root = ROOT
    if sick:
        root = folder / "sick"
        for room in ("edge_agent", "service"):
            shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
        pulse = root / "edge_agent" / "pulse.py"
        text = pulse.read_text().replace("beat = self._measure()", "beat = None + self._measure()")
        pulse.write_text(text)
        assert "None + self" in text
    bundle = folder / f"{version}.bundle"
    bundle.write_bytes(build_bundle(root, version, KEY))
    add_release(context, bundle, PUBLIC, Audience(), actor="test", now=datetime.now(UTC))


def test_a_box_takes_what_its_server_offers_and_goes_back_from_a_sick_version(
    address: str, context: Context, tmp_path: Path
) -> None:
    with context.database.transaction() as session:
        facility = create_facility(session)
        camera = create_camera(session, create_ward(session, facility), "cam1")
    pair_device(context, facility, camera=camera).save(tmp_path / "device.key")
    lens = tmp_path / "lens"
    lens.mkdir()
    (lens / f"cam1_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jpg").write_bytes(jpeg(1, (320, 240)))
    home = box(tmp_path / "box")
    command = [
        *(sys.executable, "-m", "edge_agent.update.launcher", "--home", str(home.path), "--probation", "120", "camera"),
        *("--server", address, "--key", str(tmp_path / "device.key"), "--camera", "cam1", "--follow"),
        *(
            "--source",
            f"folder:{lens}",
            "--spool",
            str(tmp_path / "s.db"),
            "--heartbeat",
            "0.3",
            "--config-every",
            "0.3",
        ),
    ]
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_EDGE")}
    with log.open("ab") as file:
        running = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, env=environment)
    try:
        wait_for(lambda: "wardwatch" in _told(context), 120)
        assert "update" not in _told(context)
        _offer(context, tmp_path, "7.0.0")
        wait_for(lambda: _told(context).get("update") == "7.0.0 in use", 180)
        assert _told(context)["wardwatch"] == "7.0.0"
        _offer(context, tmp_path, "7.1.0", sick=True)
        wait_for(lambda: _told(context).get("update") == f"7.1.0 rolled back: {CRASHED}", 240)
        assert _told(context)["wardwatch"] == "7.0.0"
        assert home.version_of(home.current()) == "7.0.0"
    except AssertionError:
        print(log.read_text()[-6000:])
        raise
    finally:
        running.terminate()
        assert running.wait(60) == 0
