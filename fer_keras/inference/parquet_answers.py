"""A Parquet file of answers, by pyarrow, which the extra `beam` brings."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fer_keras.inference.answers import column_types, in_utf_8, make_table

# Rows in memory: readers want row groups of thousands, and a batch has a few rows.
_ROWS_A_GROUP = 20_000


class ParquetAnswerFile:
    """As `AnswerFile`; pandas reads it back with the types of the table.

    >>> import tempfile
    >>> from fer_keras.inference.answers import NO_FACE, Row
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ParquetAnswerFile(f'{folder}/a.parquet', ['sad']) as file:
    ...         file.write(make_table([Row(3, status=NO_FACE)], np.zeros((0, 1)), ['sad']))
    ...     pd.read_parquet(f'{folder}/a.parquet')[['photo', 'status']].values.tolist()
    [[3, 'no face']]
    """

    def __init__(self, path: str, names: Sequence[str], *, of_video: bool = False) -> None:
        """Opens the file.

        Args:
            path: To be written.
            names: Of the classes.
            of_video: Whether it has the columns of videos, empty for photos.
        """
        self._types = column_types(names, of_video=of_video)
        nothing = np.zeros((0, len(names)), np.float32)
        empty = make_table([], nothing, names, nothing if of_video else None)
        self._schema = pa.Schema.from_pandas(empty, preserve_index=False)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._waiting: list[pd.DataFrame] = []
        self._num_waiting = 0

    def __enter__(self) -> ParquetAnswerFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._write_waiting()
        finally:
            self._writer.close()

    def write(self, table: pd.DataFrame) -> None:
        """Appends the rows of `make_table`."""
        table = in_utf_8(table.reindex(columns=list(self._types))).astype(self._types)
        self._waiting.append(table)
        self._num_waiting += len(table)
        if self._num_waiting >= _ROWS_A_GROUP:
            self._write_waiting()

    def _write_waiting(self) -> None:
        if self._waiting:
            table = pd.concat(self._waiting, ignore_index=True)
            rows = pa.Table.from_pandas(table, self._schema, preserve_index=False)
            self._writer.write_table(rows)
            self._waiting, self._num_waiting = [], 0
