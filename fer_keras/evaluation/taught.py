"""What of a test taught the model: found, marked, and left out of the numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_keras.errors import InvalidInputError
from fer_keras.evaluation.measures import measure
from fer_keras.provenance.record import TrainingRecord, people_in
from fer_keras.provenance.wording import describe_splits

if TYPE_CHECKING:  # Comparing runs needs no TensorFlow, which hashing images does.
    from fer_keras.data.image_hashes import HashedImages

# A column of `evaluation.predictions`, and what it says of an image; empty: nothing to say.
COLUMN = 'taught'
IMAGE, PERSON, NOT_RECORDED = 'image', 'person', 'not recorded'


def mark(
    record: TrainingRecord, tested: HashedImages, *, keeps_people: bool = False
) -> npt.NDArray[np.str_]:
    """Holds each tested image against the record.

    Args:
        record: Who taught the model.
        tested: The tested images.
        keeps_people: Whether somebody wants people tested who taught it: with their images, too.

    Returns:
        For each image `IMAGE`, whose pixels taught the model; `PERSON`, whose person did, with
        other images; or an empty text.
    """
    people = np.array(
        [
            bool(people_in([named]) & record.people)
            for named in zip(tested.data_sets, tested.subjects, strict=True)
        ],
        bool,
    )
    images = np.array(
        [
            {original.tobytes(), stored.tobytes()} & record.pixels != set()
            for original, stored in zip(tested.originals, tested.stored, strict=True)
        ],
        bool,
    )
    if keeps_people:
        images &= ~people
    return np.where(images, IMAGE, np.where(people, PERSON, ''))


def untaught(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that numbers are made of: without the images that taught the model."""
    return rows[rows[COLUMN] != IMAGE] if COLUMN in rows else rows


def leave_out_taught(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Predictions on the same images in the same order, without those that taught any model."""
    taught = np.zeros(len(tables[0]), bool)
    for rows in tables:
        if COLUMN in rows:
            taught |= (rows[COLUMN] == IMAGE).to_numpy()
    return [rows[~taught].reset_index(drop=True) if taught.any() else rows for rows in tables]


def describe_taught(
    rows: pd.DataFrame,
    names: Sequence[str],
    record: TrainingRecord | None,
    *,
    is_recorded: bool,
    is_leaky: bool,
    changed: Sequence[str] = (),
    look_alike: Collection[str] = (),
) -> dict[str, Any]:
    """What `metrics.json` holds as `taught`.

    Args:
        rows: Of every tested image, as `evaluation.predictions` describes them.
        names: Label names in the model's order.
        record: Who taught the model, or would have by what the user says; None: nobody knows.
        is_recorded: Whether that travelled with the model.
        is_leaky: Whether the data set says by its name that its people are in every split.
        changed: What is said of data that are not as they were.
        look_alike: Files of tested images that look like one that taught the model.

    Returns:
        `is_recorded`, `is_leaky`, `changed`; `people` and `images_of_people`: how many taught it;
        `people_tested`; `images`: how many tested ones taught it and are left out, and
        `with_images` (accuracy, unweighted average recall, images) if there are any; `look_alike`:
        how many others only look like one that taught it; `by` and `pretrained`: what did.

    Raises:
        InvalidInputError: Each tested image taught the model.
    """
    is_image, is_person = rows[COLUMN] == IMAGE, rows[COLUMN] == PERSON
    if is_image.all():
        raise InvalidInputError(
            f'There must be images to test that did not teach the model. Received: {len(rows)} '
            'images, the pixels of each of which trained it or chose its epoch. Give another '
            '--target or --target_split.'
        )
    everybody = rows['subject_id'].replace('', np.nan)
    with_images = None
    if is_image.any():
        found = measure(rows, names)
        with_images = {key: found[key] for key in ('accuracy', 'unweighted_average_recall')}
        with_images['images'] = len(rows)
    return {
        'is_recorded': is_recorded,
        'is_leaky': is_leaky,
        'people': int(everybody[is_person].nunique()),
        'people_tested': int(everybody.nunique()),
        'images_of_people': int(is_person.sum()),
        'images': int(is_image.sum()),
        'with_images': with_images,
        'look_alike': int((rows['file_name'].isin(look_alike) & ~is_image).sum()),
        'changed': list(changed),
        'by': describe_splits(record.splits) if record else [],
        'pretrained': dict(record.pretrained) if record else {},
    }


def marks_of(rows: pd.DataFrame) -> Mapping[str, int]:
    """How many images of a table of predictions have each mark.

    >>> marks_of(pd.DataFrame({'taught': ['image', '', 'image']}))
    {'image': 2}
    """
    if COLUMN not in rows:
        return {NOT_RECORDED: len(rows)}
    return {str(k): int(n) for k, n in rows[COLUMN].value_counts().items() if k}


def describe_marks(rows: pd.DataFrame) -> str:
    """The marks in a few words, for a cell of a table; empty: nothing to say.

    >>> describe_marks(pd.DataFrame({'taught': ['image', '', 'person']}))
    '1 taught image left out; 1 image of people who taught'
    """
    counts, words = marks_of(rows), []
    if IMAGE in counts:
        words.append(f'{_images(counts[IMAGE], "taught ")} left out')
    if PERSON in counts:
        words.append(f'{_images(counts[PERSON])} of people who taught')
    return '; '.join([*words, *(['not recorded who taught'] if NOT_RECORDED in counts else [])])


def _images(count: int, what: str = '') -> str:
    return f'{count} {what}image{"s" * (count != 1)}'
