"""Draws two small demo archives of synthetic faces, laid out like CFEE and RaFD.

    python -m tfds_builders.demo --output_dir=demo_output

The real archives may not be redistributed (Du, Tao & Martinez 2014; Langner et al. 2010), so these
drawings let every step from archive to model run without them. Each expression is posed by its
facial action units (see `action_units`), and the two laboratories differ in wall, lamps, framing,
clothes and rendering, so a model trained on one can be tested across archives on the other.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from tfds_builders import command, expressions
from tfds_builders.cfee import cfee_dataset_builder as cfee
from tfds_builders.drawing.action_units import EXPRESSIONS, activate
from tfds_builders.drawing.anatomy import draw_identity
from tfds_builders.drawing.canvas import Lamps
from tfds_builders.drawing.laboratory import Laboratory, take_photo
from tfds_builders.drawing.person import draw_person
from tfds_builders.errors import ExistingFileError, InvalidArchiveError

VERSION = 2  # Raise it when a change alters the drawings.
MARKER = 'demo.json'
JPEG_QUALITY = 92

# CFEE's code of each basic expression; codes 1-4 and 5-8 have a folder each.
CFEE_CODES = {label: code for code, label in cfee.CODES.items() if label in expressions.BASIC}
FIRST_CFEE_SUBJECT = 120  # The archive's own numbers go from 109 to 393.
RAFD_SUBJECTS = (1, 73)
# Who sits for RaFD, in turn, so that each group occurs among any seven people.
RAFD_PEOPLE = (
    ('Caucasian', 'female'),
    ('Caucasian', 'male'),
    ('Moroccan', 'male'),
    ('Caucasian', 'female'),
    ('Kid', 'female'),
    ('Moroccan', 'male'),
    ('Kid', 'male'),
    ('Caucasian', 'male'),
)
GAZES = {'left': -6.0, 'frontal': 0.0, 'right': 6.0}  # Shift of the irises on the picture, in mm.
MOST_SUBJECTS = 60  # Leaves gaps between RaFD's 73 numbers.


LABORATORIES = {
    'cfee': Laboratory(
        size=(300, 400),
        zoom=1.28,
        eyes=(150, 178),
        wall=((0.47, 0.53, 0.62), (0.30, 0.35, 0.44)),
        lamps=Lamps((-0.75, -0.5, 0.8), (0.92, 0.84, 0.74), (0.24, 0.25, 0.28), 0.05),
        shirts=((0.55, 0.20, 0.20), (0.20, 0.32, 0.50), (0.70, 0.66, 0.58), (0.25, 0.40, 0.30)),
        blur=0.7,
        grain=0.02,
        tilt=2.5,
        strength=(0.75, 1.0),
    ),
    'rafd': Laboratory(
        size=(340, 512),
        zoom=1.36,
        eyes=(170, 225),
        wall=((0.97, 0.97, 0.98), (0.90, 0.91, 0.93)),
        lamps=Lamps((0.12, -0.55, 1.0), (0.74, 0.76, 0.80), (0.36, 0.36, 0.37), 0.10),
        shirts=((0.06, 0.06, 0.07),),
        blur=0.0,
        grain=0.006,
        tilt=0.8,
        strength=(0.85, 1.0),
    ),
}


@dataclasses.dataclass(frozen=True)
class Shot:
    """One photo to take: where it goes and who shows what in it.

    >>> next(cfee_shots(subjects=1, seed=0)).path
    'cfee/01-04/Images1/01_120_3001.jpg'
    """

    path: str  # Relative to the output folder.
    laboratory: str
    person: int  # Counts from 0 within the laboratory.
    group: str
    gender: str
    expression: str
    gaze: str


def cfee_shots(subjects: int, seed: int) -> Iterator[Shot]:
    """CFEE's layout: a folder for codes 1-4 and one for 5-8, files `EE_SSS_NNNN.jpg`."""
    # Twenty consecutive numbers from a multiple of twenty fill every split (`splits.subject_slot`).
    for person, number in enumerate(range(FIRST_CFEE_SUBJECT, FIRST_CFEE_SUBJECT + subjects)):
        gender = ('female', 'male')[person % 2]
        for expression, code in CFEE_CODES.items():
            folder = '01-04/Images1' if code <= 4 else '05-08/Images2'
            # The archive numbers its 22 categories subject by subject, from 3001.
            name = f'{code:02d}_{number:03d}_{3000 + 22 * person + code:04d}.jpg'
            path = f'cfee/{folder}/{name}'
            yield Shot(path, 'cfee', person, 'any', gender, expression, 'frontal')


def rafd_shots(subjects: int, seed: int) -> Iterator[Shot]:
    """RaFD's layout: one flat folder, all information in the file name, 3 gazes each."""
    low, high = RAFD_SUBJECTS
    numbers = _rng(seed, 'rafd').choice(np.arange(low, high + 1), subjects, replace=False)
    for person, number in enumerate(sorted(numbers)):
        group, gender = RAFD_PEOPLE[person % len(RAFD_PEOPLE)]
        for expression in EXPRESSIONS:
            for gaze in GAZES:
                path = f'rafd/Rafd090_{number:02d}_{group}_{gender}_{expression}_{gaze}.jpg'
                yield Shot(path, 'rafd', person, group, gender, expression, gaze)


