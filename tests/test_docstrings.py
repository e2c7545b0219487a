"""Every public class shows how it is used, and what it shows is true."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path for package in ('fer_keras', 'tfds_builders') for path in ROOT.glob(f'{package}/**/*.py')
)
WITH_EXAMPLES = [path for path in FILES if '>>> ' in path.read_text()]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(part for part in parts if part != '__init__')


@pytest.mark.parametrize('path', WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_module_are_true(path):
    module = importlib.import_module(name_of(path))
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_every_public_class_has_an_example():
    without = [
        f'{name_of(path)}.{node.name}'
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_')
        if '>>> ' not in (ast.get_docstring(node) or '')
    ]
    # TensorFlow Datasets builds these from archives; their own tests show how.
    assert [name for name in without if not name.endswith('_dataset_builder.Builder')] == []


def test_every_module_begins_with_what_it_is():
    assert [name_of(path) for path in FILES if not _docstring(path)] == []


def _docstring(path: Path) -> str | None:
    tree = ast.parse(path.read_text())
    return ast.get_docstring(tree) if tree.body else 'an empty one says nothing'
