"""The names of the facial expressions, their one order, and other words for them."""

from __future__ import annotations

from tfds_builders.errors import InvalidArchiveError

BASIC = ('neutral', 'happy', 'sad', 'angry', 'surprised', 'disgusted', 'fearful')
BASIC_AND_CONTEMPT = (*BASIC, 'contemptuous')

# The compound categories of Du, Tao & Martinez (2014), in the order of their codes.
COMPOUND = (
    'happily_surprised',
    'happily_disgusted',
    'sadly_angry',
    'angrily_disgusted',
    'appalled',
    'hatred',
    'angrily_surprised',
    'sadly_surprised',
    'disgustedly_surprised',
    'fearfully_surprised',
    'awed',
    'sadly_fearful',
    'fearfully_disgusted',
    'fearfully_angry',
    'sadly_disgusted',
)

# Every data set's classes are a part of this list, in this order.
CLASS_NAMES = (*BASIC_AND_CONTEMPT, *COMPOUND)

SYNONYMS = {
    'neutrality': 'neutral',
    'calm': 'neutral',
    'normal': 'neutral',
    'happiness': 'happy',
    'joy': 'happy',
    'joyful': 'happy',
    'smile': 'happy',
    'smiling': 'happy',
    'sadness': 'sad',
    'anger': 'angry',
    'surprise': 'surprised',
    'disgust': 'disgusted',
    'fear': 'fearful',
    'afraid': 'fearful',
    'contempt': 'contemptuous',
    'awe': 'awed',
    'hate': 'hatred',
}


def find(name: str) -> str | None:
    """The canonical name behind `name`, or None if it is not known.

    Case does not matter; spaces, hyphens and underscores count as the same.
    """
    key = '_'.join(name.strip().lower().replace('-', ' ').replace('_', ' ').split())
    key = SYNONYMS.get(key, key)
    return key if key in CLASS_NAMES else None


def canonical(name: str) -> str:
    """The canonical name behind `name`, e.g. `happy` for `Happiness`.

    Raises:
        InvalidArchiveError: The name is not known.
    """
    found = find(name)
    if found is None:
        raise InvalidArchiveError(
            'An expression must be one of these names or synonyms: '
            f'{", ".join(CLASS_NAMES)}; {", ".join(SYNONYMS)}. Received: {name!r}.'
        )
    return found
