"""The errors of annapalm: one base, each subclass also the fitting builtin.

Every message is made inside its class and says what happened, where, and what to do. Classes that
belong to one room (reading, models, writing) live in that room's `errors.py` and derive from here.
"""

from __future__ import annotations

from typing import Any, Self

_HEAP_TYPE = 1 << 9
"""Flag of a class written in Python (Py_TPFLAGS_HEAPTYPE), against those built in."""


class AnnaPalmError(Exception):
    """Base of every error that annapalm raises on purpose; its text is meant for the user."""

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Keep the arguments as given, so that the error survives pickling (see `__reduce__`)."""
        # The builtin whose memory layout the class has must make it: MemoryError and OSError have
        # a `__new__` of their own, and Python lets neither make a class built on another base.
        maker: Any = cls
        while maker.__flags__ & _HEAP_TYPE and maker.__base__ is not None:
            maker = maker.__base__
        self: Self = maker.__new__(cls)
        self._made_from = (args, kwargs)
        return self

    _made_from: tuple[tuple[Any, ...], dict[str, Any]]

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.args = (
            args  # an OSError beside this base takes its text in __new__ and would have none
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the constructor's own arguments: `Exception` would hand it the message."""
        args, kwargs = self._made_from
        return _rebuild, (type(self), args, kwargs)


def _rebuild(
    cls: type[AnnaPalmError], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AnnaPalmError:
    return cls(*args, **kwargs)


class InvalidValueError(AnnaPalmError, ValueError):
    """A value given to annapalm's Python API is outside what it can mean."""

    def __init__(self, name: str, value: object, must: str) -> None:
        super().__init__(f"{name} is {value!r}, but it must be {must}.")


class FieldTooLargeError(AnnaPalmError, ValueError):
    """The localizations span a field that no camera sees; its image would not fit in memory."""

    def __init__(self, width_um: float, height_um: float, limit_px: int, where: str) -> None:
        super().__init__(
            f"The field would be {width_um:,.1f} x {height_um:,.1f} µm, more than {limit_px:,} "
            f"pixels{where}. Correct or remove the outlying localizations, or choose the part to "
            "reconstruct with --roi X0,Y0,X1,Y1 (µm)."
        )


class CancelledError(AnnaPalmError, RuntimeError):
    """The host asked, through its progress object, to stop; nothing was returned or written."""

    def __init__(self) -> None:
        super().__init__("The reconstruction was cancelled by the caller; nothing was kept of it.")
