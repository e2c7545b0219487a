import dataclasses
import io
import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from fer_keras.config import choices
from fer_keras.config.serving import ExportConfig
from fer_keras.data.decoding import decode, to_model_input
from fer_keras.errors import InvalidInputError, UnwritableFileError
from fer_keras.models import external_saliency
from fer_keras.models.classifier import build_classifier, load_classifier
from fer_keras.serving import signatures as signatures_module
from fer_keras.serving.signatures import BATCHING_FILE, export_classifier
from fer_keras.serving.warmup import WARMUP_FILE
from fer_keras.serving.whole_photos import DETECTORS
from tests.fakes import BASIC, png_bytes, portraits, random_images, tiniest_model
from tfds_builders import detectors

Invalid = tf.errors.InvalidArgumentError


def jpeg_bytes(image_rgb):
    return cv2.imencode('.jpg', image_rgb[..., ::-1])[1].tobytes()


def test_bytes_and_images_give_the_models_probabilities(served, signatures):
    images = random_images(3, 80)
    expected = served.model.predict(to_model_input(images, 32), verbose=0)
    encoded = tf.constant([png_bytes(image) for image in images])
    for answer in (
        signatures['serving_default'](image_bytes=encoded),
        signatures['explain'](image_bytes=encoded),
        signatures['predict_images'](images=tf.constant(images)),
        signatures['predict_float_images'](images=tf.constant(images, tf.float32)),
    ):
        np.testing.assert_allclose(answer['probabilities'], expected, atol=1e-5)


def test_the_label_is_the_name_of_the_largest_probability(signatures):
    answer = signatures['predict_images'](images=tf.constant(random_images(5, 64)))
    best = np.argmax(answer['probabilities'], axis=1)
    assert [name.decode() for name in answer['label'].numpy()] == [BASIC[i] for i in best]
    np.testing.assert_array_equal(answer['score'], np.max(answer['probabilities'], axis=1))
    assert [name.decode() for name in answer['label_names'].numpy()[0]] == list(BASIC)


def test_formats_and_sizes_share_a_batch(served, signatures):
    images = [random_images(1, size)[0] for size in (40, 90, 33)]
    webp = cv2.imencode('.webp', images[2])[1].tobytes()
    files = [png_bytes(images[0]), jpeg_bytes(images[1]), webp]
    expected = served.model.predict(np.stack([decode(file, 32) for file in files]), verbose=0)
    answer = signatures['serving_default'](image_bytes=tf.constant(files))
    np.testing.assert_allclose(answer['probabilities'], expected, atol=1e-5)


def test_pictures_of_every_kind_are_answered_as_people_see_them(signatures):
    image = cv2.resize(random_images(1, 8)[0], (40, 24))
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # Lies on its side.
    Image.fromarray(np.rot90(image)).save(turned, 'PNG', exif=exif)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    deep = image.astype(np.uint16) * 257
    alpha = np.dstack([image, np.full(image.shape[:2], 9, np.uint8)])
    files = {
        turned.getvalue(): image,
        cv2.imencode('.png', grey)[1].tobytes(): np.dstack([grey] * 3),
        png_bytes(deep): image,
        cv2.imencode('.png', alpha[..., [2, 1, 0, 3]])[1].tobytes(): image,
        cv2.imencode('.png', deep[..., [2, 1, 0, 0]])[1].tobytes(): image,  # 16 bits and alpha
    }
    answer = signatures['serving_default'](image_bytes=tf.constant(list(files)))
    expected = [
        signatures['predict_images'](images=tf.constant(seen[None]))['probabilities'][0]
        for seen in files.values()
    ]
    np.testing.assert_allclose(answer['probabilities'], expected, atol=1e-5)


def test_the_weights_are_constants_of_the_graph(served):
    variables = tf.train.list_variables(os.path.join(served.version_dir, 'variables', 'variables'))
    assert not [name for name, _ in variables if 'CHECKPOINTABLE' not in name]


def test_an_explanation_holds_what_the_network_sees(signatures):
    face = random_images(2, 32)
    answer = signatures['explain'](image_bytes=tf.constant([png_bytes(image) for image in face]))
    np.testing.assert_array_equal(answer['face'], face)
    saliency_map = answer['saliency_map'].numpy()
    # The saliency model of the fixture is a bump at the centre, the fusion a product.
    assert saliency_map.shape == (2, 32, 32, 1) and saliency_map.max() == 1
    attended = np.round(face * saliency_map)
    assert answer['attended_image'].dtype == tf.uint8
    assert np.abs(answer['attended_image'].numpy() - attended).max() <= 1


