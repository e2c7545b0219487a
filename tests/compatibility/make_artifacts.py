"""Makes what the tests of this folder read, with the unchanged code of an older commit.

    git worktree add /tmp/e60150a e60150a
    python tests/compatibility/make_artifacts.py /tmp/e60150a

The archive `e60150a.tar.xz` beside this file is written anew. All paths in its files are relative
to its root, so that nothing of the machine that made it is kept but what `environment.json` says.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import signal
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMIT = 'e60150a'
OUTPUT = Path(__file__).resolve().parent / f'{COMMIT}.tar.xz'
EXPRESSIONS = ('happy', 'sad', 'surprised')
FER2013_CODES = {'happy': 3, 'sad': 4, 'surprised': 5}
# People of each split of `expression_folders`.
PEOPLE = {'train': 6, 'validation': 2, 'test': 3}
# Each set and the folder that it is built from.
SETS = {
    'expression_folders/originals': 'crops',
    'expression_folders/faces': 'photos',
    'fer2013/originals': 'fer2013',
}
DESCRIBED = ('file_name', 'subject_id', 'gender', 'group', 'age', 'detected')
MODEL_SIZE_PX = 48
LAYERS_SIZE_PX = 12
LEAN = 40
# Figures, pages and the event files of TensorBoard are of no use to a test, and most of a run.
NOT_KEPT = ('.png', '.html', '/train', '/validation', '/archives', '/downloads')


def main() -> None:
    """Makes everything in a new folder, and packs it beside this file."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    os.environ.setdefault('MPLBACKEND', 'agg')
    sys.dont_write_bytecode = True  # The checkout stays as it is.
    checkout = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(checkout))
    import fer_keras

    assert Path(fer_keras.__file__).is_relative_to(checkout), fer_keras.__file__
    with tempfile.TemporaryDirectory(prefix='artifacts') as folder:
        os.chdir(folder)
        draw_archives()
        build_sets()
        Path('expected').mkdir()
        describe_sets()
        write_images()
        register_tiny_backbone()
        train_finished_run()
        train_unfinished_run()
        export_saved_model()
        write_classifiers()
        write_every_layer()
        write_optimizers()
        write_flag_files()
        with tarfile.open(OUTPUT, 'w:xz', preset=9) as archive:
            archive.add('.', COMMIT, filter=_without_origin)


