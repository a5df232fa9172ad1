"""What ``frozen_stages`` and ``norm_eval`` mean in training, for backbones that extend none of MMDetection's."""
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['FreezingMixin']


class FreezingMixin:
    """Keeps the stages that ``_freeze_stages`` freezes, and with ``norm_eval`` batch norm's statistics, as they are."""

    def train(self, mode: bool = True):
        """Set training mode, except for what ``frozen_stages`` and ``norm_eval`` freeze."""
        super().train(mode)
        self._freeze_stages()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
