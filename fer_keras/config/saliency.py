"""How saliency models are trained, measured and looked at by themselves."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices, shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError

_WEIGHTS = '.weights.h5'


@dataclasses.dataclass(frozen=True)
class SaliencyTrainingConfig:
    """Two stages: `head_epochs` with a frozen encoder, then all up to `epochs`.

    `encoder_weights` are a Keras file without the top: MobileNetV2 for `mlnet_light`, VGG16 for
    `mlnet`. `validation_share` of the training part chooses the epoch; the data set's own
    validation part stays unseen, for the report.

    Raises:
        InvalidInputError: A value is not allowed, or they disagree.

    >>> SaliencyTrainingConfig(output='runs/light/mlnet_light.weights.h5').run_folder
    'runs/light/mlnet_light.run'
    """

    saliency_data: str = setting('salicon', 'Data set: `salicon`, `mit1003`, `cat2000`.', 'data')
    data_dir: str = shared.data_dir('data')
    kind: str = setting(
        'mlnet_light', 'What to train.', 'model', choices=choices.TRAINABLE_SALIENCY_KINDS
    )
    encoder_weights: str = setting(
        'imagenet',
        '`imagenet` (downloaded), a file without the top, or nothing.',
        'model',
        is_path=True,
    )
    output: str = setting(
        f'mlnet_light{_WEIGHTS}', 'Weights file to write, float16.', 'output', is_path=True
    )
    run_dir: str = setting(
        '',
        'Folder of the run: its states, history and curves; empty: beside the weights file.',
        'output',
        is_path=True,
    )
    epochs: int = setting(14, 'Epochs of both stages together.', 'recipe', low=1)
    head_epochs: int = setting(2, 'Epochs with a frozen encoder.', 'recipe', low=0)
    batch_size: int = setting(8, 'Images a step, of all replicas together.', 'recipe', low=1)
    head_learning_rate: float = setting(1e-3, 'Rate of the first stage.', 'recipe', low=0)
    learning_rate: float = setting(
        2e-4, 'Peak rate of the second; a cosine to zero.', 'recipe', low=0
    )
    weight_decay: float = setting(1e-4, 'Weight decay of AdamW.', 'recipe', low=0)
    zoom_probability: float = setting(
        0.3, 'Share of images that are cropped.', 'recipe', low=0, high=1
    )
    smallest_zoom: float = setting(
        0.5, 'Smallest side of a crop, as a share.', 'recipe', low=0.1, high=1
    )
    validation_share: float = setting(
        0.15, 'Share of train that chooses the epoch.', 'data', low=0, high=1
    )
    checkpoint_steps: int = shared.checkpoint_steps()
    seed: int = shared.seed()
    deterministic: bool = shared.deterministic()
    strategy: str = shared.strategy()

    def __post_init__(self) -> None:
        check(self)
        shared.require_stages(self.head_epochs, self.epochs)
        if not 0 < self.validation_share < 1:
            raise InvalidInputError(
                '`validation_share` must be between 0 and 1: an epoch is chosen on it. '
                f'Received: validation_share={self.validation_share}.'
            )
        if not self.output.endswith(_WEIGHTS):
            raise InvalidInputError(
                f'`output` must end in `{_WEIGHTS}`. Received: output={self.output!r}.'
            )

    @property
    def run_folder(self) -> str:
        """The folder of the run."""
        return self.run_dir or f'{self.output.removesuffix(_WEIGHTS)}.run'


@dataclasses.dataclass(frozen=True)
class SaliencyEvaluationConfig:
    """Which saliency models are measured on which part of which data set.

    >>> SaliencyEvaluationConfig(kinds=('center',)).split
    'val'
    """

    saliency_data: str = setting('salicon', 'Data set with fixations.', 'data')
    data_dir: str = shared.data_dir('data')
    split: str = setting('val', 'Split to measure on.', 'data')
    kinds: tuple[str, ...] = setting(
        ('center', 'spectral_residual', 'mlnet_light'), 'Saliency models, one row each.', 'model'
    )
    weights: str = shared.saliency_weights()
    output: str = setting('runs/saliency', 'Folder of the table.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True)
class SaliencyMapsConfig:
    """Which pictures get maps; larger ones are shrunk to `longest_side_px` first.

    `input` is an image, a folder of images, or with a `data_dir` the `name/config` of a data set.

    >>> SaliencyMapsConfig(input='photos').saliency
    'mlnet_light'
    """

    input: str = setting(
        '', 'An image, a folder, or a data set of `data_dir`.', 'input', is_path=True
    )
    data_dir: str = setting('', 'Folder of the prepared data sets.', 'input', is_path=True)
    saliency: str = setting('mlnet_light', 'Saliency model, or `folder:/maps`.', 'model')
    weights: str = shared.saliency_weights()
    batch_size: int = setting(16, 'Images at a time.', 'execution', low=1)
    longest_side_px: int = setting(800, 'Larger images are shrunk to it.', 'input', low=32)
    output: str = setting('runs/saliency_maps', 'Folder to write to.', 'output', is_path=True)

    def __post_init__(self) -> None:
        check(self)
        if not self.input:
            raise InvalidInputError(
                '`input` must name an image, a folder or a data set. Received: nothing.'
            )