@pytest.mark.parametrize(
    'value, received', [(1.0, '1 to 1'), (np.nan, 'nan to nan'), (300.0, '300'), (-1.0, '-1')]
)
def test_float_images_of_another_range_are_refused(value, received, signatures):
    images = tf.fill([1, 8, 8, 3], tf.constant(value, tf.float32))
    with pytest.raises(Invalid, match=rf'must be in \[0, 255\]. Received: {received}'):
        signatures['predict_float_images'](images=images)


def test_a_broken_image_is_named_and_the_next_request_is_answered(signatures):
    whole = png_bytes(random_images(1, 40)[0])
    bomb = bytearray(whole)
    bomb[16:24] = b'\0\0\x75\x30' * 2
    files = [whole, b'no picture', whole, whole[:100], bytes(bomb), b'\xff\xd8\xff', b'']
    with pytest.raises(Invalid) as caught:
        signatures['serving_default'](image_bytes=tf.constant(files))
    message = str(caught.value)
    for expected in (
        'image_bytes[1] must be a JPEG, PNG or WebP file.',
        'image_bytes[3] must be a whole picture. Received: a damaged file.',
        'image_bytes[4] must have at most 25000000 pixels. Received: 30000 x 30000.',
        'image_bytes[5] must be a whole picture.',
        'image_bytes[6] must be a JPEG, PNG or WebP file.',
    ):
        assert expected in message
    assert 'image_bytes[0]' not in message and 'image_bytes[2]' not in message
    answer = signatures['serving_default'](image_bytes=tf.constant([whole]))
    assert answer['probabilities'].shape == (1, 7)


@pytest.mark.parametrize(
    'name', ['serving_default', 'explain', 'predict_photos', 'predict_portraits']
)
def test_a_request_without_files_is_told_so(name, signatures):
    with pytest.raises(Invalid, match='at least one image'):
        signatures[name](image_bytes=tf.zeros([0], tf.string))


@pytest.mark.parametrize(
    'name, taken', [('predict_images', 'images'), ('predict_frames', 'frames')]
)
def test_a_request_without_images_is_told_so(name, taken, signatures):
    with pytest.raises(Invalid, match='at least one image'):
        signatures[name](**{taken: tf.zeros([0, 8, 8, 3], tf.uint8)})


def test_frames_are_answered_as_lossless_files_of_them_are(signatures):
    two = np.hstack(portraits(2))
    one = two.copy()
    one[:, two.shape[1] // 2 :] = 90
    frames = np.stack([one, np.full_like(two, 90), two])
    files = tf.constant([png_bytes(frame) for frame in frames])
    expected = signatures['predict_photos'](image_bytes=files)
    answer = signatures['predict_frames'](frames=tf.constant(frames))
    assert answer['num_faces'].numpy().tolist() == [1, 0, 2]
    assert set(answer) == set(expected)
    for name, value in answer.items():
        assert (value.dtype, value.shape) == (expected[name].dtype, expected[name].shape), name
        if value.dtype == tf.string:
            np.testing.assert_array_equal(value, expected[name], name)
        else:
            np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


def test_scales_are_folded_in_the_export_alone(monkeypatch):
    image = keras.Input((8, 8, 3), name='image')
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, {'probabilities': keras.layers.GlobalAveragePooling2D()(x)})
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.2, one.shape) for one in model.get_weights()])
    weights, images = model.get_weights(), rng.uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    expected = model.predict_on_batch(images)['probabilities']
    frozen = signatures_module._freeze(model, model.input_shape)
    found = frozen(tf.constant(images))['probabilities']
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # What is done to the weights is in the export, and no longer in the model.
    monkeypatch.setattr(
        signatures_module, 'fold_scales', lambda model: model.layers[2].beta.assign_add([1.0] * 4)
    )
    frozen = signatures_module._freeze(model, model.input_shape)
    found = frozen(tf.constant(images))['probabilities']
    np.testing.assert_allclose(found, expected + 1, rtol=1e-5)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_photo_alone_is_answered_as_among_others(signatures):
    people = portraits(2)
    photos = [people[0], np.full_like(people[0], 90), np.hstack(people)]
    files = [png_bytes(photo) for photo in photos]
    together = signatures['predict_photos'](image_bytes=tf.constant(files))
    for position, (file, count) in enumerate(zip(files, (1, 0, 2), strict=True)):
        alone = signatures['predict_photos'](image_bytes=tf.constant([file]))
        assert alone['num_faces'].numpy().tolist() == [count]
        assert set(alone) == set(together)
        for name in ('boxes', 'landmarks', 'detection_scores', 'probabilities'):
            expected = together[name][position, :count]
            assert alone[name].shape == (1, *expected.shape), name
            np.testing.assert_allclose(alone[name][0], expected, atol=1e-3, err_msg=name)


