"""The JSON that a run leaves behind: every key, once.

`<stem>.json` holds a `FieldRecord`, `run.json` a `RunRecord`, a line of `--jsonl` a `FieldEntry`.
Numbers that do not exist (a correlation of nothing) are null; there is no NaN in any of them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

FIELD_SCHEMA = "annapalm-field-1"
RUN_SCHEMA = "annapalm-run-1"
"""Named in the files; a change that breaks a reader gets a new number."""

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

FieldStatus = Literal["done", "failed", "skipped"]
"""What became of one input; `skipped` was never begun, because the run was interrupted before."""
RunStatus = Literal["done", "failed", "interrupted", "partial"]
"""What became of the run: all inputs done, some failed, stopped by the user, or other shards of it
have still to do their part."""
ExtentSource = Literal["camera", "widefield", "option", "data"]
"""What decided the field of view: the table itself, the widefield image, --field or --roi, or only
where localizations happen to lie."""


class SoftwareRecord(TypedDict):
    """Versions that can change a pixel."""

    annapalm: str
    onnxruntime: str
    numpy: str
    python: str
    system: str
    """Operating system and architecture, as in `Linux x86_64`."""


class InputRecord(TypedDict):
    """What was read."""

    path: str
    """As the user wrote it, or as found in the user's folder."""
    sha256: str
    size_bytes: int
    kind: Literal["table", "counts"]
    """A table of localizations, or a rendered image of counts."""
    format: str
    """Name of the reader, as in `thunderstorm`."""
    rows: int
    """Localizations in the file."""
    selected: int
    """Localizations left after --frames; those outside the field are counted in `CountsRecord`."""
    frames: list[int] | None
    """First and last frame used, from 0, both included; null where the input has none."""
    camera_pixel_nm: float | None
    extent_from: ExtentSource
    unused_columns: list[str]


class WidefieldInputRecord(TypedDict):
    """The widefield image that was read beside the table."""

    path: str
    sha256: str
    shape: list[int]
    """[Y, X] in camera pixels."""
    pixel_nm: float


class ModelRecord(TypedDict):
    """The model that drew the picture."""

    name: str
    version: str
    sha256: str
    contract: str
    structure: str
    licence: str


class DeviceRecord(TypedDict):
    """What it ran on."""

    device: str
    """`cpu` or `cuda`."""
    provider: str
    """Execution provider of onnxruntime, checked after the session was made."""
    threads: int
    reason: str
    """Why this device was taken."""


class Provenance(TypedDict):
    """All that decides the pixels, and no times, so that equal runs give equal files."""

    software: SoftwareRecord
    input: InputRecord
    widefield: WidefieldInputRecord | None
    model: ModelRecord
    device: DeviceRecord
    options: dict[str, JsonValue]
    """The options of the command line that were not left at their default, and those that decide
    pixels in any case; names as on the command line, without dashes."""


class OutputRecord(TypedDict):
    """One file that was written, so that a later run can tell whether it is whole."""

    name: str
    """File name, beside the sidecar."""
    size_bytes: int
    sha256: str


class ImageRecord(TypedDict):
    """What the pixels of the OME-TIFF are."""

    shape: list[int]
    """[Y, X] in pixels."""
    pixel_nm: float
    origin_nm: list[float]
    """(x, y) of the outer corner of pixel (0, 0) in the frame of the localizations."""
    field_um: list[float]
    """(width, height)."""
    area_um2: float
    channels: list[str]
    units: dict[str, str]
    """Channel to unit."""
    exposure: float
    """Exposure of the result relative to that of the input; 1 = the same frames."""
    tiles: int
    """Pieces in which the field was run; the pixels do not depend on it."""


class CountsRecord(TypedDict):
    """The sparse image that the network was given."""

    used: int
    """Localizations inside the field."""
    outside: int
    """Localizations outside the field, which were not used."""
    density_per_um2: float
    """`used` over the area of the field."""
    nyquist_nm: float | None
    """Finest resolution that `density_per_um2` lets sampling reach (`annapalm.quality.density`);
    null without localizations."""
    occupied_share: float
    """Share of the pixels that hold a localization."""


