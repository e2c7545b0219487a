"""The demo archives: layouts, determinism, expressions, and faces a detector accepts."""

import pathlib
import re

import cv2
import numpy as np
import pytest

from tfds_builders import demo, splits
from tfds_builders.drawing.action_units import ACTION_UNITS, EXPRESSIONS, activate, move_points
from tfds_builders.drawing.anatomy import Identity, draw_identity, resting_points
from tfds_builders.drawing.canvas import LEFT, SCALE, TOP
from tfds_builders.drawing.person import draw_person

CFEE_NAME = re.compile(r'cfee/(01-04/Images1|05-08/Images2)/(\d\d)_(\d{3})_\d{4}\.jpg')
RAFD_NAME = re.compile(
    r'rafd/Rafd090_(\d\d)_(Caucasian|Moroccan|Kid)_(male|female)'
    r'_([a-z]+)_(left|frontal|right)\.jpg'
)


def _files(root: pathlib.Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob('*') if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope='module')
def demo_dir(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp('demo')
    demo.write_demo_archives(folder, subjects=2, seed=5)
    return folder


@pytest.fixture
def person() -> Identity:
    return draw_identity(np.random.default_rng(0), 'Caucasian', 'female')


def _moved(identity: Identity, expression: str) -> tuple[dict, dict]:
    """Points at rest and in full display of `expression`."""
    rest = resting_points(identity)
    activation = activate(expression, np.random.default_rng(0), (1.0, 1.0))
    return rest, move_points(rest, activation)


def test_cfee_has_every_subject_in_seven_categories(demo_dir):
    names = [name for name in _files(demo_dir) if name.startswith('cfee/')]
    matches = [CFEE_NAME.fullmatch(name) for name in names]
    assert len(names) == 2 * 7 and all(matches)
    for folder, code, subject in (match.groups() for match in matches):
        assert folder == ('01-04/Images1' if int(code) <= 4 else '05-08/Images2')
        assert 109 <= int(subject) <= 393
    assert {match[2] for match in matches} == {'01', '02', '03', '05', '06', '07', '08'}


def test_rafd_has_every_subject_in_eight_expressions_and_three_gazes(demo_dir):
    names = [name for name in _files(demo_dir) if name.startswith('rafd/')]
    matches = [RAFD_NAME.fullmatch(name) for name in names]
    assert len(names) == 2 * 8 * 3 and all(matches)
    assert {match[4] for match in matches} == set(EXPRESSIONS)
    assert {match[5] for match in matches} == {'left', 'frontal', 'right'}


def test_twenty_four_subjects_cover_every_group_with_valid_numbers():
    matches = [RAFD_NAME.fullmatch(shot.path) for shot in demo.rafd_shots(24, 0)]
    people = {(int(match[1]), match[2], match[3]) for match in matches}
    assert len({number for number, _, _ in people}) == len(people) == 24
    assert all(1 <= number <= 73 for number, _, _ in people)
    assert {(group, gender) for _, group, gender in people} == set(demo.RAFD_PEOPLE)


def test_cfee_subject_numbers_fill_every_split():
    numbers = {CFEE_NAME.fullmatch(shot.path)[3] for shot in demo.cfee_shots(24, 0)}
    names = {splits.split_of(splits.subject_slot('cfee', number)) for number in numbers}
    assert len(numbers) == 24 and names == set(splits.SPLITS)


def test_photos_have_their_laboratory_s_size(demo_dir):
    for path in demo_dir.rglob('*.jpg'):
        height, width = cv2.imread(str(path)).shape[:2]
        laboratory = path.relative_to(demo_dir).parts[0]
        assert (width, height) == demo.LABORATORIES[laboratory].size


@pytest.mark.slow
def test_same_seed_draws_the_same_bytes(demo_dir, tmp_path):
    demo.write_demo_archives(tmp_path, subjects=2, seed=5)
    assert _files(tmp_path) == _files(demo_dir)


def test_another_seed_draws_other_people():
    shot = next(demo.rafd_shots(1, 0))
    assert not np.array_equal(demo.photograph(shot, 0), demo.photograph(shot, 1))


def test_a_finished_demo_is_kept(demo_dir, capsys):
    before = {path: path.stat().st_mtime_ns for path in demo_dir.rglob('*')}
    demo.write_demo_archives(demo_dir, subjects=2, seed=5)
    assert 'already holds this demo' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in demo_dir.rglob('*')} == before


@pytest.mark.slow
def test_an_interrupted_demo_is_drawn_again(tmp_path):
    demo.write_demo_archives(tmp_path, subjects=1)
    complete = _files(tmp_path)
    (tmp_path / demo.MARKER).unlink()
    next(tmp_path.rglob('*.jpg')).unlink()
    demo.write_demo_archives(tmp_path, subjects=1)
    assert _files(tmp_path) == complete


