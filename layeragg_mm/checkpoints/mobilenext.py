"""MobileNeXt as its authors released it (ImageNet classification, SSDLite)."""
import re

from torch import Tensor

__all__ = ['translate_mobilenext']


def translate_mobilenext(state: dict[str, Tensor], layers_of_features: list[int]) -> dict[str, Tensor]:
    """Return a MobileNeXt checkpoint without what the backbone does not have; the names are the same.

    Dropped are the classifier, of an SSDLite all but ``features``, and the layers from the backbone's last output on.

    Args:
        state: the checkpoint.
        layers_of_features: for each of the backbone's ``features``, how many layers it has.
    """

    def is_kept(key: str) -> bool:
        place = re.match(r'features\.(\d+)\.(?:conv\.)?(\d+)\.', key)
        if place is None:
            return not key.startswith(('classifier.', 'extras.')) and not is_detector
        index, layer = map(int, place.groups())
        return index < len(layers_of_features) and layer < layers_of_features[index]

    is_detector = any(key.startswith('extras.') for key in state)
    return {key: value for key, value in state.items() if is_kept(key)}
