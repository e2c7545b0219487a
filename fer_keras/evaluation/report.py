"""Tests a trained classifier and writes what was found."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd
import tensorflow_datasets as tfds

from fer_keras import files
from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_values
from fer_keras.config.run import RunConfig
from fer_keras.data.datasets import open_dataset, require_canonical_order
from fer_keras.environment import describe_environment
from fer_keras.evaluation.document import ReportFigure
from fer_keras.evaluation.examples import draw_chosen_examples, remove_examples
from fer_keras.evaluation.intervals import intervals, resampled_measures
from fer_keras.evaluation.metrics import confusion_matrix, slices, summarize, top_confusions
from fer_keras.evaluation.predicting import predict_split, predict_split_with
from fer_keras.evaluation.report_files import draw_figures, write_report
from fer_keras.evaluation.run_document import Findings
from fer_keras.evaluation.target import count_left_out, find_seen_images, read_target
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.saliency_contents import require_same_model
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import ReportDir, RunDir


def evaluate(run: RunConfig, run_dir: RunDir, report_dir: str) -> dict[str, Any]:
    """Tests the best epoch of a run on the target of `run` and writes the report.

    Returns:
        What `metrics.json` holds.

    Raises:
        FileNotFoundError: The run has no model, or the target is not prepared.
        ValueError: The target shares no class with the model, or the labels are of another order.
    """
    report = ReportDir(report_dir)
    model = load_classifier(run_dir.model_file)
    require_same_model(run.model, run_dir)
    names = run_dir.read_labels()
    require_canonical_order(names, run_dir.labels_file)
    target = open_dataset(run.data.target_name, run.data.data_dir)
    source = read_target(target, run.data, names, run.model.maps_folder)
    rows = predict_split(model, source, run.data, names)
    remove_examples(report)
    worst: Sequence[ReportFigure] = ()
    sample: Sequence[ReportFigure] = ()
    if run.data.report_images:
        worst, sample = draw_chosen_examples(model, source, run.data, rows, report)
    metrics = _measure(rows, names, target, run.data) | {'parameters': model.count_params()}
    findings = Findings(
        metrics=metrics,
        slices=slices(rows),
        duplicates=find_seen_images(run.data, names, source),
        worst=worst,
        sample=sample,
        configuration=as_values(run),
        environments={
            'training': files.read_json(run_dir.environment_file),
            'test': describe_environment([target]),
        },
    )
    _write(report, findings, rows, _read_history(run_dir))
    return metrics


def evaluate_model(predictor: Predictor, data: DataConfig, report_dir: str) -> dict[str, Any]:
    """As `evaluate`, for whatever `predictor.load` opens: it knows its classes and image size."""
    report, names = ReportDir(report_dir), predictor.names
    target = open_dataset(data.target_name, data.data_dir)
    source = read_target(target, data, names)
    rows = predict_split_with(predictor, source)
    metrics = _measure(rows, names, target, data)
    findings = Findings(
        metrics=metrics,
        slices=slices(rows),
        duplicates=find_seen_images(data, names, source),
        worst=(),
        sample=(),
        configuration={'source': data.source},
        environments={'test': describe_environment([target])},
    )
    _write(report, findings, rows)
    return metrics


def _measure(
    rows: pd.DataFrame, names: Sequence[str], target: tfds.core.DatasetBuilder, data: DataConfig
) -> dict[str, Any]:
    return summarize(rows, names) | {
        'classes': list(names),
        'intervals': intervals(resampled_measures(rows, names)),
        'target': target.info.full_name,
        'target_split': data.target_split,
        'images_of_other_classes_left_out': count_left_out(target, data, len(rows)),
        'top_confusions': top_confusions(confusion_matrix(rows, names)),
    }


def _write(
    report: ReportDir, findings: Findings, rows: pd.DataFrame, history: pd.DataFrame | None = None
) -> None:
    drawn = draw_figures(rows, findings.metrics, findings.slices, history)
    names = {name: os.path.basename(report.picture(name)) for name in drawn}
    write_report(report, dataclasses.replace(findings, figures=names), rows, drawn)


def _read_history(run_dir: RunDir) -> pd.DataFrame | None:
    is_there = os.path.isfile(run_dir.history_file)
    return pd.read_csv(run_dir.history_file) if is_there else None
