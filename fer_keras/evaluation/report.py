"""Tests a trained classifier and writes what was found."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow_datasets as tfds

from fer_keras import files
from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_values
from fer_keras.config.run import RunConfig
from fer_keras.data.datasets import open_dataset
from fer_keras.data.image_hashes import hash_images
from fer_keras.data.recording import detector_of, require_new_people
from fer_keras.data.splits import Source
from fer_keras.environment import changed_splits, describe_environment
from fer_keras.evaluation.document import ReportFigure
from fer_keras.evaluation.examples import draw_chosen_examples, remove_examples
from fer_keras.evaluation.history import read_history
from fer_keras.evaluation.metrics import confusion_matrix, slices, summarize, top_confusions
from fer_keras.evaluation.predicting import predict_split, predict_split_with
from fer_keras.evaluation.report_files import draw_figures, write_report
from fer_keras.evaluation.run_document import Findings
from fer_keras.evaluation.target import (
    assume_record,
    count_left_out,
    find_seen_images,
    read_target,
    split_note,
)
from fer_keras.evaluation.taught import COLUMN, NOT_RECORDED, describe_taught, mark, untaught
from fer_keras.inference.predictor import Predictor
from fer_keras.inference.saliency_contents import require_same_model
from fer_keras.inference.trained_files import require_canonical_order
from fer_keras.models.classifier import load_classifier
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.storage import find_record
from fer_keras.provenance.wording import describe_splits
from fer_keras.run_dir import ReportDir, RunDir
from tfds_builders import detectors


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
    environment = files.read_json(run_dir.environment_file)
    record = find_record(run_dir.model_file) or find_record(run_dir.path)
    test = _Test(source, target, run.data, names, record, environment)
    rows = test.mark(predict_split(model, source, run.data, names))
    remove_examples(report)
    worst: Sequence[ReportFigure] = ()
    sample: Sequence[ReportFigure] = ()
    if run.data.report_images:
        worst, sample = draw_chosen_examples(model, source, run.data, rows, report)
    metrics = test.measure(rows) | {'parameters': model.count_params()}
    findings = Findings(
        metrics=metrics,
        slices=slices(untaught(rows)),
        duplicates=test.duplicates,
        worst=worst,
        sample=sample,
        configuration=as_values(run),
        environments={
            'training': environment,
            'test': describe_environment([target]),
        },
    )
    _write(report, findings, rows, read_history(run_dir.history_file))
    return metrics


def evaluate_model(predictor: Predictor, data: DataConfig, report_dir: str) -> dict[str, Any]:
    """As `evaluate`, for whatever `predictor.load` opens: it knows its classes and image size."""
    report, names = ReportDir(report_dir), predictor.names
    target = open_dataset(data.target_name, data.data_dir)
    source = read_target(target, data, names)
    test = _Test(source, target, data, names, predictor.record)
    rows = test.mark(predict_split_with(predictor, source))
    metrics = test.measure(rows)
    findings = Findings(
        metrics=metrics,
        slices=slices(untaught(rows)),
        duplicates=test.duplicates,
        worst=(),
        sample=(),
        configuration={'source': data.source},
        environments={'test': describe_environment([target])},
    )
    _write(report, findings, rows)
    return metrics


class _Test:
    """The tested images, and who of them taught the model.

    Raises:
        InvalidInputError: People did, and nobody said that this is allowed.
    """

    def __init__(
        self,
        source: Source,
        target: tfds.core.DatasetBuilder,
        data: DataConfig,
        names: Sequence[str],
        record: TrainingRecord | None,
        environment: Mapping[str, Any] | None = None,
    ) -> None:
        self._target, self._data, self._names = target, data, names
        self._is_recorded = record is not None
        self._record = record or assume_record(data, names)
        known = environment or {'data_sets': describe_splits(record.splits) if record else []}
        self._changed = changed_splits(known, [target])
        self._tested = hash_images(f'{data.target_name} {data.target_split}', source.examples)
        if self._record:
            require_new_people(data, self._record.people, self._tested.people)
        # Tested images that look like one that taught; None where nobody knows what did.
        self.duplicates: pd.DataFrame | None = None
        if self._record:
            self.duplicates = find_seen_images(self._record, data, names, self._tested)

    def mark(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The predictions, and which of the images taught."""
        marks = np.full(len(rows), '')
        if self._record:
            allowed = self._data.allow_taught_people
            marks = mark(self._record, self._tested, keeps_people=allowed)
        if not self._is_recorded:
            marks = np.where(marks == '', NOT_RECORDED, marks)
        return rows.assign(**{COLUMN: marks})

    def measure(self, rows: pd.DataFrame) -> dict[str, Any]:
        """What `metrics.json` holds."""
        data, names = self._data, self._names
        taught = describe_taught(
            rows,
            names,
            self._record,
            is_recorded=self._is_recorded,
            is_leaky=data.is_leaky,
            changed=self._changed,
            look_alike=self._look_alike(),
        )
        fresh = untaught(rows)
        return summarize(fresh, names) | {
            'classes': list(names),
            'target': self._target.info.full_name,
            'target_split': data.target_split,
            'split_note': split_note(self._target, data),
            'images_of_other_classes_left_out': count_left_out(self._target, data, len(rows)),
            'top_confusions': top_confusions(confusion_matrix(fresh, names)),
            'taught': taught | self._other_crops(),
        }

    def _other_crops(self) -> dict[str, Any]:
        """What found the faces that taught and those of the test; nothing where it is the same."""
        taught = self._record.detectors if self._record else ()
        tested = detector_of(self._target)
        if not tested or not taught or taught == (tested,):
            return {}
        found_by = ' and '.join(detectors.describe(one) for one in taught)
        return {'crops': {'taught': found_by, 'tested': detectors.describe(tested)}}

    def _look_alike(self) -> frozenset[str]:
        """Files of the tested images that look like one that taught."""
        known = self.duplicates
        return frozenset() if known is None else frozenset(known['other_file_name'])


def _write(
    report: ReportDir, findings: Findings, rows: pd.DataFrame, history: pd.DataFrame | None = None
) -> None:
    drawn = draw_figures(untaught(rows), findings.metrics, findings.slices, history)
    names = {name: os.path.basename(report.picture(name)) for name in drawn}
    write_report(report, dataclasses.replace(findings, figures=names), rows, drawn)
