"""Small real models that follow the contract, built with `onnx.helper` for the tests.

The network has what a released one has (space-to-depth, convolutions, pooling, upsampling, skip
connections, depth-to-space, softplus, a global scale, a widefield branch), at a few channels and
with fixed random weights. Its picture is a soft blur of the counts: not good, but not empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from annapalm.contract import CONTRACT_VERSION, INPUTS, OPSET, OUTPUTS, ModelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray

CHANNELS = 16


def model_info(**changes: Any) -> ModelInfo:
    """Metadata of the tiny model, some of it changed."""
    values: dict[str, Any] = {
        "contract": CONTRACT_VERSION,
        "name": "tiny",
        "version": "0.0.1",
        "pixel_nm": 20.0,
        "stride": 16,
        "halo_px": 64,
        "structures": ("microtubule",),
        "psf_sigma_nm": 130.0,
        "intervals": {"0.5": 0.7, "0.8": 1.6, "0.9": 2.3, "0.95": 3.0},
        "intervals_widefield": {"0.5": 0.6, "0.8": 1.4, "0.9": 2.0, "0.95": 2.6},
        "density_range_per_um2": (0.5, 5000.0),
        "units": {
            "dense": "localizations per pixel",
            "error": "localizations per pixel",
            "background": "localizations per pixel",
            "widefield_estimate": "localizations per quarter pixel",
        },
        "training": "Random weights; for tests.",
        "licence": "BSD-3-Clause",
        "weights_sha256": "0" * 64,
    }
    return ModelInfo(**(values | changes))


class _Net:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def op(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def const(self, values: NDArray[Any] | float | Sequence[float]) -> str:
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def const64(self, value: float) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, np.float64), name))
        return name

    def conv(self, x: str, channels: tuple[int, int], size: int = 3, **attributes: Any) -> str:
        into, out = channels
        spread = np.sqrt(2.0 / (into * size * size))
        weight = self._random.normal(0, spread, (out, into, size, size))
        bias = self._random.normal(0, 0.1, out)
        half = size // 2
        pads = {"pads": [half, half, half, half]}
        return self.op("Conv", x, self.const(weight), self.const(bias), **(pads | attributes))

    def log1p(self, x: str) -> str:
        """Take log(1 + x), in float64.

        In float32 ONNX Runtime's Log (and its Softplus, Elu, Mish) rounds differently at the ends
        of a thread's share, so that tiled and whole would differ in a pixel here and there.
        """
        double = self.op("Cast", x, to=TensorProto.DOUBLE)
        shifted = self.op("Add", double, self.const64(1.0))
        return self.op("Cast", self.op("Log", shifted), to=TensorProto.FLOAT)

    def softplus(self, x: str) -> str:
        """Take log(1 + exp(x)), without overflow and without rounding by position."""
        decay = self.op("Exp", self.op("Neg", self.op("Abs", x)))
        return self.op("Add", self.op("Relu", x), self.log1p(decay))


def build_model(info: ModelInfo | None = None, *, seed: int = 1) -> onnx.ModelProto:
    """Make a model whose reach is below 64 px and whose stride is 16, with `info` as metadata."""
    info = info or model_info()
    net = _Net(seed)
    zero, one = net.const(0.0), net.const(1.0)
    wide = _widefield_in_localizations(net, zero, one)
    packed = net.op("SpaceToDepth", "counts", blocksize=4)
    # 32 channels, not 17: a convolution over a number of channels that is no multiple of 16 is a
    # matrix product, which ONNX Runtime sums in another order where a thread has few pixels.
    wide = net.op("Mul", wide, net.const(np.ones((1, CHANNELS, 1, 1)) / CHANNELS))
    seen = net.log1p(net.op("Concat", packed, wide, axis=1))
    level1 = net.op("Relu", net.conv(seen, (16 + CHANNELS, CHANNELS)))
    down = net.op("MaxPool", level1, kernel_shape=[2, 2], strides=[2, 2])
    level2 = net.op("Relu", net.conv(down, (CHANNELS, CHANNELS)))
    down = net.op("MaxPool", level2, kernel_shape=[2, 2], strides=[2, 2])
    level3 = net.op("Relu", net.conv(down, (CHANNELS, CHANNELS)))
    up = net.op("Concat", _up(net, level3), level2, axis=1)
    up = net.op("Concat", _up(net, up), level1, axis=1)
    features = net.op("Relu", net.conv(up, (3 * CHANNELS, CHANNELS)))
    _heads(net, features, info)
    graph = helper.make_graph(net.nodes, "tiny", *_signature(), initializer=net.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    helper.set_model_props(model, info.to_metadata())
    return model


def _widefield_in_localizations(net: _Net, zero: str, one: str) -> str:
    """Divide by the scale where there is one, else ignore the image; flush denormals."""
    per_field = net.op("Reshape", "widefield_scale", net.const(np.array([-1, 1, 1, 1])))
    present = net.op("Greater", per_field, zero)
    divisor = net.op("Where", present, per_field, one)
    image = net.op("Where", present, net.op("Div", "widefield", divisor), zero)
    tiny = net.op("Less", image, net.const(1e-30))
    return net.op("Where", tiny, zero, image)


def _up(net: _Net, x: str) -> str:
    scales = net.const([1.0, 1.0, 2.0, 2.0])
    return net.op(
        "Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip


def _heads(net: _Net, features: str, info: ModelInfo) -> None:
    """Add the four outputs, each proportional to the exposure and never below 0."""
    exposure = net.op("Reshape", "exposure", net.const(np.array([-1, 1, 1, 1])))
    names = [net.const(1.0 + np.arange(len(info.structures), dtype=np.float32)[:, None])]
    weight = net.op("MatMul", "structure", *names)
    factor = net.op("Mul", exposure, net.op("Reshape", weight, net.const(np.array([-1, 1, 1, 1]))))
    box = net.const(np.full((1, 1, 5, 5), 1 / 25))
    blurred = net.op("Conv", "counts", box, pads=[2, 2, 2, 2])
    for name in ("dense", "error"):
        rate = net.softplus(net.op("Sub", net.conv(features, (CHANNELS, 16), 1), net.const(4.0)))
        fine = net.op("DepthToSpace", rate, blocksize=4, mode="CRD")
        net.op("Mul", net.op("Add", fine, blurred), factor, out=name)
    faint = net.softplus(net.op("Sub", net.conv(features, (CHANNELS, 1), 1), net.const(6.0)))
    net.op("Mul", faint, factor, out="background")
    summed = net.op("AveragePool", "dense", kernel_shape=[4, 4], strides=[4, 4])
    kernel = np.outer(*[np.exp(-0.5 * (np.arange(-2, 3) / 1.6) ** 2)] * 2)
    psf = net.const((16 * kernel / kernel.sum())[None, None])
    net.op("Conv", summed, psf, pads=[2, 2, 2, 2], out="widefield_estimate")


def _signature() -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    return (
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in INPUTS.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in OUTPUTS.items()],
    )
