"""Where the record of who taught a model lies."""

from __future__ import annotations

import os

# In a run, and inside TFLite and ONNX files (beside those of earlier versions); in a SavedModel
# below `assets.extra`, which servers pass over.
FILE = 'training_record.npz'
IN_SAVED_MODEL = os.path.join('assets.extra', FILE)
MODEL_IN_RUN = os.path.join('checkpoints', 'best.keras')
