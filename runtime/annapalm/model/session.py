"""ONNX Runtime sessions that run where they were asked to, or not at all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from annapalm.contract import OUTPUTS, QUARTER
from annapalm.errors import InvalidValueError
from annapalm.model.device import (
    PROVIDERS,
    cuda_obstacle,
    cudnn_is_loaded,
    import_onnxruntime,
    preload_cuda,
    runtime_errors,
)
from annapalm.model.errors import ModelContractError, NotAModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Feeds: TypeAlias = "Mapping[str, NDArray[np.float32]]"
Results: TypeAlias = "dict[str, NDArray[np.float32]]"
"""Input and output names of the contract to arrays of its shapes."""

GPU_TOLERANCE = {False: 1e-4, True: 1e-2}
"""Largest accepted difference of the self-test on the GPU from the CPU, relative to the largest
value, without and with TF32 (fp32 convolutions differ by about 1e-3 with it)."""
_GPU_SESSIONS = 2
"""Shapes kept ready on a GPU: that of the last field and one more."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What an expert may change about a session; the defaults are right beside a microscope."""

    threads: int | None = None
    """CPU threads; None: the cores that this process may really use."""
    memory_bytes: int | None = None
    """Memory that one network run may plan with; None: 60 % of what is available then."""
    tf32: bool = False
    """Let a GPU round to TF32: faster, about 1e-3 off."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        for name in ("threads", "memory_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidValueError(name, value, "at least 1, or None")


class Engine(Protocol):
    """What runs a model on one device; safe to call from several threads."""

    def run(self, feeds: Feeds) -> Results:
        """Run one tile; raises one of `runtime_errors()`, or `ModelContractError`."""

    def release(self) -> None:
        """Give back the memory kept for the next run."""


class GpuUnavailableError(Exception):
    """A CUDA session cannot be had; internal, its text is the reason given to the user."""


class CpuEngine:
    """One session for all shapes."""

    def __init__(self, data: bytes, label: str, threads: int) -> None:
        """Open the session. Raises `NotAModelError` where ONNX Runtime refuses the graph."""
        self._ort = import_onnxruntime()
        self._data, self._label, self._threads = data, label, threads
        self._session: Any = None
        self._lock = threading.Lock()
        try:
            self._open()
        except runtime_errors() as error:
            raise NotAModelError(label, f"ONNX Runtime refuses it: {one_line(error)}") from error

    def run(self, feeds: Feeds) -> Results:
        """Run one tile."""
        return narrow(self._open().run(list(OUTPUTS), dict(feeds)), feeds, self._label)

    def release(self) -> None:
        """Close the session, whose arena keeps all it ever took; the next run opens it anew."""
        with self._lock:
            self._session = None

    def _open(self) -> Any:  # noqa: ANN401
        with self._lock:
            if self._session is None:
                options = _options(self._ort, self._threads)
                self._session = _open(self._ort, self._data, options, [PROVIDERS["cpu"]])
            return self._session


class CudaEngine:
    """One session per shape, with all sizes fixed.

    A graph with free sizes holds shape arithmetic, which ONNX Runtime puts on the CPU; without a
    CPU to fall back to it would refuse the model, and with one nothing would say what ran where.
    """

    def __init__(self, data: bytes, label: str, threads: int, *, tf32: bool) -> None:
        """Prepare; raises `GpuUnavailableError` where it shows at once that there is no GPU."""
        self._ort = import_onnxruntime()
        obstacle = cuda_obstacle(self._ort)
        if obstacle is not None:
            raise GpuUnavailableError(obstacle)
        self._said = preload_cuda(self._ort)
        self._data, self._label, self._threads, self._tf32 = data, label, threads, tf32
        self._sessions: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, feeds: Feeds) -> Results:
        """Run one tile, in the session made for its shape."""
        session = self._session(feeds)
        return narrow(session.run(list(OUTPUTS), dict(feeds)), feeds, self._label)

    def release(self) -> None:
        """Close all sessions."""
        with self._lock:
            self._sessions.clear()

    def self_test(self, feeds: Feeds, expected: Results) -> None:
        """Run a tile whose results are known. Raises `GpuUnavailableError` where they differ."""
        try:
            results = self.run(feeds)
        except runtime_errors() as error:
            # What failed to load says more than the session, which only misses its provider.
            raise GpuUnavailableError(self._said or one_line(error)) from error
        if cudnn_is_loaded() is False:
            raise GpuUnavailableError("cuDNN was not loaded, so convolutions take other paths")
        for name, right in expected.items():
            scale = max(float(np.abs(right).max()), 1e-12)
            off = float(np.abs(results[name] - right).max()) / scale
            if not off <= GPU_TOLERANCE[self._tf32]:
                raise GpuUnavailableError(f"its '{name}' is off by {off:.1e} from the CPU's")

    def _session(self, feeds: Feeds) -> Any:  # noqa: ANN401
        batch, _, height, width = feeds["counts"].shape
        key = (batch, height, width, feeds["structure"].shape[1])
        with self._lock:
            if key in self._sessions:
                self._sessions.move_to_end(key)
                return self._sessions[key]
            session = self._open(key)
            self._sessions[key] = session
            while len(self._sessions) > _GPU_SESSIONS:
                self._sessions.popitem(last=False)
            return session

    def _open(self, key: tuple[int, ...]) -> Any:  # noqa: ANN401
        batch, height, width, structures = key
        options = _options(self._ort, self._threads)
        options.use_deterministic_compute = True
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        sizes = {"N": batch, "H": height, "W": width, "S": structures}
        sizes |= {"H4": height // QUARTER, "W4": width // QUARTER}
        for symbol, size in sizes.items():
            options.add_free_dimension_override_by_name(symbol, size)
        provider = {
            "device_id": "0",
            "cudnn_conv_algo_search": "HEURISTIC",  # never DEFAULT: up to 50 times slower
            "arena_extend_strategy": "kSameAsRequested",  # the acquisition program shares the GPU
            "use_tf32": str(int(self._tf32)),
        }
        session = _open(self._ort, self._data, options, [(PROVIDERS["cuda"], provider)])
        elsewhere = {
            part.ep_name
            for part in session.get_provider_graph_assignment_info()
            if part.ep_name != PROVIDERS["cuda"]
        }
        if elsewhere:
            raise GpuUnavailableError(f"parts of the model were put on {', '.join(elsewhere)}")
        return session


def narrow(results: Any, feeds: Feeds, label: str) -> Results:  # noqa: ANN401 - untyped
    """Check that untyped results are the contract's arrays, and give them a type.

    Raises `ModelContractError` for another number, type or shape of outputs.
    """
    batch, _, height, width = feeds["counts"].shape
    sizes = {"N": batch, "H": height, "W": width}
    sizes |= {"H4": height // QUARTER, "W4": width // QUARTER}
    if len(results) != len(OUTPUTS):
        raise ModelContractError(label, f"it returned {len(results)} results")
    narrowed: Results = {}
    for (name, symbols), array in zip(OUTPUTS.items(), results, strict=True):
        shape = tuple(s if isinstance(s, int) else sizes[s] for s in symbols)
        if not isinstance(array, np.ndarray) or array.dtype != np.float32:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise ModelContractError(label, f"its result '{name}' is {kind}, not float32")
        if array.shape != shape:
            breach = f"its result '{name}' has the shape {list(array.shape)}, not {list(shape)}"
            raise ModelContractError(label, breach)
        narrowed[name] = array
    return narrowed


def one_line(error: BaseException) -> str:
    """Text of a foreign error on one line, without a stack trace of C++."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _options(ort: Any, threads: int) -> Any:  # noqa: ANN401
    """Session options of RUNTIME_NOTES, sections 5 and 6."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False  # fields come in all sizes; patterns would be kept for each
    options.log_severity_level = 4  # what fails is raised, and said once
    options.logid = "annapalm"
    # Threads sleep as soon as a run ends: the acquisition program beside us needs the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _open(ort: Any, data: bytes, options: Any, providers: list[Any]) -> Any:  # noqa: ANN401
    """Open a session on exactly the first provider, and keep it there."""
    session = ort.InferenceSession(
        data, sess_options=options, providers=providers, enable_fallback=0
    )
    session.disable_fallback()
    wanted = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if session.get_providers()[0] != wanted:
        message = f"ONNX Runtime runs the model on {session.get_providers()[0]}, not on {wanted}"
        raise RuntimeError(message)
    return session
