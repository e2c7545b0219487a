"""The images of one request: decoded side by side, and named by position where one is broken."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from fer_keras.decoding import LARGEST_PIXELS, find_problem

# At most so many pictures are unpacked at once, whatever the batch: each may take 375 MB.
_PARALLEL_CALLS = 4
_LISTED = 8


def decode_each(
    image_bytes: tf.Tensor,
    decode: Callable[[tf.Tensor], tf.Tensor],
    result: tf.TensorSpec,
    largest_pixels: int = LARGEST_PIXELS,
) -> tf.Tensor:
    """Decodes the files of a request, in a graph.

    Args:
        image_bytes: string `[batch]`.
        decode: From string `[]` to a tensor of `result`; may fail.
        result: Shape, all of it known, and type.
        largest_pixels: Those that `decode` accepts, to explain a failure.

    Returns:
        `[batch, *result.shape]`.

    Raises:
        tf.errors.InvalidArgumentError: One cannot be decoded; names each such by its position.
    """
    positions, images = _without_failures(image_bytes, decode, result)
    is_whole = tf.size(positions) == tf.size(image_bytes)
    message = tf.cond(
        is_whole,
        lambda: tf.constant(''),
        lambda: _describe_failures(image_bytes, positions, largest_pixels),
    )
    with tf.control_dependencies([tf.debugging.Assert(is_whole, [message], summarize=1)]):
        return tf.identity(images)


def _without_failures(
    image_bytes: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor], result: tf.TensorSpec
) -> tuple[tf.Tensor, tf.Tensor]:
    """Positions, int64 `[found]`, and results of the images for which `function` did not fail.

    An op that fails ends the whole graph. A data set is the one place that can go on without it.
    """
    each = tf.data.Dataset.from_tensor_slices(image_bytes).enumerate()
    results = each.map(
        lambda position, one: (position, function(one)), num_parallel_calls=_PARALLEL_CALLS
    ).ignore_errors()
    # One that always succeeds, since nothing cannot be batched.
    nothing = tf.data.Dataset.from_tensors(
        (tf.constant(-1, tf.int64), tf.zeros(result.shape, result.dtype))
    )
    options = tf.data.Options()
    # Tuning takes longer than a request.
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    batch = nothing.concatenate(results).batch(tf.size(image_bytes, tf.int64) + 1)
    positions, found = batch.with_options(options).get_single_element()
    return positions[1:], found[1:]


def _describe_failures(
    image_bytes: tf.Tensor, decoded: tf.Tensor, largest_pixels: int
) -> tf.Tensor:
    """One sentence for each of the first failures, string `[]`."""
    count = tf.size(image_bytes, tf.int64)
    positions, problems = _without_failures(
        image_bytes, lambda one: find_problem(one, largest_pixels), tf.TensorSpec([], tf.string)
    )
    unexplained = tf.fill([count], 'must be a whole picture. Received: a damaged file.')
    is_explained = tf.strings.length(problems) > 0
    explained = tf.tensor_scatter_nd_update(
        unexplained,
        tf.boolean_mask(positions, is_explained)[:, None],
        tf.boolean_mask(problems, is_explained),
    )
    everything = tf.range(count)
    failed = tf.sets.difference(everything[None], decoded[None]).values[:_LISTED]
    sentences = tf.strings.join(
        ['image_bytes[', tf.as_string(failed), '] ', tf.gather(explained, failed)]
    )
    return tf.strings.reduce_join(sentences, separator=' ')
