"""The files of the report of a run: figures, tables, the document and the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fer_keras import figures, files
from fer_keras.evaluation.document import write_document
from fer_keras.evaluation.metrics import confusion_matrix, reliability
from fer_keras.evaluation.predictions import decide_among
from fer_keras.evaluation.run_document import Findings, describe_run
from fer_keras.evaluation.taught import untaught
from fer_keras.run_dir import ReportDir


def draw_figures(
    rows: pd.DataFrame,
    metrics: Mapping[str, Any],
    slices: pd.DataFrame,
    history: pd.DataFrame | None = None,
) -> dict[str, Figure]:
    """Draws what there is to draw.

    Args:
        rows: As `evaluation.predictions` describes them.
        metrics: What `metrics.json` holds.
        slices: From `metrics.slices`.
        history: A row an epoch, where the model was trained here.

    Returns:
        Each by its name, of those that `run_document.Findings.figures` has.
    """
    names, absent = metrics['classes'], metrics['classes_absent']
    title = f'{metrics["target"]}, {metrics["target_split"]}: {metrics["accuracy"]:.1%}'
    recall = {name: values['recall'] for name, values in metrics['per_class'].items()}
    ends = {name: metrics['intervals'].get(f'recall {name}') for name in recall}
    over = metrics['interval_over']
    drawn = {
        'confusion_matrix': figures.draw_confusion_matrix(confusion_matrix(rows, names), title),
        'recall': figures.draw_recall(recall, title, ends, over),
        'reliability': figures.draw_reliability(reliability(rows), title),
    }
    if absent:
        present = [name for name in names if name not in absent]
        masked = confusion_matrix(rows.assign(predicted=decide_among(rows, present)), present)
        title = f'among the classes of the images: {metrics["accuracy_among_present"]:.1%}'
        drawn['confusion_among_present'] = figures.draw_confusion_matrix(masked, title)
    if len(slices):
        drawn['slices'] = figures.draw_slices(slices, metrics['accuracy'], '', over)
    if history is not None:
        drawn['history'] = figures.draw_history(history)
    return drawn


def write_report(
    report: ReportDir, findings: Findings, rows: pd.DataFrame, drawn: Mapping[str, Figure]
) -> None:
    """Writes every prediction, the tables, the figures and the report.

    Args:
        report: Where to; it is made.
        findings: What was found.
        rows: As `evaluation.predictions` describes them.
        drawn: From `draw_figures`; closed once they are written.

    Raises:
        UnwritableFileError: The folder cannot be written to.
    """
    metrics, fresh = dict(findings.metrics), untaught(rows)
    recall = {name: values['recall'] for name, values in metrics['per_class'].items()}
    tables = {
        report.predictions_file: rows,
        report.confusion_matrix_file: confusion_matrix(fresh, metrics['classes']).reset_index(),
        report.recall_file: pd.DataFrame({'class': list(recall), 'recall': list(recall.values())}),
        report.reliability_file: reliability(fresh),
        report.slices_file: findings.slices,
    }
    if findings.duplicates is not None:
        tables[report.duplicates_file] = findings.duplicates
    for path, table in tables.items():
        files.write_text(path, table.to_csv(index=False))
    for name, figure in drawn.items():
        figures.save_figure(figure, report.picture(name), dpi=120)
    write_document(describe_run(findings), report.path)
    # Last: whoever finds it may trust that the rest is there.
    files.write_json(report.metrics_file, metrics)
