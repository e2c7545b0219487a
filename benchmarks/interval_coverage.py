"""How often 95 % intervals hold the true value: `python -m benchmarks.interval_coverage`.

Prints the three tables of docs/intervals.md: accuracy (and any other share of images, such as the
recall of a class), differences of accuracy, and the other measures. `--repetitions` is how many
tests are simulated in each cell of the first two; of the third it is an eighth.
"""

import argparse
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from fer_keras.evaluation.interval_formulas import difference_intervals, share_intervals
from fer_keras.evaluation.measure_intervals import measure_intervals
from fer_keras.evaluation.measures import MEASURES, measure

PEOPLE = (2, 3, 5, 10, 35, 200)
ACCURACIES = (0.5, 0.8, 0.97)
CORRELATIONS = (0.0, 0.2, 0.5)
# Shares of the images that only the second, and only the first classifier has right.
DISCORDANT = ((0.05, 0.05), (0.02, 0.005), (0.3, 0.05))
CLASSES = [f'class {number}' for number in range(5)]
# How far the right logit is raised, and the deviation over people of all logits.
CLASSIFIERS = ((1.5, 0.0), (1.5, 1.0), (5.0, 1.5))
SAMPLE = 'people, images'
_RESAMPLES = 500


def main() -> None:
    """Prints the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repetitions', type=int, default=4000)
    repetitions = parser.parse_args().repetitions
    random = np.random.default_rng(0)
    of_correlations = [f'correlation {value}' for value in CORRELATIONS]
    print_table([f'{SAMPLE}, accuracy', *of_correlations], accuracy_rows(random, repetitions))
    print_table(
        [f'{SAMPLE}, right in only one', *of_correlations], difference_rows(random, repetitions)
    )
    names = [MEASURES[name] for name in MEASURES if name != 'expected_calibration_error']
    print_table(
        [f'{SAMPLE}, true accuracy', *names], measure_rows(random, max(1, repetitions // 8))
    )


def images_of_people(people: int) -> dict[str, np.ndarray]:
    """Numbers of images of each person, `[people]`, by what the tables call them."""
    return {
        '6 each': np.full(people, 6),
        '50 each': np.full(people, 50),
        '1 to 400': np.geomspace(1, 400, people).round().astype(int),
    }


def simulated_right(
    random: np.random.Generator,
    images: np.ndarray,
    accuracy: float,
    correlation: float,
    repetitions: int,
) -> np.ndarray:
    """Images of each person that are recognised, int `[repetitions, people]`: beta-binomial.

    A person's own accuracy has the beta distribution with the mean `accuracy` and the variance
    `correlation * accuracy * (1 - accuracy)`, so that `correlation` is that of two images of one
    person.
    """
    shape = (repetitions, len(images))
    own = np.full(shape, accuracy)
    if correlation:
        total = 1 / correlation - 1
        own = random.beta(accuracy * total, (1 - accuracy) * total, shape)
    return random.binomial(images, own)


def simulated_gains(
    random: np.random.Generator,
    images: np.ndarray,
    shares: tuple[float, float],
    correlation: float,
    repetitions: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Images that only the second, and only the first has right: Dirichlet-multinomial."""
    shape = (repetitions, len(images), 3)
    means = np.array([*shares, 1 - sum(shares)])
    own = np.broadcast_to(means, shape)
    if correlation:
        drawn = np.maximum(random.gamma(means * (1 / correlation - 1), size=shape), 1e-300)
        own = drawn / drawn.sum(axis=-1, keepdims=True)
    better = random.binomial(images, own[..., 0])
    of_the_rest = own[..., 1] / np.maximum(1 - own[..., 0], 1e-300)
    return better, random.binomial(images - better, np.clip(of_the_rest, 0, 1))