def _rng(seed: int, laboratory: str, *keys: int) -> np.random.Generator:
    """Independent random numbers for each combination of keys."""
    return np.random.default_rng([seed, list(LABORATORIES).index(laboratory), *keys])


def photograph(shot: Shot, seed: int) -> np.ndarray:
    """The photo of one shot, uint8 [height, width, RGB]; the same shot always looks the same."""
    laboratory = LABORATORIES[shot.laboratory]
    who = _rng(seed, shot.laboratory, shot.person)
    identity = draw_identity(who, shot.group, shot.gender)
    expression = list(EXPRESSIONS).index(shot.expression)
    gaze = list(GAZES).index(shot.gaze)
    rng = _rng(seed, shot.laboratory, shot.person, expression, gaze)
    activation = activate(shot.expression, rng, laboratory.strength)
    shirt = np.array(laboratory.shirts[identity.shirt % len(laboratory.shirts)])
    canvas = draw_person(identity, activation, GAZES[shot.gaze], shirt, rng)
    return take_photo(canvas, laboratory, rng)


def _write(shot: Shot, output_dir: pathlib.Path, seed: int) -> None:
    path = output_dir / shot.path
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, content = cv2.imencode('.jpg', photograph(shot, seed)[..., ::-1], quality)
    path.write_bytes(content.tobytes())


def write_demo_archives(
    output_dir: str | os.PathLike[str], *, subjects: int = 24, seed: int = 0
) -> None:
    """Writes `output_dir/cfee` and `output_dir/rafd`, `subjects` people each, and a marker last.

    A finished demo with the same settings is kept; other people's files are never touched.

    Raises:
        InvalidArchiveError: If `subjects` or `seed` is out of range.
        ExistingFileError: If `output_dir` holds anything else.
    """
    _check('subjects', subjects, 1, MOST_SUBJECTS)
    _check('seed', seed, 0, 2**32 - 1)
    root = pathlib.Path(output_dir)
    settings = {'version': VERSION, 'subjects': subjects, 'seed': seed}
    shots = [*cfee_shots(subjects, seed), *rafd_shots(subjects, seed)]
    if _is_finished(root, settings):
        print(f'{root} already holds this demo ({subjects} subjects, seed {seed}); nothing to do.')
        return
    _refuse_other_files(root, shots)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda shot: _write(shot, root, seed), shots))
    (root / MARKER).write_text(json.dumps(settings) + '\n')
    for archive in LABORATORIES:
        count = sum(shot.laboratory == archive for shot in shots)
        print(f'Wrote {count} photos of {subjects} drawn people to {root / archive}')


def _check(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArchiveError(
            f'{name} must be a whole number in range. Allowed: {low} to {high}. '
            f'Received: {value!r}.'
        )


def _is_finished(root: pathlib.Path, settings: dict[str, int]) -> bool:
    """Whether the marker tells of this very demo."""
    marker = root / MARKER
    return marker.is_file() and marker.read_text() == json.dumps(settings) + '\n'


def _refuse_other_files(root: pathlib.Path, shots: list[Shot]) -> None:
    """An interrupted run of this demo may be drawn over; anything else stays as it is."""
    if root.exists() and not root.is_dir():
        raise ExistingFileError(_not_ours(root, 'which is a file'))
    marker = root / MARKER
    if marker.is_file():
        raise ExistingFileError(
            _not_ours(root, f'whose {MARKER} says {marker.read_text().strip()}')
        )
    ours = {shot.path for shot in shots}
    for path in sorted(root.rglob('*')):
        if path.is_file() and path.relative_to(root).as_posix() not in ours:
            raise ExistingFileError(_not_ours(root, f'which holds {path}'))


def _not_ours(root: pathlib.Path, found: str) -> str:
    return (
        'The output folder must not hold files of anything but this demo. '
        'Allowed: a new or an empty folder, or one with a demo of the same subjects and seed. '
        f'Received: {root}, {found}. Type --output_dir=ANOTHER_FOLDER, '
        f'or first `rm -r {root}` if nothing there is needed.'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws what the command line asks for, and gives the exit status."""
    return command.call(lambda: _draw(arguments))


def _draw(arguments: Sequence[str] | None) -> int:
    parser = command.Parser(
        prog='python -m tfds_builders.demo',
        description='Draw demo archives in the layouts of CFEE and RaFD.',
    )
    parser.add_argument('--output_dir', required=True, help='folder for cfee/ and rafd/')
    parser.add_argument('--subjects', type=int, default=24, help='people in each archive')
    parser.add_argument('--seed', type=int, default=0, help='draws other people and photos')
    options = parser.parse_args(arguments)
    write_demo_archives(
        command.expand_home(options.output_dir), subjects=options.subjects, seed=options.seed
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