def _without_origin(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The entry without its owner and date, or None where it is not kept."""
    if entry.name.endswith(NOT_KEPT):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ''
    return entry


# Prepared sets: drawn people, so that no licence speaks of them.


def draw_photos(people: int) -> Iterator[tuple[int, str, Any]]:
    """Person from 0, expression and photo, uint8 `[512, 340, 3]`, RGB."""
    from tfds_builders import demo

    for shot in demo.rafd_shots(subjects=people, seed=0):
        if shot.expression in EXPRESSIONS and shot.gaze == 'frontal':
            yield shot.person, shot.expression, demo.photograph(shot, seed=0)


def face_of(photo: Any, size_px: int, degrees: float = 0.0) -> Any:
    """The face of a drawn photo, turned about its middle, uint8 `[size_px, size_px, 3]`."""
    import cv2

    turn = cv2.getRotationMatrix2D((170, 245), degrees, 1.0)
    photo = cv2.warpAffine(photo, turn, photo.shape[1::-1])
    return cv2.resize(photo[125:365, 50:290], (size_px, size_px), interpolation=cv2.INTER_AREA)


def draw_archives() -> None:
    """Archives of `expression_folders`, of face crops and of photos, and of FER2013."""
    import cv2
    import numpy as np

    from tfds_builders import splits

    numbers = {split: [] for split in PEOPLE}
    for number in range(1, 41):
        split = splits.split_of(splits.subject_slot('expression_folders', str(number)))
        if len(numbers[split]) < PEOPLE[split]:
            numbers[split].append(number)
    order = [number for split in PEOPLE for number in numbers[split]]
    # One of each split: these have whole photos, too.
    in_photos = [of_split[0] for of_split in numbers.values()]
    rows = []
    rng = np.random.default_rng(0)
    for person, expression, photo in draw_photos(len(order)):
        number = order[person]
        name = f'{expression}/{number:03d}_1.jpg'
        # Heads that lean, so that not all answers are right and the numbers say something.
        write_jpeg(Path('archives/crops', name), face_of(photo, 64, rng.uniform(-LEAN, LEAN)))
        if number in in_photos and expression == 'happy':
            # Without the grain of the camera, which would be most of a lossless crop.
            smooth = cv2.GaussianBlur(photo, (0, 0), 3)
            half = cv2.resize(smooth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            write_jpeg(Path('archives/photos', name), half)
        usage = 'Training' if person < 6 else 'PublicTest' if person < 8 else 'PrivateTest'
        grey = cv2.cvtColor(face_of(photo, 48), cv2.COLOR_RGB2GRAY)
        pixels = ' '.join(str(value) for value in grey.ravel())
        rows.append((FER2013_CODES[expression], pixels, usage))
    people = [(f'{n:03d}', ('female', 'male')[n % 2], 'drawn', 20 + n) for n in order]
    columns = ('subject_id', 'gender', 'group', 'age')
    write_csv(Path('archives/crops/subjects.csv'), columns, people)
    write_csv(Path('archives/fer2013/fer2013.csv'), ('emotion', 'pixels', 'Usage'), rows[::2])


def write_jpeg(path: Path, image_rgb: Any) -> None:
    """Writes a picture, and its folder."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
    path.write_bytes(cv2.imencode('.jpg', image_rgb[..., ::-1], quality)[1].tobytes())


def write_csv(path: Path, columns: tuple[str, ...], rows: list[Any]) -> None:
    """Writes a table, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='') as file:
        csv.writer(file).writerows([columns, *rows])


def build_sets() -> None:
    """Builds three sets in `data` by the command that people type."""
    from tfds_builders import build

    for set_and_config, folder in SETS.items():
        name, config = set_and_config.split('/')
        given = [f'{name}=archives/{folder}', f'--config={config}', '--data_dir=data']
        assert build.main(given) == 0


def describe_sets() -> None:
    """Writes what is read of each example: split, texts, label, and its picture at 2 px."""
    import numpy as np
    from fer_keras.input_pipeline import decode, label_names, open_dataset, read_split

    rows = []
    for name in SETS:
        builder = open_dataset(name, 'data')
        names = label_names([builder])
        for split in PEOPLE:
            for example in read_split([builder], split, names).examples:
                texts = [example[key].numpy().decode() for key in DESCRIBED]
                label = names[int(example['label'])]
                pixels = np.ravel(decode(example['image'], 2)).astype(int)
                rows.append((name, split, *texts, label, ' '.join(map(str, pixels))))
    columns = ('set', 'split', *DESCRIBED, 'label', 'pixels')
    write_csv(Path('expected/sets.csv'), columns, rows)


# Runs.


def register_tiny_backbone() -> None:
    """Puts a network of two layers in the place of one that people name in their flags."""
    from fer_keras.models.backbones import BACKBONES
    from tests.fakes import TINY_BACKBONE

    BACKBONES['mobilenet_v2'] = TINY_BACKBONE


def run_of(run_dir: str, model: dict[str, Any], training: dict[str, Any]) -> Any:
    """A configuration for the drawn faces."""
    from fer_keras.config import DataConfig, ModelConfig, RunConfig, TrainingConfig

    data = DataConfig(
        data_dir='data',
        source='expression_folders/originals',
        image_size_px=MODEL_SIZE_PX,
        batch_size=6,
    )
    recipe = {'epochs': 2, 'head_epochs': 1, 'learning_rate': 1e-3, 'strategy': 'one_device'}
    return RunConfig(
        data,
        ModelConfig(backbone_weights='none', shallow_branch=True, **model),
        TrainingConfig(run_dir=run_dir, **{**recipe, **training}),
    )


def train_finished_run() -> None:
    """As `python -m fer_keras.train` does it."""
    import numpy as np

    import fer_keras
    from fer_keras.evaluation.report import evaluate
    from fer_keras.run_dir import RunDir
    from fer_keras.training.session import train

    model = {
        'saliency': 'center',
        'fusion': 'residual',
        'color': 'gradients',
        'crop': 0.9,
        'average_mirrored': True,
    }
    run = run_of('runs/finished', model, {'epochs': 4})
    run_dir = RunDir(run.training.run_dir)
    train(run, run_dir)
    evaluate(run, run_dir, run_dir.report_dir())
    shutil.rmtree(run_dir.state_dir)
    answers = fer_keras.load(run_dir.path).predict_crops(np.load('expected/images.npy'))
    np.save('expected/finished.npy', answers.filter(like='p_').to_numpy(np.float32))


def train_unfinished_run() -> None:
    """A run that Ctrl-C ended in the midst of an epoch, and what it came to when it went on."""
    import keras
    import numpy as np

    from fer_keras.models.classifier import load_classifier
    from fer_keras.run_dir import RunDir
    from fer_keras.training.session import train

    class Interrupt(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.steps = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            # Three steps are an epoch; this is the first step of the second stage.
            if self.steps == 4:
                os.kill(os.getpid(), signal.SIGINT)

    model = {'saliency': 'center', 'fusion': 'blend', 'fusion_strength': 0.3}
    training = {'ema_momentum': 0.5, 'learning_rate': 2e-3, 'monitor': 'val_loss'}
    run = run_of('runs/unfinished', model, training)
    # With maps that are kept the test would have a graph more to make. Without augmentation the
    # best epoch is the last, and so one of those that the test trains.
    changed = {'saliency_cache': 'none', 'augmentation': 'none'}
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, **changed))
    run_dir = RunDir(run.training.run_dir)
    try:
        train(run, run_dir, [Interrupt()])
    except KeyboardInterrupt as error:
        print(error)
    else:
        raise AssertionError('The run was to be cut off.')
    for old in sorted(Path(run_dir.state_dir).iterdir())[:-1]:
        old.unlink()
    shutil.copytree(run_dir.path, 'as_it_was')
    train(run, run_dir)
    shutil.copy(run_dir.history_file, 'expected/resumed_history.csv')
    np.savez('expected/resumed_weights.npz', *small_weights(load_classifier(run_dir.model_file)))
    shutil.rmtree(run_dir.path)
    shutil.move('as_it_was', run_dir.path)


def small_weights(model: Any) -> list[Any]:
    """All but the large kernel of the shallow branch, which no step changes."""
    return [weight for weight in model.get_weights() if weight.size < 2000]


def export_saved_model() -> None:
    """All signatures but those for whole photos, whose detector of faces weighs two megabytes."""
    import numpy as np

    import fer_keras
    from fer_keras.models.classifier import load_classifier
    from fer_keras.run_dir import RunDir
    from fer_keras.serving import signatures

    run_dir = RunDir('runs/finished')
    signatures.add_photo_endpoints = lambda *_: None
    signatures.write_warmup_requests = lambda folder: None
    model = load_classifier(run_dir.model_file)
    version = signatures.export_classifier(model, run_dir.read_labels(), run_dir.saved_model_dir)
    answers = fer_keras.load(version).predict_crops(np.load('expected/images.npy'))
    np.save('expected/saved_model.npy', answers.filter(like='p_').to_numpy(np.float32))


def write_images() -> None:
    """The pictures that the answers are of: faces, larger than the models' input."""
    import numpy as np

    faces = [face_of(photo, 56) for _, _, photo in draw_photos(2)]
    np.save('expected/images.npy', np.stack(faces[:4]))


# Files of models.


def write_classifiers() -> None:
    """Untrained classifiers of the choices that the runs leave out, with their answers."""
    import keras
    import numpy as np

    from fer_keras.config import ModelConfig
    from fer_keras.models.classifier import build_classifier

    choices = {
        'folder_blend_grey': ({'saliency': 'folder:maps', 'color': 'grey', 'crop': 0.8}, 'float32'),
        'spectral_multiply': ({'saliency': 'spectral_residual'}, 'float32'),
        'plain_mirrored': ({'average_mirrored': True}, 'float32'),
        'center_bfloat16': ({'saliency': 'center', 'fusion': 'residual'}, 'mixed_bfloat16'),
    }
    Path('models').mkdir()
    for name, (choice, policy) in choices.items():
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(1)
        config = ModelConfig(backbone_weights='none', **choice)
        model = build_classifier(config, num_classes=3, image_size_px=MODEL_SIZE_PX)
        set_random_weights(model)
        model.save(f'models/{name}.keras')
        inputs = random_inputs(model.input_shape[1:], 255)
        np.save(f'expected/{name}.npy', model.predict(inputs, verbose=0))
    keras.config.set_dtype_policy('float32')


def write_every_layer() -> None:
    """One graph in which each registered layer and constraint stands, with an output each."""
    import keras
    import numpy as np

    from fer_keras.models import branches, fusion, gradients, mlnet, mlnet_light, sides
    from fer_keras.models import saliency_layers as maps

    size = LAYERS_SIZE_PX
    image = keras.Input((size, size, 4), name='image')
    rgb, logits = image[..., :3], image[..., 3:] / 100
    map_of_image = maps.MapChannel(name='MapChannel')(image)
    uniform = keras.layers.Dense(
        3, kernel_constraint=fusion._UnitInterval(), activation='softmax', name='_UnitInterval'
    )
    histograms = gradients.OrientationHistograms(name='OrientationHistograms')(rgb)
    mean = keras.layers.GlobalAveragePooling2D()(histograms)
    decided = uniform(mean)
    both = sides.BothSides(name='BothSides')(rgb)
    boxed = mlnet.Letterbox((18, 16), name='Letterbox')(rgb)
    outputs = {
        'ResizeMap': maps.ResizeMap((5, 7), antialias=True, name='ResizeMap')(rgb),
        'DivideByMaximum': maps.DivideByMaximum(name='DivideByMaximum')(logits),
        'MapChannel': map_of_image,
        'ExpOfLogits': maps.ExpOfLogits(name='ExpOfLogits')(logits),
        'MapOfAnother': maps.MapOfAnother(name='MapOfAnother')(map_of_image),
        'CenterGaussian': maps.CenterGaussian(0.3, name='CenterGaussian')(rgb),
        'SpectralResidual': maps.SpectralResidual(1.5, name='SpectralResidual')(rgb),
        'LearnedPrior': mlnet.LearnedPrior((3, 4), name='LearnedPrior')(map_of_image),
        'LogPrior': mlnet_light.LogPrior((3, 4), name='LogPrior')(logits),
        'Letterbox': boxed,
        'UndoLetterbox': mlnet.UndoLetterbox((9, 12), name='UndoLetterbox')(boxed[..., :1]),
        'BgrMinusMean': mlnet.BgrMinusMean(name='BgrMinusMean')(rgb),
        'BlendFusion': fusion.BlendFusion(0.3, name='BlendFusion')([rgb, map_of_image]),
        'ResidualFusion': fusion.ResidualFusion(name='ResidualFusion')([rgb, map_of_image]),
        'BothSides': both,
        'MeanOfSides': sides.MeanOfSides(name='MeanOfSides')(both * both),
        'NormalizedGradients': gradients.NormalizedGradients(name='NormalizedGradients')(rgb),
        'OrientationHistograms': histograms,
        '_UnitInterval': decided,
        'DecideTogether': branches.DecideTogether(name='DecideTogether')(
            [decided, keras.layers.Dense(3, activation='softmax')(mean)]
        ),
    }
    model = keras.Model(image, outputs)
    set_random_weights(model)
    model.save('models/every_layer.keras')
    answers = model.predict(random_inputs((size, size, 4), 255), verbose=0)
    np.savez_compressed('expected/every_layer.npz', **answers)


def write_optimizers() -> None:
    """Compiled models, as the runs of `--group_rates` kept them, after a step."""
    import keras
    import numpy as np

    from fer_keras.training import recipe

    for make in (recipe.GroupedAdamW, recipe.GroupedSGD):
        keras.utils.set_random_seed(2)
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(5), keras.layers.Dense(3, 'softmax')]
        )
        model.compile(make(rates=(0.1, 0.1, 1.0, 1.0), learning_rate=0.1), 'mse')
        inputs = random_inputs((4,), 1)
        model.train_on_batch(inputs, np.eye(3, dtype=np.float32)[: len(inputs)])
        model.save(f'models/{make.__name__}.keras')
        np.save(f'expected/{make.__name__}.npy', model.predict(inputs, verbose=0))


