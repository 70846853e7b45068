"""Converter of TensorFlow.js graph models (model.json and .bin) to ONNX."""

from service.vision.packs.tfjs.convert import convert
from service.vision.packs.tfjs.graph import GraphModel, Node, parse_graph_model

__all__ = ["GraphModel", "Node", "convert", "parse_graph_model"]