class TrustRecord(TypedDict):
    """How far the picture is to be believed, in numbers (`annapalm.write.trust`)."""

    expected_localizations: float
    """Sum of `dense`: localizations of the structure, over the exposure asked for."""
    diffuse_localizations: float
    """Sum of the diffuse background, which `dense` does not hold."""
    structure_threshold: float
    """Pixels of `dense` at or above it are called structure; 0 for an empty image."""
    structure_share: float
    """Share of the field that is structure."""
    structure_density_per_um2: float | None
    """Localizations of the input on the structure over its area; null without any structure."""
    structure_nyquist_nm: float | None
    """Finest resolution that they let sampling reach; the network's own knowledge not counted."""
    relative_error: float | None
    """Expected absolute error over `dense`, both summed over the structure; null without any."""
    doubt: float
    """A pixel is doubtful where the expected error is more than so many times `dense`."""
    doubtful_share: float | None
    """Share of the structure that is not to be believed; null where there is no structure."""
    intervals: dict[str, float]
    """Nominal coverage to factor k: the truth lies within dense +/- k * error."""


class DomainRecord(TypedDict):
    """How the localizations compare with simulated ones of the structure (`annapalm.domain`)."""

    distance: float
    """Squared Mahalanobis distance to simulated fields of the structure that was asked for."""
    limit: float
    """What 99 of 100 of these keep to."""
    likeliest: str
    """The structure whose simulated fields it is most like, or `no structure`."""
    mistaken_for: str | None
    """The structure that it looks like instead of the one asked for, beyond doubt; else null."""
    withheld: bool
    """Whether nothing was drawn for that: it looks like background without structure."""


class DriftRecord(TypedDict):
    """Steady drift of the localizations, told from themselves (`annapalm.domain.drift`)."""

    total_nm: list[float]
    """(x, y) from the first frame to the last."""
    length_nm: float
    """How far that is."""
    error_nm: float
    """Standard error of it."""
    limit_nm: float
    """A warning follows where `length_nm` is above it and above four standard errors."""


class PrecisionRecord(TypedDict):
    """Localization precision (`annapalm.domain.precision`)."""

    median_nm: float
    """Standard deviation per axis."""
    source: Literal["stated", "bursts"]
    """Told by the table's own column, or by localizations that follow each other in one place."""
    limit_nm: float
    """A warning follows where `median_nm` is above it."""


class WidefieldRecord(TypedDict):
    """How well the reconstruction explains the widefield image."""

    rsp: float | None
    """Resolution-scaled Pearson correlation, -1 to 1."""
    rse: float | None
    """Resolution-scaled error, localizations per quarter pixel."""
    shift_nm: list[float]
    """(x, y) by which the widefield image was moved onto the localizations."""
    registered: bool
    """Whether the shift was measured; else it was left at 0, and a warning says why."""
    psf_sigma_nm: float | None
    """Standard deviation of the PSF under which the picture explains the image best; null where
    no width does."""


class CrossCheckRecord(TypedDict):
    """What the held-out half of the frames says of the picture (`annapalm.cross_check`)."""

    done: bool
    """False where there was too little to divide; all numbers below are then null."""
    reason: str | None
    """Why it was not done."""
    contradicted: bool | None
    """Whether the picture as a whole is contradicted; a warning then says how."""
    seen: int | None
    """Localizations that the tested picture was made of."""
    held_out: int | None
    """Localizations that it was tested with."""
    cuts: list[int] | None
    """First frame held out and first frame seen again, from 0."""
    burst_frames: int | None
    """Duration of a burst in this table, in frames."""
    clump_factor: float | None
    """Variance over mean of held-out counts, that the test allows for."""
    misfit: float | None
    """Clumping about the picture over that of the held-out localizations by themselves."""
    total_ratio: float | None
    """Held-out localizations over those expected; divided out of the map."""
    level_z: float | None
    """|z| at which a place counts as marked: nominally 5 % of all places of a right picture."""
    unconfirmed_share: float | None
    """Share of the drawn structure that is marked as not borne out; null without structure."""
    missing_share: float | None
    """Share of the field that is marked as missing in the picture."""
    testable_share: float | None
    """Share of the drawn structure whose absence would have been marked."""


class PanelRecord(TypedDict):
    """Contrast of one panel of the PNG; the TIFF holds the values themselves."""

    low: float
    high: float
    """Values drawn darkest and brightest; what lies above is drawn like `high`."""
    rule: str
    """How `high` was chosen."""


class PictureRecord(TypedDict):
    """What is measured of one picture: a window, a channel, or the only picture of a field."""

    counts: CountsRecord
    trust: TrustRecord
    domain: DomainRecord | None
    """Null where nothing can be said: few localizations, or a structure that is not simulated."""
    drift: DriftRecord | None
    """Null where nothing can be said: few localizations or places, or an image of counts."""
    precision: PrecisionRecord | None
    """Null where neither the table nor its bursts tell."""
    widefield: WidefieldRecord | None
    """Null where there was no widefield image."""
    cross_check: CrossCheckRecord | None
    """Null where it was not asked for."""


