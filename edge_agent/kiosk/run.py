"""Run one kiosk in this process."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from edge_agent.errors import SettingsInvalid
from edge_agent.kiosk.courier import Courier
from edge_agent.kiosk.desk import Desk
from edge_agent.kiosk.http import KioskServer
from edge_agent.kiosk.link import ServerLink
from edge_agent.kiosk.readers import reader_called
from edge_agent.kiosk.settings import KioskSettings
from edge_agent.kiosk.store import KioskStore
from edge_agent.logs import configure, log
from service.kit.clock import Clock, system_clock
from service.vision import load_pack
from service.vision.liveness import open_passive


class Kiosk:
    """The parts of a kiosk, put together. Raises `WardwatchError` subclasses for what a person must mend."""

    def __init__(self, settings: KioskSettings, clock: Clock = system_clock) -> None:
        reader = reader_called(settings.reader)
        self._store = KioskStore(settings.data)
        self._link = ServerLink(settings)
        passive = None if settings.passive is None else open_passive(settings.passive)
        self.desk = Desk(settings, self._link, self._store, load_pack(settings.models), clock, passive)
        self.courier = Courier(self.desk, self._link, self._store, settings.refresh_seconds, clock)
        try:
            self.server = KioskServer(self.desk, reader, settings.port)
        except OSError as error:
            raise SettingsInvalid(
                f"port {settings.port}: {error.strerror}", field="port", remedy="is another kiosk running? take another"
            ) from None

    def serve(self) -> None:
        """Until `stop`."""
        self.courier.start()
        log(logging.INFO, "the kiosk is ready", page=self.server.address, passive=self.desk.has_passive)
        try:
            self.server.serve_forever(poll_interval=0.2)
        finally:
            self.courier.stop()
            self.server.server_close()
            self._link.close()
            self._store.close()

    def stop(self) -> None:
        """From another thread or a signal."""
        threading.Thread(target=self.server.shutdown, daemon=True).start()


def run_kiosk(settings: KioskSettings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    configure("text")
    kiosk = Kiosk(settings)

    def end(_number: int, _frame: FrameType | None) -> None:
        kiosk.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    kiosk.serve()
