"""Pictures of a report, drawn with matplotlib, and saliency maps over their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fer_keras.files import whole_file


def save_figure(figure: Figure, path: str, *, dpi: int) -> None:
    """Writes a figure whole, or not at all, and closes it."""
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, dpi=dpi)
    plt.close(figure)


def overlay(image: np.ndarray, saliency_map: np.ndarray) -> np.ndarray:
    """Half the image, half its saliency map in colours.

    Args:
        image: `[height, width, 3]`, RGB in [0, 255].
        saliency_map: `[height, width]` in [0, 1].

    Returns:
        uint8 `[height, width, 3]`, RGB.
    """
    grey = np.round(saliency_map * 255).astype(np.uint8)
    colours = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[:, :, ::-1]
    return np.round(0.5 * image + 0.5 * colours).astype(np.uint8)


def draw_confusion_matrix(counts: pd.DataFrame, title: str) -> Figure:
    """Draws recall by colour and counts by number.

    Args:
        counts: From `metrics.confusion_matrix`.
        title: Title.
    """
    totals = counts.sum(axis=1).to_numpy()[:, None]
    shares = counts.to_numpy() / np.maximum(totals, 1)
    side = 2.2 + 0.45 * len(counts)
    figure, axes = plt.subplots(figsize=(side + 0.8, side), layout='constrained')
    # Cividis reads the same to people who cannot tell red from green.
    picture = axes.imshow(shares, cmap='cividis', vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        color = 'black' if share > 0.5 else 'white'
        axes.text(column, row, str(counts.iat[row, column]), ha='center', va='center', color=color)
    axes.set_xticks(range(len(counts)), counts.columns, rotation=45, ha='right')
    axes.set_yticks(range(len(counts)), counts.index)
    axes.set(xlabel='predicted', ylabel='true', title=title)
    figure.colorbar(picture, label='share of the true class', shrink=0.8)
    return figure


def draw_recall(
    recall: Mapping[str, float],
    title: str,
    intervals: Mapping[str, Sequence[float] | None] | None = None,
    over: str = 'people',
) -> Figure:
    """Draws a bar a class, in [0, 1], with its interval over `over` where there is one."""
    figure, axes = plt.subplots(figsize=(6, 1 + 0.4 * len(recall)), layout='constrained')
    ends = [(intervals or {}).get(name) or (value, value) for name, value in recall.items()]
    errors = [
        [max(0.0, value - low) for (low, _), value in zip(ends, recall.values(), strict=True)],
        [max(0.0, high - value) for (_, high), value in zip(ends, recall.values(), strict=True)],
    ]
    bars = axes.barh(
        list(recall), list(recall.values()), xerr=errors, color='#56b4e9', ecolor='0.2', capsize=3
    )
    axes.bar_label(bars, fmt='%.2f', padding=3)
    axes.set(xlim=(0, 1.15), xlabel=f'recall, 95 % over {over}', title=title)
    axes.invert_yaxis()
    return figure


def draw_history(history: pd.DataFrame) -> Figure:
    """Draws loss and accuracy of both splits over the epochs.

    Args:
        history: `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`, a row an epoch.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout='constrained')
    for axis, name in zip(axes, ('loss', 'accuracy'), strict=True):
        epochs = history['epoch'] + 1
        axis.plot(epochs, history[name], color='#0072b2', label='training')
        axis.plot(
            epochs, history[f'val_{name}'], color='#d55e00', linestyle='--', label='validation'
        )
        axis.set(xlabel='epoch', ylabel=name)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
    return figure


def draw_reliability(bins: pd.DataFrame, title: str) -> Figure:
    """Draws accuracy against confidence; the area of a point is its share of the images.

    Args:
        bins: From `metrics.reliability`.
        title: Title.
    """
    figure, axes = plt.subplots(figsize=(4.5, 4.5), layout='constrained')
    axes.plot([0, 1], [0, 1], color='0.6', linestyle='--', label='calibrated')
    axes.plot(bins['confidence'], bins['accuracy'], color='#0072b2')
    sizes = 20 + 400 * bins['images'] / bins['images'].sum()
    points = axes.scatter(bins['confidence'], bins['accuracy'], sizes, color='#0072b2')
    points.set(label='classifier', clip_on=False)  # Whole also where all are right.
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel='confidence', ylabel='accuracy')
    axes.set_title(title, pad=14)  # Above points at 1.
    axes.legend(loc='lower right')
    return figure