@pytest.mark.parametrize('shape', [(1, 0, 8, 3), (2, 8, 0, 3), (1, 5000, 5001, 3)])
def test_frames_that_are_empty_or_too_large_are_refused(shape, signatures):
    match = f'frames must have 1 to 25000000 pixels each. Received: {shape[2]} x {shape[1]}'
    with pytest.raises(Invalid, match=match):
        signatures['predict_frames'](frames=tf.zeros(shape, tf.uint8))


@pytest.mark.parametrize('name, count', [('serving_default', 1000), ('predict_portraits', 200)])
def test_damaged_files_are_each_answered_or_refused(name, count, signatures):
    rng = np.random.default_rng(0)
    image = cv2.resize(random_images(1, 6)[0], (40, 36))
    originals = [png_bytes(image), jpeg_bytes(image)]
    answered = refused = 0
    for number in range(count):
        data = bytearray(originals[number % 2])
        for _ in range(rng.integers(1, 8)):
            start = rng.integers(len(data))
            kind = rng.integers(3)
            if kind == 0:
                data[start] = rng.integers(256)
            elif kind == 1:
                del data[start : start + rng.integers(1, 20)]
            else:
                data[start:start] = rng.bytes(rng.integers(1, 20))
            data = data or bytearray(b'x')
        try:
            answer = signatures[name](image_bytes=tf.constant([bytes(data)]))
        except Invalid as error:
            assert 'image_bytes[0] must' in str(error)
            refused += 1
        else:
            # A whole photo has as many as it has faces.
            expected = 1 if name == 'serving_default' else int(answer['num_faces'][0])
            assert np.sum(answer['probabilities']) == pytest.approx(expected, abs=1e-5)
            answered += 1
    assert answered + refused == count
    # The damage is neither so slight nor so heavy that one of the two is never tried.
    assert answered > count // 20 and refused > count // 20


def test_every_signature_has_a_warm_up_request_that_runs(served, signatures):
    records = tf.data.TFRecordDataset(os.path.join(served.version_dir, WARMUP_FILE))
    warmed = set()
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(p)) for name, p in request.inputs.items()}
        answer = signatures[request.model_spec.signature_name](**inputs)
        shape = answer['probabilities'].shape
        assert (shape[0], shape[-1]) == (1, 7)  # Of a whole photo with its faces between.
        warmed.add(request.model_spec.signature_name)
    assert warmed == set(signatures)


def test_labels_and_model_card_lie_beside_the_graph(served):
    folder = Path(served.version_dir)
    assert (folder / 'labels.txt').read_text().splitlines() == list(BASIC)
    card = (folder / 'model_card.md').read_text()
    assert 'neutral, happy, sad' in card and '`predict_frames` takes frames' in card


class Archive:
    """Writes in no time, for tests of what is around it."""

    def write_out(self, path, verbose):
        os.makedirs(path)


@pytest.fixture
def quick_archive(monkeypatch):
    monkeypatch.setattr(signatures_module, 'make_archive', lambda model, names, detector: Archive())


def test_versions_count_up_and_leave_nothing_unfinished(served, tmp_path, quick_archive):
    (tmp_path / '9').mkdir()
    (tmp_path / 'notes').mkdir()
    paths = [export_classifier(served.model, BASIC, str(tmp_path)) for _ in range(2)]
    assert [path.rsplit('/', 1)[1] for path in paths] == ['10', '11']
    assert {path.name for path in tmp_path.iterdir()} == {'9', '10', '11', 'notes', BATCHING_FILE}


def test_a_number_that_another_export_takes_meanwhile_is_left_to_it(
    served, tmp_path, quick_archive, monkeypatch
):
    (tmp_path / '1').mkdir()
    (tmp_path / '1' / 'saved_model.pb').touch()
    # As if `1` had appeared after the folder was listed.
    monkeypatch.setattr(signatures_module.os, 'listdir', lambda path: [])
    assert export_classifier(served.model, BASIC, str(tmp_path)).endswith('/2')
    assert (tmp_path / '1' / 'saved_model.pb').exists()


