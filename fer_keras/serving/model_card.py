"""The model card of an exported classifier (Mitchell et al. 2019), in short."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from typing import Any

from fer_keras.config.run import RunConfig
from fer_keras.provenance.record import TrainingRecord
from fer_keras.provenance.wording import sentences
from fer_keras.version import __version__
from tfds_builders.detectors import MTCNN, PREFERRED, crops_of, describe

_WHOLE = """\
As a SavedModel it finds the faces itself, too: `predict_photos` and `predict_portraits` take files
of whole photos, `predict_frames` takes frames of videos which are decoded already. What finds
faces is called {}.
"""
_LIMITS = """\
## Limits

A face's expression is not what a person feels, and people themselves agree on it only in part. The
numbers hold for people, cameras and occasions like those of the data, and faces that are cropped as
by the builders of this package. Do not decide about people with it. Test it on the people and
cameras that you will meet: `python -m fer_keras.evaluate --run_dir=... --target=...` also reports
by gender, group and age.
"""


def describe_model(
    names: Sequence[str],
    run: RunConfig | None = None,
    metrics: dict[str, Any] | None = None,
    record: TrainingRecord | None = None,
    *,
    detector: str = PREFERRED,
) -> str:
    """The text of `model_card.md`.

    Args:
        names: Label names in the model's order.
        run: What the model was trained with, if that is known.
        metrics: What `report/metrics.json` of that run holds, if it was tested.
        record: Who taught the model, if that is known.
        detector: What finds the faces of whole photos in a SavedModel.
    """
    versions = ', '.join(
        f'{name} {importlib.metadata.version(name)}' for name in ('tensorflow', 'keras')
    )
    whole = _WHOLE.format(detector)
    sections = [
        '# Facial-expression classifier\n',
        f'Written by fer_keras {__version__}, Python {platform.python_version()}, {versions}.\n',
        f'## Answers\n\nOne of {len(names)} expressions for a crop of one face, in this order: '
        f'{", ".join(names)}.\n\n{whole}{describe_other_detector(record, detector)}',
        _describe_training(run),
        _describe_record(record),
        _describe_test(metrics),
        _LIMITS,
    ]
    return '\n'.join(sections)


def describe_other_detector(record: TrainingRecord | None, detector: str) -> str:
    """What must be known of whole photos where other crops than the graph's taught; or empty."""
    taught = record.detectors if record else ()
    others = [one for one in taught if crops_of(one) != crops_of(detector)]
    if not others:
        return ''
    found_by = ' and '.join(describe(one) for one in taught)
    kind = others[0].partition(':')[0]
    return (
        f'Its graph finds faces with {detector}, whatever taught it, and faces that {found_by} '
        'found taught this model: `predict_photos`, `predict_portraits` and `predict_frames` '
        'answer for crops that are not quite those which it knows. Find the faces with '
        f'`fer_keras.load(..., detector="{kind}:FILE")`, or crop them so and ask '
        '`predict_images`.\n'
    )


def _describe_training(run: RunConfig | None) -> str:
    if run is None:
        return '## Training\n\nNot recorded.\n'
    data, model = run.data, run.model
    also = ', '.join(data.hog_source_names)
    # A run that starts from a classifier loads no weights of a backbone alone.
    before = (model.initial_weights or model.backbone_weights).rstrip('/')
    rows = {
        'trained on': ', '.join(data.source_names),
        **({'taught as': 'shares of the votes'} if data.label == 'votes' else {}),
        **({'histograms of oriented gradients also on': also} if also else {}),
        'input': f'{data.image_size_px} x {data.image_size_px} pixels',
        'backbone': f'{model.backbone}, weights before training: {os.path.basename(before)}',
        'saliency': f'{model.saliency}, {model.fusion}' if model.saliency != 'none' else 'none',
        'run': os.path.basename(run.training.run_dir),
        'seed': run.training.seed,
    }
    return '## Training\n\n' + _table(rows)


def _describe_record(record: TrainingRecord | None) -> str:
    if record is None:
        return '## Taught by\n\nNot recorded: nobody can check that a tested person did not.\n'
    rows = {}
    for split in record.splits:
        people = len(split.people) or 'unnamed'
        found_by = '' if split.detector == MTCNN.identity or not split.detector else split.detector
        rows[split.place] = f'{split.role}: {split.images} images of {people} people' + (
            f', faces found by {describe(found_by)}' if found_by else ''
        )
    weights = record.without_folders().pretrained
    also = {f'{what}, weights before training': where for what, where in weights.items()}
    return '## Taught by\n\n' + _table(rows | also)


def _describe_test(metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return '## Test\n\nNot tested.\n'
    over = metrics.get('interval_over') or ('people' if metrics['subjects'] else 'images')
    reason = metrics.get('no_interval', {}).get('accuracy', '')
    ends = metrics['accuracy_interval']
    interval = f'{ends[0]:.1%} to {ends[1]:.1%}' if ends else f'none: {reason}'
    rows = {
        'tested on': f'{metrics["target"]}, {metrics["target_split"]}',
        'images, people': f'{metrics["images"]}, {metrics["subjects"] or "unnamed"}',
        'accuracy': f'{metrics["accuracy"]:.1%}',
        f'95 % interval over {over}': interval,
        **({'that split': metrics['split_note']} if metrics.get('split_note') else {}),
        **({'few people': metrics['few_people']} if metrics.get('few_people') else {}),
        'unweighted average recall': f'{metrics["unweighted_average_recall"]:.1%}',
        **{f'recall, {n}': f'{v["recall"]:.1%}' for n, v in metrics['per_class'].items()},
    }
    marks = ''.join(f'\n{sentence}\n' for sentence in sentences(metrics.get('taught', {})))
    return '## Test\n\n' + _table(rows) + marks


def _table(rows: dict[str, Any]) -> str:
    lines = [f'| {key} | {value} |' for key, value in rows.items()]
    return '\n'.join(['| | |', '|---|---|', *lines, ''])
