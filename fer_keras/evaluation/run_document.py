"""What the report of a run says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fer_keras.evaluation.document import (
    Block,
    Bullets,
    Document,
    Paragraph,
    ReportFigure,
    Section,
    Table,
)
from fer_keras.evaluation.intervals import (
    FEWEST_PEOPLE,
    shown_accuracy,
    shown_interval,
    shown_sample,
)
from fer_keras.evaluation.measures import MEASURES
from fer_keras.evaluation.sections import environment_blocks, model_card_blocks, slice_blocks
from fer_keras.provenance.wording import sentences

_DUPLICATES_SHOWN = 10
_OF_PEOPLE = (
    'The intervals are of a population of people of whom these are a random sample, each with all '
    'its images, since images of one person are not independent. They say nothing of other seeds.'
)
# What the intervals are of, by what they are over.
_WHAT_IS_TRUE = {
    'people': _OF_PEOPLE,
    'people and unnamed images': _OF_PEOPLE
    + ' An image of nobody named is taken for a person of its own: where people have several such '
    'images, the intervals are too narrow.',
    'images': 'The people are not named, so that one may be in several splits, and the intervals '
    'are over images, as if each were of another person: where people have several, they are too '
    'narrow.',
}


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the test of a classifier found and where it stands.

    Attributes:
        metrics: What `metrics.json` holds.
        slices: From `metrics.slices`.
        duplicates: From `duplicates.find_duplicates`, between what was trained on and the test;
            None where what was trained on is not at hand.
        worst: The worst errors; empty where faces must not be shown.
        sample: Images drawn blindly; empty likewise.
        configuration: Flag to value; of a model outside its run the source alone.
        environments: `training` (where known) and `test`, as `environment.describe_environment`.
        figures: Name of a figure to its file in the report: `confusion_matrix`, `recall`,
            `reliability`, and where there are such `confusion_among_present`, `slices`, `history`.

    >>> found = Findings({'accuracy': 0.5}, pd.DataFrame(), None, (), (),
    ...                  {'source': 'cfee/basic_faces'}, {}, {'recall': 'recall.png'})
    >>> found.figures['recall']
    'recall.png'
    """

    metrics: Mapping[str, Any]
    slices: pd.DataFrame
    duplicates: pd.DataFrame | None
    worst: Sequence[ReportFigure]
    sample: Sequence[ReportFigure]
    configuration: Mapping[str, str]
    environments: Mapping[str, Mapping[str, Any]]
    figures: Mapping[str, str] = dataclasses.field(default_factory=dict)


def describe_run(findings: Findings) -> Document:
    """Writes the report, section by section."""
    metrics = findings.metrics
    source = findings.configuration['source']
    sections = [
        Section('Summary', tuple(_summary(metrics))),
        Section('Confusions', tuple(_confusions(findings))),
        Section('Classes', tuple(_classes(findings))),
        Section('Calibration', tuple(_calibration(findings))),
        Section('Slices', tuple(slice_blocks(findings.slices, findings.figures.get('slices')))),
        Section('Learning curves', tuple(_learning(findings))),
        Section('Examples', tuple(_examples(findings))),
        Section('Duplicates', tuple(_duplicates(findings.duplicates))),
        Section('Taught by', tuple(_taught_by(metrics.get('taught', {})))),
        Section('Model card', tuple(model_card_blocks(metrics, findings.configuration))),
        Section('Data and versions', tuple(environment_blocks(findings.environments))),
        Section('Configuration', tuple(_configuration(findings.configuration))),
    ]
    return Document(
        title=f'{source} to {metrics["target"]}, {metrics["target_split"]}',
        lead=f'Accuracy {shown_accuracy(metrics)}, on {shown_sample(metrics)}.',
        sections=tuple(section for section in sections if section.blocks),
        numbers=dict(metrics),
    )


def _summary(metrics: Mapping[str, Any]) -> list[Block]:
    found, reasons, over = metrics['intervals'], metrics['no_interval'], metrics['interval_over']
    rows = []
    for key, name in MEASURES.items():
        is_repeated = key == 'accuracy_among_present' and not metrics['classes_absent']
        if metrics[key] is None or is_repeated:
            continue
        interval = shown_interval(found.get(key), reasons.get(key, ''), '.3f')
        rows.append((name, f'{metrics[key]:.3f}', interval))
    blocks: list[Block] = [
        *_warnings(metrics),
        Table(('', 'value', f'95 % over {over}'), tuple(rows)),
        Paragraph(_WHAT_IS_TRUE[over]),
    ]
    if metrics['classes_absent']:
        text = (
            f'These images have no {", ".join(metrics["classes_absent"])}. The accuracy lets the '
            'classifier answer so all the same; "among the classes of the images" masks these '
            'answers out, a help that a user does not have.'
        )
        blocks.append(Paragraph(text, is_warning=True))
    if metrics['images_of_other_classes_left_out']:
        left_out = metrics['images_of_other_classes_left_out']
        text = f'{left_out} images of classes that it was not trained on are left out.'
        blocks.append(Paragraph(text, is_warning=True))
    return blocks


def _warnings(metrics: Mapping[str, Any]) -> list[Block]:
    told = [
        *sentences(metrics.get('taught', {})),
        metrics.get('split_note', ''),
        metrics['few_people'],
    ]
    return [Paragraph(one, is_warning=True) for one in told if one]