def test_an_export_that_fails_leaves_no_version(served, tmp_path, quick_archive, monkeypatch):
    def fail(path):
        raise OSError('No space left on device')

    monkeypatch.setattr(signatures_module, 'write_warmup_requests', fail)
    with pytest.raises(OSError, match='No space'):
        export_classifier(served.model, BASIC, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_path_that_tensorflow_cannot_load_from_is_refused_before_anything_is_written(
    served, tmp_path, quick_archive
):
    with pytest.raises(InvalidInputError, match='no \\[...\\].*Rename the folder'):
        export_classifier(served.model, BASIC, str(tmp_path / 'run [2]'))
    assert not list(tmp_path.iterdir())
    assert export_classifier(served.model, BASIC, str(tmp_path / 'run (2)')).endswith('/1')


def test_a_folder_that_cannot_be_written_is_named(served, tmp_path, quick_archive):
    (tmp_path / 'file').touch()
    with pytest.raises(UnwritableFileError, match='file/saved_model cannot be written: Not a dir'):
        export_classifier(served.model, BASIC, str(tmp_path / 'file' / 'saved_model'))


def test_batching_parameters_that_somebody_tuned_stay(served, tmp_path, quick_archive):
    export_classifier(served.model, BASIC, str(tmp_path))
    assert 'max_batch_size { value: 32 }' in (tmp_path / BATCHING_FILE).read_text()
    (tmp_path / BATCHING_FILE).write_text('max_batch_size { value: 8 }\n')
    export_classifier(served.model, BASIC, str(tmp_path))
    assert (tmp_path / BATCHING_FILE).read_text() == 'max_batch_size { value: 8 }\n'


@pytest.mark.parametrize(
    'saliency, match',
    [('folder:/maps', 'make its saliency maps itself'), ('shuffled', 'what else is in its batch')],
)
def test_a_classifier_that_a_new_photo_cannot_feed_is_not_served(saliency, match, tmp_path):
    config = dataclasses.replace(tiniest_model(), saliency=saliency)
    with pytest.raises(ValueError, match=match):
        export_classifier(
            build_classifier(config, num_classes=7, image_size_px=32), BASIC, str(tmp_path)
        )


def test_names_must_match_the_outputs(served, tmp_path):
    with pytest.raises(ValueError, match='3 for 7 outputs'):
        export_classifier(served.model, BASIC[:3], str(tmp_path))


def test_a_model_file_with_code_in_it_is_not_run(tmp_path):
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: 2 * x)(image)).save(tmp_path / 'code.keras')
    with pytest.raises(ValueError, match='safe_mode=False'):
        load_classifier(str(tmp_path / 'code.keras'))


@pytest.mark.slow
def test_a_saliency_model_of_somebody_else_is_loaded_where_it_is_trusted_and_served(
    tmp_path, monkeypatch
):
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(1, 3, padding='same', activation='sigmoid')(image)
    keras.Model(image, x).export(str(tmp_path / 'saliency'), verbose=False)
    saliency = f'saved_model:{tmp_path / "saliency"}'
    config = dataclasses.replace(tiniest_model(), saliency=saliency)
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=32)
    path = str(tmp_path / 'best.keras')
    model.save(path)
    version_dir = export_classifier(load_classifier(path), BASIC, str(tmp_path / 'saved_model'))
    images = random_images(2, 32)
    expected = model.predict(images.astype('float32'), verbose=0)
    answer = tf.saved_model.load(version_dir).signatures['predict_images'](
        images=tf.constant(images)
    )
    np.testing.assert_allclose(answer['probabilities'], expected, atol=1e-5)
    # In a process that was not told to use it, as after a download.
    monkeypatch.setattr(external_saliency, '_named', set())
    with pytest.raises(ValueError, match=f'whose graph is code.*{external_saliency.TRUSTED}='):
        load_classifier(path)
    monkeypatch.setenv(external_saliency.TRUSTED, '/elsewhere:')
    with pytest.raises(ValueError, match='whose graph is code'):
        external_saliency.SavedModelLayer.from_config({'filepath': ''})
    (tmp_path / 'link').symlink_to(tmp_path / 'saliency')
    monkeypatch.setenv(external_saliency.TRUSTED, f'/elsewhere:{tmp_path / "link"}')
    np.testing.assert_allclose(
        load_classifier(path).predict(images.astype('float32'), verbose=0), expected, atol=1e-5
    )


def test_a_saliency_model_with_a_table_is_refused(tmp_path):
    class Looker(tf.Module):
        def __init__(self):
            super().__init__()
            pairs = tf.lookup.KeyValueTensorInitializer(tf.range(256), tf.linspace(0.0, 1.0, 256))
            self.table = tf.lookup.StaticHashTable(pairs, 0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 3])])
        def serve(self, image):
            return {'saliency_map': self.table.lookup(tf.cast(image[..., :1], tf.int32))}

    looker = Looker()
    tf.saved_model.save(looker, str(tmp_path / 'saliency'), {'serving_default': looker.serve})
    config = dataclasses.replace(tiniest_model(), saliency=f'saved_model:{tmp_path / "saliency"}')
    model = build_classifier(config, num_classes=len(BASIC), image_size_px=32)
    with pytest.raises(ValueError, match='nothing but weights.*tables'):
        export_classifier(model, BASIC, str(tmp_path / 'saved_model'))
    assert not (tmp_path / 'saved_model').exists()


def test_every_detector_without_a_file_has_a_graph():
    assert set(DETECTORS) == set(choices.DETECTORS)
    assert ExportConfig().detector == detectors.PREFERRED
