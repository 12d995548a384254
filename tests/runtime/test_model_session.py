"""Sessions: which device, how many threads, and that nothing happens in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contract_model import build_model

from annapalm import load_model
from annapalm.errors import InvalidValueError
from annapalm.model import SessionOptions, inspect_model
from annapalm.model.device import (
    PROVIDERS,
    cuda_obstacle,
    import_onnxruntime,
    onnxruntime_distribution,
    preload_cuda,
)
from annapalm.model.errors import (
    DeviceError,
    ModelContractError,
    NoOnnxRuntimeError,
    TwoOnnxRuntimesError,
)
from annapalm.model.session import CpuEngine, narrow
from annapalm.model.threads import thread_budget

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.model.session import Feeds

CPU_ONLY = PROVIDERS["cuda"] not in import_onnxruntime().get_available_providers()


def test_the_cpu_is_taken_at_its_word(tiny_model_path: Path) -> None:
    model = load_model(tiny_model_path, "cpu", SessionOptions(threads=1))
    assert (model.device.device, model.device.requested) == ("cpu", "cpu")
    assert model.device.threads == 1
    assert str(model.device).startswith("cpu (asked for, 1 threads, onnxruntime")


def test_auto_says_why_it_took_what_it_took(tiny_model_path: Path) -> None:
    choice = load_model(tiny_model_path).device
    assert choice.requested == "auto"
    assert choice.reason
    if CPU_ONLY:
        assert choice.device == "cpu"
        assert choice.reason == "the installed ONNX Runtime is a CPU build"


def test_a_gpu_asked_for_by_name_is_there_or_an_error(tiny_model_path: Path) -> None:
    if cuda_obstacle(import_onnxruntime()) is None:
        assert load_model(tiny_model_path, "cuda").device.device == "cuda"
        return
    with pytest.raises(DeviceError) as caught:
        load_model(tiny_model_path, "cuda")
    assert "The device 'cuda' cannot be used: " in str(caught.value)
    assert 'pip install "annapalm[gpu]"' in str(caught.value)


def test_an_unknown_device_is_an_error(tiny_model_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="it must be one of auto, cpu, cuda"):
        load_model(tiny_model_path, "gpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": -2}, {"memory_bytes": 0}])
def test_options_that_mean_nothing_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidValueError, match="at least 1"):
        SessionOptions(**options)  # type: ignore[arg-type]


def test_a_model_knows_its_file(tiny_model_path: Path) -> None:
    model = load_model(tiny_model_path, "cpu")
    assert model.path == tiny_model_path
    assert model.sha256 == inspect_model(tiny_model_path).sha256
    assert repr(model).startswith("<Model tiny 0.0.1 on cpu (asked for")


# Installation


def _install(folder: Path, *distributions: str) -> None:
    for name in distributions:
        info = folder / f"{name.replace('-', '_')}-1.30.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.30.0\n")


def test_two_onnx_runtimes_are_named_with_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "onnxruntime", "onnxruntime-gpu")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(TwoOnnxRuntimesError) as caught:
        onnxruntime_distribution()
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then" in str(caught.value)
    assert 'pip install "annapalm[cpu]"' in str(caught.value)


def test_one_onnx_runtime_is_named_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "onnxruntime-gpu")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert onnxruntime_distribution() == "onnxruntime-gpu 1.30.0"


def test_no_onnx_runtime_gives_the_exact_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "onnxruntime")
    with pytest.raises(NoOnnxRuntimeError) as caught:
        import_onnxruntime()
    assert str(caught.value).startswith("ONNX Runtime is not installed. Run: pip install ")
    assert 'pip install "annapalm[cpu]"' in str(caught.value)


def test_the_empty_rest_of_an_uninstalled_wheel_is_recognised(tmp_path: Path) -> None:
    _install(tmp_path, "onnxruntime")
    (tmp_path / "onnxruntime").mkdir()  # a folder without __init__.py still imports
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from importlib.util import find_spec\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "from annapalm.model.errors import NoOnnxRuntimeError\n"
        "from annapalm.model.device import import_onnxruntime\n"
        "try: import_onnxruntime()\n"
        "except NoOnnxRuntimeError as error: print(error)\n"
    )
    here = str(_runtime_folder())
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": here},
    )  # fmt: skip
    assert "ONNX Runtime is installed but broken" in result.stdout, result.stderr


def _runtime_folder() -> Path:
    import annapalm

    assert annapalm.__file__ is not None
    from pathlib import Path

    return Path(annapalm.__file__).parents[1]


# Behaviour of the process


def test_loading_and_running_prints_nothing_and_leaves_the_host_alone(
    tiny_model_path: Path,
) -> None:
    code = (
        "import json, locale, logging, os, sys, threading, warnings\n"
        "import numpy as np\n"
        "def state():\n"
        "    return [dict(os.environ), [str(f) for f in warnings.filters], np.geterr(),\n"
        "            [str(h) for h in logging.getLogger().handlers], threading.active_count(),\n"
        "            locale.setlocale(locale.LC_ALL), np.float32(1e-39) * np.float32(1) > 0]\n"
        "before = state()\n"
        "from annapalm import load_model\n"
        f"model = load_model({str(tiny_model_path)!r})\n"
        "model.reconstruct(np.eye(40))\n"
        "assert state() == before, (before, state())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_threads_sleep_between_runs(tiny_model_path: Path) -> None:
    code = (
        "import time, numpy as np\n"
        "from annapalm import load_model\n"
        "from annapalm.model import SessionOptions\n"
        f"model = load_model({str(tiny_model_path)!r}, 'cpu', SessionOptions(threads=2))\n"
        "model.reconstruct(np.eye(200))\n"
        "start = time.process_time(); time.sleep(1.0); print(time.process_time() - start)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(result.stdout) < 0.5  # a spinning worker burns the whole second


def test_libraries_that_cannot_be_preloaded_are_reported_and_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    ort = import_onnxruntime()
    preload_cuda(ort)
    assert "print" not in vars(ort)
    assert capfd.readouterr() == ("", "")


# Results


def _feeds(edge: int = 64, batch: int = 1) -> Feeds:
    rng = np.random.default_rng(3)
    return {
        "counts": rng.poisson(0.1, (batch, 1, edge, edge)).astype(np.float32),
        "widefield": rng.random((batch, 1, edge // 4, edge // 4), np.float32),
        "widefield_scale": np.ones((batch, 1), np.float32),
        "exposure": np.ones((batch, 1), np.float32),
        "structure": np.ones((batch, 1), np.float32),
    }


def _engine(threads: int = 1) -> CpuEngine:
    return CpuEngine(bytes(build_model().SerializeToString()), "tiny", threads)


def test_a_batch_gives_what_its_fields_give_alone() -> None:
    engine, feeds = _engine(), _feeds(batch=3)
    together = engine.run(feeds)
    for row in range(3):
        alone = engine.run({name: array[row : row + 1] for name, array in feeds.items()})
        for name, image in alone.items():
            np.testing.assert_array_equal(image[0], together[name][row])


def test_released_memory_is_taken_again_by_the_next_run() -> None:
    engine, feeds = _engine(), _feeds()
    before = engine.run(feeds)
    engine.release()
    engine.release()
    np.testing.assert_array_equal(engine.run(feeds)["dense"], before["dense"])


@pytest.mark.parametrize(
    ("place", "array", "breach"),
    [
        (0, np.zeros((1, 1, 64, 64)), "its result 'dense' is float64, not float32"),
        (1, np.zeros((1, 64, 64), np.float32), "'error' has the shape [1, 64, 64], not [1, 1, 64"),
        (2, np.zeros((1, 1, 64, 64), np.float32), "'background' has the shape [1, 1, 64, 64]"),
        (3, [1.0], "its result 'widefield_estimate' is list, not float32"),
    ],
)
def test_results_of_another_kind_are_refused(place: int, array: Any, breach: str) -> None:
    feeds = _feeds()
    results: list[Any] = list(_engine().run(feeds).values())
    results[place] = array
    with pytest.raises(ModelContractError) as caught:
        narrow(results, feeds, "tiny")
    assert breach in str(caught.value)


def test_a_missing_result_is_refused() -> None:
    with pytest.raises(ModelContractError, match="it returned 1 results"):
        narrow([np.zeros((1, 1, 64, 64), np.float32)], _feeds(), "tiny")


# Threads


def test_threads_are_as_asked_or_what_the_process_was_given() -> None:
    assert thread_budget(7) == 7
    assert 1 <= thread_budget(environ={}) <= (os.cpu_count() or 1)
    assert thread_budget(environ={"SLURM_CPUS_PER_TASK": "1"}) == 1
    assert thread_budget(environ={"SLURM_CPUS_PER_TASK": "many"}) == thread_budget(environ={})
    with pytest.raises(InvalidValueError, match="threads is 0"):
        thread_budget(0)


def test_metadata_round_trip_through_the_file(tiny_model_path: Path) -> None:
    info = inspect_model(tiny_model_path).info
    assert json.loads(info.to_metadata()["structures"]) == ["microtubule"]
