"""Draws where a trained run looks: `python -m fer_keras.explain --run_dir=RUN FACES...`

For each face crop one picture: the face, saliency overlay, attended image and Grad-CAM.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import cv2

from fer_keras import flags
from fer_keras.evaluation.explanations import build_grad_cam, explain
from fer_keras.input_pipeline import to_model_input
from fer_keras.models.classifier import load_classifier
from fer_keras.photos import list_inputs, read_photo
from fer_keras.run_dir import RunDir


def main(faces: Sequence[str]) -> None:
    """Writes a picture a face crop and prints what the run decides."""
    run_dir, output = RunDir(flags.FLAGS.run_dir), pathlib.Path(flags.FLAGS.output)
    files = list_inputs(faces)
    if not files:
        raise ValueError('Nothing to look at: give face crops, or folders of them.')
    model = load_classifier(run_dir.model_file)
    if model.input_shape[-1] != 3:
        raise ValueError(
            'The classifier must make its saliency maps itself: a new photo has no map in a '
            'folder. Received: a run of `saliency=folder:...`.'
        )
    names, grad_cam = run_dir.read_labels(), build_grad_cam(model)
    output.mkdir(parents=True, exist_ok=True)
    for file in files:
        image = to_model_input(read_photo(file)[None], model.input_shape[1])
        strips, probabilities = explain(grad_cam, image.numpy())
        best = int(probabilities[0].argmax())
        path = output / f'{"_".join(file.resolve().parts[-2:])}.png'
        if not cv2.imwrite(str(path), strips[0][:, :, ::-1]):
            raise ValueError(f'{path} cannot be written: check the folder and the disk.')
        print(f'{path}: {names[best]} {probabilities[0, best]:.0%}')


if __name__ == '__main__':
    flags.define_explanation()
    flags.start_with_arguments(main)