def draw_slices(slices: pd.DataFrame, overall: float, title: str, over: str = 'people') -> Figure:
    """Draws accuracy and interval of each slice; those of few people are hollow.

    Args:
        slices: From `metrics.slices`, with at least one row.
        overall: Accuracy of all the images, a dashed line.
        title: Title.
        over: What the intervals are over.
    """
    figure, axes = plt.subplots(figsize=(6, 1.2 + 0.3 * len(slices)), layout='constrained')
    for position, row in enumerate(slices.to_dict('records')):
        axes.plot([row['low'], row['high']], [position] * 2, color='#0072b2')
        face = 'white' if row['is_small'] else '#0072b2'
        (point,) = axes.plot(row['accuracy'], position, 'o', color='#0072b2')
        point.set(markerfacecolor=face, clip_on=False)  # Whole also where all are right.
    axes.axvline(overall, color='0.5', linestyle='--', label='all images')
    labels = [f'{row["slice"]}: {row["value"]}' for row in slices.to_dict('records')]
    axes.set_yticks(range(len(slices)), labels)
    axes.set(xlim=(0, 1), xlabel=f'accuracy, 95 % over {over}', title=title)
    axes.invert_yaxis()
    axes.legend()
    return figure


def draw_cross_matrix(shares: pd.DataFrame, texts: pd.DataFrame, title: str) -> Figure:
    """Draws the accuracy of every source (row) on every target (column) as a heat map.

    Args:
        shares: Accuracies in [0, 1], `[sources, targets]`; NaN is left white.
        texts: What is written into each cell.
        title: Title.
    """
    rows, columns = shares.shape
    size = (2.6 + 1.3 * columns, 1.6 + 0.6 * rows)
    figure, axes = plt.subplots(figsize=size, layout='constrained')
    picture = axes.imshow(shares.to_numpy(float), cmap='cividis', vmin=0, vmax=1, aspect='auto')
    for (row, column), share in np.ndenumerate(shares.to_numpy(float)):
        if not np.isnan(share):
            color = 'black' if share > 0.5 else 'white'
            text = str(texts.iat[row, column])
            axes.text(column, row, text, ha='center', va='center', color=color, fontsize=9)
    axes.set_xticks(range(columns), shares.columns, rotation=20, ha='right')
    axes.set_yticks(range(rows), shares.index)
    axes.set(xlabel='tested on', ylabel='trained on', title=title)
    figure.colorbar(picture, label='accuracy', shrink=0.8)
    return figure


def draw_histories(histories: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draws validation loss and accuracy of many runs, those of one variant in one colour.

    Args:
        histories: Variant and history of each run.
    """
    variants = list(dict.fromkeys(variant for variant, _ in histories))
    # Steps of one ramp, and dashes: to be told apart without telling red from green.
    shades = plt.get_cmap('cividis')(np.linspace(0, 0.9, len(variants)))
    dashes: tuple[Literal['-', '--', ':', '-.'], ...] = ('-', '--', ':', '-.')
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout='constrained')
    for axis, name in zip(axes, ('loss', 'accuracy'), strict=True):
        for variant, history in histories:
            number = variants.index(variant)
            color, dash = shades[number], dashes[number % len(dashes)]
            epochs, values = history['epoch'] + 1, history[f'val_{name}']
            axis.plot(epochs, values, color=color, linestyle=dash, linewidth=1.2)
        axis.set(xlabel='epoch', ylabel=f'validation {name}')
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    lines = [
        Line2D([], [], color=shades[number], linestyle=dashes[number % len(dashes)])
        for number in range(len(variants))
    ]
    figure.legend(lines, variants, loc='outside lower center', ncols=min(4, len(variants)))
    return figure
