"""Recognises the expression of every face in pictures and videos.

`python -m fer_keras.predict --model=runs/cross --output=faces.csv holiday/ clip.mp4`

A row a face; a row also for each picture without a face and for each file that cannot be read.
Ends with 0 where every file could be read, with 1 where some could not, with 2 on wrong flags.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from fer_keras import flags
from fer_keras.photos import VIDEO_SUFFIXES, list_inputs, read_photo, read_video
from fer_keras.predictor import BOX, Predictor, load

Picture = tuple[pathlib.Path, int | None, np.ndarray]


def main(arguments: Sequence[str]) -> None:
    """Writes one table for all the inputs, as it goes."""
    options = flags.FLAGS
    if not options.model:
        raise ValueError('A model is needed: --model=RUN, as trained by fer_keras.train.')
    files = list_inputs([*options.input, *arguments])
    if not files:
        raise ValueError('Nothing to look at: give pictures, videos or folders after the flags.')
    if not options.output.endswith(('.csv', '.jsonl')):
        raise ValueError(f'`output` must end in .csv or .jsonl. Received: {options.output!r}.')
    predictor = load(options.model)
    unreadable: list[tuple[pathlib.Path, str]] = []
    num_rows = 0
    with open(options.output, 'w', encoding='utf-8', newline='') as file:
        pictures = _read(files, options.every, unreadable)
        for batch in _batches(pictures, options.batch_size):
            table = _answer(predictor, batch, are_crops=options.crops)
            _write(file, table, is_first=not num_rows)
            num_rows += len(table)
            if options.overlay_dir:
                _write_overlays(options.overlay_dir, batch, table)
        if unreadable:
            _write(file, _rows_of_unreadable(predictor, unreadable), is_first=not num_rows)
    print(f'{options.output}: {num_rows} rows of {len(files)} files, {len(unreadable)} unreadable')
    for path, reason in unreadable[:5]:
        print(f'unreadable: {path}: {reason}', file=sys.stderr)
    if unreadable:
        sys.exit(1)


def _read(
    files: Sequence[pathlib.Path], every: int, unreadable: list[tuple[pathlib.Path, str]]
) -> Iterator[Picture]:
    """(file, frame or None, picture) of all that can be read; the rest goes into `unreadable`."""
    for path in tqdm(files, unit='file', disable=not sys.stderr.isatty()):
        try:
            if path.suffix.lower() in VIDEO_SUFFIXES:
                for frame, picture in read_video(path, every):
                    yield path, frame, picture
            else:
                yield path, None, read_photo(path)
        except ValueError as error:
            unreadable.append((path, str(error)))


def _batches(pictures: Iterator[Picture], size: int) -> Iterator[list[Picture]]:
    batch: list[Picture] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _answer(predictor: Predictor, batch: list[Picture], *, are_crops: bool) -> pd.DataFrame:
    pictures = [picture for _, _, picture in batch]
    if are_crops:
        table = predictor.predict_crops(pictures)
        table.insert(0, 'face', 0)
        for position, column in enumerate((*BOX, 'confidence'), start=1):
            table.insert(position, column, np.nan)
        owners = list(range(len(batch)))
    else:
        table = predictor.predict(pictures)
        owners = table.pop('photo').tolist()
    table.insert(0, 'status', np.where(table['face'] >= 0, 'ok', 'no face'))
    table.insert(0, 'frame', pd.Series([batch[i][1] for i in owners], dtype='Int64'))
    table.insert(0, 'file', [str(batch[i][0]) for i in owners])
    return table


def _rows_of_unreadable(
    predictor: Predictor, unreadable: list[tuple[pathlib.Path, str]]
) -> pd.DataFrame:
    columns = ['file', 'frame', 'status', 'face', *BOX, 'confidence', 'label', 'score']
    columns += [f'p_{name}' for name in predictor.names]
    rows = [{'file': str(path), 'status': f'unreadable: {reason}'} for path, reason in unreadable]
    return pd.DataFrame(rows, columns=columns).assign(face=-1)


def _write(file: TextIO, table: pd.DataFrame, *, is_first: bool) -> None:
    if file.name.endswith('.csv'):
        table.to_csv(file, index=False, header=is_first)
        return
    for row in table.to_dict('records'):
        known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        file.write(f'{json.dumps(known)}\n')


def _write_overlays(folder: str, batch: list[Picture], table: pd.DataFrame) -> None:
    """Draws boxes and labels; names are flat, so that nothing is written outside the folder."""
    os.makedirs(folder, exist_ok=True)
    for path, frame, picture in batch:
        canvas = np.ascontiguousarray(picture[:, :, ::-1])
        is_own = (table['file'] == str(path)) & (table['status'] == 'ok')
        if frame is not None:
            is_own &= table['frame'] == frame
        for row in table[is_own].to_dict('records'):
            text = f'{row["label"]} {row["score"]:.0%}'
            place = (8, 24)
            if not pd.isna(row['left']):
                left, top, right, bottom = (round(row[side]) for side in BOX)
                cv2.rectangle(canvas, (left, top), (right, bottom), (0, 170, 255), 2)
                place = (left, max(top - 6, 16))
            for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
                cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, width)
        flat = '_'.join(path.resolve().parts[-2:])
        name = flat if frame is None else f'{flat}_{frame:06d}'
        if not cv2.imwrite(os.path.join(folder, f'{name}.png'), canvas):
            raise ValueError(f'{folder} cannot be written to: check the folder and the disk.')


if __name__ == '__main__':
    flags.define_prediction()
    flags.start_with_arguments(main)
