"""Which detector finds the faces: `single_shot`, `mtcnn`, or `yunet:FILE`, a file you have.

detector = choose('yunet:~/face_detection_yunet.onnx')
faces = detector.find_faces(images)
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tfds_builders import faces
from tfds_builders.errors import InvalidDetectorError, MissingDetectorError
from tfds_builders.single_shot import SingleShot
from tfds_builders.yunet import YuNet

# In whole photos, where nobody chooses; its crops are MTCNN's.
PREFERRED = 'single_shot'
# In data sets, where nobody chooses. What says nothing because it was made before there was a
# choice, a set, a model or a config without a mark, is MTCNN's all the same.
DEFAULT = 'mtcnn'


class Search(Protocol):
    """Finds faces in images; for one thread at a time.

    >>> search: Search = MtcnnSearch()
    """

    def find_faces(self, images_rgb: Sequence[np.ndarray]) -> list[faces.Face | None]:
        """As `faces.find_faces`."""

    def find_all_faces(
        self, images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
    ) -> list[list[faces.Face]]:
        """As `faces.find_all_faces`."""


class MtcnnSearch:
    """MTCNN, by the rules of `tfds_builders.faces`.

    >>> MtcnnSearch().find_all_faces([])
    []
    """

    def find_faces(self, images_rgb: Sequence[np.ndarray]) -> list[faces.Face | None]:
        """As `faces.find_faces`."""
        return faces.find_faces(images_rgb)

    def find_all_faces(
        self, images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
    ) -> list[list[faces.Face]]:
        """As `faces.find_all_faces`."""
        return faces.find_all_faces(images_rgb, small_faces=small_faces)


class Kind(NamedTuple):
    """A detector by its name.

    Attributes:
        load: From the content of its file, and what the file is called, to the search.
        takes_file: Whether the user gives its file.
        like: Another one that places the landmarks for it, so that its crops are the same, to some
            hundredths of the distance between the eyes; or empty.

    >>> KINDS['yunet'].takes_file
    True
    """

    load: Callable[[bytes, str], Search]
    takes_file: bool = False
    like: str = ''


KINDS: Mapping[str, Kind] = {
    'mtcnn': Kind(lambda content, where: MtcnnSearch()),
    'single_shot': Kind(lambda content, where: SingleShot(), like='mtcnn'),
    'yunet': Kind(YuNet, takes_file=True),
}
# As messages name them.
_typed = [f'`{name}:FILE`' if kind.takes_file else f'`{name}`' for name, kind in KINDS.items()]
ALLOWED = f'{", ".join(_typed[:-1])} or {_typed[-1]}'


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector that was chosen. Can be pickled: each process loads it for itself.

    Attributes:
        name: One of `KINDS`.
        path: Of its file, absolute; empty where it has none.
        sha256: Of the content of that file.

    >>> Detector('mtcnn').identity
    'mtcnn'
    >>> Detector('yunet', '/home/anna/yunet.onnx', sha256='0a1b').identity
    'yunet:0a1b'
    """

    name: str
    path: str = ''
    sha256: str = ''

    def __str__(self) -> str:
        """As it is typed."""
        return f'{self.name}:{self.path}' if self.path else self.name

    @property
    def identity(self) -> str:
        """What a model and prepared data remember: never a path, which is of one machine."""
        return f'{self.name}:{self.sha256}' if self.sha256 else self.name

    @property
    def metadata(self) -> dict[str, str]:
        """The same, as metadata of a prepared set say it."""
        return {'name': self.name} | ({'sha256': self.sha256} if self.sha256 else {})

    def find_faces(self, images_rgb: Sequence[np.ndarray]) -> list[faces.Face | None]:
        """The largest face of each image, uint8 `[height, width, 3]`; None if there is none.

        Raises:
            MissingDetectorError: Its file is not there.
            InvalidDetectorError: Its file is another one than was chosen.
        """
        with self._borrowed() as search:
            return search.find_faces(images_rgb)

    def find_all_faces(
        self, images_rgb: Sequence[np.ndarray], *, small_faces: bool = True
    ) -> list[list[faces.Face]]:
        """Every face of each image, the largest first.

        Args:
            images_rgb: uint8 `[height, width, 3]` each, of any sizes.
            small_faces: Whether to look for small faces, too: `faces.find_all_faces` and
                `yunet.YuNet.find_all_faces` say how small.

        Raises:
            MissingDetectorError: Its file is not there.
            InvalidDetectorError: Its file is another one than was chosen.
        """
        with self._borrowed() as search:
            return search.find_all_faces(images_rgb, small_faces=small_faces)

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[Search]:
        """A search that no other thread has meanwhile."""
        free = _free.setdefault(self, collections.deque())
        try:
            search = free.pop()
        except IndexError:
            search = self._load()
        try:
            yield search
        finally:
            free.append(search)

    def _load(self) -> Search:
        content = _read(self) if self.path else b''
        if self.path and hashlib.sha256(content).hexdigest() != self.sha256:
            raise InvalidDetectorError(
                f'{self.path} must be the file that was chosen, of SHA-256 {self.sha256[:12]}, on '
                f'every machine. Received: {hashlib.sha256(content).hexdigest()[:12]}.'
            )
        return KINDS[self.name].load(content, self.path)


