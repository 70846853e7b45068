"""Operations over windows of an image: convolution, pooling, resizing."""

from __future__ import annotations

from typing import Any

from service.vision.packs.tfjs.builder import CHANNELS_FIRST, Builder, Constant, Tensor, Value
from service.vision.packs.tfjs.graph import Node, as_ints
from service.vision.packs.tfjs.operations.elementwise import activate, computed
from service.vision.packs.tfjs.registry import handles, known
from service.vision.packs.tfjs.weights import Array


@handles("Conv2D", "_FusedConv2D")
def convolution(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Filter (height, width, in, out) -> ONNX (out, in, height, width)."""
    kernel = known(node, inputs[1], "the filter").transpose(3, 2, 0, 1)
    return (_convolve(node, inputs, kernel, 1, builder),)


@handles("DepthwiseConv2dNative", "FusedDepthwiseConv2dNative")
def depthwise(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Filter (height, width, in, multiplier) -> ONNX (in * multiplier, 1, height, width), one group a channel."""
    kernel = known(node, inputs[1], "the filter")
    height, width, channels, _ = kernel.shape
    return (_convolve(node, inputs, kernel.transpose(2, 3, 0, 1).reshape(-1, 1, height, width), channels, builder),)


def _convolve(node: Node, inputs: tuple[Tensor, ...], kernel: Array, groups: int, builder: Builder) -> Value:
    fused, rest = list(node.texts("fused_ops")), list(inputs[2:])
    names = [_image(node, inputs[0], builder), builder.constant(kernel)]
    if fused and fused[0] == "BiasAdd":
        fused.pop(0)
        names.append(builder.constant(known(node, rest.pop(0), "the bias").reshape(-1)))
    attributes = _window(node, node.ints("strides"), kernel.shape[2:])
    attributes["dilations"] = node.ints("dilations", (1, 1, 1, 1))[1:3]
    value = Value(builder.one("Conv", names, group=groups, **attributes), CHANNELS_FIRST)
    for kind in fused:
        slope = rest.pop(0) if kind == "Prelu" else None
        value = activate(node, kind, value, slope, builder)
    return value


@handles("MaxPool")
def max_pool(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """The largest value of each window."""
    attributes = _window(node, node.ints("strides"), node.ints("ksize")[1:3])
    return (Value(builder.one("MaxPool", [_image(node, inputs[0], builder)], **attributes), CHANNELS_FIRST),)


@handles("ResizeBilinear")
def resize_bilinear(node: Node, inputs: tuple[Tensor, ...], builder: Builder) -> tuple[Tensor, ...]:
    """Bilinear resizing to a constant (height, width), with TensorFlow's three ways to place a pixel."""
    size = as_ints(known(node, inputs[1], "the size"))
    if node.flag("align_corners"):
        placement = "align_corners"
    else:
        placement = "half_pixel" if node.flag("half_pixel_centers") else "asymmetric"
    image = _image(node, inputs[0], builder)
    # All four sizes: given `axes` for two, onnxruntime's optimiser breaks a resize that stands beside a transpose.
    kept = builder.one("Shape", [image], start=0, end=2)
    sizes = builder.one("Concat", [kept, builder.ints(size)], axis=0)
    name = builder.one("Resize", [image, "", "", sizes], mode="linear", coordinate_transformation_mode=placement)
    return (Value(name, CHANNELS_FIRST),)


def _image(node: Node, tensor: Tensor, builder: Builder) -> str:
    """The data input, channels first."""
    if node.text("data_format", "NHWC") != "NHWC":
        raise node.refuse("channels-first convolution")
    if isinstance(tensor, Constant) or tensor.rank != 4:
        raise node.refuse("the data input must be a computed image")
    return builder.stored(computed(node, tensor), CHANNELS_FIRST)


def _window(node: Node, strides: tuple[int, ...], size: tuple[int, ...]) -> dict[str, Any]:
    """Strides, size and padding of a window. TensorFlow's SAME puts the odd pixel last, as SAME_UPPER does."""
    attributes: dict[str, Any] = {"kernel_shape": list(size), "strides": list(strides[1:3])}
    padding = node.text("padding")
    if padding == "SAME":
        attributes["auto_pad"] = "SAME_UPPER"
    elif padding == "EXPLICIT":
        widths = node.ints("explicit_paddings")
        attributes["pads"] = [widths[2], widths[4], widths[3], widths[5]]
    elif padding != "VALID":
        raise node.refuse(f"padding {padding!r}")
    return attributes
