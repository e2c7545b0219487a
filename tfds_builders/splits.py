"""Who is in train, validation and test: pure functions whose answers never change.

Every subject has one of 20 slots. Slots 0 to 13 are train, 14 to 16 validation and 17 to 19 test
(70/15/15), and `fold = slot // 2` gives ten folds for cross-validation. All images of a subject
share its slot, so no person is ever in two splits.

A slot depends on the name of the set and on the subject alone (`subject_slot`), so images that are
added or unreadable move nobody. Closed sets such as RaFD are dealt by group and gender instead
(`deal_strata`), which is stable for the complete archive only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

NUM_SLOTS = 20
SPLITS = ('train', 'validation', 'test')
# Of the training part of a set that has no part for validation, a tenth.
TENTH_THAT_VALIDATES = (14, 15)
_FIRST_VALIDATION_SLOT, _FIRST_TEST_SLOT = 14, 17

# Each slot once, and any few neighbours hold train, validation and test slots at about 14:3:3, so a
# stratum that takes only some of them is still balanced.
DEALING_ORDER = (0, 1, 14, 2, 3, 17, 4, 5, 6, 15, 7, 8, 18, 9, 10, 16, 11, 12, 19, 13)


def split_of(slot: int) -> str:
    """`train`, `validation` or `test` of a slot in [0, 20)."""
    if slot < _FIRST_VALIDATION_SLOT:
        return 'train'
    return 'validation' if slot < _FIRST_TEST_SLOT else 'test'


def fold_of(slot: int) -> int:
    """The cross-validation fold, in [0, 10), of a slot in [0, 20)."""
    return slot // 2


def subject_slot(salt: str, subject_id: str) -> int:
    """The slot of a subject of an open set.

    Numbers come in blocks of 20 consecutive ones. Inside a block all 20 numbers, present or not,
    are ordered by a hash and take the slots in turn: a full block is split exactly 14:3:3, and yet
    a subject's slot depends on nobody else. Any other id is hashed by itself.

    Args:
        salt: The name of the set.
        subject_id: A number such as `109` (`007` and `7` are the same) or any other text.
    """
    if not (subject_id.isascii() and subject_id.isdigit()):
        return hash_slot(salt, subject_id)
    number = int(subject_id)
    first = number - number % NUM_SLOTS
    block = range(first, first + NUM_SLOTS)
    return sorted(block, key=lambda other: _digest(salt, str(other))).index(number)


def hash_slot(salt: str, content: str | bytes) -> int:
    """A slot from the hash of any text or bytes.

    Over file names this is the per-image split of older papers, which lets a person be in train and
    test at once.
    """
    return int(_digest(salt, content), 16) % NUM_SLOTS


def deal_strata(salt: str, stratum_of: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Deals the subjects of a closed set to the slots, stratum by stratum.

    The subjects of a stratum, ordered by a hash, take the slots in `DEALING_ORDER`; the next
    stratum goes on where the last one stopped. A slot therefore depends on all the subjects: it is
    stable for the complete set only.

    Args:
        salt: The name of the set.
        stratum_of: For each subject id its stratum, e.g. group and gender.

    Returns:
        The slot of each subject.
    """
    order = sorted(stratum_of, key=lambda subject: (stratum_of[subject], _digest(salt, subject)))
    return {subject: DEALING_ORDER[i % NUM_SLOTS] for i, subject in enumerate(order)}


def count_strata(
    stratum_of: Mapping[str, tuple[str, ...]], slots: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Subjects by stratum and split, e.g. `{'Kid male': {'train': 3, ...}}`."""
    counts: dict[str, dict[str, int]] = {}
    for subject, stratum in sorted(stratum_of.items(), key=lambda item: item[1]):
        count = counts.setdefault(' '.join(stratum), dict.fromkeys(SPLITS, 0))
        count[split_of(slots[subject])] += 1
    return counts


def split_hash(rows: Iterable[tuple[str, str]]) -> str:
    """The SHA-256 of a split: over sorted lines of file name, tab, split, newline."""
    lines = sorted(f'{file_name}\t{split}\n' for file_name, split in rows)
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def content_hash(rows: Iterable[tuple[str, str, str, str]], how: str) -> str:
    """What prepared data are known by: what was read, into which splits, and how it was prepared.

    Args:
        rows: File name, split, label and `pictures.pixel_hash` of each image, in any order.
        how: What else decides what the images are: config, size and margin of a crop.

    Returns:
        The SHA-256 over `how` and the sorted lines of the four with tabs between them.
    """
    lines = sorted('\t'.join(row) + '\n' for row in rows)
    return hashlib.sha256(f'{how}\n{"".join(lines)}'.encode(errors='surrogateescape')).hexdigest()


def _digest(salt: str, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(salt.encode() + b'|' + data).hexdigest()
