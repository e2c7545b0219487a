"""Recognises the expression of every face in pictures, videos and before a camera.

`python -m fer_keras.predict photo.jpg` prints a table and writes no file.
`python -m fer_keras.predict --model=runs/cross --output=faces.csv holiday/ clip.mp4 camera:0`

A row a face; a row also for each picture without a face and for each file that cannot be read, in
a file with the columns of `fer_keras.inference.answers`. Ends with 0 where every file could be
read, with 1 where some could not, with 2 on wrong flags, and with 130 after Ctrl-C, which also ends
a camera; the rows up to there are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.inference import PredictionConfig, needs_tensorflow


def main(config: PredictionConfig, arguments: Sequence[str]) -> None:
    """Writes one table for all the inputs, as it goes."""
    from fer_keras.inference.answering import answer_files

    outcome = answer_files(config, [*config.input, *arguments])
    found = outcome.describe()
    print(f'{config.output}: {found}' if config.output else found)
    for written in (config.overlay_dir, config.overlay_video, config.summary_dir):
        if written:
            print(written)
    outcome.print_notes()
    sys.exit(outcome.exit_status)


if __name__ == '__main__':
    inputs = 'PICTURE|VIDEO|FOLDER|PATTERN|camera:0 ...'
    flags.start(main, PredictionConfig, arguments=inputs, needs_tensorflow=needs_tensorflow)
