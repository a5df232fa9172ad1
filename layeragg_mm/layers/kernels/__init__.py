"""Triton kernels: MRLA's depthwise convolutions and sums of maps on a GPU, each reads and writes a map once.

A program computes tiles of pixels x channels of one image, contiguous or channels_last. What is summed over pixels it
keeps in registers and writes once; torch adds up the programs' parts, always in the same order. Arithmetic is in
float32, for float64 in float64, whatever the type of the maps. A long history takes several launches. The plain forms
that these equal are in ``mrla.py``.
"""
from .attended_sum import attended_sum, attended_sum_backward, depthwise_conv_backward
from .history_sum import TERMS, history_sum, history_sum_backward
from .query_key import query_key, query_key_backward

__all__ = ['TERMS', 'attended_sum', 'attended_sum_backward', 'depthwise_conv_backward', 'history_sum',
           'history_sum_backward', 'query_key', 'query_key_backward']
