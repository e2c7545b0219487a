"""The pages of the site that are made from the code, and links that hold in both places.

In the repository a page links to files, such as `../tfds_builders/cfee/README.md`; on the site that
file is the page `generated/data_sets/cfee`. A link to a file that is no page becomes its name.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import fer_keras
from fer_keras.usage import commands
from tfds_builders.listing import known_sets

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / 'generated'
# Beside the commands of fer_keras.
OTHER_COMMANDS = ('tfds_builders.build', 'tfds_builders.demo')
# Modules of tfds_builders that other projects call.
PUBLIC_MODULES = (
    'tfds_builders.expressions',
    'tfds_builders.faces',
    'tfds_builders.pictures',
    'tfds_builders.splits',
    'tfds_builders.expression_builder',
)
_LINK = re.compile(r'(!?)\[([^\]]+)\]\(([^)\s]+)\)')


def write_all() -> None:
    """Writes every generated page anew; those that did not change keep their time."""
    pages = {
        'commands': _commands(),
        'python': _python(),
        'data_sets': _data_sets(),
        **{name: _copied(file) for file, name in copied_pages().items()},
    }
    for name, text in pages.items():
        file = GENERATED / f'{name}.md'
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding='utf-8') != text:
            file.write_text(text, encoding='utf-8')
    for file in GENERATED.rglob('*.md'):
        if str(file.relative_to(GENERATED).with_suffix('')) not in pages:
            file.unlink()


def copied_pages() -> dict[str, str]:
    """Files of the repository that are pages of the site, and their names in `generated/`."""
    cards = {
        'fer_keras/pretrained/wild/README.md': 'cards/wild',
        'fer_keras/models/weights/README.md': 'cards/mlnet_light',
    }
    sets = {
        f'tfds_builders/{file.parent.name}/README.md': f'data_sets/{file.parent.name}'
        for file in sorted(ROOT.glob('tfds_builders/*/README.md'))
    }
    return {
        'experiments/README.md': 'results',
        'CHANGELOG.md': 'changelog',
        'CONTRIBUTING.md': 'contributing',
        'SECURITY.md': 'security',
        **cards,
        **sets,
    }


def relink(text: str, file: str, docname: str) -> str:
    """The text of a page with links to files of the repository led to pages of the site.

    Args:
        text: Markdown.
        file: The file that it comes from, from the root of the repository.
        docname: The page that it becomes.
    """
    pages = {name: f'generated/{page}' for name, page in copied_pages().items()}
    pages |= {f'{name.replace(".", "/")}.py': 'generated/python' for name in PUBLIC_MODULES}
    pages |= {'README.md': 'index', 'tfds_builders': 'generated/data_sets'}

    def replace(link: re.Match[str]) -> str:
        mark, label, target = link.groups()
        path, hash_sign, anchor = target.partition('#')
        if '://' in target or not path:
            return link.group()
        known = os.path.normpath(os.path.join(os.path.dirname(file), path))
        if (DOCS / known.removeprefix('docs/')).is_file() and known.startswith('docs/'):
            page = known.removeprefix('docs/')
        elif known in pages:
            page = f'{pages[known]}.md'
        elif mark:  # The site says that it is missing.
            return link.group()
        else:
            return f'`{known}`' if label.strip('`') == os.path.basename(known) else label
        relative = os.path.relpath(page, os.path.dirname(docname) or '.')
        return f'{mark}[{label}]({relative}{hash_sign}{anchor})'

    return _LINK.sub(replace, text)


def _copied(file: str) -> str:
    """A file of the repository as a page; `relink` is called once it is read."""
    text = (ROOT / file).read_text(encoding='utf-8')
    if not text.startswith('# '):
        text = f'# {pathlib.Path(file).parent.name}\n\n{text}'
    return relink(text, file, f'generated/{copied_pages()[file]}')


def _commands() -> str:
    """What `--help` of each command prints."""
    parts = [
        '# Commands\n',
        '`fer-keras NAME` is `python -m fer_keras.NAME`. What follows is what `--help` prints, '
        'made from the settings in `fer_keras/config/`. 0 is success, 1 that some files could not '
        'be read, 2 a mistake in what was asked, 130 Ctrl-C, 70 a fault of this package.\n',
    ]
    for module in (*(f'fer_keras.{name}' for name in commands()), *OTHER_COMMANDS):
        shown = subprocess.run(
            [sys.executable, '-m', module, '--help'],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        parts.append(f'## {module.partition(".")[2]}\n\n```text\n{shown.stdout.strip()}\n```\n')
    return '\n'.join(parts)


def _python() -> str:
    """Every public name with its docstring."""
    lines = ['# Python', '', '## fer_keras', '', '```{eval-rst}']
    for name in sorted(fer_keras.__all__, key=str.lower):
        if name.startswith('__'):
            continue
        is_class = isinstance(getattr(fer_keras, name), type)
        lines += [f'.. auto{"class" if is_class else "function"}:: fer_keras.{name}']
        lines += ['   :members:', ''] if is_class else ['']
    lines += ['.. autofunction:: fer_keras.training.session.train', '', '```', '']
    for module in PUBLIC_MODULES:
        lines += [f'## {module}', '', '```{eval-rst}', f'.. automodule:: {module}', '   :members:']
        lines += ['', '```', '']
    return '\n'.join(lines)


def _data_sets() -> str:
    """What `python -m tfds_builders.build --list` prints, as a table."""
    rows = [
        '# Data sets',
        '',
        'What can be built, what `python -m tfds_builders.build --list` prints of it, and on what '
        'terms its archive is to be had.',
        '',
        '| set | holds | terms | where to ask | configs |',
        '|---|---|---|---|---|',
    ]
    names = [known.name for known in known_sets()]
    for known in known_sets():
        page = f'[{known.name}](data_sets/{known.name}.md)'
        has_page = (ROOT / 'tfds_builders' / known.name / 'README.md').is_file()
        asked = f'[its page]({known.page})' if known.page else ''
        configs = ', '.join(f'`{config}`' for config in known.configs)
        rows.append(
            f'| {page if has_page else known.name} | {known.holds} | {known.terms} | {asked} | '
            f'{configs} |'
        )
    tree = ['', '```{toctree}', ':hidden:', '']
    tree += [
        f'data_sets/{file.parent.name}' for file in sorted(ROOT.glob('tfds_builders/*/README.md'))
    ]
    return '\n'.join([*rows, *tree, '```', '', f'{len(names)} sets.', ''])