def bootstrap(random: np.random.Generator, sums: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Percentile intervals of a bootstrap over people, as they were before, `[repetitions, 2]`."""
    count = len(images)
    times = random.multinomial(count, np.full(count, 1 / count), _RESAMPLES).T
    ratios = (sums @ times) / (images @ times)
    return np.quantile(ratios, [0.025, 0.975], axis=-1).T


def told(ends: np.ndarray, truth: float) -> str:
    """The share of intervals that hold the truth, and their mean width."""
    is_held = (ends[:, 0] <= truth + 1e-12) & (ends[:, 1] >= truth - 1e-12)
    return f'{is_held.mean():.3f} ({np.diff(ends).mean():.2f})'


def accuracy_rows(random: np.random.Generator, repetitions: int) -> Iterator[list[str]]:
    """Of each number of people, of images and accuracy; a cell a correlation."""
    for people in PEOPLE:
        for name, images in images_of_people(people).items():
            for accuracy in ACCURACIES:
                cells = []
                for correlation in CORRELATIONS:
                    draw = functools.partial(simulated_right, random, images, accuracy, correlation)
                    right = draw(repetitions)
                    now = told(share_intervals(right, images), accuracy)
                    before = told(bootstrap(random, right, images), accuracy)
                    cells.append(f'**{now}**, {before}')
                yield [f'{people} people, {name}, {accuracy:.2f}', *cells]


def difference_rows(random: np.random.Generator, repetitions: int) -> Iterator[list[str]]:
    """Of each number of people, of images and pair of classifiers; a cell a correlation."""
    for people in (5, 10, 35, 200):
        for name, images in images_of_people(people).items():
            for shares in DISCORDANT:
                truth, cells = shares[0] - shares[1], []
                for correlation in CORRELATIONS:
                    gains = simulated_gains(random, images, shares, correlation, repetitions)
                    now = told(difference_intervals(*gains, images), truth)
                    before = told(bootstrap(random, gains[0] - gains[1], images), truth)
                    cells.append(f'**{now}**, {before}')
                yield [f'{people} people, {name}, {shares[0]:.3f} - {shares[1]:.3f}', *cells]


def measure_rows(random: np.random.Generator, repetitions: int) -> Iterator[list[str]]:
    """Of each classifier and number of people and images; a cell a measure."""
    for lift, deviation in CLASSIFIERS:
        draw = functools.partial(simulated_predictions, random, lift=lift, deviation=deviation)
        truth = measure(draw(np.full(4000, 50)), CLASSES)
        for people, images in (
            (10, np.full(10, 5)),
            (35, np.full(35, 5)),
            (35, np.geomspace(2, 60, 35).round().astype(int)),
            (100, np.full(100, 5)),
        ):
            size = f'{images[0]} each' if images[0] == images[-1] else '2 to 60'
            name = f'{people} people, {size}, {truth["accuracy"]:.2f}'
            yield [name, *measure_cells(draw, images, truth, repetitions)]


def measure_cells(
    draw: Callable[[np.ndarray], pd.DataFrame],
    images: np.ndarray,
    truth: dict[str, float],
    repetitions: int,
) -> list[str]:
    """The coverage of each of `MEASURES` but the calibration error, which has no interval."""
    found = [measure_intervals([draw(images)], CLASSES).ends for _ in range(repetitions)]
    cells = []
    for name in MEASURES:
        ends = [one[name] for one in found if one[name]]
        if name != 'expected_calibration_error':
            cells.append(told(np.array(ends), truth[name]) if ends else 'none')
    return cells


def simulated_predictions(
    random: np.random.Generator, images: np.ndarray, *, lift: float, deviation: float
) -> pd.DataFrame:
    """A table of predictions; each person has logits of its own for each true class.

    A person's classes come in turn, so that who has as many images as there are classes has each.
    """
    person = np.repeat(np.arange(len(images)), images)
    truth = np.concatenate([np.arange(count) for count in images]) % len(CLASSES)
    shape = (len(images), len(CLASSES), len(CLASSES))
    logits = random.normal(size=(len(person), len(CLASSES)))
    logits += random.normal(0, deviation, shape)[person, truth]
    logits[np.arange(len(person)), truth] += lift
    powers = np.exp(1.2 * logits)
    rows = pd.DataFrame(
        powers / powers.sum(axis=1, keepdims=True), columns=[f'p_{name}' for name in CLASSES]
    )
    return rows.assign(
        file_name=[f'{number}.png' for number in range(len(rows))],
        subject_id=[f's{number}' for number in person],
        label=np.array(CLASSES)[truth],
        predicted=np.array(CLASSES)[powers.argmax(axis=1)],
    )


def print_table(columns: Sequence[str], rows: Iterator[list[str]]) -> None:
    """Prints a Markdown table, a row as soon as it is known."""
    print('|', ' | '.join(columns), '|', flush=True)
    print('|---' * len(columns) + '|')
    for row in rows:
        print('|', ' | '.join(row), '|', flush=True)
    print()


if __name__ == '__main__':
    main()
