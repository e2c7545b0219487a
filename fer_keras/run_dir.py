"""Names every file of a run, so that no other module spells a path."""

from __future__ import annotations

import dataclasses
import os
import shlex

from fer_keras.config.former import differing_flags
from fer_keras.errors import (
    ExistingFileError,
    InvalidInputError,
    MissingFileError,
    UnwritableFileError,
)
from fer_keras.files import UNFINISHED, write_text
from fer_keras.provenance import names as record_names


@dataclasses.dataclass(frozen=True)
class RunDir:
    """The folder of one run.

    >>> RunDir('runs/cross').model_file
    'runs/cross/checkpoints/best.keras'
    """

    path: str

    def __post_init__(self) -> None:
        object.__setattr__(self, 'path', os.path.expanduser(self.path))

    @property
    def flags_file(self) -> str:
        """Every flag, one a line; `--flagfile=` with it repeats the run."""
        return os.path.join(self.path, 'flags.txt')

    @property
    def environment_file(self) -> str:
        """Versions, devices, commit, data-set versions and split hashes."""
        return os.path.join(self.path, 'environment.json')

    @property
    def training_record_file(self) -> str:
        """Who taught the model: data sets, people and hashes of images."""
        return os.path.join(self.path, record_names.FILE)

    @property
    def labels_file(self) -> str:
        """The class of each of the model's outputs, one a line."""
        return os.path.join(self.path, 'labels.txt')

    @property
    def history_file(self) -> str:
        """A line an epoch."""
        return os.path.join(self.path, 'history.csv')

    @property
    def model_file(self) -> str:
        """The classifier at its best epoch."""
        return os.path.join(self.path, record_names.MODEL_IN_RUN)

    @property
    def graph_file(self) -> str:
        """How ONNX Runtime answers with the weights of `model_file`; the package's have one."""
        return os.path.join(os.path.dirname(self.model_file), 'graph.onnx')

    @property
    def calibration_file(self) -> str:
        """The temperature of a calibrated model, and what it has on the images that fitted it."""
        return os.path.join(self.path, 'calibration.json')

    @property
    def state_dir(self) -> str:
        """The last states of the training, from which it goes on."""
        return os.path.join(self.path, 'checkpoints', 'states')

    @property
    def saved_model_dir(self) -> str:
        """Base folder for TF Serving; its versions are numbered folders inside."""
        return os.path.join(self.path, 'saved_model')

    @property
    def portable_dir(self) -> str:
        """The classifier for machines without TensorFlow: TFLite and ONNX files."""
        return os.path.join(self.path, 'portable')

    @property
    def keras_dir(self) -> str:
        """The classifier to hand on: a folder like this one, of the least that others need."""
        return os.path.join(self.path, 'keras')

    @property
    def card_file(self) -> str:
        """The model card of a classifier to hand on."""
        return os.path.join(self.path, 'README.md')

    @property
    def parity_file(self) -> str:
        """How far the exported forms are from the graph that was trained."""
        return os.path.join(self.path, 'parity.csv')

    @property
    def lock_file(self) -> str:
        """Which process trains the run, as long as one does."""
        return os.path.join(self.path, 'lock.json')

    @property
    def has_begun(self) -> bool:
        """Whether anything was trained: a start that failed before has left flags and the like."""
        names = os.listdir(self.state_dir) if os.path.isdir(self.state_dir) else []
        has_states = any(UNFINISHED.rstrip('-') not in name for name in names)
        metrics = ReportDir(self.report_dir()).metrics_file
        files = (self.model_file, self.history_file, metrics)
        return has_states or any(os.path.isfile(one) and os.path.getsize(one) for one in files)

    def read_labels(self) -> list[str]:
        """Reads the class of each output of the model.

        Raises:
            MissingFileError: There is no such file.
            InvalidInputError: It is damaged.
        """
        try:
            with open(self.labels_file, encoding='utf-8') as file:
                return file.read().splitlines()
        except FileNotFoundError as error:
            raise MissingFileError(
                f'{self.labels_file} is missing, which names the classes of the run. Copy the '
                'folder of the run again, or train it: python -m fer_keras.train --run_dir=...'
            ) from error
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f'{self.labels_file} must name a class a line, in UTF-8. Received: {error}. Copy '
                'the file again from where it was whole.'
            ) from error

    def report_dir(self, evaluation: str = '') -> str:
        """The report on the run's own target, or on another `evaluation`, inside it."""
        return os.path.join(self.path, 'report', *filter(None, [evaluation]))

    def claim(self, flags: str) -> None:
        """Makes the folder for a run of these flags, or finds such a run that was cut off.

        Args:
            flags: The content of `flags.txt`.

        Raises:
            ExistingFileError: It holds a finished run, or one of other flags.
            UnwritableFileError: It cannot be written to.
        """
        self.refuse_others(flags)
        try:
            os.makedirs(os.path.dirname(self.model_file), exist_ok=True)
        except OSError as error:
            raise UnwritableFileError(
                f'{self.path} cannot be written to: {error.strerror}. Choose another --run_dir, '
                'on a disk where you may write.'
            ) from error
        write_text(self.flags_file, flags)

    def refuse_others(self, flags: str) -> None:
        """Raises `ExistingFileError` as `claim` does, and writes nothing."""
        if os.path.isfile(ReportDir(self.report_dir()).metrics_file):
            raise ExistingFileError(
                f'{self.path} already holds a run. Choose another --run_dir, or delete it: '
                f'rm -r {shlex.quote(self.path)}'
            )
        differing = self.flags_that_differ(flags)
        if differing and self.has_begun:
            raise ExistingFileError(
                f'{self.path} holds an unfinished run of other flags: {differing[:6]}. Give '
                'the same flags to go on with it, choose another --run_dir, or delete it: '
                f'rm -r {shlex.quote(self.path)}'
            )

    def flags_that_differ(self, flags: str) -> list[str]:
        """The lines that `flags.txt`, where there is one, and `flags` do not share.

        What a run of an earlier version says with flags that are gone is no difference, nor is
        where the folder of the run lies, which may have been moved or renamed.
        """
        if not os.path.isfile(self.flags_file):
            return []
        with open(self.flags_file, encoding='utf-8', errors='replace') as file:
            return differing_flags(file.read(), flags)


