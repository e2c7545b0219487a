"""Draws where a trained run looks: `python -m fer_keras.explain --run_dir=RUN FACES...`

For each face crop one picture: the face, saliency overlay, attended image and Grad-CAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.config.inference import ExplanationConfig
from fer_keras.run_dir import RunDir


def main(config: ExplanationConfig, faces: Sequence[str]) -> None:
    """Writes a picture a face crop and prints what the run decides."""
    from fer_keras.inference.explanation_files import explain_files

    explain_files(RunDir(config.run_dir), faces, config.output)


if __name__ == '__main__':
    flags.start(main, ExplanationConfig, arguments='FACE|FOLDER ...')
