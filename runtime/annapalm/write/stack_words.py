"""What is to be said of a stack, once: a thousand windows must not give a thousand lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm.stack.windows import Window, Windows
    from annapalm.write.stack_head import StackLayer

_NUMBER = re.compile(r"\d[\d.,]*")


class Said(NamedTuple):
    """A warning, and of which picture it is."""

    channel: str
    """Empty where there are no channels."""
    window: Window | None
    """None where it holds for all windows."""
    text: str

    @property
    def place(self) -> str:
        """Name the picture; empty where it is the only one."""
        window = self.window
        words = "" if window is None else f"window {window.index} ({window.words})"
        return ", ".join(filter(None, (self.channel, words)))


def warnings_of(said: Sequence[Said], pictures: int) -> list[str]:
    """Say what differs only in its numbers once, with the picture that it is first said of."""
    groups: dict[str, list[Said]] = {}
    for one in said:
        groups.setdefault(_NUMBER.sub("#", one.text), []).append(one)
    lines = []
    for group in groups.values():
        first = group[0]
        if len(group) == pictures and all(one.text == first.text for one in group):
            lines.append(first.text)
        elif len(group) == 1:
            lines.append(f"{first.place}: {first.text}" if first.place else first.text)
        else:
            lines.append(f"In {len(group)} of {pictures} pictures, as {first.place}: {first.text}")
    return lines


def shown_words(
    layers: Sequence[StackLayer], layer: StackLayer, windows: Windows | None, window: int
) -> list[str]:
    """Say which of several pictures the numbers are of; nothing where there is one."""
    moments = 1 if windows is None else len(windows)
    if len(layers) * moments == 1:
        return []
    kinds = []
    if windows is not None:
        kinds.append(f"{moments} {'window' if moments == 1 else 'windows'}")
    if len(layers) > 1:
        kinds.append(f"{len(layers)} channels")
    place = Said(layer.name, windows.window(window) if windows is not None else None, "").place
    words = (
        f"An image of {' and '.join(kinds)}: numbers and small pictures are those of the most "
        f"doubtful one, {place}."
    )
    return [words]
