"""From trained weights to one ONNX file that keeps the contract."""

from __future__ import annotations

from annapalm_export.to_onnx.graph import export_onnx, inference_copy
from annapalm_export.to_onnx.halo import measure_reach_px
from annapalm_export.to_onnx.parity import Parity, check_parity

__all__ = ["Parity", "check_parity", "export_onnx", "inference_copy", "measure_reach_px"]
