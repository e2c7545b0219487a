"""What this package uses of others that they do not promise to keep: all of it, and it is there."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

ROOT = Path(__file__).parents[1]
# Modules of TensorFlow without a public name, and what is taken from them.
USED = {
    'tensorflow.lite.python.convert_phase': ('ConverterError',),  # What a conversion raises.
    'tensorflow.python.framework.convert_to_constants': ('convert_variables_to_constants_v2',),
}
_PRIVATE = ('tensorflow.core', 'tensorflow.lite', 'tensorflow.python', 'keras.src')
SOURCES = [path for name in ('fer_keras', 'tfds_builders') for path in ROOT.glob(f'{name}/**/*.py')]


# Methods of TFDS's builders that ours write anew, which its guides name in spite of the underscore.
OVERRIDDEN = ('_info', '_split_generators', '_generate_examples', '_process_pipeline_result')


def test_nothing_else_that_is_private_is_imported():
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(_PRIVATE):
                found |= {(node.module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {
                    (alias.name, '') for alias in node.names if alias.name.startswith(_PRIVATE)
                }
    assert found == {(module, name) for module, names in USED.items() for name in names}


def test_no_name_with_an_underscore_is_taken_from_an_object_of_others():
    own = {
        node.attr if isinstance(node, ast.Attribute) else node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        or (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    }
    # Fields of named tuples are public in spite of theirs.
    public = {'_replace', '_asdict', '_fields'}
    taken = {
        f'{path.relative_to(ROOT)}: {node.attr}'
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith('_')
        and not node.attr.startswith('__')
        and node.attr not in own | public
    }
    assert not taken


@pytest.mark.parametrize('module', USED)
def test_it_is_still_there(module):
    """Where this fails after an update, TensorFlow has moved it: look there, or do without."""
    loaded = importlib.import_module(module)
    assert all(hasattr(loaded, name) for name in USED[module])


def test_tfds_still_calls_what_our_builders_write_anew():
    """Where this fails after an update of TFDS, metadata of sets built on Beam may be missing."""
    builder = tfds.core.GeneratorBasedBuilder
    source = inspect.getsource(importlib.import_module(builder.__module__))
    ours = {
        node.name
        for path in ROOT.glob('tfds_builders/**/*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and hasattr(builder, node.name)
        if node.name.startswith('_') and not node.name.startswith('__')
    }
    assert ours == set(OVERRIDDEN)
    # Written once where it is defined, and again where it is called.
    assert all(source.count(name) > 1 for name in OVERRIDDEN)