def set_random_weights(model: Any) -> None:
    """Gives every weight a value of its own, so that none can be left out or exchanged unseen."""
    import numpy as np

    rng = np.random.default_rng(0)
    for weight in model.weights:
        if str(weight.dtype).startswith('float'):
            is_positive = weight.name in ('gain', 'gamma', 'moving_variance')
            low, high = (0.3, 0.7) if is_positive else (-0.3, 0.3)
            weight.assign(rng.uniform(low, high, weight.shape))


def random_inputs(shape: tuple[int, ...], largest: float) -> Any:
    """float32 `[3, *shape]` in [0, `largest`], always the same; the tests draw them again."""
    import numpy as np

    return np.random.default_rng(3).uniform(0, largest, (3, *shape)).astype(np.float32)


def write_flag_files() -> None:
    """`flags.txt` of runs whose flags have gone or have other names since."""
    from fer_keras.config import as_flags

    default = run_of('runs/finished', {'saliency': 'center'}, {})
    data, training = default.data, default.training
    runs = {
        'balance_classes': {'training': dataclasses.replace(training, balance_classes=True)},
        'balanced_sampling': {'data': dataclasses.replace(data, balanced_sampling=True)},
        'both_balances': {
            'data': dataclasses.replace(data, balanced_sampling=True),
            'training': dataclasses.replace(training, balance_classes=True),
        },
        'group_rates': {'training': dataclasses.replace(training, group_rates='0.1,0.3,1')},
        'precision_auto': {'training': dataclasses.replace(training, precision='auto')},
        'shallow_source': {'data': dataclasses.replace(data, shallow_source='rafd/frontal_faces')},
    }
    Path('flags').mkdir()
    for name, changed in runs.items():
        Path('flags', f'{name}.txt').write_text(as_flags(dataclasses.replace(default, **changed)))


if __name__ == '__main__':
    main()
