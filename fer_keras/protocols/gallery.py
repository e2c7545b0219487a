"""The figures of the report of a protocol."""

from __future__ import annotations

import os

from matplotlib.figure import Figure

from fer_keras.evaluation.document import ReportFigure
from fer_keras.figures import save_figure
from fer_keras.protocols.protocol_dir import ProtocolDir


class Gallery:
    """Writes figures into the folder of a protocol.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw = Gallery(ProtocolDir(folder))
    ...     draw(Figure(), 'recall of a/b', 'Recall of each class.').file
    'pictures/recall_of_a_b.png'
    """

    def __init__(self, folder: ProtocolDir) -> None:
        self._folder = folder

    def __call__(
        self, figure: Figure, name: str, caption: str, *, is_wide: bool = False
    ) -> ReportFigure:
        """Writes `figure`, closes it and gives what the report says of it."""
        path = self._folder.picture(name)
        save_figure(figure, path, dpi=110)
        return ReportFigure(os.path.relpath(path, self._folder.report.path), caption, is_wide)
