"""What people voted for: the shares of the classes, to train on in place of one label.

This is the cross-entropy scheme of Barsoum et al. 2016 (FER+, ICMI, arXiv 1608.01041; the mode
`crossentropy` of the code that they published, whose `probability` draws one label a step instead):
the loss is the cross-entropy to the distribution of the votes. As there, single votes count
nothing, `unknown` and `not a face` are no classes and the rest is divided by its sum, and the
validation and test go by the majority. Two things differ. The code drops what is left once the
largest shares have three quarters of the votes, and here every class with two votes or more keeps
its share; it also trains on pictures of which no class has a majority, and here a picture is in the
data set or not, whatever is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_datasets as tfds

from fer_keras.config.data import DataConfig
from fer_keras.errors import InvalidInputError

# The feature of a data set: numbers or shares of votes for its classes, in their order; further
# ones, of answers that are no expressions, may follow.
VOTES = 'votes'


def has_votes(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether a data set has a number of votes for each of its classes, by its description."""
    features = builder.info.features
    shape: tuple[int | None, ...] = features[VOTES].shape if VOTES in features else ()
    return len(shape) == 1 and (shape[0] or 0) >= features['label'].num_classes


def shares_of(votes: tf.Tensor, own_names: Sequence[str], names: Sequence[str]) -> tf.Tensor:
    """The shares of the votes for each class of a model.

    Args:
        votes: `[votes]`, of the classes of the data set in their order, and of others behind them,
            which count nothing. Whole numbers are people, of whom a single one counts nothing;
            floating-point numbers are shares already, NaN where nobody knows them.
        own_names: Classes of the data set.
        names: Classes of the model.

    Returns:
        float32 `[classes of the model]` of the sum 1, or 0 where nobody voted for one of them.

    >>> shares_of(tf.constant([6, 1, 2, 1]), ['sad', 'happy', 'angry'], ['angry', 'sad']).numpy()
    array([0.25, 0.75], dtype=float32)
    """
    own = votes[: len(own_names)]
    counts = own > 1 if own.dtype.is_integer else own > 0  # NaN is neither.
    kept = tf.where(counts, tf.cast(own, tf.float32), 0.0)
    is_same = tf.constant([[float(one == name) for one in own_names] for name in names])
    of_model = tf.linalg.matvec(is_same, kept)
    return tf.math.divide_no_nan(of_model, tf.reduce_sum(of_model))


def require_described_votes(data: DataConfig, builders: Sequence[tfds.core.DatasetBuilder]) -> None:
    """Raises `InvalidInputError` where votes shall train and, by description, no source has any."""
    if data.label == VOTES and not any(map(has_votes, builders)):
        raise _no_votes(builders)


def require_votes(
    data: DataConfig, builders: Sequence[tfds.core.DatasetBuilder], training: tf.data.Dataset
) -> None:
    """The same of the training examples: a data set may have room for votes, and none.

    Args:
        data: What trains.
        builders: The sources.
        training: Their examples, as `splits.Source` has them.
    """
    if data.label != VOTES:
        return
    voted = training.filter(lambda example: tf.reduce_sum(example[VOTES]) > 0).take(1)
    if not list(voted.map(lambda example: example['label'])):
        raise _no_votes(builders)


def _no_votes(builders: Sequence[tfds.core.DatasetBuilder]) -> InvalidInputError:
    found = ', '.join(
        f'{builder.info.full_name} ({"empty" if has_votes(builder) else "no"} votes)'
        for builder in builders
    )
    return InvalidInputError(
        '`label=votes` needs a source whose training images have votes, as FER+ '
        f'(fer_plus/majority) and AffectNet+ have. Received: {found}. Train on their labels with '
        '--label=majority, add such a source, or build the set from an archive with votes.'
    )
