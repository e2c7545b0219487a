"""The images of one request: looked at side by side, and named by position where one is broken."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from fer_keras.data.decoding import decode_if_whole, decode_upright, without_tuning
from fer_keras.data.picture_headers import find_problem

# At most so many pictures are unpacked at once, whatever the batch: each may take 375 MB.
_PARALLEL_CALLS = 4
_LISTED = 8
# Tensors whose first dimension is the rows; and the shape and type of one row of each.
Rows = tuple[tf.Tensor, ...]
RowSpec = tuple[tf.TensorSpec, ...]


def decode_each(
    image_bytes: tf.Tensor, look: Callable[[tf.Tensor], Rows], row: RowSpec
) -> tuple[tf.Tensor, Rows]:
    """Decodes the files of a request, and looks at them, in a graph.

    Args:
        image_bytes: string `[batch]`.
        look: From an image, uint8 `[height, width, 3]`, to its rows, one or more.
        row: Shapes, all of them known, and types of the values of a row.

    Returns:
        The position of each row's file, int64 `[rows]`, and the rows of all files, in order.

    Raises:
        tf.errors.InvalidArgumentError: One cannot be decoded; names each such by its position. Or
            there is none.
    """
    image_bytes = require_any(image_bytes)
    positions, rows = tf.cond(
        tf.size(image_bytes) == 1,
        lambda: _look_at_one(image_bytes[0], look, row),
        lambda: rows_of_each(
            image_bytes, lambda one: look(decode_upright(one)), row, skip_failures=True
        ),
    )
    decoded = tf.unique(positions).y
    is_whole = tf.size(decoded) == tf.size(image_bytes)
    message = tf.cond(
        is_whole,
        lambda: tf.constant(''),
        lambda: _describe_failures(image_bytes, decoded),
    )
    with tf.control_dependencies([tf.debugging.Assert(is_whole, [message], summarize=1)]):
        return positions, tuple(tf.identity(values) for values in rows)


def _look_at_one(
    image_bytes: tf.Tensor, look: Callable[[tf.Tensor], Rows], row: RowSpec
) -> tuple[tf.Tensor, Rows]:
    """`rows_of_each` of one file, string `[]`, in less time: not all of it in a data set."""
    image = decode_if_whole(image_bytes)
    rows = tf.cond(
        tf.size(image) > 0,
        lambda: look(image),
        lambda: tuple(tf.zeros((0, *spec.shape), spec.dtype) for spec in row),
    )
    return tf.zeros(tf.shape(rows[0])[:1], tf.int64), rows


def require_any(images: tf.Tensor) -> tf.Tensor:
    """Fails where there are no images or files of images, `[batch, ...]`."""
    message = 'A request must hold at least one image. Received: none.'
    check = tf.debugging.Assert(tf.shape(images)[0] > 0, [message], summarize=1)
    with tf.control_dependencies([check]):
        return tf.identity(images)


def rows_of_each(
    images: tf.Tensor,
    function: Callable[[tf.Tensor], Rows],
    row: RowSpec,
    *,
    skip_failures: bool = False,
) -> tuple[tf.Tensor, Rows]:
    """Looks at the images of a request, a few at a time, in a graph.

    An op that fails ends the whole graph. A data set is the one place that can go on without it.

    Args:
        images: `[batch, ...]`, files or pixels.
        function: From one of them to its rows, one or more.
        row: Shapes, all of them known, and types of the values of a row.
        skip_failures: Leave out the images for which `function` fails.

    Returns:
        The position of each row's image, int64 `[rows]`, and the rows of all images, in order.
    """

    # A row that is always there, since nothing cannot be batched. It comes before the first image,
    # and not from a data set of its own: to join the two takes longer than to decode a photo.
    blank = tuple(tf.zeros((1, *spec.shape), spec.dtype) for spec in row)

    def to_rows(position: tf.Tensor) -> tuple[tf.Tensor, Rows]:
        found = tf.cond(position < 0, lambda: blank, lambda: function(images[position]))
        rows = tuple(
            tf.ensure_shape(values, (None, *spec.shape))
            for values, spec in zip(found, row, strict=True)
        )
        return tf.repeat(position, tf.shape(rows[0])[0]), rows

    each = tf.data.Dataset.range(-1, tf.shape(images, tf.int64)[0])
    results = each.map(to_rows, num_parallel_calls=_PARALLEL_CALLS)
    if skip_failures:
        results = results.ignore_errors()
    everything = results.unbatch().batch(tf.int64.max).with_options(without_tuning())
    positions, rows = everything.get_single_element()
    return positions[1:], tuple(values[1:] for values in rows)


def _describe_failures(image_bytes: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
    """One sentence for each of the first failures, string `[]`."""
    count = tf.size(image_bytes, tf.int64)
    positions, (problems,) = rows_of_each(
        image_bytes,
        lambda one: (find_problem(one)[None],),
        (tf.TensorSpec([], tf.string),),
        skip_failures=True,
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
