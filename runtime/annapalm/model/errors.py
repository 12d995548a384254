"""What can go wrong with models, devices and memory.

`ModelError` is every way in which a file is not a model that may be run (exit code 3 of the command
line); a name that is not found and a device that is not there are mistakes of the call.
"""

from __future__ import annotations

from annapalm.errors import AnnaPalmError

INSTALL_CPU = 'pip install "annapalm[cpu]"'
INSTALL_GPU = 'pip install "annapalm[gpu]"'


class ModelError(AnnaPalmError, ValueError):
    """A file is not a model that this runtime runs."""


class NotAModelError(ModelError):
    """A file cannot be read as an ONNX model at all."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(
            f"{model} is not an ONNX model: {reason}. Give the name of a released model "
            "(`annapalm models` lists them) or the path of an intact .onnx file."
        )


class UnknownContractError(ModelError):
    """An ONNX model does not follow the contract of this runtime."""

    def __init__(self, model: str, contract: str | None, known: str) -> None:
        says = "no annapalm contract" if contract is None else f"the contract '{contract}'"
        super().__init__(
            f"{model} follows {says}; this runtime knows '{known}'. Use a model exported by "
            "annapalm-export for this contract, or the annapalm version the model was made for."
        )


class ModelContractError(ModelError):
    """A model claims the contract and breaks it, in its file or in its results."""

    def __init__(self, model: str, breach: str) -> None:
        super().__init__(
            f"{model} breaks annapalm's model contract: {breach}. Nothing it computes can be "
            "trusted; export it again with annapalm-export, or use a released model "
            "(`annapalm models`)."
        )


class UnsafeModelError(ModelError):
    """A model holds something that models from outside may not hold."""

    def __init__(self, model: str, content: str) -> None:
        super().__init__(
            f"{model} was refused before it was loaded: it holds {content}. annapalm runs only "
            "self-contained models of plain layers; export it again with annapalm-export."
        )


class ModelNotFoundError(AnnaPalmError, LookupError):
    """No released model and no file has this name."""

    def __init__(self, wanted: str, known: tuple[str, ...]) -> None:
        listed = ", ".join(known) if known else "none (this installation is incomplete)"
        super().__init__(
            f"There is no model '{wanted}': neither a released model nor a file. "
            f"Released models: {listed}. Give one of these, or the path of an .onnx file."
        )


class StructureError(AnnaPalmError, ValueError):
    """The structure asked for is not one of the model's."""

    def __init__(self, wanted: str | None, model: str | None, structures: tuple[str, ...]) -> None:
        """Take what was asked for and what `model`, or all that are released (None), know."""
        asked = "No structure was named" if wanted is None else f"Structure '{wanted}' is unknown"
        who = "the released models know" if model is None else f"the model {model} knows"
        super().__init__(f"{asked}; {who}: {', '.join(structures)}. Name one of these.")


class PixelSizeError(AnnaPalmError, ValueError):
    """Counts or a grid have another pixel than the model was trained for."""

    def __init__(self, pixel_nm: float, model: str, model_nm: float) -> None:
        super().__init__(
            f"The pixels of the sparse image are {pixel_nm:g} nm, but the model {model} needs "
            f"{model_nm:g} nm. Render the localization table at {model_nm:g} nm (an image of "
            "counts cannot be resampled without changing its statistics), or use a model made "
            f"for {pixel_nm:g} nm."
        )


class NoOnnxRuntimeError(AnnaPalmError, ImportError):
    """ONNX Runtime is not installed, or what is installed cannot be imported."""

    def __init__(self, reason: str | None = None) -> None:
        state = "is not installed" if reason is None else f"is installed but broken ({reason})"
        repair = "" if reason is None else "pip uninstall -y onnxruntime onnxruntime-gpu, then "
        super().__init__(
            f"ONNX Runtime {state}. Run: {repair}{INSTALL_CPU} (any computer) or "
            f"{INSTALL_GPU} (NVIDIA GPU), one of the two."
        )


class TwoOnnxRuntimesError(AnnaPalmError, ImportError):
    """Several ONNX Runtime packages share one folder and overwrite each other."""

    def __init__(self, installed: tuple[str, ...]) -> None:
        super().__init__(
            f"Several ONNX Runtime packages are installed: {', '.join(installed)}. They overwrite "
            f"each other's files. Run: pip uninstall -y {' '.join(installed)}, then "
            f"{INSTALL_CPU} or {INSTALL_GPU}, one of the two."
        )


class DeviceError(AnnaPalmError, RuntimeError):
    """A device asked for by name cannot be used."""

    def __init__(self, device: str, reason: str) -> None:
        super().__init__(
            f"The device '{device}' cannot be used: {reason}. For an NVIDIA GPU run "
            f"pip uninstall -y onnxruntime, then {INSTALL_GPU}, and keep the driver current; "
            "or choose --device cpu."
        )


class InferenceError(AnnaPalmError, RuntimeError):
    """ONNX Runtime failed while it ran a model; there is no result."""

    def __init__(self, model: str, device: str, tile: str, reason: str) -> None:
        super().__init__(
            f"The model {model} failed on {device} at {tile}: {reason}. Nothing was kept. Try "
            "--device cpu; if it fails there too, report it with the model's name and version."
        )


class OutOfMemoryError(AnnaPalmError, MemoryError):
    """Not even the smallest tile, or not even the images themselves, fit into memory."""

    def __init__(self, model: str, device: str, shape: tuple[int, int] | None = None) -> None:
        what = (
            "has no room for the images of this field"
            if shape is None
            else f"could not run even a tile of {shape[0]} x {shape[1]} px"
        )
        super().__init__(
            f"Out of memory: the model {model} on {device} {what}. Close other programs, ask for "
            "more memory, or reconstruct a part of the field with --roi X0,Y0,X1,Y1 (µm)."
        )
