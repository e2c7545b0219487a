"""Evaluates a trained run and writes what was found."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import tensorflow_datasets as tfds
from rich.console import Console
from rich.table import Table

from fer_keras import figures
from fer_keras.config.run import DataConfig, RunConfig, fields_of
from fer_keras.data.datasets import (
    label_names,
    open_dataset,
    open_hog_sources,
    open_sources,
    require_canonical_order,
)
from fer_keras.data.splits import Source, read_split, require_described
from fer_keras.environment import describe_environment
from fer_keras.evaluation.document import write_document
from fer_keras.evaluation.duplicates import find_duplicates, hash_pictures
from fer_keras.evaluation.examples import (
    draw_examples,
    random_sample,
    remove_examples,
    worst_errors,
)
from fer_keras.evaluation.intervals import intervals, resampled_metrics
from fer_keras.evaluation.metrics import (
    confusion_matrix,
    decide_among,
    reliability,
    slices,
    summarize,
    top_confusions,
)
from fer_keras.evaluation.predictions import predict_split, predict_split_with
from fer_keras.evaluation.run_document import Findings, describe_run
from fer_keras.inference.predictor import Predictor
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir


def evaluate(run: RunConfig, run_dir: RunDir, report_dir: str) -> dict[str, Any]:
    """Tests the best epoch of a run on the target of `run` and writes the report.

    Returns:
        What `metrics.json` holds.

    Raises:
        FileNotFoundError: The run has no model, or the target is not prepared.
        ValueError: The target shares no class with the model, or the labels are of another order.
    """
    model = load_classifier(run_dir.model_file)
    names = run_dir.read_labels()
    require_canonical_order(names, run_dir.labels_file)
    target = open_dataset(run.data.target_name, run.data.data_dir)
    source = _read_target(target, run.data, names, run.model.maps_folder)
    rows = predict_split(model, source, run.data, names)
    os.makedirs(report_dir, exist_ok=True)
    remove_examples(report_dir)
    worst, sample = [], []
    if run.data.report_images:
        chosen = worst_errors(rows), random_sample(rows)
        drawn = draw_examples(model, source, run.data, rows, [*chosen[0], *chosen[1]], report_dir)
        worst, sample = drawn[: len(chosen[0])], drawn[len(chosen[0]) :]
    with open(run_dir.environment_file, encoding='utf-8') as file:
        environments = {'training': json.load(file), 'test': describe_environment([target])}
    metrics = _summarize(rows, names, target, run.data) | {'parameters': model.count_params()}
    found_slices = slices(rows)
    findings = Findings(
        metrics=metrics,
        slices=found_slices,
        duplicates=_find_duplicates(run.data, names, source),
        pictures=_draw(rows, metrics, found_slices, report_dir, run_dir.history_file),
        worst=worst,
        sample=sample,
        configuration=fields_of(run),
        environments=environments,
    )
    write_report(report_dir, findings, rows)
    return metrics


def evaluate_model(predictor: Predictor, data: DataConfig, report_dir: str) -> dict[str, Any]:
    """As `evaluate`, for whatever `predictor.load` opens: it knows its classes and image size."""
    target = open_dataset(data.target_name, data.data_dir)
    source = _read_target(target, data, predictor.names)
    rows = predict_split_with(predictor, source)
    os.makedirs(report_dir, exist_ok=True)
    metrics = _summarize(rows, predictor.names, target, data)
    found_slices = slices(rows)
    findings = Findings(
        metrics=metrics,
        slices=found_slices,
        duplicates=_find_duplicates(data, predictor.names, source),
        pictures=_draw(rows, metrics, found_slices, report_dir),
        worst=(),
        sample=(),
        configuration={'source': data.source},
        environments={'test': describe_environment([target])},
    )
    write_report(report_dir, findings, rows)
    return metrics


def require_testable(data: DataConfig) -> None:
    """Raises what training or `evaluate` would, as far as the descriptions of the data sets say.

    No op of TensorFlow runs: those of several workers must not before their strategy is made.
    """
    names = label_names(open_sources(data))
    open_hog_sources(data)
    target = open_dataset(data.target_name, data.data_dir)
    require_described([target], data.target_split, names, _fold(data))


def _fold(data: DataConfig) -> int:
    """Folds are of the sources; another set has its own split."""
    return data.fold if data.is_target_a_source else -1


def _read_target(
    target: tfds.core.DatasetBuilder, data: DataConfig, names: Sequence[str], maps_folder: str = ''
) -> Source:
    return read_split([target], data.target_split, names, maps_folder, _fold(data))


def _find_duplicates(data: DataConfig, names: Sequence[str], tested: Source) -> pd.DataFrame | None:
    """Between the test and what trained and validated; nothing else could inflate a number.

    None where these are not at hand, as on a machine that has the target alone.
    """
    try:
        sources, shallow_sources = open_sources(data), open_hog_sources(data)
    except FileNotFoundError:
        return None
    known = {
        f'{data.source} {split}': read_split(sources, split, names, fold=data.fold)
        for split in ('train', 'validation')
    }
    if shallow_sources:
        known[f'{data.shallow_source} all'] = read_split(shallow_sources, 'all', names)
    test = hash_pictures(f'{data.target_name} {data.target_split}', tested.examples)
    found = [
        find_duplicates([hash_pictures(place, split.examples), test])
        for place, split in known.items()
    ]
    return pd.concat(found, ignore_index=True)


def _summarize(
    rows: pd.DataFrame, names: Sequence[str], target: tfds.core.DatasetBuilder, data: DataConfig
) -> dict[str, Any]:
    split = data.target_split
    left_out = _count(target, split) - len(rows) if _fold(data) < 0 else 0
    return summarize(rows, names) | {
        'classes': list(names),
        'intervals': intervals(resampled_metrics(rows, names)),
        'target': target.info.full_name,
        'target_split': split,
        'images_of_other_classes_left_out': left_out,
        'top_confusions': top_confusions(confusion_matrix(rows, names)),
    }


def _draw(
    rows: pd.DataFrame,
    metrics: dict[str, Any],
    found_slices: pd.DataFrame,
    report_dir: str,
    history_file: str = '',
) -> dict[str, str]:
    """Draws the pictures of the report; returns their files by name."""
    names, absent = metrics['classes'], metrics['classes_absent']
    title = f'{metrics["target"]}, {metrics["target_split"]}: {metrics["accuracy"]:.1%}'
    recall = {name: values['recall'] for name, values in metrics['per_class'].items()}
    ends = {name: metrics['intervals'].get(f'recall {name}', (v, v)) for name, v in recall.items()}
    drawn = {
        'confusion_matrix': figures.draw_confusion_matrix(confusion_matrix(rows, names), title),
        'recall': figures.draw_recall(recall, title, ends),
        'reliability': figures.draw_reliability(reliability(rows), title),
    }
    if absent:
        present = [name for name in names if name not in absent]
        masked = confusion_matrix(rows.assign(predicted=decide_among(rows, present)), present)
        title = f'among the classes of the images: {metrics["accuracy_among_present"]:.1%}'
        drawn['confusion_among_present'] = figures.draw_confusion_matrix(masked, title)
    if len(found_slices):
        drawn['slices'] = figures.draw_slices(found_slices, metrics['accuracy'], '')
    if os.path.isfile(history_file):
        drawn['history'] = figures.draw_history(pd.read_csv(history_file))
    for name, figure in drawn.items():
        figure.savefig(os.path.join(report_dir, f'{name}.png'), dpi=120)
        plt.close(figure)
    return {name: f'{name}.png' for name in drawn}


def write_report(report_dir: str, findings: Findings, rows: pd.DataFrame) -> None:
    """Writes every prediction, the tables and the report."""
    metrics = dict(findings.metrics)
    rows.to_csv(os.path.join(report_dir, 'predictions.csv'), index=False)
    recall = {name: values['recall'] for name, values in metrics['per_class'].items()}
    tables = {
        'confusion_matrix': confusion_matrix(rows, metrics['classes']).reset_index(),
        'recall': pd.Series(recall, name='recall').rename_axis('class').reset_index(),
        'reliability': reliability(rows),
        'slices': findings.slices,
    }
    if findings.duplicates is not None:
        tables['duplicates'] = findings.duplicates
    for name, table in tables.items():
        table.to_csv(os.path.join(report_dir, f'{name}.csv'), index=False)
    write_document(describe_run(findings), report_dir)
    # Last: whoever finds it may trust that the rest is there.
    path = os.path.join(report_dir, 'metrics.json')
    with open(f'{path}.unfinished', 'w', encoding='utf-8') as file:
        json.dump(metrics, file, indent=2)
    os.replace(f'{path}.unfinished', path)


def print_report(metrics: dict[str, Any], report_dir: str) -> None:
    """Prints the summary as a table, and where the files are."""
    low, high = metrics['accuracy_interval']
    table = Table(title=f'{metrics["target"]}, {metrics["target_split"]}')
    for heading in ('class', 'images', 'recall', 'precision'):
        table.add_column(heading, justify='left' if heading == 'class' else 'right')
    for name, values in metrics['per_class'].items():
        shares = (f'{values[key]:.1%}' for key in ('recall', 'precision'))
        table.add_row(name, str(values['images']), *shares)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(
        f'accuracy {metrics["accuracy"]:.1%} (95 % interval over people {low:.1%} to {high:.1%}), '
        f'unweighted average recall {metrics["unweighted_average_recall"]:.1%}, '
        f'{metrics["images"]} images of {metrics["subjects"]} people',
    )
    if metrics['classes_absent']:
        console.print(
            f'absent from this split: {", ".join(metrics["classes_absent"])}; deciding among the '
            f'others only: {metrics["accuracy_among_present"]:.1%}',
        )
    if metrics['images_of_other_classes_left_out']:
        console.print(
            f'{metrics["images_of_other_classes_left_out"]} images of classes that the model was '
            'not trained on were left out',
        )
    for name in sorted(os.listdir(report_dir)):
        if name.endswith(('.png', '.json', '.html')):
            console.print(os.path.join(report_dir, name))


def _count(builder: Any, split: str) -> int:
    splits = builder.info.splits
    chosen = splits.values() if split == 'all' else [splits[split]]
    return sum(part.num_examples for part in chosen)
