"""Whole detectors and segmentors that load their authors' files."""
from collections.abc import Callable

from torch import Tensor

__all__ = ['TranslatedModelMixin']


class TranslatedModelMixin:
    """Makes a whole model rename the keys of its authors' file before its parts see theirs.

    ``translate_released``, a static method of the class that mixes this in, returns the state with released names
    replaced by ours, and lets ours pass unchanged. It brings the parts under the mm library's names; what lies inside a
    backbone or neck, these translate, and check, themselves
    (:class:`~layeragg_mm.checkpoints.ReleasedCheckpointMixin`).
    """

    translate_released: Callable[[dict[str, Tensor]], dict[str, Tensor]]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        state = {key[len(prefix):]: state_dict.pop(key) for key in list(state_dict) if key.startswith(prefix)}
        state_dict.update({prefix + key: value for key, value in self.translate_released(state).items()})
        super()._load_from_state_dict(state_dict, prefix, *args)
