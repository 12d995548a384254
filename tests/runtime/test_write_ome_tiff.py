"""The OME-TIFF says what it is to every reader, and equal results give equal bytes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from ome_types import from_xml
from write_words import a_provenance, a_result, an_agreement

from annapalm.tiff import pixel_size_nm
from annapalm.write import ome_tiff
from annapalm.write.ome_tiff import write_ome_tiff
from annapalm.write.sidecar import image_record

if TYPE_CHECKING:
    from annapalm.reconstruction import Reconstruction
    from annapalm.write.schema import Provenance


def written(
    result: Reconstruction,
    provenance: Provenance | None = None,
    *,
    name: str = "cell_01",
    compress: bool = False,
) -> bytes:
    stream = io.BytesIO()
    write_ome_tiff(
        stream,
        result,
        image_record(result),
        provenance or a_provenance(),
        name=name,
        compress=compress,
    )
    return stream.getvalue()


def opened(content: bytes) -> tifffile.TiffFile:
    return tifffile.TiffFile(io.BytesIO(content))


def ome(content: bytes) -> Any:
    with opened(content) as tiff:
        assert tiff.ome_metadata is not None
        return from_xml(tiff.ome_metadata, validate=False)


def test_values_are_kept_exactly_as_float32_channels() -> None:
    result = a_result()
    with opened(written(result)) as tiff:
        series = tiff.series[0]
        assert (series.axes, series.shape) == ("CYX", (2, 40, 60))
        assert series.dtype == np.dtype(np.float32)
        np.testing.assert_array_equal(series.asarray(), [result.dense, result.error])
        assert len(tiff.series) == 1


def test_a_widefield_image_gives_a_third_channel_and_no_other_does() -> None:
    result = a_result(widefield=an_agreement())
    with opened(written(result)) as tiff:
        assert result.widefield is not None
        np.testing.assert_array_equal(tiff.series[0].asarray()[2], result.widefield.error)
    names = [c.name for c in ome(written(result)).images[0].pixels.channels]
    assert names == ["dense", "error", "widefield_error"]


def test_ome_metadata_are_what_a_viewer_needs() -> None:
    image = ome(written(a_result())).images[0]
    pixels = image.pixels
    assert image.name == "cell_01"
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (0.02, "µm")
    assert (pixels.physical_size_y, pixels.physical_size_y_unit.value) == (0.02, "µm")
    assert [c.name for c in pixels.channels] == ["dense", "error"]
    assert pixels.type.value == "float"
    assert (pixels.size_c, pixels.size_y, pixels.size_x) == (2, 40, 60)
    planes = [(p.position_x, p.position_y, p.position_x_unit.value) for p in pixels.planes]
    assert planes == [(0.4, -0.06, "µm")] * 2
    assert "expected localizations of the structure per pixel" in image.description


def test_provenance_is_a_map_annotation() -> None:
    document = ome(written(a_result(), a_provenance(frames=[0, 300])))
    notes = document.structured_annotations[0]
    values = {m.k: m.value for m in notes.value.ms}
    assert notes.namespace == "annapalm/provenance"
    assert values["input.path"] == "acquisition/cell.csv"
    assert values["input.sha256"] == "ab" * 32
    assert values["model.version"] == "1.0.0"
    assert json.loads(values["options.frames"]) == [0, 300]
    assert values["image.pixel_nm"] == "20.0"
    assert document.images[0].annotation_refs[0].id == notes.id


def test_the_file_has_an_identity_and_names_its_writer() -> None:
    document = ome(written(a_result(widefield=an_agreement())))
    assert document.uuid.startswith("urn:uuid:")
    assert document.creator == "annapalm 0.1.0"


def test_resolution_tags_say_the_pixel_size_too() -> None:
    """ImageJ's own reader and others look there and not into the XML."""
    content = written(a_result())
    with opened(content) as tiff:
        tags = tiff.pages[0].tags  # type: ignore[union-attr]
        assert tags["XResolution"].value == (500_000, 1)
        assert tags["YResolution"].value == (500_000, 1)
        assert tags["ResolutionUnit"].value == 3  # centimetre
        assert tags["Software"].value == "annapalm 0.1.0"
        assert "DateTime" not in tags
        assert pixel_size_nm(tiff) == pytest.approx(20.0)


def test_equal_results_give_equal_bytes() -> None:
    assert written(a_result()) == written(a_result())
    assert written(a_result(), compress=True) == written(a_result(), compress=True)


def test_another_provenance_is_another_image() -> None:
    uuids = {
        ome(written(a_result(), provenance)).uuid
        for provenance in (a_provenance(), a_provenance("other.csv"), a_provenance(tile=512))
    }
    assert len(uuids) == 3


def test_compression_keeps_the_values_and_saves_room() -> None:
    result = a_result((300, 300))
    small = written(result, compress=True)
    assert len(small) < len(written(result)) / 2
    with opened(small) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), [result.dense, result.error])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 3), (5, 4), (2, 3)])
def test_small_images_are_channels_and_not_colours(shape: tuple[int, int]) -> None:
    result = a_result(shape, widefield=an_agreement(shape))
    with opened(written(result)) as tiff:
        assert tiff.series[0].axes == "CYX"
        assert tiff.series[0].shape == (3, *shape)


@pytest.mark.parametrize("name", ["zelle µ 3", "<a & b>", "bell\x07", "not utf-8 \udcff", "{x}"])
def test_any_name_a_file_can_have_gives_a_readable_file(name: str) -> None:
    content = written(a_result(), a_provenance(name), name=name)
    shown = name.replace("\x07", r"\x07").replace("\udcff", r"\udcff")
    assert ome(content).images[0].name == shown


def test_a_file_beyond_4_gb_is_written_as_bigtiff(monkeypatch: pytest.MonkeyPatch) -> None:
    result = a_result()
    monkeypatch.setattr(ome_tiff, "_CLASSIC_BYTES", 1000)
    with opened(written(result)) as tiff:
        assert tiff.is_bigtiff
        np.testing.assert_array_equal(tiff.asarray(), [result.dense, result.error])


def test_a_view_that_is_not_contiguous_is_written_as_it_looks() -> None:
    wide = np.random.default_rng(3).random((40, 120), np.float32)
    result = a_result(dense=wide[:, ::2])
    with opened(written(result)) as tiff:
        np.testing.assert_array_equal(tiff.asarray()[0], wide[:, ::2])
