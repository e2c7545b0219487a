"""A graph beside the weights of a `.keras` file answers as Keras does, without TensorFlow."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest

import fer_keras
from fer_keras.errors import InvalidInputError
from fer_keras.inference.trained_files import find_trained
from fer_keras.pretrained.names import NAMES, locate
from fer_keras.run_dir import RunDir
from fer_keras.serving.portable import write_graph
from tests.fakes import BASIC, class_image, portraits

PROBABILITIES = [f'p_{name}' for name in BASIC]


@pytest.fixture
def run(served, tmp_path):
    """A run with a graph, and how it answered before there was one."""
    run_dir = RunDir(str(tmp_path / 'run'))
    run_dir.claim('')
    shutil.copy(served.model_file, run_dir.model_file)
    Path(run_dir.labels_file).write_text(''.join(f'{name}\n' for name in BASIC))
    before = fer_keras.load(run_dir.path)
    write_graph(run_dir.model_file, run_dir.graph_file)
    return run_dir, before


def test_it_answers_as_the_keras_model_and_gives_it_where_that_is_needed(run):
    run_dir, before = run
    found = fer_keras.load(run_dir.path)
    crops = [class_image(i % 7, i, (40, 32, 256)[i % 3]) for i in range(9)]
    ours, expected = (one.predict_crops(crops)[PROBABILITIES] for one in (found, before))
    np.testing.assert_allclose(ours, expected, atol=1e-3)
    assert found.names == before.names
    assert found.model.input_shape == before.model.input_shape


def test_the_weights_are_those_of_the_keras_file(run, tmp_path):
    graph = onnx.load(run[0].graph_file)
    assert sum(one.ByteSize() for one in graph.graph.initializer) < 10_000
    inputs = {one.name for one in graph.graph.input}
    shutil.unpack_archive(run[0].model_file, tmp_path / 'whole', 'zip')
    with h5py.File(tmp_path / 'whole/model.weights.h5') as file:
        assert 'image' in inputs and all(name in file for name in inputs - {'image'})


@pytest.mark.parametrize('damage', ['graph', 'other weights', 'no graph', 'calibrated since'])
def test_what_does_not_belong_together_is_refused(run, tmp_path, damage):
    graph = Path(run[0].graph_file)
    if damage == 'graph':
        graph.write_bytes(graph.read_bytes()[:1000])
    elif damage == 'no graph':
        graph.write_bytes(b'of somebody else')
    elif damage == 'calibrated since':  # The weights are the same, the answers are not.
        with zipfile.ZipFile(run[0].model_file, 'a') as file:
            file.writestr('another', '')
    else:
        shutil.copy(RunDir(locate(NAMES[0])).model_file, run[0].model_file)
    with pytest.raises(InvalidInputError, match='graph.onnx must be the graph of .*best.keras'):
        fer_keras.load(run[0].path)


@pytest.mark.parametrize('name', NAMES)
def test_the_graphs_of_the_package_are_those_of_their_weights(name, tmp_path):
    own = find_trained(name)
    written = onnx.load(write_graph(own.model_file, str(tmp_path / 'graph.onnx')))
    inputs = [
        {one.name for one in g.graph.input} for g in (written, onnx.load(own.run_dir.graph_file))
    ]
    assert inputs[0] == inputs[1]
    shutil.copytree(locate(name), tmp_path / 'run')
    Path(RunDir(str(tmp_path / 'run')).graph_file).unlink()
    photos = portraits(2)
    found, expected = (fer_keras.load(path).predict(photos) for path in (name, tmp_path / 'run'))
    np.testing.assert_allclose(found[PROBABILITIES], expected[PROBABILITIES], atol=1e-3)


def test_a_photo_is_answered_by_default_without_tensorflow(tmp_path):
    code = """
import sys
import numpy as np
import fer_keras
print(fer_keras.load().predict(np.load('photo.npy'))['status'].tolist())
print(*({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))
"""
    np.save(tmp_path / 'photo.npy', portraits(1)[0])
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == "['ok']\n\n" and done.stderr == ''
