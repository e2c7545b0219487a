"""Settings that several commands have, each written once."""

from __future__ import annotations

from fer_keras.config import choices
from fer_keras.config.fields import setting
from fer_keras.errors import InvalidInputError
from fer_keras.pretrained.names import DEFAULT, NAMES

# The classifiers of the package, as a help text names them.
SHIPPED = ' or '.join(f'`{name}`' for name in NAMES)


def data_dir(group: str) -> str:
    """Where the prepared data sets are."""
    return setting(
        '~/tensorflow_datasets', 'Folder of the prepared data sets.', group, is_path=True
    )


def model(formerly: str = '') -> str:
    """What answers."""
    return setting(
        DEFAULT,
        f'Run folder, .keras file in one, SavedModel, .onnx or .tflite file, or {SHIPPED}.',
        'input',
        is_path=True,
        formerly=formerly,
    )


def detector() -> str:
    """What finds the faces."""
    return setting(
        '',
        'What finds the faces: `single_shot`, `mtcnn`, whose crops are the same and which takes '
        'four times as long, or `yunet:FILE`, YuNet of the OpenCV zoo, whose file you have. '
        "Empty: `single_shot`, unless others' faces taught the model.",
        'input',
        choices=('', *choices.DETECTORS),
        prefixes=choices.DETECTORS_OF_FILES,
    )


def saliency_weights() -> str:
    """Of a saliency model that stands alone."""
    return setting('', 'Weights file; empty: the shipped ones.', 'model', is_path=True)


def checkpoint_steps() -> int:
    """How often a training is saved."""
    return setting(
        0,
        'Steps between saved states; each epoch ends with one in any case. 0: only there.',
        'execution',
        low=0,
    )


def seed() -> int:
    """What makes a training repeatable."""
    return setting(0, 'Seed of everything drawn at random.', 'recipe', low=0)


def deterministic() -> bool:
    """Whether it is repeatable to the last bit."""
    return setting(False, 'Repeat bit by bit, at some cost in speed.', 'execution')


def strategy() -> str:
    """Which devices train."""
    return setting(
        'mirrored', 'How `tf.distribute` is used.', 'execution', choices=choices.STRATEGIES
    )


def require_stages(head_epochs: int, epochs: int) -> None:
    """Raises `InvalidInputError` where the first stage is longer than both."""
    if head_epochs > epochs:
        raise InvalidInputError(
            '`head_epochs` counts among `epochs` and cannot exceed them. '
            f'Received: head_epochs={head_epochs}, epochs={epochs}. For a short trial: '
            f'--epochs={epochs} --head_epochs=0.'
        )
