"""ResNet with dynamic group convolutions as its authors released it."""
from torch import Tensor

__all__ = ['translate_dgc']


def translate_dgc(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a checkpoint under MMDetection's names: without the classifier, the shortcut's norm in its place."""
    return {key.replace('.downsample.1.norm.', '.downsample.1.'): value for key, value in state.items()
            if not key.startswith('fc.')}