def test_a_demo_with_other_settings_is_not_overwritten(demo_dir):
    before = _files(demo_dir)
    with pytest.raises(FileExistsError, match='demo.json'):
        demo.write_demo_archives(demo_dir, subjects=2, seed=6)
    assert _files(demo_dir) == before


def test_other_files_are_refused_with_the_path_and_what_to_type(tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='thesis.txt') as refusal:
        demo.write_demo_archives(tmp_path, subjects=1)
    assert '--output_dir=' in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.txt']


@pytest.mark.parametrize(
    'setting', [{'subjects': 0}, {'subjects': 61}, {'subjects': 2.5}, {'seed': -1}]
)
def test_settings_out_of_range_are_refused_with_rule_allowed_received(tmp_path, setting):
    (name, value) = next(iter(setting.items()))
    with pytest.raises(ValueError, match=rf'{name} must be .* Allowed: .* Received: {value}'):
        demo.write_demo_archives(tmp_path / 'new', **setting)
    assert not (tmp_path / 'new').exists()


def test_every_expression_moves_its_action_units(person):
    rest = resting_points(person)
    for expression, units in EXPRESSIONS.items():
        activation = activate(expression, np.random.default_rng(1), (0.9, 1.0))
        assert set(activation) == {unit.rstrip('R') for unit in units}
        for unit, level in activation.items():
            moved = move_points(rest, {unit: level})
            for name in ACTION_UNITS[unit]:
                if name != 'lip_lower_edge':  # Lips that touch hold this one back.
                    assert not np.allclose(moved[name], rest[name]), (expression, unit, name)


@pytest.mark.parametrize(
    ('expression', 'point', 'direction'),
    [
        ('happy', 'lip_corner', -1),
        ('sad', 'lip_corner', 1),
        ('sad', 'brow_inner', -1),
        ('angry', 'brow_inner', 1),
        ('surprised', 'brow_peak', -1),
        ('surprised', 'chin', 1),
        ('fearful', 'lid_upper', -1),
        ('disgusted', 'lip_peak', -1),
    ],
)
def test_expressions_pull_points_up_or_down_as_facs_says(person, expression, point, direction):
    rest, moved = _moved(person, expression)
    assert np.all(np.sign(moved[point][:, 1] - rest[point][:, 1]) == direction)


def test_neutral_moves_nothing(person):
    rest, moved = _moved(person, 'neutral')
    assert all(np.allclose(moved[name], rest[name]) for name in rest)


def test_contempt_lifts_one_lip_corner_only(person):
    rest, moved = _moved(person, 'contemptuous')
    left, right = moved['lip_corner'][:, 1] - rest['lip_corner'][:, 1]
    assert left < -3 and right == pytest.approx(0)


def test_lips_never_cross():
    rng = np.random.default_rng(2)
    for expression in EXPRESSIONS:
        identity = draw_identity(rng, 'any', 'male')
        _, moved = _moved(identity, expression)
        assert np.all(moved['lip_lower_edge'][:, 1] > moved['lip_upper_edge'][:, 1])


def test_gaze_moves_the_irises_and_nothing_else(person):
    shirt = np.zeros(3)
    left, right = (
        draw_person(person, {}, gaze, shirt, np.random.default_rng(0)).colour
        for gaze in (demo.GAZES['left'], demo.GAZES['right'])
    )
    rows, columns = np.nonzero(np.abs(left - right).max(axis=-1) > 0.01)
    x = columns / SCALE + LEFT
    y = rows / SCALE + TOP
    assert len(x) > 100
    assert np.abs(y).max() < 14 and np.abs(x).min() > 8 and np.abs(x).max() < 56


def test_laboratories_differ_in_their_background():
    cfee, rafd = next(demo.cfee_shots(1, 0)), next(demo.rafd_shots(1, 0))
    walls = [demo.photograph(shot, 0)[:20, :20].mean() for shot in (cfee, rafd)]
    assert walls[1] - walls[0] > 60


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['--output_dir=new', '--subjects=0'], 'Allowed: 1 to 60. Received: 0.'),
        (['--output_dir=new', '--subjects=few'], "invalid int value: 'few'"),
        ([], '--output_dir'),
    ],
)
def test_command_line_reports_bad_arguments_in_one_line(arguments, told, capsys):
    assert demo.main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith('error: ') and message.count('\n') == 1 and told in message


@pytest.mark.parametrize('longest_side', [None, pytest.param(256, marks=pytest.mark.slow)])
def test_mtcnn_finds_nine_in_ten(longest_side):
    detector = pytest.importorskip('mtcnn').MTCNN()
    shots = [*list(demo.cfee_shots(12, 0))[::8], *list(demo.rafd_shots(12, 0))[::29]]
    found = 0
    for shot in shots:
        photo = demo.photograph(shot, 0)
        if longest_side:
            scale = longest_side / max(photo.shape)
            photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found += bool(detector.detect_faces(photo))
    assert len(shots) >= 20
    assert found >= 0.9 * len(shots)
