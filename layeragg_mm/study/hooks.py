"""What a study changes in a network before it trains."""
import re

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..errors import InputError

__all__ = ['ConstantStartHook']


@HOOKS.register_module()
class ConstantStartHook(Hook):
    """Starts the parameters whose names match ``pattern`` at ``value``, in place of what their modules drew.

    For starts that are under study only, and so are no arguments of the networks:
    ``dict(type='ConstantStartHook', pattern='mrla.shortcut_scale', value=0)`` is MRLA-light's lambda at zero. Other
    weights, and all random draws after, are those of the run without it.

    Raises:
        InputError: no parameter matches.
    """

    def __init__(self, pattern: str, value: float) -> None:
        self.pattern, self.value = pattern, value

    def before_train(self, runner: Runner) -> None:
        if runner.iter:  # resumed
            return
        found = [parameter for name, parameter in runner.model.named_parameters() if re.search(self.pattern, name)]
        if not found:
            raise InputError(f'ConstantStartHook: no parameter of the model is called {self.pattern}',
                             'Correct its pattern.')
        for parameter in found:
            parameter.data.fill_(self.value)
