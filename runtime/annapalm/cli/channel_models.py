"""The models that draw the channels of a run, each loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annapalm.field import Channel
from annapalm.model import load_model
from annapalm.model.inputs import structure_weights
from annapalm.model.names import default_model
from annapalm.stack.read import common_pixel_nm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annapalm.cli.channels import ChannelSpec
    from annapalm.model import Device, Model, SessionOptions


def load_channels(
    specs: Sequence[ChannelSpec],
    *,
    model: str | None,
    structure: str | None,
    device: Device,
    session: SessionOptions,
) -> tuple[Channel, ...]:
    """Load the models of all channels; `model` and `structure` are for those that name none.

    Raises what `load_model` does, and `StructureError` or `ChannelPixelError` where the models
    cannot draw what is asked for on one grid.
    """
    loaded: dict[str, Model] = {}
    channels = []
    for spec in specs:
        drawn = spec.structure or structure
        asked = model if spec.model is None else spec.model
        name = default_model(drawn) if asked is None else asked
        if name not in loaded:
            loaded[name] = load_model(name, device, session)
        structure_weights(drawn, loaded[name].info)
        value = None if spec.has_files else spec.which
        channels.append(Channel(spec.name, loaded[name], drawn, value))
    if channels:
        common_pixel_nm(channels)
    return tuple(channels)
