"""What a protocol is made of."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from fer_keras.config.data import set_of
from fer_keras.config.fields import check, setting
from fer_keras.config.flag_files import locate_flag_file
from fer_keras.errors import InvalidInputError
from fer_keras.files import plain_name


@dataclasses.dataclass(frozen=True)
class ProtocolConfig:
    """What is run: every experiment with every variant, for every seed and fold.

    With `data_sets` each of them is a source by itself, then all but one are (leave one data set
    out), then all, and each source is tested on every one of them; the experiments give the recipe,
    and their own source and target do not count.

    Raises:
        InvalidInputError: A value is not allowed, or they disagree.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix='.flags') as file:
    ...     ProtocolConfig(experiments=(file.name,)).seeds
    (0, 1, 2)
    """

    experiments: tuple[str, ...] = setting((), 'Flag files.', 'input', is_path=True)
    variants: tuple[str, ...] = setting(
        ('as_it_is:',),
        '`name: flags`, such as `center: --saliency=center`; empty flags are the experiment '
        'itself. The others are compared with the first.',
        'recipe',
    )
    seeds: tuple[int, ...] = setting((0, 1, 2), 'One run each.', 'recipe')
    folds: int = setting(
        0,
        'How many of the 10 folds of the data are tested in turn; 0: its own split.',
        'data',
        low=0,
        high=10,
    )
    targets: tuple[str, ...] = setting(
        (), '`name/config split`, tested beside the target of the experiment.', 'data'
    )
    data_sets: tuple[str, ...] = setting(
        (), '`name/config`, of a cross-data-set matrix: each is source and target.', 'data'
    )
    flags: str = setting('', 'Flags for every run, such as `--data_dir=DATA`.', 'recipe')
    output: str = setting(
        'runs/protocol', 'Folder of all the runs, and of the tables.', 'output', is_path=True
    )

    def __post_init__(self) -> None:
        check(self)
        missing = [name for name in self.experiments if not locate_flag_file(name).is_file()]
        if missing or not self.experiments:
            raise InvalidInputError(
                '`experiments` must name flag files, with commas between. '
                f'Received: {list(self.experiments)}, of which {missing} do not exist.'
            )
        wrong = [one for one in self.variants if ':' not in one or not one.partition(':')[0]]
        if wrong:
            raise InvalidInputError(
                '`variants` must be `name: flags`, such as `center: --saliency=center`. '
                f'Received: {wrong}.'
            )
        wrong = [target for target in self.targets if len(target.split()) != 2]
        if wrong:
            raise InvalidInputError(
                '`targets` must be `name/config split`, such as `rafd/frontal_faces all`. '
                f'Received: {wrong}.'
            )
        self._refuse_repetitions()
        names = {set_of(name) for name in self.data_sets}
        is_matrix = len(names) == len(self.data_sets) > 1 and not (self.folds or self.targets)
        if self.data_sets and not is_matrix:
            raise InvalidInputError(
                '`data_sets` are at least two, each of other people than the rest (configs of one '
                'data set are not), tested on each other, without `folds` or `targets`. '
                f'Received: data_sets={list(self.data_sets)}, folds={self.folds}, '
                f'targets={list(self.targets)}.'
            )

    def _refuse_repetitions(self) -> None:
        """What has the name of another would share its folders, and count as a further seed."""
        named: dict[str, list[Any]] = {
            'experiments': [plain_name(pathlib.Path(file).stem) for file in self.experiments],
            'variants': [plain_name(variant.partition(':')[0]) for variant in self.variants],
            'seeds': list(self.seeds),
            'targets': list(self.targets),
        }
        for field, names in named.items():
            repeated = sorted({str(name) for name in names if names.count(name) > 1})
            if repeated or not names and field in ('variants', 'seeds'):
                raise InvalidInputError(
                    f'`{field}` must have names of their own, which name the folders of the runs. '
                    f'Received: {list(getattr(self, field))}, where {repeated} come more than once.'
                )
