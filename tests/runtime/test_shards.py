"""One job divided into several, as an array of jobs on a cluster."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from cli_words import assert_complete_or_absent, invoke, read_json
from fault_words import pictures, start, tables

if TYPE_CHECKING:
    from pathlib import Path


def test_shards_together_give_what_one_run_gives(tmp_path: Path, tiny_model_path: Path) -> None:
    source, out = tables(tmp_path / "in", 5), tmp_path / "out"
    args = (source, "--model", tiny_model_path, "--device", "cpu")
    assert invoke(*args, "-o", tmp_path / "whole").exit_code == 0
    statuses = []
    for number in (2, 1, 3):
        result = invoke(*args, "-o", out, "--shard", f"{number}/3")
        assert result.exit_code == 0
        statuses.append(read_json(out / "run.json")["status"])
    assert "3 of 3 shards done" in result.stdout
    assert statuses == ["partial", "partial", "done"]
    assert pictures(out) == pictures(tmp_path / "whole")
    run = read_json(out / "run.json")
    assert run["shards"] == {"count": 3, "ended": [1, 2, 3]}
    assert [f["stem"] for f in run["fields"]] == [f"{i:02}" for i in range(5)]
    assert "5 of 5 are done" in invoke(*args, "-o", out).stderr  # a whole run finds nothing to do


def test_shards_side_by_side_of_which_one_is_ended_and_started_again_give_the_whole(
    tmp_path: Path, tiny_model_path: Path
) -> None:
    """As a scheduler does: SIGTERM before the time is over, and the job in the queue again."""
    source, out, count = tables(tmp_path / "in", 30), tmp_path / "out", 30
    args = (source, "--model", tiny_model_path, "--device", "cpu", "--roi", "0.5,0.5,3,3")
    assert invoke(*args, "-o", tmp_path / "whole").exit_code == 0
    with (
        start(*args, "-o", out, "--shard", "1/3") as first,
        start(*args, "-o", out, "--shard", "2/3", "--jsonl") as second,
        start(*args, "-o", out, "--shard", "3/3") as third,
    ):
        assert second.stdout is not None
        second.stdout.readline()
        second.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=120)[1] for process in (first, second, third)]
    assert [first.returncode, second.returncode, third.returncode] == [0, 130, 0], said
    assert not any("Traceback" in text for text in said)
    run = read_json(out / "run.json")
    assert run["shards"] == {"count": 3, "ended": [1, 3]}
    assert run["status"] in ("partial", "interrupted")  # as the last one to end knows it
    done = assert_complete_or_absent(out)
    assert {f["stem"] for f in run["fields"] if f["status"] == "done"} == done
    assert 0 < len(done) < count
    result = invoke(*args, "-o", out, "--shard", "2/3")
    assert result.exit_code == 0
    assert "3 of 3 shards done" in result.stdout
    run = read_json(out / "run.json")
    assert run["status"] == "done"
    assert run["shards"] == {"count": 3, "ended": [1, 2, 3]}
    assert [f["stem"] for f in run["fields"]] == [f"{i:02}" for i in range(count)]
    assert pictures(out) == pictures(tmp_path / "whole")
