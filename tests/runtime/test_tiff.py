"""One plane out of a TIFF file, its pixel size, and all that is refused."""

from __future__ import annotations

import pickle
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annapalm.tiff import (
    DamagedTiffError,
    NotATiffError,
    PixelNotSquareError,
    TiffCodecError,
    TiffError,
    TiffOpenError,
    TiffPixelsError,
    TiffPlanesError,
    TiffTooLargeError,
    checks,
    open_plane,
)

if TYPE_CHECKING:
    from pathlib import Path

    from annapalm.errors import AnnaPalmError

PLANE = np.arange(12 * 17, dtype=np.uint16).reshape(12, 17)

NAMED = {256: "L", 257: "L", 258: "H", 259: "H", 262: "H", 273: "L", 277: "H", 278: "L", 279: "L"}


def saved(folder: Path, image: Any = PLANE, **options: Any) -> Path:
    """Write an image as tifffile does, and return where."""
    path = folder / "image.tif"
    tifffile.imwrite(path, image, **{"photometric": "minisblack", **options})
    return path


def raw_tiff(
    folder: Path, strip: bytes, tags: dict[int, int] | None = None, again: int = 0
) -> Path:
    """Write a little-endian TIFF of one strip, tag by tag; `again` is the next directory."""
    values = {256: 10, 257: 10, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 10, 279: len(strip)}
    values.update(tags or {})
    directory = struct.pack("<H", len(values))
    for code, value in sorted(values.items()):
        kind = {"H": 3, "L": 4}[NAMED.get(code, "L")]
        directory += struct.pack("<HHII", code, kind, 1, value)
    data = struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + directory
    path = folder / "raw.tif"
    path.write_bytes(data + struct.pack("<I", again))
    return path


