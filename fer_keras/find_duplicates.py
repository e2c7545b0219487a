"""Lists pictures that stand in two splits or two data sets.

`python -m fer_keras.find_duplicates --data_dir=DATA cfee/basic_faces rafd/frontal_faces`
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.evaluation import DuplicatesConfig
from fer_keras.errors import InvalidInputError
from fer_keras.files import write_text


def main(options: DuplicatesConfig, names: Sequence[str]) -> None:
    """Prints the pairs and writes them as CSV where `--output` says so."""
    if not names:
        raise InvalidInputError(
            'Nothing to look at: give prepared data sets, such as cfee/basic_faces.'
        )
    from fer_keras.evaluation.duplicates import find_duplicates, hash_data_sets
    from fer_keras.evaluation.printing import print_duplicates

    places = hash_data_sets(names, options.data_dir)
    found = find_duplicates(places, options.largest_distance)
    print_duplicates(places, found)
    if options.output:
        write_text(options.output, found.to_csv(index=False))


if __name__ == '__main__':
    flags.start(main, DuplicatesConfig, arguments='SET/CONFIG ...')
