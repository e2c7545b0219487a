"""The classifier for machines without TensorFlow: TFLite (LiteRT) and ONNX files.

They take what the network takes: `image`, float32 `[batch, size, size, 3]`, RGB in [0, 255],
resized by the caller, and give `probabilities`: decoding and resizing have no counterpart there.
`provenance.enclosed` says what they hold besides, and `inference.portable_files` answers with them.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence

import h5py
import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx import ModelProto
from tensorflow.lite.python.convert_phase import ConverterError

from fer_keras.errors import InvalidInputError
from fer_keras.files import write_bytes
from fer_keras.inference.portable_files import (
    INPUT,
    MODEL_HASH,
    OUTPUT,
    SIGNATURE,
    hash_file,
)
from fer_keras.models.classifier import load_classifier
from fer_keras.models.inner_layers import inner_layers
from fer_keras.models.saliency_layers import SpectralResidual
from fer_keras.provenance import enclosed
from fer_keras.serving.signatures import check_can_be_served

TFLITE_FILES = {
    'float32': 'classifier.tflite',
    'float16': 'classifier_float16.tflite',
    'int8': 'classifier_int8.tflite',
}
ONNX_FILE = 'classifier.onnx'
# The name that TFLite gives to what a layer of the backbone computes.
_IN_BACKBONE = re.compile(r'classifier[^/;]*/backbone[^/;]*/')


def write_tflite(
    model: keras.Model,
    names: Sequence[str],
    calibration: np.ndarray,
    folder: str,
    record: bytes = b'',
) -> list[str]:
    """Writes the classifier in float32, with float16 weights, and with a backbone in int8.

    Args:
        model: From `models.classifier`.
        names: Of its classes.
        calibration: float32 `[n, size, size, 3]`, images like those to come: what the ranges of the
            int8 numbers are measured on. A hundred will do; of none there is no int8 file.
        folder: Where to write; files of the same names are replaced.
        record: Who taught it; empty: not recorded.

    Returns:
        The files, in the order of `TFLITE_FILES`. All take and give float32.

    Raises:
        InvalidInputError: Part of the model has no counterpart in TFLite.
    """
    _check_has_counterpart(model)
    with tempfile.TemporaryDirectory() as saved_model:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(SIGNATURE, *_as_function(model))
        archive.write_out(saved_model, verbose=False)
        exact = _convert(saved_model, 'float32')
        written = {'float32': exact, 'float16': _convert(saved_model, 'float16')}
        if len(calibration):
            written['int8'] = _convert(saved_model, 'int8', exact, calibration)
        files = enclosed.describe(names, model.input_shape[1], record)
        return [
            _write(os.path.join(folder, TFLITE_FILES[kind]), enclosed.add_to_tflite(content, files))
            for kind, content in written.items()
        ]


def write_onnx(model: keras.Model, names: Sequence[str], folder: str, record: bytes = b'') -> str:
    """Writes the classifier for ONNX Runtime and others that read ONNX; needs the extra `portable`.

    Args:
        model: From `models.classifier`.
        names: Of its classes.
        folder: Where to write; a file of the same name is replaced.
        record: Who taught it; empty: not recorded.

    Raises:
        InvalidInputError: Part of the model has no counterpart in ONNX, or the extra is missing.
    """
    _check_has_counterpart(model)
    function, signature = _as_function(model)
    graph = _to_onnx(function, signature)
    files = enclosed.describe(names, model.input_shape[1], record)
    onnx.helper.set_model_props(graph, enclosed.as_properties(files))
    return _write(os.path.join(folder, ONNX_FILE), graph.SerializeToString())


def write_graph(model_file: str, path: str) -> str:
    """Writes how a `.keras` file answers, in ONNX, without its weights; needs the extra `portable`.

    Beside that file in the folder of a run it makes `fer_keras.load` answer by ONNX Runtime, with
    the weights of the `.keras` file: each input of the graph but the image is called as its weight
    there.

    Args:
        model_file: From training, or of the package.
        path: Of the file to write, `run_dir.RunDir.graph_file`.

    Raises:
        InvalidInputError: Part of the model has no counterpart in ONNX, or the extra is missing.
    """
    model = load_classifier(model_file)
    _check_has_counterpart(model)
    names = _names_of_weights(model)
    taught, others = model.trainable_variables, model.non_trainable_variables

    def predict(image: tf.Tensor, *weights: tf.Tensor) -> dict[str, tf.Tensor]:
        own = weights[: len(taught)], weights[len(taught) :]
        return {OUTPUT: model.stateless_call(*own, image, training=False)[0]}

    signature = [tf.TensorSpec(model.input_shape, tf.float32, name=INPUT)]
    for number, weight in enumerate(taught + others):
        signature.append(tf.TensorSpec(weight.shape, weight.dtype, name=f'weight_{number}'))
    graph = _to_onnx(predict, signature)
    by_number = {f'weight_{i}': names.get(id(one)) for i, one in enumerate(taught + others)}
    used = {name for node in graph.graph.node for name in node.input}
    for node in graph.graph.node:
        node.input[:] = [by_number.get(name) or name for name in node.input]
    inputs = [one for one in graph.graph.input if one.name in used]
    for one in inputs:
        one.name = by_number.get(one.name) or one.name
    del graph.graph.input[:]
    graph.graph.input.extend(inputs)
    # Not all that decides an answer is a weight, so that another file needs another graph.
    onnx.helper.set_model_props(graph, {MODEL_HASH: hash_file(model_file)})
    return _write(path, graph.SerializeToString())


def _names_of_weights(model: keras.Model) -> dict[int, str]:
    """Of each variable, by its `id`, what its weight is called in a file of Keras.

    Keras does not say, so each gets its number for a value, and the file says where it went. The
    state of random numbers, which no answer needs, has none.
    """
    for number, variable in enumerate(model.variables):
        variable.assign(np.full(variable.shape, number, variable.dtype))
    names: dict[int, str] = {}

    def note(name: str, there: object) -> None:
        if isinstance(there, h5py.Dataset):
            names[id(model.variables[int(np.ravel(there)[0])])] = name

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'numbers.weights.h5')
        model.save_weights(path)
        with h5py.File(path) as file:
            file.visititems(note)
    return names


def _to_onnx(function: Callable[..., object], signature: Sequence[tf.TensorSpec]) -> ModelProto:
    """The graph of a function, with what it captures as constants."""
    try:
        import tf2onnx
    except ImportError as error:
        raise InvalidInputError('ONNX files need: pip install "fer_keras[portable]"') from error
    logging.getLogger('tf2onnx').setLevel(logging.ERROR)
    # Not `model.export(format='onnx')`: Keras 3.15 traces batch normalisation as in training there.
    traced = tf.function(function, input_signature=signature, autograph=False)
    graph, _ = tf2onnx.convert.from_function(traced, input_signature=signature)
    constants = {
        inner.name: onnx.numpy_helper.from_array(outer.numpy(), inner.name)
        for outer, inner in traced.get_concrete_function().graph.captures
        if outer.dtype != tf.resource
    }
    # tf2onnx takes what the function captures, such as the mean of an image, for more inputs.
    inputs = [one for one in graph.graph.input if one.name not in constants]
    del graph.graph.input[:]
    graph.graph.input.extend(inputs)
    graph.graph.initializer.extend(constants.values())
    try:
        onnx.checker.check_model(graph)
    except onnx.checker.ValidationError as error:
        raise InvalidInputError(f'The classifier cannot be written as ONNX: {error}') from error
    return graph


def _as_function(model: keras.Model) -> tuple[Callable[..., object], Sequence[tf.TensorSpec]]:
    def predict(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: model(image, training=False)}

    return predict, [tf.TensorSpec(model.input_shape, tf.float32, name=INPUT)]


def _convert(
    saved_model: str, kind: str, exact: bytes = b'', calibration: Iterable[np.ndarray] = ()
) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=[SIGNATURE])
    if kind != 'float32':
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == 'float16':
        converter.target_spec.supported_types = [tf.float16]
    try:
        if kind == 'int8':
            return _quantize_backbone(converter, exact, calibration)
        return converter.convert()
    except ConverterError as error:
        # The message goes on with the whole graph.
        reason = str(error).split('\n', 1)[0][:500]
        raise InvalidInputError(f'The classifier cannot be written as TFLite: {reason}') from error


def _quantize_backbone(
    converter: tf.lite.TFLiteConverter, exact: bytes, calibration: Iterable[np.ndarray]
) -> bytes:
    """Rounds the backbone alone.

    What makes its input and what reads its features stays in float32: contrasts, histograms and
    saliency maps have ranges of which 256 steps leave little, and some divisors would become 0.

    Args:
        converter: Of the classifier.
        exact: What it gives in float32.
        calibration: As for `write_tflite`.
    """

    def examples() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for image in calibration:
            yield SIGNATURE, {INPUT: image[None]}

    converter.representative_dataset = examples
    tensors = tf.lite.Interpreter(model_content=exact).get_tensor_details()
    kept = [one['name'] for one in tensors if not _IN_BACKBONE.match(one['name'])]
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=examples, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


def _check_has_counterpart(model: keras.Model) -> None:
    check_can_be_served(model)
    if any(isinstance(layer, SpectralResidual) for layer in inner_layers(model)):
        raise InvalidInputError(
            'TFLite and ONNX have no Fourier transform of complex numbers. Received: a classifier '
            'of `saliency=spectral_residual`. Export it with --formats=saved_model, or train with '
            'another `saliency`.'
        )


def _write(path: str, data: bytes) -> str:
    write_bytes(path, data)
    return path