def ome(attributes: str, extra: str = "") -> str:
    """Describe one plane in OME-XML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        f'OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="17" SizeY="12" SizeZ="1" SizeC="1" SizeT="1" {attributes}>'
        f'<TiffData IFD="0" PlaneCount="1"/>{extra}</Pixels></Image></OME>'
    )


def assert_pixel_nm(path: Path, wanted: float | None) -> None:
    """Expect the file to state this pixel size."""
    found = open_plane(path)[1]
    assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-6))


def assert_refuses(path: Path, error: type[AnnaPalmError], text: str) -> None:
    """Expect this error, which names the file and survives pickling."""
    with pytest.raises(error) as caught:
        open_plane(path)
    assert text in str(caught.value)
    assert str(path) in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


# The values


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4", "f2", "f4", "f8", ">u2", ">f4"])
def test_values_keep_their_kind_and_come_in_native_order(tmp_path: Path, kind: str) -> None:
    image = (PLANE % 120).astype(kind)
    order = ">" if kind[0] == ">" else "<"
    plane, _ = open_plane(saved(tmp_path, image, byteorder=order))
    assert plane.dtype == np.dtype(kind).newbyteorder("=")
    assert plane.dtype.isnative
    np.testing.assert_array_equal(plane, image)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"compression": "lzma"},
        {"rowsperstrip": 5},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"bigtiff": True},
        {"imagej": True},
        {"ome": True},
    ],
)
def test_every_lean_layout_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(open_plane(saved(tmp_path, **options))[0], PLANE)


def test_a_single_pixel_is_a_plane(tmp_path: Path) -> None:
    assert open_plane(saved(tmp_path, np.full((1, 1), 7, np.uint16)))[0].tolist() == [[7]]


# The pixel size


@pytest.mark.parametrize(
    ("options", "pixel_nm"),
    [
        ({}, None),
        ({"resolution": (1e5, 1e5), "resolutionunit": "CENTIMETER"}, 100.0),
        ({"resolution": (254000, 254000), "resolutionunit": "INCH"}, 100.0),
        ({"resolution": (10, 10), "resolutionunit": "NONE"}, None),
        ({"resolution": (1, 1), "resolutionunit": "CENTIMETER"}, None),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (96, 96), "resolutionunit": "INCH"}, None),
        ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ({"imagej": True, "resolution": (10, 10), "metadata": {"unit": "um"}}, 100.0),
        ({"imagej": True, "resolution": (10, 10), "metadata": {"unit": "micron"}}, 100.0),
        ({"imagej": True, "resolution": (0.01, 0.01), "metadata": {"unit": "nm"}}, 100.0),
        ({"imagej": True, "resolution": (10, 10), "metadata": {"unit": "\\u00B5m"}}, 100.0),
        ({"imagej": True, "resolution": (10, 10)}, None),
        ({"imagej": True, "resolution": (10, 10), "metadata": {"unit": "pixel"}}, None),
        ({"imagej": True, "resolution": (1, 1), "metadata": {"unit": "um"}}, None),
        ({"imagej": True, "resolution": (72, 72), "metadata": {"unit": "inch"}}, None),
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}}, 100.0),
    ],
)
def test_a_stated_pixel_is_found_and_a_default_is_none(
    tmp_path: Path, options: dict[str, Any], pixel_nm: float | None
) -> None:
    assert_pixel_nm(saved(tmp_path, **options), pixel_nm)


@pytest.mark.parametrize(
    ("attributes", "pixel_nm"),
    [
        ('PhysicalSizeX="0.108" PhysicalSizeY="0.108"', 108.0),
        ('PhysicalSizeX="0.108"', 108.0),
        ('PhysicalSizeX="108" PhysicalSizeXUnit="nm"', 108.0),
        ('PhysicalSizeX="1080" PhysicalSizeXUnit="Å"', 108.0),
        ('PhysicalSizeX="108" PhysicalSizeXUnit="pixel"', None),
        ('PhysicalSizeX="0"', None),
        ('PhysicalSizeX="-1"', None),
        ('PhysicalSizeX="NaN"', None),
        ("", None),
    ],
)
def test_ome_gives_the_size_with_its_unit(
    tmp_path: Path, attributes: str, pixel_nm: float | None
) -> None:
    described = ome(attributes).encode()
    assert_pixel_nm(saved(tmp_path, description=described, metadata=None), pixel_nm)


def test_ome_is_believed_before_the_resolution_tags(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        description=ome('PhysicalSizeX="0.108"'),
        metadata=None,
        resolution=(1e5, 1e5),
        resolutionunit="CENTIMETER",
    )
    assert_pixel_nm(path, 108.0)


def test_pixels_that_are_not_square_are_refused_unless_the_user_knows(tmp_path: Path) -> None:
    path = saved(tmp_path, resolution=(1e5, 2e5), resolutionunit="CENTIMETER")
    assert_refuses(path, PixelNotSquareError, "100 nm in x and 50 nm in y")
    assert open_plane(path, 107.0)[1] == 107.0


# What is no plane of measured values


def test_a_stack_is_a_question(tmp_path: Path) -> None:
    stack = np.stack([PLANE, PLANE, PLANE])
    assert_refuses(saved(tmp_path, stack), TiffPlanesError, "holds 3 images")
    assert_refuses(saved(tmp_path, stack, imagej=True), TiffPlanesError, "one plane is needed")
    assert_refuses(saved(tmp_path, stack, ome=True), TiffPlanesError, "one plane is needed")


def test_a_stack_behind_one_directory_is_seen(tmp_path: Path) -> None:
    stack = np.stack([PLANE, PLANE, PLANE])
    path = saved(tmp_path, stack, truncate=True)
    assert_refuses(path, TiffPlanesError, "3 x 12 x 17")


def test_planes_in_other_files_are_not_opened(tmp_path: Path) -> None:
    second = '<TiffData FirstZ="1" IFD="0"><UUID FileName="other.tif">urn:uuid:1</UUID></TiffData>'
    described = ome('PhysicalSizeX="0.1"', second).replace('SizeZ="1"', 'SizeZ="2"')
    (tmp_path / "other.tif").mkdir()  # opening it would be an error
    path = saved(tmp_path, description=described, metadata=None)
    np.testing.assert_array_equal(open_plane(path)[0], PLANE)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_are_refused(tmp_path: Path, planar: str) -> None:
    shape = (12, 17, 3) if planar == "contig" else (3, 12, 17)
    path = saved(tmp_path, np.zeros(shape, np.uint8), photometric="rgb", planarconfig=planar)
    assert_refuses(path, TiffPixelsError, "colour image of 3 channels")


def test_a_palette_is_refused(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    path = saved(tmp_path, PLANE.astype("u1"), photometric="palette", colormap=colours)
    assert_refuses(path, TiffPixelsError, "palette")


def test_inverted_and_turned_images_are_refused(tmp_path: Path) -> None:
    assert_refuses(saved(tmp_path, photometric="miniswhite"), TiffPixelsError, "0 is white")
    path = saved(tmp_path, extratags=[(274, 3, 1, 3, True)])
    assert_refuses(path, TiffPixelsError, "Orientation")


def test_bits_and_complex_values_are_refused(tmp_path: Path) -> None:
    assert_refuses(saved(tmp_path, PLANE > 3), TiffPixelsError, "1 bits")
    assert_refuses(saved(tmp_path, PLANE.astype("c8")), TiffPixelsError, "complex64")
    path = raw_tiff(tmp_path, bytes(150), {258: 12})
    assert_refuses(path, TiffPixelsError, "12 bits")


def test_a_volume_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((4, 16, 16), "u1"), volumetric=True, tile=(4, 16, 16))
    assert_refuses(path, TiffPlanesError, "one plane is needed")


# What is no file, or a broken or hostile one


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    assert_refuses(tmp_path / "absent.tif", TiffOpenError, "No such file")
    assert_refuses(tmp_path, TiffOpenError, "cannot be read")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"frame,x [nm]\n", "signature"), (b"IIxxxx", "TIFF")],
)
def test_what_is_no_tiff_is_said_to_be_none(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    assert_refuses(path, NotATiffError, reason)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (5, "compressed with LZW, which"),
        (50000, "compressed with zstd, which"),
        (7, "compressed with JPEG, which"),
        (12345, "compressed with method 12345, which"),
    ],
)
def test_a_codec_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, text: str
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _: None)
    path = raw_tiff(tmp_path, bytes(100), {259: code})
    assert_refuses(path, TiffCodecError, text)
    with pytest.raises(TiffCodecError) as caught:
        open_plane(path)
    assert ("pip install imagecodecs" in str(caught.value)) == (code in (5, 50000))


def test_a_predictor_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _: None)
    path = raw_tiff(tmp_path, zlib.compress(bytes(100)), {259: 8, 317: 3})
    assert_refuses(path, TiffCodecError, "deflate and predictor 3")


def test_a_declared_giant_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = raw_tiff(tmp_path, bytes(100), {256: 10**6, 257: 10**6})
    assert_refuses(path, TiffTooLargeError, "1,000,000 x 1,000,000 pixels")


@pytest.mark.parametrize("code", [8, 34925])
def test_a_bomb_is_refused_while_it_unpacks(tmp_path: Path, code: int) -> None:
    import lzma

    huge = bytes(2**18)
    packed = zlib.compress(huge, 9) if code == 8 else lzma.compress(huge)
    path = raw_tiff(tmp_path, packed, {259: code})
    assert_refuses(path, TiffTooLargeError, "unpacks to more than its pixels")


def test_a_strip_far_larger_than_its_pixels_is_refused(tmp_path: Path) -> None:
    path = raw_tiff(tmp_path, bytes(5000), {259: 8})
    assert_refuses(path, TiffTooLargeError, "larger than its pixels")


@pytest.mark.parametrize("tags", [{273: 0}, {279: 0}, {273: 10**6}, {279: 10**6}, {279: 40}])
def test_missing_pixels_are_not_taken_as_zeros(tmp_path: Path, tags: dict[int, int]) -> None:
    assert_refuses(raw_tiff(tmp_path, bytes(100), tags), DamagedTiffError, "is damaged")


def test_strips_that_are_not_listed_are_missed(tmp_path: Path) -> None:
    path = raw_tiff(tmp_path, bytes(100), {278: 5})
    assert_refuses(path, DamagedTiffError, "too few")


def test_damaged_deflate_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = raw_tiff(tmp_path, b"\x78\x9c" + bytes(range(50)), {259: 8})
    assert_refuses(path, DamagedTiffError, "cannot be decoded")


def test_a_directory_that_points_to_itself_ends(tmp_path: Path) -> None:
    plane, _ = open_plane(raw_tiff(tmp_path, bytes(100), again=108))
    assert plane.shape == (10, 10)


def test_a_chain_of_directories_that_ends_in_a_circle_is_followed_no_further(
    tmp_path: Path,
) -> None:
    # Behind the first hundred, where tifffile looks for circles: it would go round 2^32 times.
    path = raw_tiff(tmp_path, bytes(100), again=222)
    data, empty = path.read_bytes(), struct.Struct("<H12sI")
    assert len(data) == 222
    starts = [222 + empty.size * i for i in range(150)]
    tag = struct.pack("<HHII", 256, 4, 1, 10)
    data += b"".join(empty.pack(1, tag, after) for after in [*starts[1:], starts[-1]])
    path.write_bytes(data)
    assert_refuses(path, TiffPlanesError, "more than 1,000 images")


def test_broken_ome_xml_is_damage_unless_the_user_states_the_pixel(tmp_path: Path) -> None:
    described = ome('PhysicalSizeX="0.108"').replace("</Image>", "")
    path = saved(tmp_path, description=described, metadata=None)
    with pytest.raises(DamagedTiffError, match="OME-XML"):
        open_plane(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_cut_and_no_flipped_byte_gives_anything_but_pixels_or_our_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    kinds: list[dict[str, Any]] = [{}, {"compression": "zlib"}, {"tile": (16, 16)}]
    options = data.draw(st.sampled_from(kinds))
    whole = bytearray(saved(tmp_path, **options, resolution=(1e5, 1e5)).read_bytes())
    for place in data.draw(st.lists(st.integers(0, 300), max_size=4)):
        whole[place % len(whole)] = data.draw(st.integers(0, 255))
    path = tmp_path / "hurt.tif"
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with suppress(TiffError, TiffOpenError):
        assert open_plane(path)[0].ndim == 2


@pytest.mark.parametrize("cut", [1, 50, 200, 400])
def test_a_cut_file_is_never_half_an_image(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(TiffError):
        open_plane(path)
