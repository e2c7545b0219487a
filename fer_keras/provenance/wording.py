"""What is said of who taught a model, wherever its numbers stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_keras.provenance.record import TaughtSplit


def sentences(taught: Mapping[str, Any]) -> list[str]:
    """What must stand beside every number of a test, wherever it is told; empty: nothing.

    Args:
        taught: What `metrics.json` holds as `taught`, or nothing where it is of an earlier version.
    """
    if not taught.get('is_recorded'):
        return [
            'It is not recorded who taught this model: nobody has checked that the people and '
            'images of the test are none of them.'
        ]
    found = []
    if taught['people'] and taught['is_leaky']:
        found.append(
            f'LEAKY: the split is one of images, as the name of the data set says: '
            f'{taught["people"]} of {taught["people_tested"]} people of the test taught the model '
            f'with other images, {taught["images_of_people"]} tested images show them.'
        )
    elif taught['people']:
        found.append(
            f'TESTED ON PEOPLE WHO TAUGHT THE MODEL: {taught["people"]} of '
            f'{taught["people_tested"]} people, with {taught["images_of_people"]} images, as '
            '--allow_taught_people said. These numbers say nothing of new people.'
        )
    if taught['images']:
        with_them = taught['with_images']
        found.append(
            f'{taught["images"]} of {with_them["images"]} tested images have the very pixels of '
            'images that taught the model; they are left out. With them: accuracy '
            f'{with_them["accuracy"]:.1%}, unweighted average recall '
            f'{with_them["unweighted_average_recall"]:.1%}.'
        )
    if taught['look_alike']:
        found.append(
            f'{taught["look_alike"]} tested images look like one that taught the model, such as a '
            'copy of another size or compression would: look at duplicates.csv. They are in the '
            'numbers.'
        )
    if taught['changed']:
        found.append(
            'The data set was built anew since the training: ' + '; '.join(taught['changed']) + '.'
        )
    if crops := taught.get('crops'):
        found.append(
            f'Faces that {crops["taught"]} found taught this model, and those of the test were '
            f'found by {crops["tested"]}: the crops are not quite the same.'
        )
    return found


def describe_splits(splits: Sequence[TaughtSplit]) -> list[dict[str, Any]]:
    """For reports: what taught a model, without the hashes."""
    return [
        {
            'name': split.data_set,
            'split': split.place.removeprefix(f'{split.data_set} '),
            'role': split.role,
            'images': split.images,
            'people': len(split.people),
            'identity': split.identity,
            'detector': split.detector,
        }
        for split in splits
    ]