MTCNN = Detector('mtcnn')


# Of each detector the searches that nobody has: OpenCV's networks keep the size of the last image,
# so that threads cannot share one, and a server has a thread a request.
_free: dict[Detector, collections.deque[Search]] = {}


def choose(text: str) -> Detector:
    """The detector that is named, once its file has been looked into.

    Args:
        text: `single_shot`, `mtcnn`, or `yunet:FILE`, of whose file `~` is the home of the user.

    Raises:
        InvalidDetectorError: No such detector, one without the file that it needs or with one that
            it does not take, or a file that holds another network or none.
        MissingDetectorError: The file is not there.

    >>> choose('mtcnn')
    Detector(name='mtcnn', path='', sha256='')
    """
    name, _, path = text.partition(':')
    kind = KINDS.get(name)
    if kind is None or kind.takes_file != bool(path) or (':' in text and not path):
        raise InvalidDetectorError(f'The detector of faces must be {ALLOWED}. Received: {text!r}.')
    if not path:
        return Detector(name)
    detector = Detector(name, os.path.abspath(os.path.expanduser(path)))
    content = _read(detector)
    detector = dataclasses.replace(detector, sha256=hashlib.sha256(content).hexdigest())
    if detector not in _free:
        _free[detector] = collections.deque([kind.load(content, detector.path)])
    return detector


def of_metadata(metadata: Mapping[str, object] | None) -> str:
    """The `Detector.identity` that prepared crops say; sets made before there was a choice: MTCNN.

    >>> of_metadata({}), of_metadata({'detector': {'name': 'yunet', 'sha256': '0a1b'}})
    ('mtcnn', 'yunet:0a1b')
    """
    said = (metadata or {}).get('detector')
    if not isinstance(said, Mapping):
        return MTCNN.identity
    return Detector(said['name'], sha256=said.get('sha256', '')).identity


def crops_of(identity: str) -> str:
    """The `Detector.identity` whose crops a detector gives: its own, or that which it is like.

    >>> crops_of('single_shot'), crops_of('yunet:0a1b')
    ('mtcnn', 'yunet:0a1b')
    """
    kind = KINDS.get(identity)
    return kind.like if kind and kind.like else identity


def describe(identity: str) -> str:
    """A `Detector.identity` as a sentence names it.

    >>> describe('mtcnn'), describe('yunet:0123456789abcdef')
    ('mtcnn', 'yunet (SHA-256 0123456789ab)')
    """
    name, _, sha256 = identity.partition(':')
    return f'{name} (SHA-256 {sha256[:12]})' if sha256 else name


def _read(detector: Detector) -> bytes:
    try:
        with open(detector.path, 'rb') as file:
            return file.read()
    except FileNotFoundError as error:
        raise MissingDetectorError(
            f'{detector.path} does not exist. Give the file of the detector: '
            f'--detector={detector.name}:FILE'
        ) from error
    except OSError as error:
        raise InvalidDetectorError(
            f'{detector.path} must be the file of {detector.name}. Received: {error.strerror}.'
        ) from error
