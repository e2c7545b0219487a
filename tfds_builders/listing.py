"""The sets that can be built: what they hold, whether they name people, where they come from."""

from __future__ import annotations

import dataclasses
import tempfile
import textwrap
from collections.abc import Iterator

import tfds_builders

# TFDS's own page of every set, also of those that it does not know.
_NO_PAGE = 'https://www.tensorflow.org/'
_INDENT = ' ' * 20
_wrap = textwrap.TextWrapper(
    96,
    initial_indent=_INDENT,
    subsequent_indent=_INDENT,
    break_on_hyphens=False,
    break_long_words=False,
)
_PEOPLE = {True: 'people named', False: 'nobody named', None: ''}


@dataclasses.dataclass(frozen=True)
class KnownSet:
    """A set that can be built.

    Attributes:
        name: As it is typed.
        holds: What its examples are, in a few words.
        terms: On what terms its archive is to be had; empty where its page says so.
        page: Where to ask for it; empty where there is nobody to ask.
        configs: Their names, the default first.

    >>> KnownSet('a', '7 classes, people named', 'on request', '', ('faces',)).configs
    ('faces',)
    """

    name: str
    holds: str
    terms: str
    page: str
    configs: tuple[str, ...]


def print_sets() -> None:
    """Prints what is known of each set."""
    for known in known_sets():
        terms = '; '.join(filter(None, [known.terms, known.page]))
        print(f'{known.name:20}{known.holds}')
        for text in filter(None, [terms, ', '.join(known.configs)]):
            print(_wrap.fill(text))


def known_sets() -> Iterator[KnownSet]:
    """Every set, by name."""
    with tempfile.TemporaryDirectory() as folder:
        for name, builder in tfds_builders.BUILDERS.items():
            info = builder(data_dir=folder).info
            is_of_faces = 'label' in info.features
            classes = f'{info.features["label"].num_classes} classes' if is_of_faces else ''
            people = _PEOPLE[getattr(builder, 'NAMES_PEOPLE', None)]
            page = info.homepage or ''
            yield KnownSet(
                name,
                ', '.join(filter(None, [classes, people])) or 'where people looked',
                getattr(builder, 'TERMS', ''),
                '' if page.startswith(_NO_PAGE) else page,
                tuple(config.name for config in builder.BUILDER_CONFIGS),
            )
