"""Every experiment file parses, says what it is for, and has a twin without saliency."""

import re
from pathlib import Path

import pytest

from fer_keras.config.choices import FUSIONS
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.models.saliency import SALIENCY_KINDS
from fer_keras.protocols.jobs import list_jobs
from tfds_builders import BUILDERS

FOLDER = Path(__file__).parents[1] / 'experiments'
EXPERIMENTS = sorted(path for path in FOLDER.glob('*.flags') if path.stem != 'base')


def flags_of(path: Path) -> dict[str, str]:
    """The flags of a file and of those that it includes, the last one winning."""
    values: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith('--flagfile='):
            values |= flags_of(FOLDER.parent / line.split('=', 1)[1])
        elif line.startswith('--'):
            name, _, value = line[2:].partition('=')
            values[name] = value
    return values


@pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_opens_with_question_expectation_cost_and_command(path):
    comments = '\n'.join(line for line in path.read_text().splitlines() if line.startswith('#'))
    assert re.search(r'Question:.*Expected:.*Cost:.*Command:', comments, re.DOTALL)


@pytest.mark.parametrize('name', ['cfee', 'rafd', 'cross', 'cross_reverse'])
def test_the_twin_with_saliency_differs_in_saliency_alone(name):
    plain, twin = flags_of(FOLDER / f'{name}.flags'), flags_of(FOLDER / f'{name}_saliency.flags')
    assert {key for key in plain | twin if plain.get(key) != twin.get(key)} == {
        'saliency',
        'fusion',
    }
    assert twin['saliency'] != 'none'


def test_the_cross_experiments_test_on_the_other_set():
    cross = flags_of(FOLDER / 'cross.flags')
    reverse = flags_of(FOLDER / 'cross_reverse.flags')
    assert (cross['source'], cross['target']) == (reverse['target'], reverse['source'])
    assert cross['hog_source'] == reverse['hog_source'] == 'drawn_faces/faces'
    assert cross['target_split'] == reverse['target_split'] == 'all'


@pytest.mark.parametrize('name', ['cfee', 'rafd', 'cross', 'cross_reverse'])
def test_the_papers_recipe_has_none_of_our_additions(name):
    paper = flags_of(FOLDER / f'paper_{name}.flags')
    assert (paper['color'], paper['crop']) == ('grey', '1')
    assert (paper['hog_branch'], paper['hog_source']) == ('false', '')
    assert paper['average_mirrored'] == 'false'
    assert (paper['saliency'], paper['fusion']) == ('mlnet_light', 'multiply')


@pytest.mark.parametrize('name', ['saliency_ablation', 'saliency_ablation_short'])
def test_the_ablation_crosses_every_fusion_with_every_map(name):
    values = flags_of(FOLDER / f'{name}.flags')
    protocol = ProtocolConfig(
        experiments=tuple(values['experiments'].split(',')),
        variants=tuple(values['variants'].split(',')),
        seeds=tuple(int(seed) for seed in values['seeds'].split(',')),
    )
    assert len(list_jobs(protocol)) == 2 * 3 * (1 + 3 * 5)
    none, *others = (variant.partition(':')[2].split() for variant in protocol.variants)
    assert not none
    parsed = [dict(flag[2:].split('=') for flag in flags) for flags in others]
    assert {(flags['fusion'], flags['saliency']) for flags in parsed} == {
        (fusion, kind)
        for fusion in FUSIONS
        for kind in ('mlnet_light', 'spectral_residual', 'center', 'shuffled', 'attention')
    }
    assert {flags['saliency'] for flags in parsed} <= set(SALIENCY_KINDS)


OF_PAPERS = {
    'raf_db': 'raf_db/basic_aligned',
    'affectnet_seven': 'affectnet/seven_faces',
    'affectnet_eight': 'affectnet/eight_faces',
    'fer_plus': 'fer_plus/majority',
    'fer_plus_votes': 'fer_plus/majority',
    'ck_plus': 'ck_plus/last_three_faces',
}


@pytest.mark.parametrize('name', OF_PAPERS)
def test_a_protocol_of_papers_tests_its_own_set_and_says_beside_what(name):
    path = FOLDER / f'{name}.flags'
    comments = ' '.join(line.strip('# ') for line in path.read_text().splitlines())
    assert re.search(r'Expected: not run here\. Stands beside .* \d{4}\.\d{5}', comments)
    values = flags_of(path)
    assert values['source'] == values.get('target', values['source']) == OF_PAPERS[name]
    assert 'target_split' not in values
    set_name, config = OF_PAPERS[name].split('/')
    assert config in {known.name for known in BUILDERS[set_name].BUILDER_CONFIGS}


def test_the_twin_on_votes_differs_in_the_label_alone():
    one, twin = flags_of(FOLDER / 'fer_plus.flags'), flags_of(FOLDER / 'fer_plus_votes.flags')
    assert twin == {**one, 'label': 'votes'}


def test_seven_and_eight_classes_of_affectnet_have_one_recipe():
    seven, eight = (flags_of(FOLDER / f'affectnet_{count}.flags') for count in ('seven', 'eight'))
    assert {key for key in seven if seven[key] != eight[key]} == {'source', 'target'}
    assert (eight['balance'], eight['cache']) == ('loss', 'false')


def test_ten_folds_are_ten_runs():
    file = str(FOLDER / 'ck_plus.flags')
    jobs = list_jobs(ProtocolConfig(experiments=(file,), folds=10, seeds=(0,)))
    assert [job.fold for job in jobs] == list(range(10))


@pytest.mark.parametrize('name', ['cross', 'cross_reverse'])
def test_the_short_form_differs_in_size_and_length_alone(name):
    long, short = flags_of(FOLDER / f'{name}.flags'), flags_of(FOLDER / f'{name}_short.flags')
    differing = {key for key in long | short if long.get(key) != short.get(key)}
    assert differing == {'image_size_px', 'epochs'}
    alone = flags_of(FOLDER / f'{name.replace("cross", "backbone")}_short.flags')
    differing = {key for key in short | alone if short.get(key) != alone.get(key)}
    assert differing == {'hog_branch', 'hog_source'}
