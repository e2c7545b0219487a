"""Tables on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = '', text_columns: int = 1
) -> None:
    """Prints a table, its lines as long as they have to be.

    Args:
        columns: Headings.
        rows: Cells as text, as many as there are columns.
        title: Stands above; empty: nothing does.
        text_columns: The first so many stand left, all others right, as numbers do.
    """
    # Here, because a command that prints no table should not wait for it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify='left')
    for number, column in enumerate(columns):
        table.add_column(column, justify='left' if number < text_columns else 'right')
    for row in rows:
        # Not markup: a file may be called [red].
        table.add_row(*map(Text, row))
    Console(soft_wrap=True, highlight=False).print(table)
