"""A cross-data-set matrix over sets that name nobody and have other classes each."""

import pytest

from fer_keras.config.protocol import ProtocolConfig
from fer_keras.data.datasets import open_sources
from fer_keras.data.splits import trained_label_names
from fer_keras.evaluation.target import count_left_out, read_target, split_note
from fer_keras.flags import parse_run
from fer_keras.protocols.jobs import list_jobs
from fer_keras.protocols.runner import check_jobs
from tests.tfds_builders.test_affectnet import write_lists
from tests.tfds_builders.test_builders import build_set, write_image
from tests.tfds_builders.test_fer_plus import write_tables

SETS = ('fer_plus/majority', 'affectnet/eight_originals', 'sfew/aligned')
# As the tests draw them: FER+ has happy and contemptuous faces, SFEW two of its seven classes.
KNOWN = {
    'fer_plus/majority': ['happy', 'contemptuous'],
    'sfew/aligned': ['happy', 'fearful'],
}


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp('archives')
    write_tables(root / 'fer_plus')
    write_lists(root / 'affectnet')
    for number in range(24):
        part, folder = (
            ('Val', 'Val_Aligned_Faces') if number < 4 else ('Train', 'Train_Aligned_Faces')
        )
        name = f'Film{number}_0005{number:05d}_00000005.png'
        write_image(root / 'sfew' / part / folder / ('Happy', 'Fear')[number % 2] / name, number)
    for name in SETS:
        build_set(name.partition('/')[0], root, root / 'data', name.partition('/')[2])
    return root / 'data'


@pytest.fixture
def matrix(tmp_path, data_dir):
    (tmp_path / 'base.flags').write_text('--epochs=1\n--head_epochs=0\n')
    return {
        'experiments': (str(tmp_path / 'base.flags'),),
        'data_sets': SETS,
        'seeds': (0,),
        'flags': f'--data_dir={data_dir}',
        'output': str(tmp_path / 'out'),
    }


def test_a_matrix_tests_each_on_the_classes_that_both_have(matrix):
    jobs = list_jobs(ProtocolConfig(**matrix))
    check_jobs(jobs, parse_run)
    tested = {}
    for job in jobs[:3]:
        for target in ('', *job.targets):
            name, split = target.split() or (job.sources[0], 'test')
            data = parse_run([*job.flags, f'--target={name}', f'--target_split={split}']).data
            (target_set,) = open_sources(parse_run([*job.flags, f'--source={name}']).data)
            known = trained_label_names(open_sources(data))
            found = read_target(target_set, data, known)
            left_out = count_left_out(target_set, data, found.size)
            tested[data.source, name] = (found.size, left_out)
            assert bool(split_note(target_set, data)) == (
                split == 'test' and not name.startswith('fer_plus')
            )
            if data.source in KNOWN:
                assert known == KNOWN[data.source]
    # AffectNet knows eight classes; 4 of its 32 training pictures and one more are contemptuous.
    assert tested['fer_plus/majority', 'sfew/aligned'] == (12, 12)
    assert tested['sfew/aligned', 'affectnet/eight_originals'] == (8, 25)
    assert tested['affectnet/eight_originals', 'fer_plus/majority'] == (6, 0)
    assert tested['affectnet/eight_originals', 'affectnet/eight_originals'] == (1, 0)


def test_a_matrix_on_votes_is_refused_before_it_begins_where_a_source_has_none(matrix):
    votes = {**matrix, 'flags': f'{matrix["flags"]} --label=votes'}
    with pytest.raises(ValueError, match=r'Received: sfew/aligned/1.0.0 \(no votes\)'):
        check_jobs(list_jobs(ProtocolConfig(**votes)), parse_run)
    of_two = {**votes, 'data_sets': SETS[:2]}
    check_jobs(list_jobs(ProtocolConfig(**of_two)), parse_run)
