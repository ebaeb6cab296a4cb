"""ONNX: a net as a graph of named operations, written out node by node from the spec and the weights.

Source: https://onnx.ai/onnx/operators/. Opset 17 and version 8 of the format are of 2022, and so read by old runtimes too. In
use a Dropout does nothing, so it has no node. Batch normalisation is written out, since ONNX's own operator keeps epsilon in
float32 whatever the net computes in; a runtime folds what does not depend on x.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.extras import needed
from shared.spec import ActivationSpec, BatchNormalizationSpec, DenseSpec, ModelSpec

OPSET, FORMAT = 17, 8
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def library() -> Any:
    """The package onnx.

    Raises:
        InputError: it is not installed.
    """
    with needed("onnx", "export", "ONNX export"):
        import onnx
    return onnx


def graph(model: ModelSpec, weights: Sequence[np.ndarray]) -> bytes:
    """The content of a file: input ``x`` (batch, inputs), output ``logits`` (batch, outputs), both of the weights' dtype.

    Raises:
        InputError: the package onnx is not installed.
    """
    onnx = library()
    helper = onnx.helper
    constants = dict(zip(model.weight_shapes, weights, strict=True))
    nodes: list[Any] = []
    last = "x"

    def node(operation: str, name: str, *inputs: str) -> str:
        nodes.append(helper.make_node(operation, list(inputs), [name], name=name))
        return name

    for layer in model.layers:
        name = layer.name
        if isinstance(layer, DenseSpec):
            last = node("MatMul", f"{name}/product", last, f"{name}/kernel")
            if layer.use_bias:
                last = node("Add", f"{name}/sum", last, f"{name}/bias")
        elif isinstance(layer, BatchNormalizationSpec):
            constants[f"{name}/epsilon"] = np.array(layer.epsilon, model.variable_dtype)
            spread = node("Add", f"{name}/spread", f"{name}/moving_variance", f"{name}/epsilon")
            root = node("Sqrt", f"{name}/root", spread)
            scale = node("Div", f"{name}/scale", f"{name}/gamma", root)
            moved = node("Mul", f"{name}/moved", f"{name}/moving_mean", scale)
            shift = node("Sub", f"{name}/shift", f"{name}/beta", moved)
            last = node("Add", f"{name}/sum", node("Mul", f"{name}/product", last, scale), shift)
        if isinstance(layer, DenseSpec | ActivationSpec) and layer.activation != "linear":
            last = node(_ACTIVATIONS[layer.activation], f"{name}/{layer.activation}", last)
    node("Identity", "logits", last)

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(model.variable_dtype))
    made = helper.make_graph(
        nodes,
        model.name,
        [helper.make_tensor_value_info("x", kind, ["batch", model.inputs])],
        [helper.make_tensor_value_info("logits", kind, ["batch", model.outputs])],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    whole = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT, producer_name="keras-lockstep"
    )
    onnx.checker.check_model(whole, full_check=True)
    return whole.SerializeToString()
