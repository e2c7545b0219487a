"""How a saliency model is trained: one frozen dataclass, its defaults and its checks."""

import dataclasses

TRAINABLE_KINDS = ('mlnet_light', 'mlnet')


@dataclasses.dataclass(frozen=True)
class SaliencyTrainingConfig:
    """Two stages: `head_epochs` with a frozen encoder, then all up to `epochs`.

    `encoder_weights` are a Keras file without the top: MobileNetV2 for `mlnet_light`, VGG16 for
    `mlnet`. `validation_share` of the training part chooses the epoch; the data set's own
    validation part stays unseen, for the report. The run lies in `run_dir`; empty: the folder
    beside `output` that is called like it.
    """

    saliency_data: str = 'salicon'
    data_dir: str = '~/tensorflow_datasets'
    kind: str = 'mlnet_light'
    encoder_weights: str = 'imagenet'
    output: str = 'mlnet_light.weights.h5'
    epochs: int = 14
    head_epochs: int = 2
    batch_size: int = 8
    head_learning_rate: float = 1e-3
    learning_rate: float = 2e-4
    weight_decay: float = 1e-4
    zoom_probability: float = 0.3
    smallest_zoom: float = 0.5
    validation_share: float = 0.15
    seed: int = 0
    run_dir: str = ''
    strategy: str = 'mirrored'
    deterministic: bool = False
    checkpoint_steps: int = 0

    def __post_init__(self) -> None:
        if self.head_epochs > self.epochs:
            raise ValueError(
                '`head_epochs` counts among `epochs` and cannot exceed them. '
                f'Received: head_epochs={self.head_epochs}, epochs={self.epochs}.'
            )
        if not 0 < self.validation_share < 1:
            raise ValueError(
                '`validation_share` must be between 0 and 1: an epoch is chosen on it. '
                f'Received: validation_share={self.validation_share}.'
            )
        if not self.output.endswith('.weights.h5'):
            raise ValueError(
                f'`output` must end in `.weights.h5`. Received: output={self.output!r}.'
            )


@dataclasses.dataclass(frozen=True)
class SaliencyEvaluationConfig:
    """Which saliency models are measured on which part of which data set."""

    saliency_data: str = 'salicon'
    data_dir: str = '~/tensorflow_datasets'
    split: str = 'val'
    kinds: tuple[str, ...] = ('center', 'spectral_residual', 'mlnet_light')
    weights: str = ''
    output: str = 'runs/saliency'


@dataclasses.dataclass(frozen=True)
class SaliencyMapsConfig:
    """Which pictures get maps; larger ones are shrunk to `longest_side_px` first.

    `input` is an image, a folder of images, or with a `data_dir` the `name/config` of a data set.
    """

    input: str = ''
    data_dir: str = ''
    output: str = 'runs/saliency_maps'
    saliency: str = 'mlnet_light'
    weights: str = ''
    batch_size: int = 16
    longest_side_px: int = 800

    def __post_init__(self) -> None:
        if not self.input:
            raise ValueError(
                '`input` must name an image, a folder or a data set. Received: nothing.'
            )
