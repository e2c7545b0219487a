"""Pictures of a report, drawn with matplotlib."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw_confusion_matrix(counts: pd.DataFrame, title: str) -> Figure:
    """Draws recall by colour and counts by number.

    Args:
        counts: From `metrics.confusion_matrix`.
        title: Title.
    """
    totals = counts.sum(axis=1).to_numpy()[:, None]
    shares = counts.to_numpy() / np.maximum(totals, 1)
    side = 2.5 + 0.65 * len(counts)
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


def draw_recall(recall: dict[str, float], title: str) -> Figure:
    """Draws a bar a class, in [0, 1]."""
    figure, axes = plt.subplots(figsize=(6, 1 + 0.4 * len(recall)), layout='constrained')
    bars = axes.barh(list(recall), list(recall.values()), color='#0072b2')
    axes.bar_label(bars, fmt='%.2f', padding=3)
    axes.set(xlim=(0, 1.1), xlabel='recall', title=title)
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
    axes.scatter(bins['confidence'], bins['accuracy'], sizes, color='#0072b2', label='classifier')
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel='confidence', ylabel='accuracy', title=title)
    axes.legend(loc='upper left')
    return figure
