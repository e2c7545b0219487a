"""The numbers of a protocol: means over seeds, intervals over people, and comparisons."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fer_keras import files
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.evaluation.comparison import Comparison, compare
from fer_keras.evaluation.intervals import few_people, sampled_unit
from fer_keras.evaluation.measure_intervals import measure_intervals
from fer_keras.evaluation.measures import MEASURES, measure
from fer_keras.evaluation.predictions import (
    IMAGE,
    decide_among,
    label_names_of,
    people,
    present_labels,
    read_predictions,
)
from fer_keras.evaluation.taught import describe_marks, leave_out_taught
from fer_keras.inference.answers import PROBABILITY
from fer_keras.protocols.jobs import Job, report_name, split_to_test
from fer_keras.run_dir import ReportDir, RunDir


def summarize_protocol(
    config: ProtocolConfig, jobs: Sequence[Job]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The numbers of finished jobs.

    Returns:
        A row for each experiment, variant, source and target: these (`source` is empty where the
        experiment names it) and the columns of `mean_over_seeds`, for a cross-data-set matrix also
        those of `cross_matrix`; and the comparisons of each variant with the first, with `target`.
    """
    if config.data_sets:
        return cross_matrix(jobs, config.data_sets)
    summaries, comparisons = [], []
    for target in ('', *config.targets):
        summary, compared = summarize(jobs, target)
        name = target or 'own target'
        summaries.append(summary.assign(source='', target=name))
        comparisons.append(_as_table(compared).assign(target=name))
    return pd.concat(summaries, ignore_index=True), pd.concat(comparisons, ignore_index=True)


def summarize(jobs: Sequence[Job], target: str = '') -> tuple[pd.DataFrame, list[Comparison]]:
    """One row an experiment and variant, and each variant against the first.

    Args:
        jobs: Finished ones.
        target: `name/config split`; empty: the target of the experiment.

    Returns:
        `experiment`, `variant`, `split_note` (what must be said of the tested split, or empty) and
        the columns of `mean_over_seeds`; and the comparisons.
    """
    rows, comparisons = [], []
    first = {job.experiment: job for job in reversed(jobs)}
    for experiment, variants in read_tables(jobs, target).items():
        metrics = read_metrics(first[experiment].run_dir, report_name(target))
        for variant, seeds in variants.items():
            row = {'experiment': experiment, 'variant': variant}
            row |= {'split_note': metrics.get('split_note', '')}
            rows.append(row | mean_over_seeds(seeds))
        if len(variants) > 1:
            named = {f'{experiment} {variant}': seeds for variant, seeds in variants.items()}
            comparisons += compare(named)
    return pd.DataFrame(rows), comparisons


def read_tables(jobs: Sequence[Job], target: str = '') -> dict[str, dict[str, list[pd.DataFrame]]]:
    """Predictions by experiment and variant, a table a seed.

    Folds of one seed are joined: together they test everyone once. Where each fold tests the same
    images, those of another data set, each is a table of its own, as a further seed would be.
    """
    name = report_name(target)
    tables: dict[str, dict[str, list[pd.DataFrame]]] = {}
    for (experiment, variant, _), folds in itertools.groupby(
        jobs, lambda job: (job.experiment, job.variant, job.seed)
    ):
        parts = [read_predictions(job.run_dir, name) for job in folds]
        of_variant = tables.setdefault(experiment, {}).setdefault(variant, [])
        of_variant += [rows.sort_values(list(IMAGE), ignore_index=True) for rows in _join(parts)]
    return tables


