"""How files of the record of who taught a model are called."""

from __future__ import annotations

import os

# In a run and beside exported files; in a SavedModel below `assets.extra`, which servers pass over.
FILE = 'training_record.npz'
IN_SAVED_MODEL = os.path.join('assets.extra', FILE)
