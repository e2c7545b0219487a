"""What the pages tell people to type is what the commands take, and links lead somewhere."""

import importlib.util
import re
import runpy
import shlex
from pathlib import Path

import pytest

from fer_keras import flags
from fer_keras.usage import commands
from tfds_builders import build

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / 'README.md',
    *(page for page in sorted(ROOT.glob('docs/**/*.md')) if 'generated' not in page.parts),
]
# An anchor as GitHub and the site make it of a heading.
_NO_ANCHOR = re.compile(r'[^\w\- ]')


def typed(page: Path) -> list[list[str]]:
    """The commands in the fenced blocks of a page, and between backticks where they are whole."""
    text = page.read_text()
    # Every other one is outside a block; one that begins with a word is of another language.
    blocks = [block for block in text.split('```')[1::2] if block.startswith('\n')]
    lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
    lines += re.findall(r'`(python -m fer_keras\.[^`]+|fer-keras [^`]+)`', text)
    found = []
    for line in lines:
        if not line.startswith(('python -m', 'fer-keras')):
            continue  # Of the Slurm job, words that span lines.
        words = shlex.split(line, comments=True)
        if words[:2] == ['python', '-m']:
            found.append(words[2:])
        elif words[:1] == ['fer-keras']:
            found.append([f'fer_keras.{words[1]}', *words[2:]])
    return found


def configs_of(module: str) -> tuple[type, ...]:
    """The dataclasses whose settings are the flags of a command."""
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, 'start', lambda main, *configs, **_: asked.append(configs))
        runpy.run_module(module, run_name='__main__')
    return asked[0]


ALL = [(page.relative_to(ROOT).as_posix(), words) for page in PAGES for words in typed(page)]


def test_there_are_commands_on_the_pages():
    named = {words[0].removeprefix('fer_keras.') for _, words in ALL}
    assert len(ALL) > 40 and set(commands()) <= named


@pytest.mark.parametrize('page, words', ALL, ids=lambda value: str(value)[:90])
def test_a_command_on_a_page_is_one_that_is_understood(page, words, monkeypatch):
    module, *arguments = words
    if module.startswith('fer_keras.'):
        if '...' in arguments or arguments in (['--help'], ['NAME']) or module == 'fer_keras.NAME':
            return
        # What stands for a value of the reader's own.
        configs = configs_of(module)
        values, _ = flags._parse(configs, [one for one in arguments if one != '[--flag'])
        texts = {
            name: flags._as_text(values[name].value) for name in values if values[name].present
        }
        for config in configs:
            flags._build(config, texts)
    elif module == 'tfds_builders.build':
        build.parse(arguments)
    elif module.startswith('benchmarks.'):
        assert (ROOT / f'{module.replace(".", "/")}.py').is_file()
    else:
        assert importlib.util.find_spec(module), words


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_in_the_repository_leads_to_a_file_and_its_heading(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if '://' in target:
            continue
        path, _, anchor = target.partition('#')
        file = (page.parent / path).resolve() if path else page
        # Nothing is there before the site is built; `relink` leads to it from the file itself.
        assert not file.is_relative_to(ROOT / 'docs' / 'generated'), target
        assert file.exists(), target
        if anchor:
            headings = re.findall(r'^#+ (.+)$', file.read_text(), re.MULTILINE)
            anchors = {_NO_ANCHOR.sub('', one.lower()).replace(' ', '-') for one in headings}
            assert anchor in anchors, target


def _generated_pages():
    spec = importlib.util.spec_from_file_location(
        'generated_pages', ROOT / 'docs' / 'generated_pages.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    'link, page, expected',
    [
        ('[a](../../README.md)', 'how_to/serve', '[a](../index.md)'),
        ('[a](intervals.md#b)', 'provenance', '[a](intervals.md#b)'),
        ('[`x.py`](../tests/x.py)', 'intervals', '`tests/x.py`'),
        ('[a](../experiments/README.md#b)', 'benchmarks', '[a](generated/results.md#b)'),
        ('[a](../../tfds_builders)', 'start/photograph', '[a](../generated/data_sets.md)'),
        ('[a](https://b.c)', 'index', '[a](https://b.c)'),
        ('![a](pictures/a.png)', 'index', '![a](pictures/a.png)'),
    ],
)
def test_links_lead_to_pages_of_the_site(link, page, expected):
    assert _generated_pages().relink(link, f'docs/{page}.md', page) == expected
