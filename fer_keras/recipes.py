"""Lists the experiments of the package: their question, what they cost, and what they gave.

`python -m fer_keras.recipes` lists all; `python -m fer_keras.recipes cross` prints one, which
`--flagfile=experiments/cross.flags` reads in any folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.flag_files import find_recipe, recipes
from fer_keras.usage import describe_recipe


def main(names: Sequence[str]) -> None:
    """Prints what the flag files say of themselves, or one of them whole."""
    for name in names:
        print(find_recipe(name).read_text(encoding='utf-8'), end='')
    if not names:
        print('\n\n'.join(filter(None, map(describe_recipe, recipes()))))
        print('\nOne of them is used by --flagfile=experiments/NAME.flags, in any folder.')


if __name__ == '__main__':
    flags.start(main, arguments='[NAME]', needs_tensorflow=False)
