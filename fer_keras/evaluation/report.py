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

from fer_keras.config import DataConfig, RunConfig
from fer_keras.evaluation import figures
from fer_keras.evaluation.metrics import (
    confusion_matrix,
    reliability,
    slices,
    summarize,
    top_confusions,
)
from fer_keras.evaluation.predictions import predict_split, predict_split_with
from fer_keras.input_pipeline import Source, open_dataset, read_split
from fer_keras.models.classifier import load_classifier
from fer_keras.predictor import Predictor
from fer_keras.run_dir import RunDir


def evaluate(run: RunConfig, run_dir: RunDir, report_dir: str) -> dict[str, Any]:
    """Tests the best epoch of a run on the target of `run` and writes the report.

    Returns:
        What `metrics.json` holds.

    Raises:
        FileNotFoundError: The run has no model, or the target is not prepared.
        ValueError: The target shares no class with the model.
    """
    model = load_classifier(run_dir.model_file)
    names = run_dir.read_labels()
    target = open_dataset(run.data.target_name, run.data.data_dir)
    source = _read_target(target, run.data, names, run.model.maps_folder)
    rows = predict_split(model, source, run.data, names)
    return _report(rows, names, target, run.data, report_dir)


def evaluate_model(predictor: Predictor, data: DataConfig, report_dir: str) -> dict[str, Any]:
    """As `evaluate`, for whatever `predictor.load` opens: it knows its classes and image size."""
    target = open_dataset(data.target_name, data.data_dir)
    rows = predict_split_with(predictor, _read_target(target, data, predictor.names))
    return _report(rows, predictor.names, target, data, report_dir)


def _fold(data: DataConfig) -> int:
    """Folds are of the sources; another set has its own split."""
    return data.fold if data.target_name in data.source_names else -1


def _read_target(
    target: tfds.core.DatasetBuilder, data: DataConfig, names: Sequence[str], maps_folder: str = ''
) -> Source:
    return read_split([target], data.target_split, names, maps_folder, _fold(data))


def _report(
    rows: pd.DataFrame,
    names: Sequence[str],
    target: tfds.core.DatasetBuilder,
    data: DataConfig,
    report_dir: str,
) -> dict[str, Any]:
    split = data.target_split
    left_out = _count(target, split) - len(rows) if _fold(data) < 0 else 0
    metrics = summarize(rows, names) | {
        'target': target.info.full_name,
        'target_split': split,
        'images_of_other_classes_left_out': left_out,
    }
    counts = confusion_matrix(rows, names)
    metrics['top_confusions'] = top_confusions(counts)
    write_report(report_dir, metrics, rows, counts)
    return metrics


def write_report(
    report_dir: str, metrics: dict[str, Any], rows: pd.DataFrame, counts: pd.DataFrame
) -> None:
    """Writes the numbers, every prediction and the pictures."""
    os.makedirs(report_dir, exist_ok=True)
    rows.to_csv(os.path.join(report_dir, 'predictions.csv'), index=False)
    counts.to_csv(os.path.join(report_dir, 'confusion_matrix.csv'))
    title = f'{metrics["target"]}, {metrics["target_split"]}: {metrics["accuracy"]:.1%}'
    recall = {name: values['recall'] for name, values in metrics['per_class'].items()}
    pd.Series(recall, name='recall').to_csv(
        os.path.join(report_dir, 'recall.csv'), index_label='class'
    )
    _save(figures.draw_confusion_matrix(counts, title), report_dir, 'confusion_matrix.png')
    _save(figures.draw_recall(recall, title), report_dir, 'recall.png')
    bins = reliability(rows)
    bins.to_csv(os.path.join(report_dir, 'reliability.csv'), index=False)
    _save(figures.draw_reliability(bins, title), report_dir, 'reliability.png')
    slices(rows).to_csv(os.path.join(report_dir, 'slices.csv'), index=False)
    # Last: whoever finds it may trust that the rest is there.
    path = os.path.join(report_dir, 'metrics.json')
    with open(f'{path}.unfinished', 'w', encoding='utf-8') as file:
        json.dump(metrics, file, indent=2)
    os.replace(f'{path}.unfinished', path)


def write_history_figure(run_dir: RunDir) -> None:
    """Draws the learning curves beside the report."""
    history = pd.read_csv(run_dir.history_file)
    _save(figures.draw_history(history), run_dir.report_dir(), 'history.png')


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
        if name.endswith(('.png', '.json')):
            console.print(os.path.join(report_dir, name))


def _count(builder: Any, split: str) -> int:
    splits = builder.info.splits
    chosen = splits.values() if split == 'all' else [splits[split]]
    return sum(part.num_examples for part in chosen)


def _save(figure: Any, directory: str, name: str) -> None:
    figure.savefig(os.path.join(directory, name), dpi=120)
    plt.close(figure)
