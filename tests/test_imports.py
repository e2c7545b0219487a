"""Holds the import arrows of the design against the code: they run down, never in a circle."""

import ast
import functools
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'fer_keras'
# From the bottom up: a room imports rooms of lower floors; of its own only those of `SIBLINGS`.
FLOORS = (
    ('errors', 'pretrained', 'tables', 'version'),
    ('files',),
    ('config', 'provenance'),
    ('run_dir', 'environment', 'figures'),
    ('data', 'faces', 'models', 'saliency'),
    ('inference',),
    ('training', 'evaluation', 'serving'),
    ('protocols',),
)
# Arrows between rooms of one floor.
SIBLINGS = {
    ('saliency', 'models'),  # A saliency predictor builds its model.
}
# Made from the settings alone, for the commands alone.
OF_FLAGS = {'config', 'errors', 'pretrained', 'provenance', 'run_dir', 'usage'}


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
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


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def commands() -> set[str]:
    return {path.stem for path in PACKAGE.glob('*.py') if '__main__' in path.read_text()}


def arrows() -> set[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second."""
    rooms = {room for floor in FLOORS for room in floor} | commands() | {'flags', 'usage'}
    found = set()
    for path in PACKAGE.glob('**/*.py'):
        for name in imports(path):
            first, _, rest = name.partition('.')
            room = rest.partition('.')[0]
            if first == 'fer_keras' and room in rooms and room != room_of(path):
                found.add((room_of(path), room))
    return found


def test_every_file_stands_in_a_room_of_the_house():
    rooms = {room for floor in FLOORS for room in floor}
    known = rooms | commands() | {'flags', 'usage', '__init__'}
    assert {room_of(path) for path in PACKAGE.glob('**/*.py')} == known


def test_the_map_names_every_room():
    shown = (ROOT / 'CONTRIBUTING.md').read_text().partition('## Where things are')[2]
    rooms = {room for floor in FLOORS for room in floor} | {'flags', 'usage'}
    named = {room for room in rooms if f'{room}/' in shown or f'{room}.py' in shown}
    assert named == rooms


def test_arrows_run_down():
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    wrong = {
        (room, other)
        for room, other in arrows()
        if room in floor_of
        and (other not in floor_of or floor_of[room] <= floor_of[other])
        and (room, other) not in SIBLINGS
    }
    assert not wrong
    assert arrows() >= SIBLINGS  # None is allowed that nobody needs.


def test_flags_know_the_settings_alone():
    assert {other for room, other in arrows() if room == 'flags'} == OF_FLAGS


def test_nothing_imports_a_command():
    assert 'train' in commands()
    assert not {other for _, other in arrows()} & commands()


def test_no_module_imports_itself_by_a_detour():
    modules = {
        '.'.join(path.relative_to(ROOT).with_suffix('').parts): path
        for package in ('fer_keras', 'tfds_builders')
        for path in ROOT.glob(f'{package}/**/*.py')
        if path.name != '__init__.py'
    }
    graph = {name: imports(path) & set(modules) for name, path in modules.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_builders_stand_alone():
    assert len(list(ROOT.glob('tfds_builders/**/*.py'))) > 20
    assert not offenders('tfds_builders/**/*.py', 'fer_keras')


def test_models_are_pure_keras():
    assert not offenders('fer_keras/models/**/*.py', 'tensorflow', 'tensorflow_datasets', 'absl')


def test_the_configuration_needs_nothing_but_python():
    for pattern in ('config/*', 'errors', 'files', 'run_dir'):
        heavy = ('tensorflow', 'keras', 'absl', 'numpy', 'pandas', 'tfds_builders')
        assert not offenders(f'fer_keras/{pattern}.py', *heavy)


def test_only_one_module_names_absl_flags():
    found = offenders('fer_keras/**/*.py', 'absl')
    assert {line.split()[0] for line in found} == {'fer_keras/flags.py'}


def test_functions_and_files_are_short():
    long = []
    for package in ('fer_keras', 'tfds_builders'):
        for path in ROOT.glob(f'{package}/**/*.py'):
            text = path.read_text()
            lines = len(text.splitlines())
            limit = 40 if path.parent == PACKAGE and path.stem in commands() else 300
            long += [f'{path.relative_to(ROOT)}: {lines} lines'] * (lines > limit)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    length = (node.end_lineno or 0) - node.lineno + 1
                    long += [f'{path.relative_to(ROOT)}: {node.name} {length}'] * (length > 60)
    assert not long
