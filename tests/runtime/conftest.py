"""Fixtures of the runtime's tests: a tiny model, and no network."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser import find_browser
from contract_model import build_model
from fault_words import find_faketime
from small_disk import disks

from annapalm import Localizations, load_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annapalm import Model


collect_ignore = [] if find_browser() else ["test_report_in_browser.py"]
"""A real browser can be had from no Python package; `test_write_report.py` runs everywhere."""

# `test_faults.py` has what can be done without:
if not disks():
    collect_ignore.append("test_full_disk.py")
if not find_faketime():
    collect_ignore.append("test_clock.py")
if not sys.platform.startswith("linux"):  # it looks into /proc
    collect_ignore.append("test_many_fields.py")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Make it an error to ask a network for anything: the runtime never does."""

    def refuse(*_: object) -> None:
        message = "the runtime's tests may not open a network connection"
        raise AssertionError(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield


@pytest.fixture(scope="session")
def tiny_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tiny model that follows the contract: stride 16, halo 64 px, pixel 20 nm."""
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(build_model().SerializeToString())
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_model_path: Path) -> Model:
    """Load the tiny model on the CPU, ready to run."""
    return load_model(tiny_model_path, "cpu")


@pytest.fixture
def some_localizations() -> Localizations:
    """2,000 localizations on a ring in a field of 6 x 5 µm, over 100 frames."""
    random = np.random.default_rng(7)
    angle = random.uniform(0, 2 * np.pi, 2000)
    radius = 1800 + random.normal(0, 15, 2000)
    return Localizations(
        x_nm=3000 + radius * np.cos(angle),
        y_nm=2500 + radius * np.sin(angle),
        frame=random.integers(0, 100, 2000),
        field_nm=(6000.0, 5000.0),
    )