@dataclasses.dataclass(frozen=True)
class ReportDir:
    """The folder of one report.

    >>> ReportDir('runs/cross/report').metrics_file
    'runs/cross/report/metrics.json'
    >>> ReportDir('runs/cross/report').picture('recall')
    'runs/cross/report/recall.png'
    """

    path: str

    @property
    def is_finished(self) -> bool:
        """Whether the test ran to its end: `metrics_file` is written last."""
        return os.path.isfile(self.metrics_file)

    @property
    def metrics_file(self) -> str:
        """The numbers."""
        return os.path.join(self.path, 'metrics.json')

    @property
    def predictions_file(self) -> str:
        """A row an image: what it is, what it was taken for, and every probability."""
        return os.path.join(self.path, 'predictions.csv')

    @property
    def slices_file(self) -> str:
        """Accuracy of each gender, group, camera and so on."""
        return os.path.join(self.path, 'slices.csv')

    @property
    def duplicates_file(self) -> str:
        """Tested images that look like one that was trained on."""
        return os.path.join(self.path, 'duplicates.csv')

    @property
    def confusion_matrix_file(self) -> str:
        """Images of each true class (row) by the class decided (column)."""
        return os.path.join(self.path, 'confusion_matrix.csv')

    @property
    def recall_file(self) -> str:
        """Recall of each class."""
        return os.path.join(self.path, 'recall.csv')

    @property
    def reliability_file(self) -> str:
        """Confidence and accuracy in bins."""
        return os.path.join(self.path, 'reliability.csv')

    @property
    def saliency_file(self) -> str:
        """Saliency models against where people looked."""
        return os.path.join(self.path, 'saliency.csv')

    @property
    def html_file(self) -> str:
        """The report as one page, its pictures inside."""
        return os.path.join(self.path, 'report.html')

    @property
    def markdown_file(self) -> str:
        """The report in GitHub's Markdown."""
        return os.path.join(self.path, 'report.md')

    @property
    def json_file(self) -> str:
        """The report for programs, its numbers not rounded."""
        return os.path.join(self.path, 'report.json')

    @property
    def examples_dir(self) -> str:
        """Pictures of single decisions, where faces may be shown."""
        return os.path.join(self.path, 'examples')

    def picture(self, name: str) -> str:
        """A figure of the report, such as `confusion_matrix`."""
        return os.path.join(self.path, f'{name}.png')


def evaluation_name(target: str, split: str) -> str:
    """The folder, inside the reports of a run, of a test on another target.

    >>> evaluation_name('rafd/frontal_faces', 'all')
    'rafd_frontal_faces_all'
    """
    return '_'.join([*target.split('/'), split])
