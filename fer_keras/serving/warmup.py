"""Requests that TF Serving runs when it loads a version, so that no user waits for the first."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

WARMUP_FILE = os.path.join('assets.extra', 'tf_serving_warmup_requests')
_SIZE_PX = 160


def write_warmup_requests(version_dir: str) -> None:
    """Writes a request for each signature as a `PredictionLog`, where TF Serving looks for them.

    Without `tensorflow-serving-api` nothing is written, and a note says so: the version works,
    only its first requests take longer.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        print(
            'note: no warm-up requests were written, so that the first requests take longer. For '
            'them: pip install "fer_keras[serving]" and export again.',
            file=sys.stderr,
        )
        return
    path = os.path.join(version_dir, WARMUP_FILE)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tf.io.TFRecordWriter(path) as writer:
        for signature, inputs in _requests().items():
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def _requests() -> dict[str, Mapping[str, np.ndarray]]:
    noise = np.random.default_rng(0).integers(256, size=(_SIZE_PX, _SIZE_PX, 3), dtype=np.uint8)
    file = np.array([tf.io.encode_jpeg(noise).numpy()], object)
    return {
        'serving_default': {'image_bytes': file},
        'explain': {'image_bytes': file},
        'predict_photos': {'image_bytes': file},
        'predict_portraits': {'image_bytes': file},
        'predict_frames': {'frames': noise[None]},
        'predict_images': {'images': noise[None]},
        'predict_float_images': {'images': noise[None].astype(np.float32)},
    }
