"""Draws where a classifier looks: `python -m fer_keras.explain [--model=RUN] FACES...`

For each face crop, or with `--photos` for each face of whole photos, one picture: the face,
saliency overlay, attended image and Grad-CAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.inference import ExplanationConfig


def main(config: ExplanationConfig, faces: Sequence[str]) -> None:
    """Writes a picture a face and prints what the classifier decides."""
    from fer_keras.inference.explanation_files import explain_files

    explain_files(config, faces)


if __name__ == '__main__':
    flags.start(main, ExplanationConfig, arguments='FACE|FOLDER ...')
