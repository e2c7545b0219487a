"""All commands under one name: `fer-keras train ...` is `python -m fer_keras.train ...`."""

from __future__ import annotations

import runpy
import sys

from fer_keras.usage import commands, describe_all


def main() -> None:
    """Hands the rest of the command line to the command that it begins with."""
    name = sys.argv[1].replace('-', '_') if len(sys.argv) > 1 else ''
    if name in commands():
        sys.argv[:2] = [f'fer-keras {sys.argv[1]}']
        runpy.run_module(f'fer_keras.{name}', run_name='__main__', alter_sys=True)
    elif name in ('', '__help', '_h', 'help'):
        print(describe_all())
    else:
        print(f'error: There is no command `{sys.argv[1]}`.\n\n{describe_all()}', file=sys.stderr)
        sys.exit(2)


if __name__ == '__main__':
    main()
