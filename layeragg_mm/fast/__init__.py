"""Faster forms of equations in ``layeragg_mm.layers`` and of the step in ``layeragg_mm.adapters``, one a file.

Each computes what its equation computes, and takes its place where it was measured to win: on the CPU. What a form is
worth: docs/speed.md. How they are switched: :class:`~layeragg_mm.layers.forms.fast_forms`.
"""
from ..layers.forms import FORMS, fast_forms, switch_by_environment
from . import (
    channels_last,
    compiled_value,
    frozen_norm,
    history_sum,
    image_kernels,
    joint_projection,
    kernel_product,
    light_attention,
    poly_scale,
)

switch_by_environment()

__all__ = [
    'FORMS', 'channels_last', 'compiled_value', 'fast_forms', 'frozen_norm', 'history_sum', 'image_kernels',
    'joint_projection', 'kernel_product', 'light_attention', 'poly_scale'
]
