"""Draws where a trained run looks: `python -m fer_keras.explain --run_dir=RUN FACES...`

For each face crop one picture: the face, saliency overlay, attended image and Grad-CAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.inference.explanation_files import explain_files
from fer_keras.run_dir import RunDir


def main(faces: Sequence[str]) -> None:
    """Writes a picture a face crop and prints what the run decides."""
    explain_files(RunDir(flags.FLAGS.run_dir), faces, flags.FLAGS.output)


if __name__ == '__main__':
    flags.define_explanation()
    flags.start_with_arguments(main)
