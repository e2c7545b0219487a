"""Every command on the pages is run as it stands there, or is listed as one that no test runs."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fakes import BASIC, portraits
from tests.test_docs import ALL, ROOT
from tests.tfds_builders.test_builders import write_fer2013
from tfds_builders.demo import write_demo_archives
from tfds_builders.drawing.people import draw_photo

# In this order, and what is added so that a training takes seconds in place of minutes or hours.
SHORT = '--backbone_weights=none --epochs=1 --head_epochs=0 --batch_size=8'
RUN = {
    'fer_keras.predict photo.jpg': '',
    'fer_keras.predict': 'photo.jpg',
    'fer_keras.recipes': '',
    'fer_keras.export --model=wild': '',
    'fer_keras.predict --output=faces.csv holiday/ trip/**/*.jpg clip.mp4': '',
    'fer_keras.predict --output=answers holiday/ --beam_pipeline_options=runner=DirectRunner,'
    'direct_num_workers=8,direct_running_mode=multi_processing': (
        '--beam_pipeline_options=runner=DirectRunner'
    ),
    'fer_keras.explain --output=explanations faces/': '',
    'fer_keras.explain --photos --output=explanations photo.jpg': '',
    'fer_keras.saliency_maps --input=PHOTOS --output=OUT': '',
    'tfds_builders.build expression_folders=photos --data_dir=data': '',
    'fer_keras.train --flagfile=experiments/fine_tune.flags --data_dir=data --run_dir=runs/mine': (
        '--epochs=1 --head_epochs=0'
    ),
    'fer_keras.evaluate --model=wild --output=reports/wild --target=expression_folders/faces '
    '--data_dir=data': '',
    'fer_keras.compare reports/wild runs/mine': '',
    'fer_keras.protocol --experiments=experiments/fine_tune.flags --folds=10 --seeds=0 '
    '--flags=--data_dir=data': '--folds=2 --flags="--data_dir=data --epochs=1 --head_epochs=0"',
    'tfds_builders.build cfee rafd drawn_faces --manual_dir=archives --data_dir=data': '',
    'tfds_builders.build cfee --manual_dir=archives --data_dir=data --workers=8': (
        '--workers=2 --config=basic_originals'
    ),
    'tfds_builders.build cfee --manual_dir=archives --data_dir=data --beam_pipeline_options='
    'runner=DirectRunner,direct_num_workers=8,direct_running_mode=multi_processing': (
        '--config=all_originals --beam_pipeline_options=runner=DirectRunner'
    ),
    'fer_keras.train --flagfile=experiments/cross.flags --data_dir=data --run_dir=runs/cross': (
        SHORT
    ),
    'fer_keras.calibrate --run_dir=runs/cross': '',
    'fer_keras.evaluate --run_dir=runs/cross --target=fer2013/originals --target_split=test': '',
    'fer_keras.compare runs/cross runs/cross_saliency': '',
    'fer_keras.compare runs/a_0,runs/a_1,runs/a_2 runs/b_0,runs/b_1,runs/b_2': '',
    'fer_keras.human_confusions runs/cross human.csv': '',
    'fer_keras.find_duplicates --data_dir=data cfee/basic_faces rafd/frontal_faces': '',
    'fer_keras.export --run_dir=runs/cross': '',
    # Of a network that one epoch taught eight bits are too few: the check says so and ends with 2.
    'fer_keras.export --run_dir=runs/cross --formats=saved_model,tflite,onnx --check': (
        '--calibration_images=0'
    ),
    'fer_keras.export --run_dir=runs/cross --formats=keras': '',
    'fer_keras.export --model=wild --formats=onnx': '',
    'fer_keras.predict --model=wild/portable/classifier.onnx photo.jpg': '',
    'fer_keras.predict --model=wild/portable/classifier.onnx --crops faces/': '',
}
# As `docs/explanation/testing.md` says it.
NOT_RUN = (
    'fer_keras.demo_app',
    'fer_keras.train --flagfile=experiments/cross.flags --strategy=multi_worker '
    '--run_dir=/shared/runs/cross',
    'fer_keras.protocol --flagfile=experiments/cross_matrix.flags --flags=--data_dir=data',
    'fer_keras.protocol --flagfile=experiments/saliency_ablation.flags --flags=--data_dir=data',
    'fer_keras.protocol --experiments=experiments/cfee.flags --folds=10 --seeds=0 '
    '--flags=--data_dir=data',
    'tfds_builders.build salicon --manual_dir=OSIE_FOLDER --data_dir=data',
    'fer_keras.train_saliency --flagfile=experiments/saliency_light.flags --data_dir=data',
    'fer_keras.evaluate_saliency --data_dir=data --split=val --output=runs/saliency',
    'fer_keras.predict --detector=yunet:face_detection_yunet.onnx --output=faces.csv holiday/ '
    'clip.mp4',
    'fer_keras.demo_app --detector=yunet:face_detection_yunet.onnx',
    'tfds_builders.build cfee --detector=yunet:face_detection_yunet.onnx --manual_dir=ARCHIVES '
    '--data_dir=DATA',
    'fer_keras.train --source=cfee/basic_faces_yunet --data_dir=DATA --run_dir=runs/yunet',
    'benchmarks.detectors --photos LONDON --detectors mtcnn yunet:FILE --models wild --teach',
)
# What a page takes for granted that somebody has done before.
BEFORE = {
    'fer_keras.evaluate --run_dir': (
        'python -m tfds_builders.build fer2013=fer2013 --config=originals --data_dir=data',
    ),
    'fer_keras.compare runs/cross': ('cp -r runs/cross runs/cross_saliency',),
    'fer_keras.compare runs/a_0': tuple(
        f'cp -r runs/cross runs/{name}_{seed}' for name in 'ab' for seed in range(3)
    ),
}


def write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[:, :, ::-1])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """What a reader of the pages has: photographs, a video, archives."""
    path = tmp_path_factory.mktemp('reader')
    one, two = portraits(2)
    for name in ('photo.jpg', 'holiday/a.jpg', 'trip/day/b.jpg', 'faces/c.jpg', 'PHOTOS/d.jpg'):
        write_png(path / name, one)
    height, width = two.shape[:2]
    video = cv2.VideoWriter(
        str(path / 'clip.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 5, (width, height)
    )
    for _ in range(3):
        video.write(np.ascontiguousarray(two[:, :, ::-1]))
    video.release()
    for person in range(900, 915):
        for name in BASIC:
            write_png(path / 'photos' / name / f'p{person}_1.jpg', draw_photo(person, name))
    write_demo_archives(path / 'archives', subjects=20)
    (path / 'fer2013').mkdir()
    write_fer2013(path / 'fer2013')
    rows = [','.join([name, *(str(1 + 8 * (name == other)) for other in BASIC)]) for name in BASIC]
    (path / 'human.csv').write_text('\n'.join([','.join(['true', *BASIC]), *rows]))
    return path


def test_each_command_of_the_pages_is_run_or_listed():
    on_pages = {' '.join(words) for _, words in ALL}
    assert on_pages == {*RUN, *NOT_RUN}
    told = (ROOT / 'docs' / 'explanation' / 'testing.md').read_text()
    assert f'{len(NOT_RUN)} commands on these pages' in told


@pytest.mark.slow
def test_they_run_as_they_stand(folder):
    for command, added in RUN.items():
        before = [
            shell for start, lines in BEFORE.items() if command.startswith(start) for shell in lines
        ]
        if command.startswith('fer_keras.compare runs/a_0'):
            before = list(BEFORE['fer_keras.compare runs/a_0'])
        typed = f'python -m {command}'.replace('--flags=--data', '--flags="--data', 1)
        typed += '"' * ('--flags="' in typed)
        for shell in (*before, f'{typed} {added}'):
            completed = subprocess.run(
                shlex.split(shell.replace('trip/**/*.jpg', "'trip/**/*.jpg'")),
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                env={
                    **os.environ,
                    'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
                },
            )
            assert completed.returncode == 0, f'{shell}\n{completed.stdout}\n{completed.stderr}'
    assert (folder / 'faces.csv').is_file() and (folder / 'wild' / 'saved_model' / '1').is_dir()
    assert (folder / 'runs' / 'cross' / 'keras' / 'README.md').is_file()
    shutil.rmtree(folder / 'runs')
