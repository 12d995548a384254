"""Several fields in work at once: they overlap, and nothing else is different."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from cli_words import assert_complete_or_absent, names_in, write_table

from annapalm.batch import Item, overlap, run_batch
from annapalm.errors import CancelledError, InvalidValueError
from annapalm.field import FieldOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annapalm.model import Model


def items_in(folder: Path, count: int, out: str = "out") -> list[Item]:
    names = [f"{i:02}" for i in range(count)]
    for name in names:
        if not (folder / f"{name}.csv").exists():
            write_table(folder / f"{name}.csv")
    return [Item(folder / f"{name}.csv", folder / out / name) for name in names]


def wait_for(what: Callable[[], bool]) -> bool:
    """Wait until it is so; False where it never is."""
    end = time.monotonic() + 20
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    return what()


class Watcher:
    """Follows a run on its own thread, and does something while each field is drawn."""

    def __init__(self, drawing: Callable[[str], object] = str) -> None:
        self.current = ""
        self.threads: set[int] = set()
        self.stop = False
        self._drawing = drawing

    def begin(self, number: int, total: int, item: Item) -> None:
        del number, total
        self.threads.add(threading.get_ident())
        self.current = item.source.stem

    def advance(self, done: int, total: int) -> None:
        self.threads.add(threading.get_ident())
        if done == total:
            self._drawing(self.current)

    def cancelled(self) -> bool:
        self.threads.add(threading.get_ident())
        return self.stop


def our_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("annapalm-")]


@pytest.mark.parametrize("jobs", [2, 3, 5])
def test_the_files_are_those_of_one_after_the_other(
    tmp_path: Path, tiny_model: Model, jobs: int
) -> None:
    for number, folder in ((1, "alone"), (jobs, "out")):
        items = items_in(tmp_path, 5, folder)
        watcher = Watcher()
        run = run_batch(tiny_model, items, tmp_path / folder, None, watcher, jobs=number)
        assert [outcome.item for outcome in run] == items
        assert watcher.threads == {threading.get_ident()}
    for name in names_in(tmp_path / "alone"):
        if not name.endswith(".json"):  # holds times
            alone = (tmp_path / "alone" / name).read_bytes()
            assert (tmp_path / "out" / name).read_bytes() == alone
    assert our_threads() == []


def test_the_next_field_is_read_and_the_last_one_written_while_one_is_drawn(
    tmp_path: Path, tiny_model: Model
) -> None:
    begun: list[str] = []
    seen: dict[str, tuple[bool, bool]] = {}

    def drawing(name: str) -> None:
        following, before = f"{int(name) + 1:02}", tmp_path / "out" / f"{int(name) - 1:02}.json"
        read = name == "03" or wait_for(lambda: following in begun)
        written = name == "00" or wait_for(before.exists)
        seen[name] = (read, written)

    def begin(item: Item) -> Callable[[], None]:
        begun.append(item.source.stem)
        return lambda: None

    items = items_in(tmp_path, 4)
    run = run_batch(
        tiny_model, items, tmp_path / "out", None, Watcher(drawing), begin=begin, jobs=3
    )
    assert len(list(run)) == 4
    assert seen == {f"{i:02}": (True, True) for i in range(4)}


@pytest.mark.parametrize("jobs", [2, 3, 5])
def test_no_more_fields_are_in_work_than_asked_for(
    tmp_path: Path, tiny_model: Model, jobs: int
) -> None:
    begun: list[str] = []
    yielded = 0
    at_once: list[int] = []

    def begin(item: Item) -> Callable[[], None]:
        begun.append(item.source.stem)
        return lambda: None

    def drawing(name: str) -> None:
        if name == "02":  # one is written and all are read that may be
            wait_for(lambda: len(begun) - yielded >= jobs)
        at_once.append(len(begun) - yielded)

    items, watcher = items_in(tmp_path, 9), Watcher(drawing)
    with closing(
        run_batch(tiny_model, items, tmp_path / "out", progress=watcher, begin=begin, jobs=jobs)
    ) as run:
        for _ in range(4):  # towards the end there are fewer
            next(run)
            yielded += 1
    assert max(at_once) == jobs


def test_large_inputs_are_not_read_ahead(
    tmp_path: Path, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "LARGE_BYTES", 100)
    monkeypatch.setattr(overlap, "LARGE_PIXELS", 100)
    begun: list[str] = []
    found: list[tuple[str, list[str], bool]] = []

    def drawing(name: str) -> None:
        time.sleep(0.05)  # for a reader that should not be there
        before = tmp_path / "out" / f"{int(name) - 1:02}.json"
        found.append((name, list(begun), name == "00" or before.exists()))

    def begin(item: Item) -> Callable[[], None]:
        begun.append(item.source.stem)
        return lambda: None

    items = items_in(tmp_path, 3)
    run = run_batch(
        tiny_model, items, tmp_path / "out", None, Watcher(drawing), begin=begin, jobs=4
    )
    assert len(list(run)) == 3
    names = ["00", "01", "02"]
    assert found == [(name, names[: i + 1], True) for i, name in enumerate(names)]


def test_files_are_announced_one_field_at_a_time_on_the_thread_of_the_caller(
    tmp_path: Path, tiny_model: Model
) -> None:
    told: list[str] = []
    threads: set[int] = set()

    def tell(word: str) -> None:
        told.append(word)
        threads.add(threading.get_ident())

    def begin(item: Item) -> Callable[[], None]:
        return lambda: tell(f"begin {item.source.stem}")

    items = items_in(tmp_path, 4)
    for outcome in run_batch(tiny_model, items, tmp_path / "out", begin=begin, jobs=4):
        tell(f"done {outcome.item.source.stem}")
    assert told == [f"{word} {i:02}" for i in range(4) for word in ("begin", "done")]
    assert threads == {threading.get_ident()}


def test_what_stands_in_the_way_is_found_before_it_is_called_ours(
    tmp_path: Path, tiny_model: Model
) -> None:
    told = []

    def begin(item: Item) -> Callable[[], None]:
        item.stem.parent.mkdir(exist_ok=True)
        if item.source.stem == "01":  # somebody was faster
            item.stem.with_suffix(".json").write_text("mine", encoding="utf-8")
        return lambda: told.append(item.source.stem)

    outcomes = list(
        run_batch(tiny_model, items_in(tmp_path, 3), tmp_path / "out", begin=begin, jobs=3)
    )
    assert [outcome.entry["status"] for outcome in outcomes] == ["done", "failed", "done"]
    assert "exists already" in str(outcomes[1].error)
    assert told == ["00", "02"]
    assert (tmp_path / "out" / "01.json").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("jobs", [2, 3, 5])
def test_a_stopped_run_gives_what_was_written_and_leaves_no_thread(
    tmp_path: Path, tiny_model: Model, jobs: int
) -> None:
    watcher = Watcher()

    def drawing(name: str) -> None:
        watcher.stop = name == "01"

    watcher._drawing = drawing
    done: list[str] = []
    run = run_batch(
        tiny_model, items_in(tmp_path, 6), tmp_path / "out", progress=watcher, jobs=jobs
    )
    with pytest.raises(CancelledError):
        done.extend(outcome.item.source.stem for outcome in run)
    assert assert_complete_or_absent(tmp_path / "out") == set(done)
    assert {"00"} <= set(done) <= {"00", "01"}
    assert our_threads() == []


def test_an_interrupt_while_one_is_drawn_gives_what_was_written(
    tmp_path: Path, tiny_model: Model
) -> None:
    def drawing(name: str) -> None:
        if name == "02":
            raise KeyboardInterrupt

    done: list[str] = []
    run = run_batch(
        tiny_model, items_in(tmp_path, 6), tmp_path / "out", progress=Watcher(drawing), jobs=3
    )
    with pytest.raises(KeyboardInterrupt):
        done.extend(outcome.item.source.stem for outcome in run)
    assert done == ["00", "01"]
    assert assert_complete_or_absent(tmp_path / "out") == {"00", "01"}
    assert our_threads() == []


def test_a_run_that_is_left_early_leaves_no_thread(tmp_path: Path, tiny_model: Model) -> None:
    with closing(run_batch(tiny_model, items_in(tmp_path, 6), tmp_path / "out", jobs=4)) as run:
        next(run)
        assert our_threads() != []
    assert our_threads() == []
    assert assert_complete_or_absent(tmp_path / "out") >= {"00"}


def test_a_stack_is_read_ahead_too(tmp_path: Path, tiny_model: Model) -> None:
    options = FieldOptions(window=20)
    for jobs, folder in ((1, "alone"), (3, "out")):
        items = items_in(tmp_path, 3, folder)
        run = run_batch(tiny_model, items, tmp_path / folder, options, jobs=jobs)
        assert [outcome.entry["status"] for outcome in run] == ["done"] * 3
    for name in ("00.ome.tif", "02.png"):
        alone = (tmp_path / "alone" / name).read_bytes()
        assert (tmp_path / "out" / name).read_bytes() == alone


def test_at_least_one_field_is_in_work(tmp_path: Path, tiny_model: Model) -> None:
    with pytest.raises(InvalidValueError, match="jobs is 0, but it must be 1 or more"):
        run_batch(tiny_model, [], tmp_path, jobs=0)
    assert list(run_batch(tiny_model, [], tmp_path, jobs=3)) == []
