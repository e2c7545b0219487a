"""Saliency model, fusion, backbone and head of the classifier."""

from __future__ import annotations

import dataclasses

from fer_keras.config import choices
from fer_keras.config.fields import check, setting
from fer_keras.config.shared import SHIPPED
from fer_keras.errors import InvalidInputError


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Saliency model, fusion, backbone and head of the classifier.

    Raises:
        InvalidInputError: A value is not allowed, or they disagree.

    >>> ModelConfig(saliency='folder:/maps').maps_folder
    '/maps'
    """

    backbone: str = setting(
        'mobilenet_v2', 'Network of Keras Applications.', 'model', choices=choices.BACKBONES
    )
    backbone_weights: str = setting(
        'imagenet',
        '`imagenet` (downloaded), `none`, or the path of a weights file without the top.',
        'model',
        is_path=True,
    )
    initial_weights: str = setting(
        '',
        f'Trained classifier to start from, a run folder, its .keras file or {SHIPPED}, in place '
        'of `backbone_weights`; the last layer is made anew where the classes differ.',
        'model',
        is_path=True,
    )
    saliency: str = setting(
        'none',
        "Saliency model, `saved_model:/path` for anybody's, or `folder:/maps` for maps made "
        'beforehand.',
        'model',
        choices=['none', *choices.SALIENCY_KINDS],
        prefixes=[choices.SAVED_MODEL, choices.FOLDER],
    )
    saliency_weights: str = setting(
        '', 'Weights file of the saliency model; empty: the shipped ones.', 'model', is_path=True
    )
    fusion: str = setting(
        'multiply', 'How the map enters the image.', 'model', choices=choices.FUSIONS
    )
    fusion_strength: float = setting(
        1.0, 'Share of the product in the fusion `blend`.', 'model', low=0, high=1
    )
    color: str = setting('rgb', 'What the backbone sees.', 'model', choices=choices.COLORS)
    crop: float = setting(
        1.0,
        'Share of the side of the image, about its centre, that the network sees.',
        'model',
        low=0.1,
        high=1,
    )
    dropout: float = setting(0.3, 'Dropout before the head.', 'model', low=0, high=0.95)
    average_mirrored: bool = setting(
        False,
        'At test, let the backbone answer for the face and its mirror image: twice the cost.',
        'model',
    )
    hog_branch: bool = setting(
        False,
        'Decide together with a linear classifier of histograms of oriented gradients, which is '
        'fitted before the first step.',
        'model',
        formerly='shallow_branch',
    )

    def __post_init__(self) -> None:
        check(self)
        if self.fusion != 'blend' and self.fusion_strength != ModelConfig.fusion_strength:
            raise InvalidInputError(
                '`fusion_strength` belongs to the fusion `blend`. '
                f'Received: fusion={self.fusion!r}, fusion_strength={self.fusion_strength}.'
            )
        if self.saliency_weights and self.saliency == 'none':
            raise InvalidInputError(
                '`saliency_weights` needs a saliency model. '
                f'Received: saliency={self.saliency!r}, '
                f'saliency_weights={self.saliency_weights!r}.'
            )

    @property
    def maps_folder(self) -> str:
        """The folder of precomputed saliency maps; empty where a model makes them."""
        is_folder = self.saliency.startswith(choices.FOLDER)
        return self.saliency.removeprefix(choices.FOLDER) if is_folder else ''
