"""From photos to a table: in Python, and as a user types it."""

import json

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

import fer_keras
from fer_keras.models.classifier import build_classifier
from fer_keras.run_dir import RunDir
from fer_keras.serving.signatures import export_classifier
from tests.fakes import BASIC, TINY_MODEL, random_images
from tests.test_end_to_end import run
from tfds_builders import demo, faces

COLUMNS = [f'p_{name}' for name in BASIC]


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory):
    """A run folder with a model that learned nothing."""
    run_dir = RunDir(str(tmp_path_factory.mktemp('run')))
    run_dir.claim('')
    keras.utils.set_random_seed(0)
    model = build_classifier(TINY_MODEL, num_classes=7, image_size_px=48)
    model.save(run_dir.model_file)
    with open(run_dir.labels_file, 'w', encoding='utf-8') as file:
        file.write(''.join(f'{name}\n' for name in BASIC))
    export_classifier(model, BASIC, run_dir.saved_model_dir)
    return run_dir


@pytest.fixture(scope='module')
def photo_dir(tmp_path_factory):
    """A portrait, a picture of two people, one of nobody, a film, and a broken file."""
    root = tmp_path_factory.mktemp('photos')
    demo.write_demo_archives(root / 'drawn', subjects=3)
    portraits = [cv2.imread(str(p)) for p in sorted((root / 'drawn/rafd').rglob('*090*.jpg'))[:2]]
    folder = root / 'mixed'
    folder.mkdir()
    cv2.imwrite(str(folder / 'one.png'), portraits[0])
    cv2.imwrite(str(folder / 'two.png'), np.hstack(portraits))
    cv2.imwrite(str(folder / 'nobody.png'), np.full((200, 200, 3), 90, np.uint8))
    (folder / 'broken.jpg').write_bytes(b'no picture')
    height, width = portraits[0].shape[:2]
    film = cv2.VideoWriter(
        str(folder / 'film.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 5, (width, height)
    )
    for _ in range(4):
        film.write(portraits[1])
    film.release()
    return folder


def test_run_folder_model_file_and_saved_model_agree(run_dir):
    crops = random_images(3, 64)
    tables = [
        fer_keras.load(path).predict_crops(crops)
        for path in (run_dir.path, run_dir.model_file, run_dir.saved_model_dir)
    ]
    for table in tables[1:]:
        np.testing.assert_allclose(table[COLUMNS], tables[0][COLUMNS], atol=1e-5)
        assert table['label'].tolist() == tables[0]['label'].tolist()


def test_crops_of_several_sizes_keep_their_order(run_dir):
    predictor = fer_keras.load(run_dir.path)
    crops = [random_images(1, size, seed=size)[0] for size in (48, 64, 96)]
    alone = pd.concat([predictor.predict_crops([crop]) for crop in crops], ignore_index=True)
    pd.testing.assert_frame_equal(predictor.predict_crops(crops), alone)
    assert predictor.predict_crops([]).empty


def test_a_portrait_is_cropped_as_the_data_sets_are(run_dir, photo_dir):
    predictor = fer_keras.load(run_dir.path)
    photo = cv2.imread(str(photo_dir / 'one.png'))[:, :, ::-1]
    table = predictor.predict([photo_dir / 'one.png'])
    crop = faces.crop_face(photo, faces.find_face(photo))
    np.testing.assert_array_equal(table[COLUMNS], predictor.predict_crops([crop])[COLUMNS])


def test_something_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='neither a run folder'):
        fer_keras.load(tmp_path)


def test_a_photo_of_the_wrong_kind_is_refused(run_dir):
    with pytest.raises(ValueError, match='uint8.*float64'):
        fer_keras.load(run_dir.path).predict([np.zeros((8, 8, 3))])


def test_every_face_and_every_file_has_its_row(run_dir, photo_dir, tmp_path):
    output = tmp_path / 'out.csv'
    completed = run(
        'predict', f'--model={run_dir.path}', f'--output={output}', '--every=2',
        f'--overlay_dir={tmp_path / "overlays"}', photo_dir,
    )  # fmt: skip
    assert completed.returncode == 1, completed.stderr[-3000:]  # one file is broken
    table = pd.read_csv(output)
    table['name'] = [file.rsplit('/')[-1] for file in table['file']]
    counts = table[table['status'] == 'ok'].groupby('name').size().to_dict()
    assert counts == {'one.png': 1, 'two.png': 2, 'film.avi': 2}
    assert table.set_index('name').loc['nobody.png', 'status'] == 'no face'
    assert table.set_index('name').loc['broken.jpg', 'status'].startswith('unreadable')
    known = table[table['status'] == 'ok']
    np.testing.assert_allclose(known[COLUMNS].sum(axis=1), 1, atol=1e-5)
    assert set(table.loc[table['name'] == 'film.avi', 'frame']) == {0, 2}
    assert len(list((tmp_path / 'overlays').iterdir())) == 5


def test_crops_as_json_lines(run_dir, photo_dir, tmp_path):
    output = tmp_path / 'out.jsonl'
    files = [photo_dir / 'one.png', photo_dir / 'nobody.png']
    completed = run('predict', f'--model={run_dir.path}', f'--output={output}', '--crops', *files)
    assert completed.returncode == 0, completed.stderr[-3000:]
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row['status'] for row in rows] == ['ok', 'ok'] and rows[0]['left'] is None


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--model=x'], 'Nothing to look at'),
        ([], '--model=RUN'),
        (['--model=x', 'no'], 'not exist'),
    ],
)
def test_wrong_flags_end_with_two(arguments, message):
    completed = run('predict', *arguments)
    assert completed.returncode == 2 and message in completed.stderr
