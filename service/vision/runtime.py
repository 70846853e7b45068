"""Sessions over onnxruntime: opened with the providers asked for or not at all, shared by threads, timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.vision.errors import PackUnusable, ProviderMissing
from service.vision.packs.manifest import PackInput

if TYPE_CHECKING:
    import onnxruntime

Tensor = NDArray[Any]

Found = TypeVar("Found")
Ready: TypeAlias = Callable[[], Callable[[], Found]]
"""A search whose input is made ready: called, it runs the model; what that returns reads the model's numbers. Whoever
asks several models makes all ready first and reads all last, since a model's weights drive everything else out of the
processor's caches."""


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How models run.

    `providers`: onnxruntime execution providers in order of preference; each must really start.
    `intra_threads`: threads inside one call. One a worker is fastest when several workers share the cores: spinning
    threads of several sessions fight for them (151 ms a frame against 45, 2 cores).
    """

    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    intra_threads: int = 1

    def __post_init__(self) -> None:
        if not self.providers:
            raise ValueError("at least one execution provider")
        if self.intra_threads < 1:
            raise ValueError("at least one thread")


class ModelSession(Protocol):
    """Something that maps named arrays to a list of arrays."""

    def run(self, feeds: dict[str, Tensor]) -> list[Tensor]:
        """The model's outputs, in their declared order."""
        ...


class ModelTimer:
    """Adds up the seconds spent in model calls, by thread: an analysis asks for its own."""

    __slots__ = ("_local",)

    def __init__(self) -> None:
        self._local = threading.local()

    def add(self, seconds: float) -> None:
        """Count `seconds` for the calling thread."""
        self._local.seconds = self.seconds() + seconds

    def seconds(self) -> float:
        """What the calling thread has spent so far."""
        return float(getattr(self._local, "seconds", 0.0))


class TimedSession:
    """An onnxruntime session whose calls are counted. Safe to share: onnxruntime's `run` is."""

    __slots__ = ("_session", "_timer", "input_names", "input_shapes", "output_names")

    def __init__(self, session: onnxruntime.InferenceSession, timer: ModelTimer) -> None:
        self._session = session
        self._timer = timer
        self.input_names = tuple(i.name for i in session.get_inputs())
        self.input_shapes = tuple(tuple(i.shape) for i in session.get_inputs())
        self.output_names = tuple(o.name for o in session.get_outputs())

    def run(self, feeds: dict[str, Tensor]) -> list[Tensor]:
        """The model's outputs, in their declared order."""
        return self._timed(None, feeds)

    def _timed(self, names: Sequence[str] | None, feeds: Mapping[str, Tensor]) -> list[Tensor]:
        started = time.perf_counter()
        try:
            return [np.asarray(a) for a in self._session.run(names, feeds)]
        finally:
            self._timer.add(time.perf_counter() - started)


class InsightfaceSession(TimedSession):
    """The same, with the signature insightface's wrappers call, so that their calls are counted too."""

    __slots__ = ()

    def run(self, names: Any, feeds: Any = None) -> list[Tensor]:  # type: ignore[override]
        """The outputs called `names`."""
        return self._timed(names, feeds)


def session_options(options: RuntimeOptions) -> onnxruntime.SessionOptions:
    """onnxruntime's options for a server: threads bounded, none of them spinning, quiet."""
    import onnxruntime

    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = options.intra_threads
    chosen.inter_op_num_threads = 1
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    chosen.add_session_config_entry("session.inter_op.allow_spinning", "0")
    chosen.log_severity_level = 3
    return chosen


def open_session(
    path: Path, options: RuntimeOptions, timer: ModelTimer | None = None, wanted: PackInput | None = None
) -> TimedSession:
    """The model at `path`; where `wanted` says what it asks of pixels, it takes bytes.

    Raises `PackUnusable` when it cannot be read, `ProviderMissing` when a provider asked for is not running: a hospital
    that bought a GPU must not find out by the month's latency that it ran on the CPU."""
    import onnxruntime

    # Only who opens a model of ours needs onnx.
    from service.vision.intake import taking_bytes

    check_available(options)
    try:
        model = str(path) if wanted is None else taking_bytes(path.read_bytes(), wanted, path.name)
        session = onnxruntime.InferenceSession(
            model, sess_options=session_options(options), providers=list(options.providers)
        )
    except Exception as error:  # onnxruntime's own exception classes share no public base
        raise PackUnusable(
            f"{path.name} cannot be opened: {str(error).splitlines()[0][:200]}",
            field=path.name,
            remedy="run: wardwatch models verify",
        ) from None
    check_running(session.get_providers(), options)
    return TimedSession(session, timer or ModelTimer())


def check_available(options: RuntimeOptions) -> None:
    """Raises `ProviderMissing` when this build of onnxruntime lacks a provider asked for."""
    import onnxruntime

    check_running(onnxruntime.get_available_providers(), options)


def check_running(running: Sequence[str], options: RuntimeOptions) -> None:
    """Raises `ProviderMissing` unless every provider asked for is among `running`."""
    missing = [p for p in options.providers if p not in running]
    if missing:
        raise ProviderMissing(
            f"{', '.join(missing)} did not start (running: {', '.join(running)})",
            field="providers",
            remedy="install the matching onnxruntime package and driver, or remove the provider from the settings",
        )
