"""Where an equation and its fast form meet: the equations are written in ``layers``, the fast forms in ``fast``.

A function or method under :func:`replaceable` computes what it says, unless a form of ``layeragg_mm.fast`` takes its
place. A form does so where it is switched on (:class:`fast_forms`) for the device of the maps, and never in what is
exported: torch.export, both ONNX exporters and torch.jit.trace see the equation.
"""
import functools
import os
from collections.abc import Callable

import torch
from torch import nn

__all__ = ['FORMS', 'Form', 'carries_hooks', 'fast_forms', 'replaceable']

VARIABLE = 'LAYERAGG_FAST'
EVERYWHERE = frozenset({'cpu', 'cuda', 'xpu', 'mps', 'npu', 'mlu', 'meta'})

FORMS: dict[str, 'Form'] = {}


def replaceable(equation: Callable) -> Callable:
    """Let a fast form take the place of ``equation``, which stays reachable as ``.literal``.

    The form is called with the same arguments, and returns NotImplemented where it leaves them to the equation.
    """
    slot = _Slot()

    @functools.wraps(equation)
    def computed(*args, **kwargs):
        if slot.fast is not None and not (torch.compiler.is_exporting() or torch.jit.is_tracing()):
            result = slot.fast(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return equation(*args, **kwargs)

    computed.literal, computed.slot = equation, slot
    return computed


class _Slot:
    fast: Callable | None = None


class Form:
    """A fast form by its name, which is that of its file in ``layeragg_mm.fast``.

    Args:
        name: what switches it.
        devices: types of the devices on which it is on by default: those where it was measured to win.

    Attributes:
        devices: where it is on now; the form itself asks.
    """

    def __init__(self, name: str, devices: tuple[str, ...] = ('cpu',)) -> None:
        self.name, self.default = name, frozenset(devices)
        self.devices = self.default
        FORMS[name] = self

    def replaces(self, equation: Callable) -> Callable[[Callable], Callable]:
        """Return a decorator for the function that takes the place of ``equation``."""

        def register(fast: Callable) -> Callable:
            equation.slot.fast = fast
            return fast

        return register


class fast_forms:
    """Switch the fast forms: ``fast_forms(False)``, or ``with fast_forms(False): ...`` for a while.

    The environment variable ``LAYERAGG_FAST`` says what holds at first: 0, 1, or names with commas between them.

    Args:
        which: True for the forms that are on by default, on their devices; False for none: every network computes its
            equation as it stands; or names (of ``layeragg_mm.layers.forms.FORMS``): these alone, on every device.

    Raises:
        ValueError: no form has such a name; the message lists what there is.
    """

    def __init__(self, *which: bool | str) -> None:
        if which not in ((True,), (False,)):
            for name in which or ('',):
                if not isinstance(name, str) or name not in FORMS:
                    raise ValueError(f'no fast form is called {name!r}; allowed: True, False, or some of '
                                     f'{", ".join(map(repr, FORMS))}')
        self.before = {form: form.devices for form in FORMS.values()}
        for name, form in FORMS.items():
            if which == (True,):
                form.devices = form.default
            else:
                form.devices = EVERYWHERE if name in which else frozenset()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_) -> None:
        for form, devices in self.before.items():
            form.devices = devices


def switch_by_environment() -> None:
    """Switch the forms as ``LAYERAGG_FAST`` says, if it is set; called when all of them are known."""
    value = os.environ.get(VARIABLE) or '1'
    try:
        fast_forms(value == '1') if value in ('0', '1') else fast_forms(*map(str.strip, value.split(',')))
    except ValueError as error:
        raise ValueError(f'{VARIABLE}={value}: {error}; here 1 stands for True, 0 for False') from None


def carries_hooks(*modules: nn.Module) -> bool:
    """Whether one of ``modules`` has a hook or a forward put in place of its own, or all modules have a hook.

    Then it must be called, not only computed.
    """
    everywhere = torch.nn.modules.module
    if (everywhere._global_forward_hooks or everywhere._global_forward_pre_hooks or everywhere._global_backward_hooks
            or everywhere._global_backward_pre_hooks):
        return True
    for module in modules:
        if (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
                or module._backward_pre_hooks or 'forward' in module.__dict__):
            return True
    return False
