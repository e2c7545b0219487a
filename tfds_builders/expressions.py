"""The names of the facial expressions, their one order, and how each source writes them."""

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

# The release of CFEE: category codes in the file names. 04, 17, 19 and 20 have no label.
CFEE_CODES = {
    1: 'neutral',
    2: 'happy',
    3: 'sad',
    5: 'angry',
    6: 'surprised',
    7: 'disgusted',
    8: 'fearful',
    9: 'happily_surprised',
    10: 'happily_disgusted',
    11: 'sadly_angry',
    12: 'angrily_disgusted',
    13: 'appalled',
    14: 'hatred',
    15: 'angrily_surprised',
    16: 'sadly_surprised',
    18: 'disgustedly_surprised',
    21: 'fearfully_surprised',
    22: 'awed',
    23: 'sadly_fearful',
    24: 'fearfully_disgusted',
    25: 'fearfully_angry',
    26: 'sadly_disgusted',
}

# A re-labelled copy of CFEE counts its categories from 1 to 22 without gaps.
CFEE_RELABELLED_CODES = {
    1: 'neutral',
    2: 'happy',
    3: 'sad',
    4: 'fearful',
    5: 'angry',
    6: 'surprised',
    7: 'disgusted',
    8: 'happily_surprised',
    9: 'happily_disgusted',
    10: 'sadly_fearful',
    11: 'sadly_angry',
    12: 'sadly_surprised',
    13: 'sadly_disgusted',
    14: 'fearfully_angry',
    15: 'fearfully_surprised',
    16: 'fearfully_disgusted',
    17: 'angrily_surprised',
    18: 'angrily_disgusted',
    19: 'disgustedly_surprised',
    20: 'appalled',
    21: 'hatred',
    22: 'awed',
}

# RaFD's file names already use the canonical words.
RAFD_WORDS = BASIC_AND_CONTEMPT

FER2013_CODES = {
    0: 'angry',
    1: 'disgusted',
    2: 'fearful',
    3: 'happy',
    4: 'sad',
    5: 'surprised',
    6: 'neutral',
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
        ValueError: The name is not known.
    """
    found = find(name)
    if found is None:
        raise ValueError(
            'An expression must be one of these names or synonyms: '
            f'{", ".join(CLASS_NAMES)}; {", ".join(SYNONYMS)}. Received: {name!r}.'
        )
    return found
