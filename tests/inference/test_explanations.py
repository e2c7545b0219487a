import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.config.inference import ExplanationConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.explanation_files import explain_files
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.models.backbones import BACKBONES
from fer_keras.models.classifier import build_classifier
from tests.fakes import png_bytes, portraits, random_images, tiniest_model, write_untrained_run

IMAGES = random_images(2, 80).astype('float32')


def build(**choices):
    keras.utils.set_random_seed(0)
    config = dataclasses.replace(tiniest_model(), **choices)
    return build_classifier(config, num_classes=3, image_size_px=80)


def test_grad_cam_is_what_the_gradients_of_the_paper_give():
    model = build(saliency='center')
    found = build_grad_cam(model).predict(IMAGES, verbose=0)['grad_cam']
    to_maps = keras.Model(model.input, model.get_layer('features').input)
    maps = to_maps.predict(IMAGES, verbose=0)
    head = model.get_layer('probabilities')
    maps = tf.constant(maps)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        pooled = model.get_layer('features')(maps)
        scores = [pooled @ head.kernel[:, c : c + 1] for c in range(3)]
    height, width = maps.shape[1:3]
    for label, score in enumerate(scores):
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        expected = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1)) * height * width
        np.testing.assert_allclose(found[..., label], expected, rtol=1e-3, atol=1e-6)


def test_of_two_branches_and_two_sides_the_backbone_is_explained():
    model = build(hog_branch=True, average_mirrored=True, color='gradients')
    head = model.get_layer('deep')
    head.kernel.assign(np.abs(head.kernel))
    found = build_grad_cam(model).predict(IMAGES, verbose=0)
    assert found['grad_cam'].shape[-1] == 3 and found['grad_cam'].max() > 0
    np.testing.assert_allclose(found['probabilities'], model.predict(IMAGES, verbose=0), rtol=1e-5)
    strips, _ = explain(build_grad_cam(model), IMAGES)
    assert strips.shape == (2, 80, 4 * 80, 3)


@pytest.mark.parametrize(
    'backbone',
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ('convnext_tiny', 'densenet121')),
        'vgg16',
    ],
)
def test_each_way_of_preprocessing_is_explained(backbone):
    assert backbone in BACKBONES
    model = build(backbone=backbone)
    # Random weights may have evidence against every class and for none.
    head = model.get_layer('probabilities')
    head.kernel.assign(np.abs(head.kernel))
    found = build_grad_cam(model).predict(IMAGES, verbose=0)
    assert found['grad_cam'].shape[-1] == 3 and found['grad_cam'].max() > 0
    np.testing.assert_allclose(found['probabilities'], model.predict(IMAGES, verbose=0), rtol=1e-5)


def test_four_pictures_stand_side_by_side():
    strips, probabilities = explain(build_grad_cam(build(crop=0.8)), IMAGES)
    assert strips.shape == (2, 64, 4 * 64, 3) and strips.dtype == np.uint8
    np.testing.assert_array_equal(strips[:, :, :64], IMAGES[:, 8:-8, 8:-8])
    # Without saliency all of the face passes on.
    np.testing.assert_array_equal(strips[:, :, 128:192], strips[:, :, :64])
    assert probabilities.shape == (2, 3)


def run(*arguments):
    command = [sys.executable, '-m', 'fer_keras.explain', *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_writes_a_picture_a_face(tmp_path):
    (tmp_path / 'run/checkpoints').mkdir(parents=True)
    build(saliency='center').save(tmp_path / 'run/checkpoints/best.keras')
    (tmp_path / 'run/labels.txt').write_text('neutral\nhappy\nsad\n')
    face = tmp_path / 'face.png'
    cv2.imwrite(str(face), random_images(1, 50)[0])
    completed = run(f'--run_dir={tmp_path / "run"}', f'--output={tmp_path / "out"}', face)
    assert completed.returncode == 0, completed.stderr[-3000:]
    (picture,) = (tmp_path / 'out').iterdir()
    assert cv2.imread(str(picture)).shape == (80, 320, 3)
    assert str(picture) in completed.stdout


def test_a_file_that_is_no_picture_is_left_out_and_named(tmp_path):
    run_dir = write_untrained_run(tmp_path / 'run')
    (tmp_path / 'bad.png').write_bytes(b'none')
    (tmp_path / 'good.png').write_bytes(png_bytes(random_images(1, 50)[0]))
    files = [str(tmp_path / 'bad.png'), str(tmp_path / 'good.png')]
    with pytest.raises(InvalidInputError, match='1 of 2 files were left out:\n.*bad.png'):
        explain_files(ExplanationConfig(run_dir.path, output=str(tmp_path / 'out')), files)
    assert len(list((tmp_path / 'out').iterdir())) == 1


def test_each_face_of_a_whole_photo_is_explained(tmp_path, capsys):
    run_dir = write_untrained_run(tmp_path / 'run')
    two, nobody, wide = (str(tmp_path / f'{name}.png') for name in ('two', 'nobody', 'wide'))
    Path(two).write_bytes(png_bytes(np.hstack(portraits(2))))
    Path(nobody).write_bytes(png_bytes(np.full((90, 90, 3), 90, np.uint8)))
    shutil.copy(two, wide)
    config = ExplanationConfig(run_dir.path, photos=True, output=str(tmp_path / 'out'))
    explain_files(config, [two, nobody])
    printed = capsys.readouterr()
    assert sorted(path.name[-14:] for path in (tmp_path / 'out').iterdir()) == [
        'png_000000.png', 'png_000001.png',
    ]  # fmt: skip
    assert printed.out.count('two.png_') == 2
    assert printed.err == f'note: {nobody}: no face was found\n'
    explain_files(dataclasses.replace(config, photos=False), [wide])
    assert 'give --photos' in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_says_that_there_is_no_run(tmp_path):
    cv2.imwrite(str(tmp_path / 'face.png'), random_images(1, 50)[0])
    completed = run(f'--run_dir={tmp_path}', tmp_path / 'face.png')
    assert completed.returncode == 2 and 'neither a run folder' in completed.stderr
