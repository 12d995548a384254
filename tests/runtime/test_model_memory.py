"""What a process may use: containers, limits, and running out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from annapalm import memory
from annapalm.cgroup import ControlGroups, cpu_quota, memory_left

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20


def groups(folder: Path, membership: str, **files: str) -> ControlGroups:
    """Write a membership file and the kernel's files, `__` in their names for `/`."""
    (folder / "membership").write_text(membership)
    for name, text in files.items():
        path = folder / "mount" / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return ControlGroups(folder / "membership", folder / "mount")


def test_a_version_2_group_and_its_ancestors_limit_the_cores(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        "0::/job/step",
        job__cpu_DOT_max="150000 100000",
        job__step__cpu_DOT_max="max 100000",
        cpu_DOT_max="400000 100000",
    )
    assert cpu_quota(found) == 1.5


def test_a_version_1_group_limits_the_cores(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        "5:memory:/x\n4:cpu,cpuacct:/job\n",
        cpu__job__cpu_DOT_cfs_quota_us="250000",
        cpu__job__cpu_DOT_cfs_period_us="100000",
        cpu__cpu_DOT_cfs_quota_us="-1",
        cpu__cpu_DOT_cfs_period_us="100000",
    )
    assert cpu_quota(found) == 2.5


def test_a_container_that_shows_its_group_as_the_root_is_understood(tmp_path: Path) -> None:
    found = groups(tmp_path, "0::/docker/0123abc", cpu_DOT_max="200000 100000")
    assert cpu_quota(found) == 2.0


def test_no_group_means_no_limit(tmp_path: Path) -> None:
    nowhere = ControlGroups(tmp_path / "none", tmp_path / "none")
    assert cpu_quota(nowhere) is None
    assert memory_left(nowhere) is None


@pytest.mark.parametrize("text", ["", "max 100000", "0 100000", "100000 0", "garbage", "-5 7"])
def test_a_quota_that_says_nothing_is_no_limit(text: str, tmp_path: Path) -> None:
    assert cpu_quota(groups(tmp_path, "0::/", cpu_DOT_max=text)) is None


def test_file_cache_does_not_count_as_used_memory(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        "0::/",
        memory_DOT_max=str(1000 * MIB),
        memory_DOT_current=str(800 * MIB),
        memory_DOT_stat=f"anon {100 * MIB}\ninactive_file {600 * MIB}",
    )
    assert memory_left(found) == 800 * MIB


def test_the_tightest_ancestor_decides_over_memory(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        "3:memory:/job\n0::/other",
        memory__job__memory_DOT_limit_in_bytes=str(500 * MIB),
        memory__job__memory_DOT_usage_in_bytes=str(100 * MIB),
        memory__memory_DOT_limit_in_bytes=str(2**63 - 4096),
        memory__memory_DOT_usage_in_bytes=str(5000 * MIB),
        memory_DOT_max=str(300 * MIB),
        memory_DOT_current=str(400 * MIB),
    )
    assert memory_left(found) == 0


def test_linux_says_what_is_available(tmp_path: Path) -> None:
    info = tmp_path / "meminfo"
    info.write_text("MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\n")
    assert memory._linux(info) == 2 * MIB
    assert memory._linux(tmp_path / "none") is None


def test_this_machine_has_memory_and_keeps_a_share_for_others() -> None:
    assert memory.available_bytes() > 0
    assert memory.budget_bytes() <= memory.SHARE * memory.available_bytes() * 1.5


def test_a_field_of_view_plans_with_little_enough_for_eight_gigabytes() -> None:
    needed = 2560 * 2560 * memory.BYTES_PER_PX / memory.SHARE
    assert needed < 3 * 2**30


def test_out_of_memory_gives_the_same_picture_in_smaller_tiles_or_an_error(
    tiny_model_path: Path,
) -> None:
    """How much memory each takes differs between machines, the picture does not."""
    if sys.platform != "linux":
        return  # the address space cannot be limited elsewhere
    whole, tiled, error = "same True False", "same True True", "OutOfMemoryError True"
    assert _drawn_within(800, tiny_model_path) == whole
    # Down to where tiles are needed, none is refused: what the network keeps is given up first.
    tries = (_drawn_within(left, tiny_model_path) for left in range(190, 0, -20))
    assert next(drawn for drawn in tries if drawn != whole) == tiled
    assert _drawn_within(3, tiny_model_path) == error


def _drawn_within(megabytes: int, tiny_model_path: Path) -> str:
    """Say what becomes of a field with so much left to take after the model is loaded."""
    code = (
        "import resource, numpy as np\n"
        "from pathlib import Path\n"
        "from annapalm import AnnaPalmError, load_model\n"
        "from annapalm.model import SessionOptions\n"
        f"path = {str(tiny_model_path)!r}\n"
        "counts = np.random.default_rng(0).poisson(0.05, (1200, 1200))\n"
        "whole = load_model(path, 'cpu', SessionOptions(threads=1)).reconstruct(counts).dense\n"
        "model = load_model(path, 'cpu', SessionOptions(threads=1))\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + {megabytes} * 2**20, -1))\n"
        "try:\n"
        "    result = model.reconstruct(counts, tile_px=None)\n"
        "except AnnaPalmError as error:\n"
        "    print(type(error).__name__, str(error).startswith('Out of memory: the model tiny'))\n"
        "else:\n"
        "    warned = any('Memory ran out with the field in 1' in w for w in result.warnings)\n"
        "    print('same', np.array_equal(result.dense, whole), warned and result.tiles > 1)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()
