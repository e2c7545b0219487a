"""A colour for each expression, the same in every picture and page."""

from __future__ import annotations

from collections.abc import Sequence

# Of Okabe and Ito (2008), which people tell apart who do not tell red from green.
_OF_EXPRESSIONS = {
    'neutral': '#999999',
    'happy': '#e69f00',
    'sad': '#0072b2',
    'angry': '#d55e00',
    'surprised': '#56b4e9',
    'disgusted': '#009e73',
    'fearful': '#cc79a7',
    'contemptuous': '#f0e442',
}
# For classes of other names, in turn.
_OTHERS = (*_OF_EXPRESSIONS.values(), '#332288', '#882255', '#117733', '#aa4499')


def colours_of(names: Sequence[str]) -> list[str]:
    """The colour of each class, `#rrggbb`.

    >>> colours_of(['sad', 'bored'])
    ['#0072b2', '#999999']
    """
    taken = [_OF_EXPRESSIONS.get(name) for name in names]
    free = [colour for colour in _OTHERS if colour not in taken] or list(_OTHERS)
    others = 0
    colours = []
    for colour in taken:
        colours.append(colour or free[others % len(free)])
        others += colour is None
    return colours


def as_rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue in [0, 255].

    >>> as_rgb('#0072b2')
    (0, 114, 178)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix('#'))
    return red, green, blue
