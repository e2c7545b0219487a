"""Whether people were read rightly: clear signs that they were not, each as a sentence.

Names alone cannot tell everything. `happy/001.jpg` and `neutral/001.jpg` are one person in a set of
a laboratory, and two in folders that were numbered one by one; where each class has the same
numbers, nothing here tells one from the other. The build therefore shows how names were read.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Mapping, Sequence

from tfds_builders import archives, splits
from tfds_builders.expression_folders.people import (
    SUBJECT_PATTERN,
    Named,
    is_general,
    is_role,
    starts_as_of_camera,
)

# Of fewer images only the words are looked at: these fill no three splits, however they are read.
_FEWEST_TO_JUDGE = 4
# At most so many people, of at least so many images each on the average, are a handful.
_HANDFUL, _IMAGES_OF_ONE = 10, 10
# More images of a person than any set has that we know of; CK+ has 83.
_MOST_IMAGES_OF_ONE = 200
# Fewest images of which more than half should not be of one person.
_FEWEST_IMAGES = 20
# Of what classes lack of each other's numbers, the share at the end that only running numbers have.
_SHARE_AT_END, _FEWEST_LACKING = 0.9, 3
_SECOND_WORD = r'[^_.\- ]+[_.\- ]+(?P<subject>[^_.\- ]+)'


def find_doubts(photos: Sequence[Named], slots: Mapping[str, int] | None) -> list[str]:
    """Why the reading is unlikely; empty where nothing speaks against it.

    Args:
        photos: Of one configuration, at least one.
        slots: The slot of each person; None where photos are split by image.
    """
    checks = _CHECKS if len(photos) >= _FEWEST_TO_JUDGE else [_find_general_words]
    found = [check(photos) for check in checks]
    if slots is not None and len(photos) >= _FEWEST_TO_JUDGE:
        filled = {splits.split_of(slots[photo.subject_id]) for photo in photos}
        empty = [split for split in splits.SPLITS if split not in filled]
        if empty:
            found.append(f'nobody is in {" or ".join(empty)}')
    return [doubt for doubt in found if doubt]


def describe(photos: Sequence[Named]) -> list[str]:
    """How three names were read, such as `happy/anna_01.jpg -> person anna`."""
    of_people = _by_person(photos)
    people = sorted(of_people)
    chosen = sorted({people[0], people[len(people) // 2], people[-1]})
    shown = [of_people[person][0] for person in chosen]
    # Few people: more photos of them, from the end.
    shown += [photo for photo in reversed(photos) if photo not in shown][: 3 - len(shown)]
    return [f'{photo.file_name} -> person {photo.subject_id}' for photo in shown]


def warn_of_numbers(photos: Sequence[Named]) -> str:
    """What to look at where the number of a file is all that names a person; empty elsewhere."""
    is_bare = all(_is_bare_number(photo) for photo in photos)
    pairs = [group for group in _by_person(photos).values() if len(group) > 1]
    if not is_bare or not pairs:
        return ''
    first, second = pairs[0][:2]
    return (
        f'the number of a file is taken for the person: {first.file_name} and {second.file_name} '
        'show one person, do they not? If each folder was numbered by itself, nobody is named: '
        'delete this data set and build it with --no_subjects.'
    )


def advise(photos: Sequence[Named], folder: object) -> str:
    """The flags that mend a reading, as sentences."""
    return (
        'One of these mends it. If the names say who is shown: --subject_pattern=REGEX with a '
        'group `subject`, matched from the start of the name of a file, or, where it holds a `/`, '
        f'of the path inside the folder of the class{_suggest(photos)}. If nobody is named: '
        '--no_subjects (images are split by their content, and intervals are over images). If it '
        'is right as it is: --accept_subjects. Type: python -m tfds_builders.build '
        f'expression_folders={folder} FLAG, with your --data_dir; in Python, '
        "builder_kwargs={'no_subjects': True} and the like."
    )


def _suggest(photos: Sequence[Named]) -> str:
    for photo in photos:
        match = re.match(_SECOND_WORD, photo.stem)
        if match is None or not is_general(photo.subject_id) or is_general(match['subject']):
            continue
        # A number behind the word of a camera counts photos; behind one for people it is of them.
        if is_role(photo.subject_id) or not match['subject'].isdigit():
            return f", such as '{_SECOND_WORD}', for which {photo.stem} shows {match['subject']}"
    return f", such as the usual '{SUBJECT_PATTERN}'"


def _find_general_words(photos: Sequence[Named]) -> str:
    words = collections.Counter(
        photo.subject_id
        for photo in photos
        if not photo.is_in_folder and (is_general(photo.subject_id) or _is_camera_name(photo))
    )
    if not words:
        return ''
    named = archives.first_lines(repr(word) for word, _ in words.most_common())
    return (
        f'{named} would be the person of {sum(words.values())} of {len(photos)} images: words of '
        'cameras, data sets or classes, or dates'
    )


def _is_camera_name(photo: Named) -> bool:
    return photo.stem.startswith(photo.subject_id) and starts_as_of_camera(photo.stem)


def _find_mixed_layouts(photos: Sequence[Named]) -> str:
    inside = [photo for photo in photos if photo.is_in_folder]
    outside = [photo for photo in photos if not photo.is_in_folder]
    if not inside or not outside:
        return ''
    return (
        f'{len(inside)} images lie in a folder of a person, as {inside[0].file_name}, and '
        f'{len(outside)} do not, as {outside[0].file_name}'
    )


def _find_deep_folders(photos: Sequence[Named]) -> str:
    deep = [photo for photo in photos if len(photo.folders) > 1]
    if not deep:
        return ''
    return f'any of {len(deep[0].folders)} folders could be the person in {deep[0].file_name}'


def _find_few_people(photos: Sequence[Named]) -> str:
    people, images = len(_by_person(photos)), len(photos)
    is_handful = people <= _HANDFUL and images >= _IMAGES_OF_ONE * people
    if not is_handful and images < _MOST_IMAGES_OF_ONE * people:
        return ''
    return f'{people} people are few for {images} images'


def _find_one_of_most(photos: Sequence[Named]) -> str:
    of_people = _by_person(photos)
    person = max(of_people, key=lambda one: len(of_people[one]))
    count = len(of_people[person])
    if len(photos) < _FEWEST_IMAGES or len(of_people) < 3 or 2 * count <= len(photos):
        return ''
    return f'{count} of {len(photos)} images are of one person, {person!r}'


def _find_lone_images(photos: Sequence[Named]) -> str:
    of_people = _by_person(photos)
    if len(of_people) == len(photos):
        return f'each of {len(photos)} images has a person of its own'
    classes = {photo.label for photo in photos}
    labels = [{photo.label for photo in group} for group in of_people.values()]
    if len(classes) > 1 and all(len(one) == 1 for one in labels):
        return f'nobody of {len(of_people)} people is in more than one of {len(classes)} classes'
    return ''


def _find_running_numbers(photos: Sequence[Named]) -> str:
    """Numbers that each class has from the first on, without a gap, but not equally many."""
    if not all(_is_bare_number(photo) for photo in photos):
        return ''
    numbers: dict[str, set[int]] = collections.defaultdict(set)
    for photo in photos:
        numbers[photo.label].add(_number(photo.subject_id))
    everyone = set().union(*numbers.values())
    lacking = at_end = 0
    for of_class in numbers.values():
        missing = everyone - of_class
        lacking += len(missing)
        at_end += sum(number > max(of_class) for number in missing)
    if lacking < _FEWEST_LACKING or at_end < _SHARE_AT_END * lacking:
        return ''
    counts = ', '.join(f'{label} up to {max(one)}' for label, one in sorted(numbers.items()))
    return f'the files of each class seem to be numbered by themselves ({counts})'


def _find_numbers_behind_names(photos: Sequence[Named]) -> str:
    """`anna1.jpg` and `anna2.jpg`, in which a separator is missing."""
    parts = [re.fullmatch(r'([^\W\d_]{3,})(\d+)', photo.subject_id) for photo in photos]
    bare = [photo for photo in photos if photo.stem == photo.subject_id]
    found = [part for part in parts if part]
    names = {part[1] for part in found if not is_general(part[1])}
    if len(names) < 2 or len(bare) < len(photos) or len(found) < len(photos) / 2:
        return ''
    return f'{found[0][0]} could be photo {found[0][2]} of {found[0][1]}'


def _find_equal_names(photos: Sequence[Named]) -> str:
    spellings: dict[str, set[str]] = collections.defaultdict(set)
    for photo in photos:
        name = photo.subject_id.casefold()
        spellings[name.lstrip('0') if name.isdigit() else name].add(photo.subject_id)
    for names in spellings.values():
        if len(names) > 1:
            return f'{" and ".join(sorted(names))} are counted as {len(names)} people'
    return ''


def _find_equal_files(photos: Sequence[Named]) -> str:
    """The same name in several folders of a class that are no person's."""
    seen: dict[tuple[str, str], str] = {}
    for photo in photos:
        folder, _, name = photo.file_name.rpartition('/')
        root = folder.partition('/')[0]
        first = seen.setdefault((root, name), photo.file_name)
        is_bare = photo.stem == photo.subject_id and not photo.is_in_folder
        if is_bare and first != photo.file_name:
            return f'{first} and {photo.file_name} would show one person'
    return ''


