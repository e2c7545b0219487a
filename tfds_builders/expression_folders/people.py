"""Who is shown, read from the path of a photo: from a folder of the person, or the file's name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from tfds_builders import expressions
from tfds_builders.errors import InvalidArchiveError

SUBJECT_PATTERN = r'(?P<subject>[^_.\- ]+)'

# Words that cameras, programs and data sets put before their numbers, in lower case. With a number
# (`photo12`, `batch_3`) they name nobody either.
_GENERAL = """
    img image images im imgs dsc dscn dscf dcim pxl mvimg gopr goprhero cimg sam hpim kimg sdc vid
    video movie clip burst screenshot screen snapshot capture webcam camera cam scan win fb whatsapp
    snapchat instagram telegram signal received download downloaded unnamed untitled file pic pics
    picture pictures photo photos photograph foto selfie portrait frame frames jpg jpeg png tmp temp
    output result new final copy sample samples example data dataset database archive folder
    train training trainset test testing testset val valid validation dev eval evaluation holdout
    public private publictest privatetest fold split subset batch set part session sequence series
    all other others misc unsorted class category label expression expressions emotion emotions
    face faces facial head crop cropped crops align aligned resized original originals raw processed
    augmented aug flip flipped mirrored rotated noise noisy gray grey color colour rgb front frontal
    left right profile side fer ferplus ffhq affectnet rafdb raf expw sfew afew lfw celeba kdef
    jaffe rafd cfee ckplus google bing flickr kaggle pexels unsplash
    istockphoto shutterstock gettyimages depositphotos stock fotos bild bilder imagen imagenes
"""
# Words for a person: alone they name nobody, with a number (`person01`) they do.
_PERSONAL = """
    person people subject subjects participant participants actor actors actress model models user
    users individual id ids identity name names male female man men woman women boy girl
    child children adult adults
"""
_GENERAL_WORDS, _ROLES = frozenset(_GENERAL.split()), frozenset(_PERSONAL.split())
# `P1010001` (Panasonic), `20240131` and `2024-01-31` (the day of the photo).
_CAMERA_NAME = re.compile(
    r'(?:P\d{7}(?!\d)|(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?!\d)|\d{13,})', re.A
)
_WORDS = re.compile(r'[^\W\d_]+')


@dataclasses.dataclass(frozen=True)
class Named:
    """A photo and who is shown, by its path.

    Attributes:
        file_name: Path inside the archive, with forward slashes.
        label: Canonical name of the expression.
        subject_id: The person.
        folders: The folders below that of the class that could each be one of a person.
        is_in_folder: Whether the folder is the person, and not what the file's name says.

    >>> Named('happy/anna_01.jpg', 'happy', 'anna').stem
    'anna_01'
    """

    file_name: str
    label: str
    subject_id: str
    folders: tuple[str, ...] = ()
    is_in_folder: bool = False

    @property
    def stem(self) -> str:
        """Name of the file without its suffix."""
        return self.file_name.rpartition('/')[2].rpartition('.')[0]


def read_person(parts: Sequence[str], label: str, subject_pattern: str | None) -> Named | None:
    """Reads who is shown.

    Args:
        parts: Of the path inside the archive: the folder of the class, others, and the file.
        label: Canonical name of the expression.
        subject_pattern: Matched from the start of the file's name without its suffix; where it
            holds a `/`, of the path inside the folder of the class. Without one, a folder below
            that of the class is the person, unless its name is a word of cameras and data sets;
            without such a folder it is `SUBJECT_PATTERN` that is matched.

    Returns:
        The photo, or None where the pattern does not match.
    """
    file_name, stem = '/'.join(parts), parts[-1].rpartition('.')[0] or parts[-1]
    folders = () if subject_pattern else tuple(one for one in parts[1:-1] if not is_general(one))
    if folders:
        return Named(file_name, label, folders[0], folders, is_in_folder=True)
    pattern = subject_pattern or SUBJECT_PATTERN
    target = '/'.join([*parts[1:-1], stem]) if '/' in pattern else stem
    match = re.match(pattern, target)
    return Named(file_name, label, match['subject']) if match and match['subject'] else None


def is_general(name: str) -> bool:
    """Whether a word, or the name of a folder, is one of cameras, data sets or expressions.

    >>> [is_general(name) for name in ('IMG', 'photo12', 'Training', 'anger1', 'person')]
    [True, True, True, True, True]
    >>> [is_general(name) for name in ('anna', '017', 'S05', 'person01')]
    [False, False, False, False]
    """
    if starts_as_of_camera(name):
        return True
    words = [word for part in _WORDS.findall(name) for word in _split_humps(part)]
    has_number = any(letter.isdigit() for letter in name)
    known = [word in _GENERAL_WORDS or _is_expression(word) for word in words]
    whole = ''.join(words)
    if whole in _GENERAL_WORDS or _is_expression(whole) or (words and all(known)):
        return True
    of_roles = all(is_known or word in _ROLES for word, is_known in zip(words, known, strict=True))
    return bool(words) and of_roles and not has_number


def is_role(name: str) -> bool:
    """Whether a word is one for a person, such as `subject`, and not of one."""
    return name.lower() in _ROLES


def starts_as_of_camera(name: str) -> bool:
    """Whether a name begins as those that cameras give: with a day, or a long number."""
    return bool(_CAMERA_NAME.match(name))


def _split_humps(word: str) -> list[str]:
    """`PublicTest` is two words."""
    return [part.lower() for part in re.findall(r'[^\W\d_a-z]+(?![a-z])|.[a-z]*', word)]


def _is_expression(word: str) -> bool:
    return expressions.find(word) is not None


def check_pattern(subject_pattern: str) -> None:
    """Raises `InvalidArchiveError` unless it is a regular expression with a group `subject`."""
    try:
        fault = '' if 'subject' in re.compile(subject_pattern).groupindex else 'no such group'
    except re.error as error:
        fault = f'not a regular expression: {error}'
    if fault:
        raise InvalidArchiveError(
            '`subject_pattern` must be a regular expression with a group `subject`, such as '
            f'{SUBJECT_PATTERN!r}. Received: {subject_pattern!r}, {fault}.'
        )
