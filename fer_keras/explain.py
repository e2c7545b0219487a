"""Draws where a trained run looks: `python -m fer_keras.explain --run_dir=RUN FACES...`

For each face crop one picture: the face, saliency overlay, attended image and Grad-CAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_keras import flags
from fer_keras.data.decoding import to_model_input
from fer_keras.inference.drawing import OverlayFolder
from fer_keras.inference.explanations import build_grad_cam, explain
from fer_keras.inference.photos import list_inputs
from fer_keras.models.classifier import load_classifier
from fer_keras.run_dir import RunDir
from tfds_builders.pictures import read_picture


def main(faces: Sequence[str]) -> None:
    """Writes a picture a face crop and prints what the run decides."""
    run_dir = RunDir(flags.FLAGS.run_dir)
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
    output, unreadable = OverlayFolder(flags.FLAGS.output), []
    for file in files:
        try:
            photo = read_picture(file)
        except (ValueError, OSError) as error:
            unreadable.append(f'{file}: {error}')
            continue
        image = to_model_input(photo[None], model.input_shape[1])
        strips, probabilities = explain(grad_cam, image.numpy())
        best = int(probabilities[0].argmax())
        path = output.write(str(file), None, strips[0])
        print(f'{path}: {names[best]} {probabilities[0, best]:.0%}')
    if unreadable:
        listed = '\n'.join(unreadable)
        raise ValueError(f'{len(unreadable)} of {len(files)} files were left out:\n{listed}')


if __name__ == '__main__':
    flags.define_explanation()
    flags.start_with_arguments(main)
