import dataclasses

import keras
import numpy as np
import pytest

from fer_keras.data.decoding import decode_upright
from fer_keras.models.classifier import build_classifier
from fer_keras.serving import checks, portable
from fer_keras.serving.checks import (
    TOLERANCES,
    ask_c_api,
    ask_model,
    compare_forms,
    compare_frames,
    open_forms,
    print_comparison,
    vary,
)
from fer_keras.serving.signatures import export_classifier
from tests.exported import class_images, enliven
from tests.fakes import (
    BASIC,
    class_image,
    png_bytes,
    portraits,
    random_images,
    tiniest_model,
)


@pytest.fixture(scope='module')
def files():
    return vary([class_image(number % 7, number, 40) for number in range(12)], 64)


def test_varied_files_have_several_sizes_and_formats(files):
    sizes = {tuple(decode_upright(file).shape[:2]) for file in files}
    assert sizes == {(40, 40), (28, 28), (64, 64), (20, 20)}
    assert {file[:3] for file in files} == {b'\xff\xd8\xff', b'\x89PN', b'RIF'}


@pytest.mark.slow
def test_every_form_gives_the_probabilities_of_the_trained_graph(served, files, tmp_path, capsys):
    model_file = str(tmp_path / 'best.keras')
    served.model.save(model_file)
    portable.write_tflite(served.model, BASIC, class_images(64), str(tmp_path / 'portable'))
    portable.write_onnx(served.model, BASIC, str(tmp_path / 'portable'))
    forms = open_forms(model_file, served.version_dir, str(tmp_path / 'portable'))
    assert set(forms) == set(TOLERANCES) - {'.keras float16', 'SavedModel, frames'}
    table = compare_forms(served.model, forms, files)
    assert len(table) == 3 * len(forms)
    assert table['agrees'].all(), table.to_string()
    print_comparison(table)
    assert capsys.readouterr().out.count('SavedModel, C API') == 3


def test_a_form_of_another_order_of_labels_is_found_out(served, files):
    def swapped(batches):
        return [answers[:, ::-1] for answers in ask_model(served.model, batches)]

    table = compare_forms(served.model, {'ONNX': swapped}, files)
    assert not table['agrees'].any()


@pytest.mark.slow
def test_frames_are_compared_through_the_c_api_and_another_answer_is_found_out(served, monkeypatch):
    people = portraits(2)
    frames = np.stack([people[0], np.full_like(people[0], 90), people[1]])
    asked = []

    def ask(*arguments):
        asked.extend(ask_c_api(*arguments))
        return asked

    monkeypatch.setattr(checks, 'ask_c_api', ask)
    table = compare_frames(served.model, served.version_dir, frames)
    (row,) = table.to_dict('records')
    assert row['agrees'] and row['same_label'] == 1 and row['batch'] == 3, row
    assert np.any(asked[0]['values'], axis=1).tolist() == [True, False, True]
    for answers in (
        [{'values': [row[::-1] for row in asked[0]['values']]}],  # The labels in another order.
        [{'values': [row * 2 for row in asked[0]['values']]}],  # Twice as many faces.
    ):
        monkeypatch.setattr(checks, 'ask_c_api', lambda *_, answers=answers: answers)
        assert not compare_frames(served.model, served.version_dir, frames)['agrees'].any()
    assert compare_frames(served.model, served.version_dir, frames[1:2]).empty


def test_the_process_of_the_c_api_lives_on_after_a_broken_image(served):
    whole = png_bytes(random_images(1, 40)[0])
    answers = ask_c_api(served.version_dir, [[whole, whole[:90]], [whole]])
    assert 'image_bytes[1] must be a whole picture' in answers[0]['error']
    assert sum(answers[1]['values'][0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_the_recipe_of_the_experiments_has_a_counterpart_in_every_format(tmp_path):
    """Gradients, both sides, two branches, and a saliency model that shrinks its image."""
    config = tiniest_model(
        color='gradients',
        average_mirrored=True,
        hog_branch=True,
        saliency='mlnet_light',
        crop=0.8,
    )
    keras.utils.set_random_seed(0)
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=100)
    # Of noise alone, features hardly differ, and what is rounded would count for all of it.
    pictures = [class_image(number % 7, number, 100) for number in range(16)]
    images = np.stack(pictures).astype('float32')
    enliven(model, 'deep', images)
    shallow = model.get_layer('shallow').kernel
    shallow.assign(np.random.default_rng(0).normal(0, 0.3, shallow.shape))
    assert np.std(model.predict(images, verbose=0), axis=0).mean() > 0.05
    model_file = str(tmp_path / 'best.keras')
    model.save(model_file)
    portable.write_tflite(model, BASIC, images, str(tmp_path))
    portable.write_onnx(model, BASIC, str(tmp_path))
    version_dir = export_classifier(model, BASIC, str(tmp_path / 'saved_model'))
    forms = open_forms(model_file, version_dir, str(tmp_path))
    assert set(forms) == set(TOLERANCES) - {'.keras float16', 'SavedModel, frames'}
    compared = {name: form for name, form in forms.items() if name != 'TFLite float16'}
    table = compare_forms(model, compared, vary(pictures, 64))
    assert table['agrees'].all(), table.to_string()


def test_a_fourier_transform_is_refused_before_anything_is_converted(tmp_path):
    config = dataclasses.replace(tiniest_model(), saliency='spectral_residual')
    model = build_classifier(config, num_classes=7, image_size_px=32)
    for write in (
        lambda: portable.write_onnx(model, BASIC, str(tmp_path)),
        lambda: portable.write_tflite(model, BASIC, class_images(1), str(tmp_path)),
    ):
        with pytest.raises(ValueError, match='no Fourier transform.*spectral_residual'):
            write()
    assert not list(tmp_path.iterdir())
