"""Which detector finds the faces for a model: what was asked for, or that of its training data."""

from __future__ import annotations

from typing import NamedTuple

from fer_keras.errors import InvalidInputError, MissingFileError
from fer_keras.provenance.record import TrainingRecord
from tfds_builders import detectors
from tfds_builders.detectors import Detector
from tfds_builders.errors import InvalidDetectorError, MissingDetectorError


class Choice(NamedTuple):
    """The detector of a model.

    Attributes:
        detector: None where the model needs one whose file was not given.
        note: What is to be said of crops that are not those which taught the model; or empty.
        problem: What to type where there is no detector; or empty.

    >>> choose_detector('', None).detector.name
    'single_shot'
    """

    detector: Detector | None
    note: str = ''
    problem: str = ''


def choose_detector(asked: str | None, record: TrainingRecord | None) -> Choice:
    """Chooses the detector of a model.

    Args:
        asked: `single_shot`, `mtcnn` or `yunet:FILE`; empty or None: the one
            whose crops are those that taught the model.
        record: Who taught it; None where that is not recorded.

    Raises:
        InvalidInputError: No such detector, or a file that is not its network.
        MissingFileError: The file is not there.
    """
    taught = record.detectors if record else ()
    crops = {detectors.crops_of(one) for one in taught}
    named = ' and '.join(detectors.describe(one) for one in taught)
    if asked:
        chosen = open_detector(asked)
        if crops <= {detectors.crops_of(chosen.identity)}:
            return Choice(chosen)
        return Choice(chosen, _NOTE.format(named, detectors.describe(chosen.identity)))
    preferred = open_detector(detectors.PREFERRED)
    if not crops or detectors.crops_of(preferred.identity) in crops:
        note = _NOTE.format(named, preferred) if len(crops) > 1 else ''
        return Choice(preferred, note)
    kind = taught[0].partition(':')[0]
    return Choice(
        None,
        problem=f'Faces that {named} found taught this model. Received: no file of it. Type '
        f'--detector={kind}:FILE, or in Python detector="{kind}:FILE". With '
        f'{preferred} in its place the crops are others than those that it knows.',
    )


def open_detector(text: str) -> Detector:
    """`tfds_builders.detectors.choose` with the errors of this package.

    Raises:
        InvalidInputError: No such detector, or a file that is not its network.
        MissingFileError: The file is not there.
    """
    try:
        return detectors.choose(text)
    except MissingDetectorError as error:
        raise MissingFileError(str(error)) from error
    except InvalidDetectorError as error:
        raise InvalidInputError(str(error)) from error


_NOTE = (
    'faces that {} found taught the model, and here {} finds them: its crops are not quite the '
    'same, and nor are the answers.'
)
