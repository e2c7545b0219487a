"""Does tasks on Apache Beam, which the extra `beam` installs.

The listing lies in files beside the shards, and so does what was found: a pipeline holds the names
of these files alone, so that it stays small for any archive. They are deleted at the end.
"""

from __future__ import annotations

import itertools
import pickle
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from etils import epath

from tfds_builders.tasks import Finding, Task, do

# Tasks a file. Few, so that a file is soon read; many, so that there are few files.
_TASKS_A_FILE = 64
_TASKS, _FINDINGS = 'listed_tasks', 'findings'
_LISTED = 'listed'

# A file of tasks, the number of one in it, and the task.
_Numbered = tuple[str, int, Task]


class MakeExamples(beam.PTransform):
    """Makes the examples of a split, and writes down what was found.

    >>> MakeExamples(['train-00000'], epath.Path('data')).label
    'MakeExamples'

    Args:
        names: Of the files of tasks, from `write_tasks`.
        folder: Where they lie. All machines must see it.
    """

    def __init__(self, names: list[str], folder: epath.Path) -> None:
        super().__init__()
        self._names = names
        self._folder = str(folder)

    def expand(self, pipeline: Any) -> Any:
        """The keys and features of all examples."""
        done = (
            pipeline
            | 'ListTasks' >> beam.Create(self._names)
            | 'ReadTasks' >> beam.FlatMap(_read_tasks, self._folder)
            | 'SpreadTasks' >> beam.Reshuffle()
            | 'DoTasks' >> beam.FlatMap(_do).with_outputs(_FINDINGS, main=_LISTED)
        )
        _ = (
            done[_FINDINGS]
            | 'GroupFindings' >> beam.GroupByKey()
            | 'WriteFindings' >> beam.Map(_write_findings, self._folder)
        )
        return done[_LISTED]


def write_tasks(folder: epath.Path, split: str, tasks: Iterable[Task]) -> list[str]:
    """Writes the tasks of a split, a few a file; returns the names of the files, in their order."""
    (folder / _TASKS).mkdir(parents=True, exist_ok=True)
    remaining, names = iter(tasks), list[str]()
    while some := list(itertools.islice(remaining, _TASKS_A_FILE)):
        names.append(f'{split}-{len(names):06d}')
        (folder / _TASKS / names[-1]).write_bytes(pickle.dumps(some))
    return names


def read_findings(folder: epath.Path, split: str) -> Iterator[Finding]:
    """Yields what was found of a split, in the order in which it was listed."""
    for path in sorted((folder / _TASKS).glob(f'{split}-*')):
        found = pickle.loads((folder / _FINDINGS / path.name).read_bytes())
        yield from itertools.chain.from_iterable(found)


def clear(folder: epath.Path) -> None:
    """Deletes the files of tasks and findings."""
    for name in (_TASKS, _FINDINGS):
        (folder / name).rmtree(missing_ok=True)


def _read_tasks(name: str, folder: str) -> Iterator[_Numbered]:
    tasks = pickle.loads((epath.Path(folder) / _TASKS / name).read_bytes())
    return ((name, number, task) for number, task in enumerate(tasks))


def _do(numbered: _Numbered) -> Iterator[Any]:
    name, number, task = numbered
    done = do(task)
    found = [outcome.finding for outcome in done]
    yield beam.pvalue.TaggedOutput(_FINDINGS, (name, (number, found)))
    yield from (outcome.example for outcome in done if outcome.example is not None)


def _write_findings(found: tuple[str, Iterable[tuple[int, list[Finding]]]], folder: str) -> None:
    """Writes the findings of one file of tasks whole: Beam may do it twice, and at once."""
    name, numbered = found
    target = epath.Path(folder) / _FINDINGS / name
    target.parent.mkdir(parents=True, exist_ok=True)
    partly = target.with_name(f'{name}.{uuid.uuid4().hex}')
    in_order = sorted(numbered, key=lambda one: one[0])
    partly.write_bytes(pickle.dumps([of_task for _, of_task in in_order]))
    partly.replace(target)
