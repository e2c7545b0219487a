"""Lists pictures that stand in two splits or two data sets.

`python -m fer_keras.find_duplicates --data_dir=DATA cfee/basic_faces rafd/frontal_faces`
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from fer_keras import flags
from fer_keras.data.datasets import label_names, open_dataset
from fer_keras.data.splits import read_split
from fer_keras.evaluation.duplicates import LARGEST_DISTANCE, find_duplicates, hash_images

_SHOWN = 20


def main(names: Sequence[str]) -> None:
    """Prints the pairs and writes them as CSV where `--output` says so."""
    if not names:
        raise ValueError('Nothing to look at: give prepared data sets, such as cfee/basic_faces.')
    places = []
    for name in dict.fromkeys(names):
        builder = open_dataset(name, flags.FLAGS.data_dir)
        classes = label_names([builder])
        for split in builder.info.splits:
            source = read_split([builder], split, classes)
            places.append(hash_images(f'{name} {split}', source.examples))
    found = find_duplicates(places, flags.FLAGS.largest_distance)
    pictures = sum(len(place.file_names) for place in places)
    print(f'{pictures} pictures in {len(places)} splits: {len(found)} pairs across splits.')
    if len(found):
        table = Table()
        for column in map(str, found):
            table.add_column(column)
        for row in found.head(_SHOWN).itertuples(index=False):
            table.add_row(*map(str, row))
        Console(soft_wrap=True, highlight=False).print(table)
    if flags.FLAGS.output:
        found.to_csv(flags.FLAGS.output, index=False)


if __name__ == '__main__':
    flags.define_duplicates(LARGEST_DISTANCE)
    flags.start_with_arguments(main)
