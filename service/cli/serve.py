"""`wardwatch serve` and `wardwatch worker`: the processes of an installation."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console

from service import worker
from service.app import create_app
from service.cli.console import installation
from service.enrolment import opened_pack
from service.platform import logging, migrate
from service.platform.context import Context
from service.platform.jobs import JobRunner
from service.platform.settings import Settings, get_settings
from service.vision.packs import PackMissing

_GRACE_SECONDS = 20

Threads = Annotated[int | None, typer.Option(help="Threads that analyse. Default: the setting worker_threads.")]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: the setting host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    threads: Threads = None,
    bring_up_to_date: Annotated[
        bool, typer.Option("--migrate", help="Migrate the database first, also PostgreSQL. SQLite always is.")
    ] = False,
) -> None:
    """Serve the API and the pages, and analyse what comes in, until stopped."""
    settings = _chosen(host=host, port=port, worker_threads=threads)
    logging.configure(settings.log_level)
    if bring_up_to_date:
        migrate.upgrade(settings)
    with installation(settings) as context:
        require_pack(context)
        config = uvicorn.Config(
            create_app(context),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        Server(config).run()


def work(threads: Threads = None) -> None:
    """Analyse what other processes of this installation have received, until stopped."""
    settings = _chosen(worker_threads=threads)
    logging.configure(settings.log_level)
    with installation(settings) as context:
        require_pack(context)
        runner = JobRunner(context, worker.handlers(), max(1, settings.worker_threads))
        ticker = worker.Ticker(context)
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        runner.start()
        ticker.start()
        Console(stderr=True).print(f"wardwatch works with {max(1, settings.worker_threads)} threads")
        stopping.wait()
        ticker.stop()
        runner.stop()


class Server(uvicorn.Server):
    """uvicorn, which says where it listens as soon as it does."""

    async def startup(self, sockets: Any = None) -> None:
        """Starts listening and prints the address."""
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                name = f"[{host}]" if ":" in host else host
                Console(stderr=True, soft_wrap=True, highlight=False).print(f"wardwatch serves at http://{name}:{port}")


def require_pack(context: Context) -> None:
    """Opens the model pack, so that a missing or broken one stops the start. Raises `PackMissing`, `PackUnusable`."""
    folder = context.settings.pack_folder()
    if not folder.is_dir() or not any(folder.glob("*.onnx")):
        raise PackMissing(f"no model pack in {folder}", remedy="run `wardwatch models fetch`")
    opened_pack(context)


def _chosen(**given: Any) -> Settings:
    return get_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
