"""What all builders share: a listing, and three ways to make examples of what it lists.

A builder lists its archive as tasks (`tasks`). Here they are done one after the other in this
process, in processes of this machine (`workers`), or on Apache Beam (`beam_pipeline`) where TFDS is
given options of Beam. Examples, their order and the metadata are the same in all three.
"""

from __future__ import annotations

import abc
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from tqdm import tqdm

from tfds_builders.errors import InvalidArchiveError
from tfds_builders.tasks import Finding, Outcome, Task, do_all
from tfds_builders.workers import WorkerPool

_Done = Iterator[tuple[str, list[Outcome]]]


class ListedDatasetBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]  # TFDS is loaded lazily and untyped.
):
    """A set whose archive is listed first, and whose examples are made of what is listed.

    Attributes:
        workers: How many processes make the examples; 1 is this process.
        is_on_beam: Whether Apache Beam makes them.
        progress: Shows how many items are done; None where nothing is shown.

    >>> ListedDatasetBuilder.workers
    1
    """

    workers = 1
    is_on_beam = False
    progress: tqdm | None = None
    _do_all: Callable[[Iterable[tuple[str, Task]]], _Done] = staticmethod(do_all)

    @abc.abstractmethod
    def _list_tasks(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Iterable[Task]]:
        """Lists the archive: the tasks of each split, each listed when it is asked for."""

    def _take(self, split: str, finding: Finding) -> None:
        """Takes note of an item of a split; they come in the order in which they were listed."""

    def _finish(self, split: str) -> None:
        """Writes into the metadata what was noted; called after the last item of each split."""

    def download_and_prepare(
        self, *, download_config: tfds.download.DownloadConfig | None = None, **options: Any
    ) -> None:
        """As TFDS does it, on Apache Beam where `download_config` has options or a runner of it.

        Raises:
            BuilderError: As the builder of the set says.
        """
        given = download_config
        self.is_on_beam = (
            given is not None and (given.beam_options or given.beam_runner) is not None
        )
        with contextlib.ExitStack() as stack:
            if self.workers > 1 and not self.is_on_beam:
                self._do_all = stack.enter_context(WorkerPool(self.workers)).do_all
            try:
                super().download_and_prepare(download_config=given, **options)
            except Exception as error:
                if self.is_on_beam and 'number of generated examples is 0' in str(error):
                    raise InvalidArchiveError(
                        f'Each split of {self.name} must have a picture that can be read. '
                        'Received: none in one of them. Build without Beam to be told why.'
                    ) from error
                raise

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        listed = self._list_tasks(dl_manager)
        self._splits = tuple(listed)
        if self.is_on_beam:
            return self._split_on_beam(listed)
        tasks = ((split, task) for split in listed for task in listed[split])
        # One stream for all splits: workers need not wait for the last of a split.
        self._groups = itertools.groupby(self._do_all(tasks), lambda one: one[0])
        self._group: tuple[str, _Done] | None = None
        return {split: self._generate_examples(split) for split in listed}

    def _split_on_beam(self, listed: Mapping[str, Iterable[Task]]) -> dict[str, Any]:
        # Here, because Beam is an extra.
        from tfds_builders import beam_pipeline

        return {
            split: beam_pipeline.MakeExamples(
                beam_pipeline.write_tasks(self.data_path, split, listed[split]), self.data_path
            )
            for split in listed
        }

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the examples of a split; TFDS asks for one split after the other."""
        for done in self._done(split):
            for outcome in done:
                self._note(split, outcome.finding)
                if outcome.example is not None:
                    yield outcome.example
            if self.progress is not None:
                self.progress.update(len(done))
        self._finish(split)

    def _done(self, split: str) -> Iterator[list[Outcome]]:
        """What is done of a split, which may have no task at all."""
        self._group = self._group or next(self._groups, None)
        if self._group is None or self._group[0] != split:
            return
        try:
            for _, done in self._group[1]:
                yield done
        finally:
            self._group = None

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        """Takes note of what Beam has found; TFDS calls it before the metadata are written."""
        from tfds_builders import beam_pipeline

        for split in self._splits:
            for finding in beam_pipeline.read_findings(self.data_path, split):
                self._note(split, finding)
            self._finish(split)
        beam_pipeline.clear(self.data_path)

    def _note(self, split: str, finding: Finding) -> None:
        if finding.error is not None:
            raise finding.error
        self._take(split, finding)