def _join(folds: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    joined = pd.concat(folds, keys=range(len(folds)))
    # A fold may have trained without any image of a rare class, which it then never answers.
    probabilities = [PROBABILITY.format(name) for name in label_names_of(joined)]
    joined = joined.fillna(dict.fromkeys(probabilities, 0.0))
    if len(folds) > 1 and joined.duplicated(list(IMAGE)).any():
        return [rows for _, rows in joined.groupby(level=0)]
    return [joined]


def mean_over_seeds(seeds: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Means of the numbers, and how sure they are.

    Returns:
        `seeds`, `images`, and for each of `MEASURES` its mean over seeds, `..._deviation` (sample
        deviation over seeds; NaN for one), `..._low` and `..._high` (95 % of that mean, over
        `interval_over`) and `..._no_interval` (why these are NaN, or empty). `people_behind` counts
        what the intervals are over, and `few_people` and `taught` (what of the test taught the
        model) are warnings, or empty.
    """
    taught = describe_marks(seeds[0])
    seeds = leave_out_taught(seeds)
    behind, unit = len({one for rows in seeds for one in people(rows)}), sampled_unit(seeds[0])
    found: dict[str, Any] = {'seeds': len(seeds), 'images': len(seeds[0]), 'taught': taught}
    found |= {'interval_over': unit, 'people_behind': behind}
    found['few_people'] = few_people(behind, unit)
    names = label_names_of(seeds[0])
    values = [measure(rows, names) for rows in seeds]
    intervals = measure_intervals(seeds, names)
    for name in MEASURES:
        of_seeds = np.array([value[name] for value in values])
        found[name] = float(of_seeds.mean())
        deviation = float(of_seeds.std(ddof=1)) if len(seeds) > 1 else float('nan')
        found[f'{name}_deviation'] = deviation
        ends = intervals.ends[name] or [float('nan')] * 2
        found[f'{name}_low'], found[f'{name}_high'] = ends
        found[f'{name}_no_interval'] = intervals.reasons.get(name, '')
    return found


def cross_matrix(
    jobs: Sequence[Job], data_sets: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every source on every data set, on the classes that both have.

    Images of a class that the source lacks are left out; answers that the images lack are masked
    out in `accuracy_among_present`, which the comparisons are of, and only there.

    Returns:
        A row for each experiment, variant, source and target: these, `split`, `is_seen` (whether
        the source holds the target), `classes` (of both), `masked` (classes of the source that the
        images lack), `left_out` (images), `split_note` and the columns of `mean_over_seeds`; and
        each variant against the first.
    """
    rows, comparisons = [], [_as_table([])]
    for (experiment, sources), of_pool in itertools.groupby(
        jobs, lambda job: (job.experiment, job.sources)
    ):
        pool, source = list(of_pool), ' + '.join(sources)
        for target in data_sets:
            # What a run tests by itself is its first source.
            where = '' if target == sources[0] else f'{target} {split_to_test(target, sources)}'
            variants = read_tables(pool, where)[experiment]
            told = _told(read_metrics(pool[0].run_dir, report_name(where)))
            for variant, seeds in variants.items():
                row = {'experiment': experiment, 'variant': variant, 'source': source}
                row |= {'target': target, 'split': split_to_test(target, sources)}
                row |= {'is_seen': split_to_test(target, sources) == 'test'} | told
                rows.append(row | mean_over_seeds(seeds))
            if len(variants) > 1:
                named = {
                    f'{source} to {target}, {variant}': [_among_present(rows) for rows in seeds]
                    for variant, seeds in variants.items()
                }
                comparisons.append(_as_table(compare(named)).assign(target=target))
    return pd.DataFrame(rows), pd.concat(comparisons, ignore_index=True)


def _among_present(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(predicted=decide_among(rows, present_labels(rows, label_names_of(rows))))


def _as_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    columns = [field.name for field in dataclasses.fields(Comparison)]
    rows = [dataclasses.asdict(one) for one in comparisons]
    return pd.DataFrame(rows, columns=columns)


def _told(metrics: Mapping[str, Any]) -> dict[str, Any]:
    masked = metrics['classes_absent']
    return {
        'classes': ' '.join(name for name in metrics['classes'] if name not in masked),
        'masked': ' '.join(masked),
        'left_out': metrics['images_of_other_classes_left_out'],
        'split_note': metrics.get('split_note', ''),
    }


def read_metrics(run_dir: str, report: str = '') -> dict[str, Any]:
    """Reads `metrics.json` of a report inside a run."""
    metrics: dict[str, Any] = files.read_json(
        ReportDir(RunDir(run_dir).report_dir(report)).metrics_file
    )
    return metrics