class WindowRecord(PictureRecord):
    """One picture of a time-lapse."""

    window: int
    """Its place in time, from 0: the index T of the OME-TIFF."""
    channel: str | None
    """Name of the channel; null without channels."""
    frames: list[int]
    """First and last frame of the window, from 0, both included."""
    start_s: float | None
    """When its first frame began, from the first frame of the acquisition; null without
    --frame-time."""
    tiles: int
    warnings: list[str]
    """Of this picture; what holds for the whole input stands in `FieldRecord.warnings` only."""


class SeriesRecord(TypedDict):
    """A time-lapse: a picture of each window of frames."""

    window_frames: int
    """Frames in each window."""
    step_frames: int
    """From the start of a window to that of the next; below `window_frames` they overlap, and
    neighbours are not independent."""
    frame_time_ms: float | None
    left_over: list[int] | None
    """First and last frame behind the last whole window, of which there is no picture."""
    unused: int
    """Localizations in no window: of the frames left over, and of those between windows."""
    shown: int
    """The window whose numbers stand in the fields above, the most doubtful one, from 0."""
    windows: list[WindowRecord]
    """In the order of the planes: by time, then by channel."""


class ChannelRecord(PictureRecord):
    """One channel of a multi-channel image; of a time-lapse, its most doubtful window."""

    name: str
    value: str | None
    """Its number or word in the table's channel column; null where it has a file of its own."""
    planes: list[str]
    """Names of its planes in the OME-TIFF."""
    input: InputRecord
    widefield_input: WidefieldInputRecord | None
    model: ModelRecord
    warnings: list[str]


class FieldRecord(TypedDict):
    """`<stem>.json`: one field of view.

    Of a time-lapse or a multi-channel image, the numbers and the provenance are those of the
    picture with the largest doubtful share; all others stand in `series` and `channels`.
    """

    schema: str
    outputs: list[OutputRecord]
    image: ImageRecord
    counts: CountsRecord
    trust: TrustRecord
    domain: DomainRecord | None
    """Null where nothing can be said: few localizations, or a structure that is not simulated."""
    drift: DriftRecord | None
    """Null where nothing can be said: few localizations or places, or an image of counts."""
    precision: PrecisionRecord | None
    """Null where neither the table nor its bursts tell."""
    widefield: WidefieldRecord | None
    """Null where there was no widefield image."""
    cross_check: CrossCheckRecord | None
    """Null where it was not asked for."""
    series: SeriesRecord | None
    """Null where no time-lapse was asked for."""
    channels: list[ChannelRecord] | None
    """Null without channels."""
    preview: dict[str, PanelRecord]
    """Panel name to its contrast; empty where no PNG was asked for."""
    warnings: list[str]
    timings_s: dict[str, float]
    provenance: Provenance


class ErrorRecord(TypedDict):
    """Why an input failed."""

    type: str
    """Class of the error, as in `BadCellError`."""
    message: str


class FieldEntry(TypedDict):
    """One input of a run; a line of `--jsonl`. Made by `done_entry` and its two siblings."""

    input: str
    """As in `InputRecord.path`."""
    status: FieldStatus
    stem: str | None
    """Outputs without suffix, relative to the output folder, with forward slashes; null if none."""
    seconds: float
    """Wall time of this input, from reading to files on disk."""
    error: ErrorRecord | None
    """Null unless failed."""
    record: FieldRecord | None
    """As in `<stem>.json`; null unless done."""


class ShardsRecord(TypedDict):
    """How far a run is that several shards do."""

    count: int
    """Shards that there are."""
    ended: list[int]
    """Numbers of those that have done their part, from 1."""


class RunHead(TypedDict):
    """What is to be said of a run as a whole."""

    schema: str
    """`RUN_SCHEMA`."""
    status: RunStatus
    started: str
    """ISO 8601 with time zone."""
    seconds: float
    command: list[str]
    """The command line, program first."""
    software: SoftwareRecord
    model: ModelRecord
    """Of several channels that of the first; `FieldRecord.channels` names them all."""
    device: DeviceRecord
    shards: ShardsRecord | None
    """Null where one run did all."""


class RunRecord(RunHead):
    """`run.json`: a whole run. `write_run` adds nothing to it and drops nothing."""

    fields: list[FieldEntry]
    """In the order of the inputs; then what else an earlier run of the same settings left there."""