def _find_groups(photos: Sequence[Named]) -> str:
    """Folders of several people each: files name people who recur, each inside one folder."""
    if not all(photo.is_in_folder for photo in photos):
        return ''
    homes: dict[str, set[str]] = collections.defaultdict(set)
    labels: dict[str, set[str]] = collections.defaultdict(set)
    for photo in photos:
        match = re.match(SUBJECT_PATTERN, photo.stem)
        name = match['subject'] if match else ''
        if not name or is_general(name):
            return ''
        homes[name].add(photo.subject_id)
        labels[name].add(photo.label)
    is_inside = all(len(folders) == 1 for folders in homes.values())
    recurs = any(len(one) > 1 for one in labels.values())
    if not is_inside or not recurs or len(homes) <= len(_by_person(photos)):
        return ''
    return f'the {len(_by_person(photos))} folders may hold several people each'


_CHECKS: tuple[Callable[[Sequence[Named]], str], ...] = (
    _find_general_words,
    _find_mixed_layouts,
    _find_deep_folders,
    _find_few_people,
    _find_one_of_most,
    _find_lone_images,
    _find_running_numbers,
    _find_numbers_behind_names,
    _find_equal_names,
    _find_equal_files,
    _find_groups,
)


def _by_person(photos: Sequence[Named]) -> dict[str, list[Named]]:
    groups: dict[str, list[Named]] = collections.defaultdict(list)
    for photo in photos:
        groups[photo.subject_id].append(photo)
    return groups


def _is_bare_number(photo: Named) -> bool:
    """A name has one number, which is of the person: `017`, `S017` and `017_aligned`."""
    is_number = re.fullmatch(r'\(?[^\W\d_]*\d+\)?', photo.subject_id)
    return not photo.is_in_folder and bool(is_number) and len(re.findall(r'\d+', photo.stem)) == 1


def _number(name: str) -> int:
    return int(re.findall(r'\d+', name)[-1])
