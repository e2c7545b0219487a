"""Tables of text that people give to be evaluated: what was assumed of them is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fer_keras.errors import InvalidInputError, MissingFileError

if TYPE_CHECKING:
    from tfds_builders.table_files import Table


def open_noted(
    path: str,
    missing: str,
    known: Callable[[str], str],
    required: Sequence[str],
    advice: str = '',
) -> Table:
    """As `open_table`; what was assumed is printed as a note.

    Args:
        path: The file.
        missing: What to say where there is none.
        known: As `open_table` takes it.
        required: Likewise.
        advice: Likewise.

    Raises:
        MissingFileError: There is no such file.
        InvalidInputError: It is no such table.
    """
    if not os.path.isfile(path):
        raise MissingFileError(missing)
    # Here: it brings TFDS along, which whoever reads no table should not wait for.
    from tfds_builders.errors import InvalidTableError
    from tfds_builders.table_files import open_table

    try:
        table = open_table(path, known, required, advice)
    except InvalidTableError as error:
        raise InvalidInputError(str(error)) from error
    if table.notes:
        print(f'note: {path}: {"; ".join(table.notes)}', file=sys.stderr)
    return table
