"""Which images are read, and how they reach the model."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices, shared
from fer_keras.config.fields import check, setting
from fer_keras.errors import InvalidInputError

# How configs end whose splits are of images and not of people.
_LEAKY = '_leaky_image_split'
# The settings that say who teaches the model, and whom they leave for the test.
TAUGHT_BY = ('source', 'hog_source', 'fold')


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images are read, and how they reach the model.

    `source` and `target` name prepared data sets as `name/config`; several sources are pooled with
    a comma between them. An empty `target` is the source itself. Everyone in `hog_source`, one or
    more data sets besides, teaches the branch of histograms of oriented gradients alone. With a
    `fold` of 0 to 9 that fold of the sources is tested, the next one validates, and the others
    train. The maps of a frozen saliency model are kept where `saliency_cache` says: in `memory`, in
    a folder, or, with `none`, nowhere: each step makes them of the augmented images.

    Raises:
        InvalidInputError: A value is not allowed, or they disagree.

    >>> DataConfig(source='cfee/basic_faces, rafd/frontal_faces').source_names
    ('cfee/basic_faces', 'rafd/frontal_faces')
    """

    data_dir: str = shared.data_dir('data')
    source: str = setting(
        'cfee/basic_faces', 'Data set to train on, `name/config`; a comma pools several.', 'data'
    )
    source_share: float = setting(
        1.0,
        'Share of the people of the source that train, or of its images where nobody is named; a '
        'smaller share is part of a larger one. Validation and test stay whole.',
        'data',
        low=0.001,
        high=1,
    )
    hog_source: str = setting(
        '',
        'Data sets besides the source, all of whose images teach the histograms of oriented '
        'gradients.',
        'data',
        formerly='shallow_source',
    )
    target: str = setting('', 'Data set to test on, `name/config`; empty: the source.', 'data')
    target_split: str = setting(
        'test',
        'People of the target to test on; `all` only where none of them was trained on.',
        'data',
        choices=choices.TARGET_SPLITS,
    )
    image_size_px: int = setting(
        224, 'Side of the square input, pixels.', 'model', low=32, high=1024
    )
    batch_size: int = setting(32, 'Images a step, of all replicas together.', 'recipe', low=1)
    augmentation: str = setting(
        'light',
        'How strongly training images are varied.',
        'recipe',
        choices=choices.AUGMENTATIONS,
    )
    label: str = setting(
        'majority',
        'What training images teach: the label of the data set (`majority`), or the share of each '
        'class in the votes (`votes`) where it has some. Validation, tests, counts and `balance` '
        'go by the label all the same, and so do the histograms of oriented gradients.',
        'recipe',
        choices=choices.LABELS,
    )
    balance: str = setting(
        'none',
        'Have each class count alike, however many images it has: by how often its images are '
        'drawn (`sampling`), or by their weight in the loss (`loss`).',
        'recipe',
        choices=choices.BALANCES,
    )
    mixup_alpha: float = setting(
        0.0,
        'Mix images in pairs (Zhang 2018), by shares of Beta(alpha, alpha); 0 is off.',
        'recipe',
        low=0,
    )
    cutmix_alpha: float = setting(
        0.0, 'The same with a rectangle of the other image (Yun 2019); 0 is off.', 'recipe', low=0
    )
    cache: bool = setting(True, 'Keep decoded, resized images in memory.', 'execution')
    saliency_cache: str = setting(
        'memory',
        'Where the maps of a frozen saliency model are kept: `memory`, a folder, or `none`, which '
        'makes them anew in each step, of the augmented image.',
        'execution',
        is_path=True,
    )
    fold: int = setting(
        -1, 'Fold that is tested, 0 to 9; -1: the own split of the data.', 'data', low=-1, high=9
    )
    allow_taught_people: bool = setting(
        False,
        'Test people who taught the model all the same; every number is then marked.',
        'data',
    )
    report_images: bool = setting(
        False, 'Show faces in the report. Only where the licence of the data allows it.', 'output'
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.source.strip(', '):
            raise InvalidInputError(
                '`source` must name a data set, such as `cfee/basic_faces`. '
                f'Received: source={self.source!r}.'
            )
        known = {set_of(name) for name in (*self.source_names, self.target_name)}
        if known & {set_of(name) for name in self.hog_source_names}:
            raise InvalidInputError(
                '`hog_source` must name other data sets than `source` and `target`: everyone '
                f'in them is learned from. Received: source={self.source!r}, '
                f'target={self.target_name!r}, hog_source={self.hog_source!r}.'
            )
        if self.target_split != 'test' and self.is_target_a_source:
            raise InvalidInputError(
                '`target_split` must be `test` when the target is also a source, in this or '
                'another config: its other people were trained on. '
                f'Received: source={self.source!r}, target={self.target!r}, '
                f'target_split={self.target_split!r}.'
            )
        of_target = {n for n in self.source_names if set_of(n) == set_of(self.target_name)}
        of_target.add(self.target_name)
        if len(of_target) > 1 and any(name.endswith(_LEAKY) for name in of_target):
            raise InvalidInputError(
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
    def hog_source_names(self) -> tuple[str, ...]:
        """The data sets that teach the histograms of oriented gradients alone."""
        return _split_names(self.hog_source)

    @property
    def target_name(self) -> str:
        """The data set that the run is tested on."""
        return self.target.strip() or self.source_names[0]

    @property
    def is_leaky(self) -> bool:
        """Whether the target says by its name that its people are in every split."""
        return self.target_name.endswith(_LEAKY) and self.target_name in self.source_names

    @property
    def is_target_a_source(self) -> bool:
        """Whether people of the target's data set, in whatever config, are learned from."""
        return set_of(self.target_name) in {set_of(name) for name in self.source_names}


def set_of(name: str) -> str:
    """The data set of `name/config`.

    All its configs hold the same people, in the same splits but where these are of images.
    """
    return name.partition('/')[0]


def _split_names(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(',') if name.strip())
