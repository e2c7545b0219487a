"""Recognises the expression of every face in pictures, videos and before a camera.

`python -m fer_keras.predict --model=runs/cross --output=faces.csv holiday/ clip.mp4 camera:0`

A row a face; a row also for each picture without a face and for each file that cannot be read.
Ends with 0 where every file could be read, with 1 where some could not, with 2 on wrong flags, and
with 130 after Ctrl-C, which also ends a camera; the rows up to there are kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from fer_keras import flags
from fer_keras.inference.drawing import BOX, OverlayFolder, draw_faces
from fer_keras.inference.photos import (
    Picture,
    count_pictures,
    list_sources,
    read_pictures,
)
from fer_keras.inference.predictor import Predictor, load
from tfds_builders.pictures import LARGEST_PIXELS


def main(arguments: Sequence[str]) -> None:
    """Writes one table for all the inputs, as it goes."""
    options = flags.FLAGS
    if not options.model:
        raise ValueError('A model is needed: --model=RUN, as trained by fer_keras.train.')
    sources = list_sources([*options.input, *arguments])
    if not sources:
        raise ValueError('Nothing to look at: give pictures, videos or folders after the flags.')
    if not options.output.endswith(('.csv', '.jsonl')):
        raise ValueError(f'`output` must end in .csv or .jsonl. Received: {options.output!r}.')
    predictor = load(options.model)
    with _open_output(options.output) as file:
        num_rows, unreadable, is_stopped = _write_table(file, predictor, sources)
    print(f'{file.name}: {num_rows} rows of {len(sources)} files, {len(unreadable)} unreadable')
    for problem in unreadable[:5]:
        print(f'unreadable: {problem}', file=sys.stderr)
    if is_stopped or unreadable:
        sys.exit(130 if is_stopped else 1)


def _write_table(
    file: TextIO, predictor: Predictor, sources: Sequence[str]
) -> tuple[int, list[str], bool]:
    """Returns the number of rows, what was unreadable, and whether Ctrl-C ended it."""
    options = flags.FLAGS
    overlays = OverlayFolder(options.overlay_dir) if options.overlay_dir else None
    limits = {'every': options.every, 'max_frames': options.max_frames}
    total = count_pictures(sources, **limits)
    num_rows = 0
    unreadable: list[str] = []
    is_quiet = not sys.stderr.isatty()
    with tqdm(read_pictures(sources, **limits), total=total, disable=is_quiet) as pictures:
        try:
            for batch in _batches(pictures, options.batch_size):
                table = _answer(
                    predictor, batch, are_crops=options.crops, small_faces=options.small_faces
                )
                _write(file, table, is_first=not num_rows)
                num_rows += len(table)
                unreadable += [picture.problem for picture in batch if picture.image is None]
                if overlays:
                    _write_overlays(overlays, batch, table)
        except KeyboardInterrupt:
            return num_rows, unreadable, True
    return num_rows, unreadable, False


def _open_output(path: str) -> TextIO:
    try:
        # A file's name may hold bytes that are no UTF-8: they go to the table as they are.
        return open(path, 'w', encoding='utf-8', errors='surrogateescape', newline='')
    except OSError as error:
        raise ValueError(f'{path} cannot be written: {error.strerror}.') from error


def _batches(pictures: Iterator[Picture], size: int) -> Iterator[list[Picture]]:
    """Lists of `size` pictures, or of fewer where these are large."""
    batch: list[Picture] = []
    values = 0
    for picture in pictures:
        batch.append(picture)
        values += 0 if picture.image is None else picture.image.size
        if len(batch) == size or values >= LARGEST_PIXELS:
            yield batch
            batch, values = [], 0
    if batch:
        yield batch


def _answer(
    predictor: Predictor, batch: list[Picture], *, are_crops: bool, small_faces: bool
) -> pd.DataFrame:
    """The rows of a batch, in its order."""
    readable = [i for i, picture in enumerate(batch) if picture.image is not None]
    images = [picture.image for picture in batch if picture.image is not None]
    if are_crops:
        table = predictor.predict_crops(images)
        table.insert(0, 'face', 0)
        for position, column in enumerate((*BOX, 'confidence'), start=1):
            table.insert(position, column, np.nan)
        table.index = pd.Index(readable)
    else:
        table = predictor.predict(images, small_faces=small_faces)
        table.index = pd.Index([readable[photo] for photo in table.pop('photo')])
    table.insert(0, 'status', np.where(table['face'] >= 0, 'ok', 'no face'))
    rest = {
        i: f'unreadable: {picture.problem}' for i, picture in enumerate(batch) if picture.problem
    }
    problems = pd.DataFrame({'status': rest.values(), 'face': -1}, index=pd.Index(rest))
    table = pd.concat([table, problems]).sort_index(kind='stable') if rest else table
    owners = [batch[i] for i in table.index]
    table.insert(0, 'frame', pd.Series([owner.frame for owner in owners], table.index, 'Int64'))
    table.insert(0, 'file', [owner.source for owner in owners])
    return table


def _write(file: TextIO, table: pd.DataFrame, *, is_first: bool) -> None:
    if file.name.endswith('.csv'):
        table.to_csv(file, index=False, header=is_first)
    else:
        for row in table.to_dict('records'):
            known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
            file.write(f'{json.dumps(known)}\n')
    # Whoever watches a camera reads along.
    file.flush()


def _write_overlays(overlays: OverlayFolder, batch: list[Picture], table: pd.DataFrame) -> None:
    for number, picture in enumerate(batch):
        if picture.image is not None:
            rows = table[(table.index == number) & (table['status'] == 'ok')].to_dict('records')
            overlays.write(picture.source, picture.frame, draw_faces(picture.image, rows))


if __name__ == '__main__':
    flags.define_prediction()
    flags.start_with_arguments(main)
