"""The notebooks run from start to end, each in a folder of its own."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / 'notebooks').glob('*.ipynb'))


def test_there_are_notebooks_and_each_says_what_it_does():
    assert len(NOTEBOOKS) == 2
    for path in NOTEBOOKS:
        first = nbformat.read(path, as_version=4).cells[0]
        assert first.cell_type == 'markdown' and first.source.startswith('# ')


@pytest.mark.slow
@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    # `!python` is this one, also where no environment is activated.
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv('PATH', f'{folder}{os.pathsep}{os.environ["PATH"]}')
    # As in a notebook, and not as in the other tests, pictures are shown.
    monkeypatch.delenv('MPLBACKEND', raising=False)
    notebook = nbformat.read(path, as_version=4)
    resources = {'metadata': {'path': str(tmp_path)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()
    for cell in notebook.cells:
        told = [output for output in cell.get('outputs', []) if output.output_type != 'stream']
        assert cell.cell_type == 'markdown' or told or cell.source.startswith('!')
