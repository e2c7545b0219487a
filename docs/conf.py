"""Builds the site: `make docs`. Pages are Markdown; what the code knows is generated from it."""

import pathlib
import sys

DOCS = pathlib.Path(__file__).parent
sys.path.insert(0, str(DOCS))

import generated_pages  # noqa: E402  # It lies beside this file.

from fer_keras.version import __version__  # noqa: E402

project = 'fer_keras'
author = 'the authors of fer_keras'
release = __version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 4
# Docstrings have code between single backticks, as Markdown has.
default_role = 'code'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True
exclude_patterns = ['generated_pages.py', 'build']
html_theme = 'furo'
html_title = f'fer_keras {__version__}'
html_show_copyright = False
html_theme_options = {'navigation_with_keys': True}
nitpicky = False


def setup(app):
    """Writes the generated pages, and has links of the repository lead to pages of the site."""
    app.connect('builder-inited', lambda _: generated_pages.write_all())
    app.connect('source-read', _relink)


def _relink(app, docname, source):
    source[0] = generated_pages.relink(source[0], f'docs/{docname}.md', docname)
