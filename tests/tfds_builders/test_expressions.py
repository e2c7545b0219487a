import pytest

from tfds_builders import expressions
from tfds_builders.cfee import cfee_dataset_builder as cfee
from tfds_builders.fer2013 import grey_pictures as fer2013


def test_the_order_is_basic_then_contempt_then_compounds():
    assert expressions.CLASS_NAMES[:8] == (
        'neutral', 'happy', 'sad', 'angry', 'surprised', 'disgusted', 'fearful', 'contemptuous',
    )  # fmt: skip
    assert len(expressions.CLASS_NAMES) == len(set(expressions.CLASS_NAMES)) == 23


def test_the_two_numberings_of_cfee_name_the_same_categories():
    release, copy = cfee.CODES, cfee.RELABELLED_CODES
    assert set(release.values()) == set(copy.values())
    assert len(set(release.values())) == 22
    assert (release[8], copy[8]) == ('fearful', 'happily_surprised')
    assert 4 not in release and copy[4] == 'fearful'


@pytest.mark.parametrize(
    ('written', 'name'),
    [('Happiness', 'happy'), ('FEAR', 'fearful'), ('fearfully surprised', 'fearfully_surprised')],
)
def test_common_synonyms_are_understood(written, name):
    assert expressions.canonical(written) == name


def test_an_unknown_name_is_refused_with_the_list():
    with pytest.raises(ValueError, match="neutral, happy.*Received: 'bored'"):
        expressions.canonical('bored')


def test_every_synonym_and_code_leads_to_a_class():
    tables = (expressions.SYNONYMS, cfee.CODES, fer2013.CODES)
    for table in tables:
        assert set(table.values()) <= set(expressions.CLASS_NAMES)