def _confusions(findings: Findings) -> list[Block]:
    figures = findings.figures
    blocks: list[Block] = [
        Bullets(tuple(findings.metrics['top_confusions'])),
        ReportFigure(
            figures['confusion_matrix'], 'Images of each true class by the class decided.'
        ),
    ]
    if 'confusion_among_present' in figures:
        caption = 'The same, deciding among the classes of the images only.'
        blocks.append(ReportFigure(figures['confusion_among_present'], caption))
    return blocks


def _classes(findings: Findings) -> list[Block]:
    found, reasons, over = (
        findings.metrics[key] for key in ('intervals', 'no_interval', 'interval_over')
    )
    behind = findings.metrics['class_people']
    columns = ('class', 'recall', f'95 % over {over}', 'precision', 'F1', 'images', over)
    rows = []
    for name, values in findings.metrics['per_class'].items():
        key = f'recall {name}'
        recall, precision, f1 = (f'{values[key]:.3f}' for key in ('recall', 'precision', 'f1'))
        interval = shown_interval(found.get(key), reasons.get(key, ''), '.3f')
        images = str(values['images'])
        rows.append((name, recall, interval, precision, f1, images, str(behind[name])))
    figure = ReportFigure(findings.figures['recall'], 'Recall of each class.')
    few = [name for name, count in behind.items() if count < FEWEST_PEOPLE]
    blocks: list[Block] = [figure, Table(columns, tuple(rows))]
    if few and not findings.metrics['few_people']:
        text = f'Of fewer than {FEWEST_PEOPLE} {over}, little can be concluded: {", ".join(few)}.'
        blocks.insert(0, Paragraph(text, is_warning=True))
    return blocks


def _calibration(findings: Findings) -> list[Block]:
    error = findings.metrics['expected_calibration_error']
    caption = (
        'How often it is right when it is so sure; the area of a point is its share of the images.'
    )
    return [
        Paragraph(f'Confidence and accuracy are {error:.3f} apart in the mean (15 bins).'),
        ReportFigure(findings.figures['reliability'], caption),
    ]


def _learning(findings: Findings) -> list[Block]:
    if 'history' not in findings.figures:
        return []
    text = (
        "The epoch was chosen by {monitor} on the source's validation split: nothing was chosen "
        'on the target. The training loss has what the recipe adds, such as smoothing, and is of '
        'the backbone alone where a branch of histograms (HOG) decides with it; the validation '
        'loss is the cross-entropy of the whole classifier.'
    )
    figure = ReportFigure(findings.figures['history'], 'Loss and accuracy over the epochs.', True)
    monitor = findings.configuration.get('monitor', 'the monitor')
    return [Paragraph(text.format(monitor=monitor)), figure]


def _examples(findings: Findings) -> list[Block]:
    if not findings.sample:
        text = (
            'No faces are shown. Those of a run can be, with --report_images, which says that the '
            'licence of the data set allows it.'
        )
        return [Paragraph(text)]
    return [
        Paragraph(
            'From left to right: the face that the network sees, its saliency map over it (all of '
            'it where there is no saliency), the attended image that is passed on, and where the '
            "backbone's evidence for the decision lies (Grad-CAM)."
        ),
        Paragraph('The errors made with the greatest confidence:' if findings.worst else ''),
        *findings.worst,
        Paragraph('Images drawn blindly:'),
        *findings.sample,
    ]


def _duplicates(duplicates: pd.DataFrame | None) -> list[Block]:
    if duplicates is None:
        text = 'Not looked for: what this model was trained on is not prepared on this machine.'
        return [Paragraph(text, is_warning=True)]
    if duplicates.empty:
        text = (
            'No image of the test looks like one of the training or validation (perceptual hash).'
        )
        return [Paragraph(text)]
    text = (
        f'{len(duplicates)} pairs of a tested image and one of training or validation look the '
        'same (perceptual hash). The accuracy is too high by as much as they helped; '
        'duplicates.csv has them all.'
    )
    columns = ('trained on', 'file', 'tested', 'file ', 'bits that differ of 255')
    keys = ('place', 'file_name', 'other_place', 'other_file_name', 'distance')
    shown = duplicates.head(_DUPLICATES_SHOWN).to_dict('records')
    rows = tuple(tuple(str(row[key]) for key in keys) for row in shown)
    return [Paragraph(text, is_warning=True), Table(columns, rows, text_columns=4)]


def _taught_by(taught: Mapping[str, Any]) -> list[Block]:
    if not taught.get('by'):
        return []
    columns = ('data set', 'split', 'what it did', 'images', 'people', 'identity')
    rows = tuple(
        (
            one['name'],
            one['split'],
            one['role'],
            str(one['images']),
            str(one['people'] or 'unnamed'),
            one['identity'][:12] or 'not known',
        )
        for one in taught['by']
    )
    also = ', '.join(f'{what}: {where}' for what, where in taught['pretrained'].items())
    text = f'Weights before training, whose images are not recorded here: {also or "none"}.'
    return [Table(columns, rows), Paragraph(text)]


def _configuration(flags: Mapping[str, str]) -> list[Block]:
    if not flags:
        return []
    rows = tuple((f'--{name}', value) for name, value in flags.items())
    return [Table(('flag', 'value'), rows, text_columns=2)]
