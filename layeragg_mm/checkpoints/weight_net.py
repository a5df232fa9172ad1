"""ShuffleNetV2 with WeightNet as its authors released it, in MegEngine's shapes."""
from torch import Tensor

__all__ = ['translate_weightnet']


def translate_weightnet(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a checkpoint with the names and shapes of the network's ``own`` state.

    ``wn_fc2.weight`` becomes ``weight``; what MegEngine has with more dimensions (bias and norms (1, C, 1, 1), grouped
    weights) is reshaped; the classifier, ``conv_last`` before it, and blocks that the network does not have are
    dropped.
    """
    blocks = {key.split('.')[1] for key in own if key.startswith('features.')}
    translated = {}
    for key, value in state.items():
        part, _, rest = key.partition('.')
        if part in ('conv_last', 'classifier') or (part == 'features' and rest.split('.')[0] not in blocks):
            continue
        key = key.replace('.wn_fc2.weight', '.weight')
        fits = key in own and own[key].numel() == value.numel()
        translated[key] = value.reshape(own[key].shape) if fits else value
    return translated
