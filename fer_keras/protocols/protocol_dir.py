"""The folder of a protocol: the name of every file in it."""

from __future__ import annotations

import dataclasses
import os

from fer_keras.files import plain_name
from fer_keras.run_dir import ReportDir


@dataclasses.dataclass(frozen=True)
class ProtocolDir:
    """The folder of one protocol: its runs, its tables and its report.

    >>> ProtocolDir('runs/ablation').summary_file
    'runs/ablation/summary.csv'
    >>> ProtocolDir('runs/ablation').report.html_file
    'runs/ablation/report.html'
    """

    path: str

    @property
    def runs_dir(self) -> str:
        """The folders of the runs."""
        return os.path.join(self.path, 'runs')

    @property
    def pictures_dir(self) -> str:
        """The figures of the report."""
        return os.path.join(self.path, 'pictures')

    @property
    def summary_file(self) -> str:
        """A row for each experiment, variant, source and target."""
        return os.path.join(self.path, 'summary.csv')

    @property
    def comparisons_file(self) -> str:
        """Each variant against the first."""
        return os.path.join(self.path, 'comparisons.csv')

    @property
    def report(self) -> ReportDir:
        """The report on all the runs, which lies beside the tables."""
        return ReportDir(self.path)

    def picture(self, name: str) -> str:
        """A figure of the report; `name` may have any letters."""
        return os.path.join(self.pictures_dir, f'{plain_name(name)}.png')
