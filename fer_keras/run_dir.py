"""Names every file of a run, so that no other module spells a path."""

from __future__ import annotations

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class RunDir:
    """The folder of one run."""

    path: str

    @property
    def flags_file(self) -> str:
        """Every flag, one a line; `--flagfile=` with it repeats the run."""
        return os.path.join(self.path, 'flags.txt')

    @property
    def environment_file(self) -> str:
        """Versions, devices, commit, data-set versions and split hashes."""
        return os.path.join(self.path, 'environment.json')

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
        return os.path.join(self.path, 'checkpoints', 'best.keras')

    @property
    def state_dir(self) -> str:
        """The last states of the training, from which it goes on."""
        return os.path.join(self.path, 'checkpoints', 'states')

    @property
    def precision_file(self) -> str:
        """What `--precision=auto` chose."""
        return os.path.join(self.path, 'precision.txt')

    @property
    def saved_model_dir(self) -> str:
        """Base folder for TF Serving; its versions are numbered folders inside."""
        return os.path.join(self.path, 'saved_model')

    @property
    def portable_dir(self) -> str:
        """The classifier for machines without TensorFlow: TFLite and ONNX files."""
        return os.path.join(self.path, 'portable')

    @property
    def parity_file(self) -> str:
        """How far the exported forms are from the graph that was trained."""
        return os.path.join(self.path, 'parity.csv')

    def read_labels(self) -> list[str]:
        """Reads the class of each output of the model."""
        with open(self.labels_file, encoding='utf-8') as file:
            return file.read().splitlines()

    def report_dir(self, evaluation: str = '') -> str:
        """The report on the run's own target, or on another `evaluation`, inside it."""
        return os.path.join(self.path, 'report', *filter(None, [evaluation]))

    def claim(self, flags: str) -> None:
        """Makes the folder for a run of these flags, or finds such a run that was cut off.

        Args:
            flags: The content of `flags.txt`.

        Raises:
            FileExistsError: It holds a finished run, or one of other flags.
        """
        self.refuse_others(flags)
        os.makedirs(os.path.dirname(self.model_file), exist_ok=True)
        unfinished = f'{self.flags_file}.unfinished'
        with open(unfinished, 'w', encoding='utf-8') as file:
            file.write(flags)
        os.replace(unfinished, self.flags_file)

    def refuse_others(self, flags: str) -> None:
        """Raises `FileExistsError` as `claim` does, and writes nothing."""
        if os.path.isfile(os.path.join(self.report_dir(), 'metrics.json')):
            raise FileExistsError(
                f'{self.path} already holds a run. Choose another --run_dir, or delete it: '
                f'rm -r {self.path}'
            )
        differing = self.flags_that_differ(flags)
        if differing:
            raise FileExistsError(
                f'{self.path} holds an unfinished run of other flags: {differing[:6]}. Give '
                'the same flags to go on with it, choose another --run_dir, or delete it: '
                f'rm -r {self.path}'
            )

    def flags_that_differ(self, flags: str) -> list[str]:
        """The lines that `flags.txt`, where there is one, and `flags` do not share."""
        if not os.path.isfile(self.flags_file):
            return []
        with open(self.flags_file, encoding='utf-8') as file:
            return sorted(set(file.read().split('\n')) ^ set(flags.split('\n')))
