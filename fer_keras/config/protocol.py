"""What a protocol is made of."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

from fer_keras.config.run import set_of
from fer_keras.run_dir import plain_name


@dataclasses.dataclass(frozen=True)
class ProtocolConfig:
    """What is run.

    Attributes:
        output: Folder of all the runs, and of the tables.
        experiments: Flag files.
        variants: `name: flags`, such as `center: --saliency=center`; empty flags are the experiment
            itself. The first is what the others are compared with.
        seeds: One run each.
        folds: How many of the 10 folds of the data are tested in turn; 0: its own split.
        targets: `name/config split`, tested beside the target of the experiment.
        data_sets: For the cross-data-set matrix, `name/config`: each is a source by itself, then
            all but one are (leave one data set out), then all, and each source is tested on every
            one of them. The experiments give the recipe; their own source and target do not count.
        flags: Given to every run, such as `--data_dir=DATA`.
    """

    output: str = 'runs/protocol'
    experiments: tuple[str, ...] = ()
    variants: tuple[str, ...] = ('as_it_is:',)
    seeds: tuple[int, ...] = (0, 1, 2)
    folds: int = 0
    targets: tuple[str, ...] = ()
    data_sets: tuple[str, ...] = ()
    flags: str = ''

    def __post_init__(self) -> None:
        missing = [name for name in self.experiments if not os.path.isfile(name)]
        if missing or not self.experiments:
            raise ValueError(
                '`experiments` must name flag files, with commas between. '
                f'Received: {list(self.experiments)}, of which {missing} do not exist.'
            )
        wrong = [one for one in self.variants if ':' not in one or not one.partition(':')[0]]
        if wrong:
            raise ValueError(
                '`variants` must be `name: flags`, such as `center: --saliency=center`. '
                f'Received: {wrong}.'
            )
        wrong = [target for target in self.targets if len(target.split()) != 2]
        if wrong:
            raise ValueError(
                '`targets` must be `name/config split`, such as `rafd/frontal_faces all`. '
                f'Received: {wrong}.'
            )
        self._refuse_repetitions()
        if self.folds not in range(11):
            raise ValueError(f'`folds` must be 0 to 10. Received: folds={self.folds}.')
        names = {set_of(name) for name in self.data_sets}
        is_matrix = len(names) == len(self.data_sets) > 1 and not (self.folds or self.targets)
        if self.data_sets and not is_matrix:
            raise ValueError(
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
                raise ValueError(
                    f'`{field}` must have names of their own, which name the folders of the runs. '
                    f'Received: {list(getattr(self, field))}, where {repeated} come more than once.'
                )
