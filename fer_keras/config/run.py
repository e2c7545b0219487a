"""What a run is made of: frozen dataclasses, their defaults and the checks across their fields."""

from __future__ import annotations

import dataclasses

AUGMENTATIONS = ('none', 'light', 'strong')
COLORS = ('rgb', 'grey', 'gradients')
FUSIONS = ('multiply', 'blend', 'residual')
STRATEGIES = ('default', 'one_device', 'mirrored', 'multi_worker')
TARGET_SPLITS = ('train', 'validation', 'test', 'all')
# `saliency=folder:/maps`: maps that somebody computed beforehand, read by `data.map_folder`.
PRECOMPUTED = 'folder:'
OPTIMIZERS = ('adamw', 'sgd')
PRECISIONS = ('auto', 'float32', 'mixed_bfloat16', 'mixed_float16')
BALANCES = ('none', 'sampling', 'loss')
MONITORS = ('val_accuracy', 'val_loss')
# How configs end whose splits are of images and not of people.
_LEAKY = '_leaky_image_split'


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which pictures are read, and how they reach the model.

    `source` and `target` name prepared data sets as `name/config`; several sources are pooled with
    a comma between them. An empty `target` is the source itself. Everyone in `shallow_source`, one
    or more data sets besides, teaches the shallow branch alone. With a `fold` of 0 to 9 that
    fold of the sources is tested, the next one validates, and the others train. The maps of a
    frozen saliency model are kept where `saliency_cache` says: in `memory`, in a folder, or, with
    `none`, nowhere: each step makes them of the augmented images.
    """

    data_dir: str = '~/tensorflow_datasets'
    source: str = 'cfee/basic_faces'
    shallow_source: str = ''
    target: str = ''
    target_split: str = 'test'
    image_size_px: int = 224
    batch_size: int = 32
    augmentation: str = 'light'
    balance: str = 'none'
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    cache: bool = True
    saliency_cache: str = 'memory'
    fold: int = -1
    report_images: bool = False

    def __post_init__(self) -> None:
        if not self.source.strip(', '):
            raise ValueError(
                '`source` must name a data set, such as `cfee/basic_faces`. '
                f'Received: source={self.source!r}.'
            )
        known = {set_of(name) for name in (*self.source_names, self.target_name)}
        if known & {set_of(name) for name in self.shallow_source_names}:
            raise ValueError(
                '`shallow_source` must name other data sets than `source` and `target`: everyone '
                f'in them is learned from. Received: source={self.source!r}, '
                f'target={self.target_name!r}, shallow_source={self.shallow_source!r}.'
            )
        if self.target_split != 'test' and self.is_target_a_source:
            raise ValueError(
                '`target_split` must be `test` when the target is also a source, in this or '
                'another config: its other people were trained on. '
                f'Received: source={self.source!r}, target={self.target!r}, '
                f'target_split={self.target_split!r}.'
            )
        of_target = {n for n in self.source_names if set_of(n) == set_of(self.target_name)}
        of_target.add(self.target_name)
        if len(of_target) > 1 and any(name.endswith(_LEAKY) for name in of_target):
            raise ValueError(
                f'`{_LEAKY.strip("_")}` puts a person into every split, so that only the config '
                'itself can be tested, and not with others of its data set. '
                f'Received: source={self.source!r}, target={self.target_name!r}.'
            )

    @property
    def mixes(self) -> bool:
        """Whether training images are mixed in pairs."""
        return self.mixup_alpha > 0 or self.cutmix_alpha > 0

    @property
    def source_names(self) -> tuple[str, ...]:
        """The pooled data sets, in the order given."""
        return _split_names(self.source)

    @property
    def shallow_source_names(self) -> tuple[str, ...]:
        """The data sets that teach the shallow branch alone, in the order given."""
        return _split_names(self.shallow_source)

    @property
    def target_name(self) -> str:
        """The data set that the run is tested on."""
        return self.target.strip() or self.source_names[0]

    @property
    def is_target_a_source(self) -> bool:
        """Whether people of the target's data set, in whatever config, are learned from."""
        return set_of(self.target_name) in {set_of(name) for name in self.source_names}


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Saliency model, fusion, backbone and head of the classifier."""

    backbone: str = 'mobilenet_v2'
    backbone_weights: str = 'imagenet'
    saliency: str = 'none'
    saliency_weights: str = ''
    fusion: str = 'multiply'
    fusion_strength: float = 1.0
    color: str = 'rgb'
    crop: float = 1.0
    dropout: float = 0.3
    average_mirrored: bool = False
    shallow_branch: bool = False

    @property
    def maps_folder(self) -> str:
        """The folder of precomputed saliency maps; empty where a model makes them."""
        is_folder = self.saliency.startswith(PRECOMPUTED)
        return self.saliency.removeprefix(PRECOMPUTED) if is_folder else ''

    def __post_init__(self) -> None:
        if self.fusion != 'blend' and self.fusion_strength != ModelConfig.fusion_strength:
            raise ValueError(
                '`fusion_strength` belongs to the fusion `blend`. '
                f'Received: fusion={self.fusion!r}, fusion_strength={self.fusion_strength}.'
            )
        if self.saliency_weights and self.saliency == 'none':
            raise ValueError(
                '`saliency_weights` needs a saliency model. '
                f'Received: saliency={self.saliency!r}, '
                f'saliency_weights={self.saliency_weights!r}.'
            )


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Two-stage fine-tuning: `head_epochs` with a frozen backbone, then all up to `epochs`.

    `group_rates` are factors of `learning_rate` for as many groups of the backbone's layers, from
    the image to the head, such as `0.1,0.3,1`; what is not of the backbone has the whole rate.
    """

    run_dir: str = 'runs/latest'
    epochs: int = 30
    head_epochs: int = 3
    head_learning_rate: float = 1e-3
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    group_rates: str = ''
    optimizer: str = 'adamw'
    sam_radius: float = 0.0
    clip_norm: float = 0.0
    label_smoothing: float = 0.1
    focal_gamma: float = 0.0
    freeze_batch_norm: bool = False
    ema_momentum: float = 0.0
    patience: int = 10
    steps_per_call: int = 1
    accumulate: int = 1
    precision: str = 'float32'
    xla: bool = False
    checkpoint_steps: int = 0
    monitor: str = 'val_accuracy'
    seed: int = 0
    deterministic: bool = False
    strategy: str = 'mirrored'

    def __post_init__(self) -> None:
        if self.head_epochs > self.epochs:
            raise ValueError(
                '`head_epochs` counts among `epochs` and cannot exceed them. '
                f'Received: head_epochs={self.head_epochs}, epochs={self.epochs}.'
            )
        if self.precision == 'auto' and self.strategy == 'multi_worker':
            raise ValueError(
                '`precision` must be the same on all hosts and cannot be measured on each. '
                "Received: precision='auto', strategy='multi_worker'. Give --precision=float32 or "
                'mixed_bfloat16.'
            )
        try:
            rates = self.rates
        except ValueError:
            rates = (-1.0,)
        if any(rate < 0 for rate in rates):
            raise ValueError(
                '`group_rates` must be factors that are not negative, with commas between, such as '
                f'`0.1,0.3,1`. Received: group_rates={self.group_rates!r}.'
            )

    @property
    def rates(self) -> tuple[float, ...]:
        """The factors of `group_rates`."""
        return tuple(float(rate) for rate in self.group_rates.split(',') if self.group_rates)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """The whole of a run."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.data.shallow_source and not self.model.shallow_branch:
            raise ValueError(
                '`shallow_source` teaches the shallow branch, which `shallow_branch` adds. '
                f'Received: shallow_source={self.data.shallow_source!r}, shallow_branch=False. '
                'Give --shallow_branch, or --shallow_source= for none.'
            )


def fields_of(run: RunConfig) -> dict[str, str]:
    """Every field of the run by its name, as a flag takes it."""
    parts = (run.data, run.model, run.training)
    return {name: str(v) for part in parts for name, v in dataclasses.asdict(part).items()}


def as_flags(run: RunConfig) -> str:
    """One `--name=value` a line, for every field: a flag file that repeats the run."""
    return ''.join(f'--{name}={value}\n' for name, value in fields_of(run).items())


def set_of(name: str) -> str:
    """The data set of `name/config`.

    All its configs hold the same people, in the same splits but where these are of images.
    """
    return name.partition('/')[0]


def _split_names(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(',') if name.strip())
