"""Holds the import arrows of the design against the code."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return names


def offenders(pattern: str, *forbidden: str) -> list[str]:
    return [
        f'{path.relative_to(ROOT)} imports {name}'
        for path in sorted(ROOT.glob(pattern))
        for name in sorted(imports(path))
        if any(name == module or name.startswith(f'{module}.') for module in forbidden)
    ]


def test_the_patterns_find_files():
    for pattern in ('tfds_builders/**/*.py', 'fer_keras/models/*.py', 'fer_keras/training/*.py'):
        assert len(list(ROOT.glob(pattern))) > 2


def test_builders_stand_alone():
    assert not offenders('tfds_builders/**/*.py', 'fer_keras')


def test_models_are_pure_keras():
    assert not offenders(
        'fer_keras/models/**/*.py',
        'tensorflow',
        'absl',
        'fer_keras.training',
        'fer_keras.evaluation',
        'fer_keras.serving',
        'fer_keras.data.splits',
        'fer_keras.flags',
    )


def test_the_configuration_needs_neither_tensorflow_nor_absl():
    assert not offenders('fer_keras/config/*.py', 'tensorflow', 'keras', 'absl')


def test_only_one_module_names_absl_flags():
    found = offenders('fer_keras/**/*.py', 'absl')
    assert {line.split()[0] for line in found} == {'fer_keras/flags.py'}


def test_nothing_imports_a_command():
    commands = [path.stem for path in ROOT.glob('fer_keras/*.py') if '__main__' in path.read_text()]
    assert 'train' in commands
    assert not offenders('fer_keras/**/*.py', *(f'fer_keras.{name}' for name in commands))
