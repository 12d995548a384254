"""The only way to make a folder under `models/`: every gate is passed, or nothing is written."""

from __future__ import annotations

from annapalm_export.release.errors import ReleaseRefusedError

__all__ = ["ReleaseRefusedError"]
