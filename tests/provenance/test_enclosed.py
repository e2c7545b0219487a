"""What TFLite and ONNX files say of themselves is read without what runs them."""

import io
import zipfile

import onnx
import pytest
from onnx import TensorProto, helper

from fer_keras.errors import InvalidInputError
from fer_keras.provenance.enclosed import add_to_tflite, as_properties, describe, read_enclosed
from fer_keras.provenance.names import FILE
from fer_keras.provenance.storage import find_record
from tests.provenance.test_record import RECORD

FILES = describe(['sad', 'happy'], 96, RECORD.to_bytes())


def onnx_file(**properties):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in 'xy']
    graph = helper.make_graph([helper.make_node('Identity', ['x'], ['y'])], 'g', ends[:1], ends[1:])
    model = helper.make_model(graph)
    helper.set_model_props(model, properties)
    return model.SerializeToString()


CONTENTS = {
    'a.onnx': onnx_file(**as_properties(FILES), **{'of others': 'no base64'}),
    'A.TFLITE': add_to_tflite(b'a flatbuffer', FILES),
}


@pytest.fixture(params=CONTENTS)
def file(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(CONTENTS[request.param])
    return path


def test_what_was_enclosed_is_read_again(file):
    assert read_enclosed(file) == FILES
    assert not find_record(file).differs_from(RECORD)


def test_a_damaged_file_has_nothing_inside_or_less(file):
    content = file.read_bytes()
    for end in (0, 1, 5, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:end])
        assert len(read_enclosed(file)) < len(FILES)
    file.write_bytes(bytes(reversed(content)))
    assert read_enclosed(file) == {}


def test_the_same_model_makes_the_same_tflite_file():
    assert add_to_tflite(b'model', FILES) == add_to_tflite(b'model', FILES)
    with zipfile.ZipFile(io.BytesIO(CONTENTS['A.TFLITE'])) as archive:
        assert archive.namelist() == list(FILES)


def test_onnx_itself_reads_the_names(tmp_path):
    (tmp_path / 'a.onnx').write_bytes(CONTENTS['a.onnx'])
    properties = {one.key: one.value for one in onnx.load(tmp_path / 'a.onnx').metadata_props}
    assert properties['labels.txt'] == 'sad\nhappy\n' and properties['image_size_px.txt'] == '96'


def test_a_record_beside_is_that_of_an_earlier_version_alone(tmp_path):
    (tmp_path / FILE).write_bytes(RECORD.to_bytes())
    (tmp_path / 'earlier.onnx').write_bytes(onnx_file())
    (tmp_path / 'new.onnx').write_bytes(onnx_file(**as_properties(describe(['sad'], 32))))
    assert find_record(tmp_path / 'earlier.onnx').images == RECORD.images
    assert find_record(tmp_path / 'new.onnx') is None


def test_a_damaged_record_is_no_missing_one(tmp_path):
    broken = describe(['sad'], 32, RECORD.to_bytes()[:-9])
    (tmp_path / 'a.tflite').write_bytes(add_to_tflite(b'', broken))
    with pytest.raises(InvalidInputError, match='a.tflite must be whole'):
        find_record(tmp_path / 'a.tflite')
