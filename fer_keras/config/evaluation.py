"""What the commands are asked that test, compare and look for duplicates."""

from __future__ import annotations

import dataclasses

from fer_keras.config import shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError

# Of the flags of a run, those that a test may choose anew; the others are read from the run.
OF_A_TEST = (
    'run_dir',
    'data_dir',
    'source',
    'target',
    'target_split',
    'fold',
    'allow_taught_people',
    'batch_size',
    'report_images',
)


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """What `fer_keras.evaluate` takes besides the flags of a run.

    >>> EvaluationConfig(model='runs/cross/saved_model', output='report').output
    'report'
    """

    model: str = setting(
        '',
        f'Instead of --run_dir: run folder, .keras file, SavedModel, or {shared.SHIPPED}.',
        'input',
        is_path=True,
    )
    output: str = setting('', 'Folder of the report on --model.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)
        if bool(self.model) != bool(self.output):
            raise InvalidInputError(
                '`model` and `output` belong together: the report of a model outside its run needs '
                f'a folder. Received: model={self.model!r}, output={self.output!r}.'
            )


@dataclasses.dataclass(frozen=True)
class ComparisonConfig:
    """What `fer_keras.compare` takes.

    >>> ComparisonConfig(evaluation='rafd_frontal_faces_all').output
    ''
    """

    evaluation: str = setting('', 'Report inside each run; empty: on its own target.', 'input')
    output: str = setting('', 'CSV file to write the table to.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True)
class HumanConfusionsConfig:
    """What `fer_keras.human_confusions` takes.

    >>> HumanConfusionsConfig().evaluation
    ''
    """

    evaluation: str = setting('', 'Report inside the run; empty: on its own target.', 'input')

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True)
class DuplicatesConfig:
    """What `fer_keras.find_duplicates` takes.

    Of 255 bits: copies at half the size, 48 px, JPEG quality 40 or 15 % brighter differed by 18 at
    most, nine in ten by 12; crops of two people by 22 at least, and nearly all by more than 38.

    >>> DuplicatesConfig().largest_distance
    16
    """

    data_dir: str = shared.data_dir('input')
    largest_distance: int = setting(
        16, 'Bits in which a pair may differ, of 255.', 'input', low=0, high=255
    )
    output: str = setting('', 'CSV file to write the pairs to.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)
