"""Golden outputs of the published reference implementations, and the seeded weights behind them.

Each JSON file here describes one reference network: the keys and shapes of its checkpoint, in the
layout in which the authors released it, and what that network returned, in float64, for seeded
weights and a seeded input. Rebuild both with the functions below, convert the checkpoint, run your
own module in float64, and compare with `check`.

Needs numpy and torch only.
"""
import fnmatch
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).resolve().parent / 'data'


def load(name, folder=DATA):
    """Return the description called `name` (without .json) as a dict."""
    return json.loads((Path(folder) / f'{name}.json').read_text())


def weight(key, shape):
    """Return the seeded float64 tensor that stands for the checkpoint entry `key`."""
    shape = tuple(shape)
    if key.endswith('num_batches_tracked'):
        return torch.zeros((), dtype=torch.int64)
    rng = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)
    if key.endswith('running_var'):
        value = rng.uniform(0.5, 1.5, shape)
    elif key.endswith('running_mean'):
        value = rng.normal(0.0, 0.1, shape)
    elif key.endswith('lambda_t'):
        value = rng.normal(0.0, 0.2, shape)
    elif key.endswith('bias'):
        value = rng.normal(0.0, 0.1, shape)
    elif len(shape) == 1:  # a norm layer's scale
        value = rng.uniform(0.3, 0.7, shape)
    else:
        value = rng.normal(0.0, 1.0 / math.sqrt(np.prod(shape[1:])), shape)
    return torch.from_numpy(np.asarray(value))


def state_dict(description):
    """Return the whole seeded checkpoint of a description, keyed as the authors released it.

    Two optional fields of a description say where seeded values would be no network of the authors': `tied` lists
    groups of keys that are names of one tensor (the last one's value holds), `set` what is written over the seeded
    state: a number, "identity" (DO-Conv's d_diag), or blocks of output and input channels to be zeroed
    ({"zero": [[o0, o1, i0, i1]]}).
    """
    state = {key: weight(key, shape) for key, shape in description['state_dict']}
    for group in description.get('tied', []):
        state.update(dict.fromkeys(group, state[group[-1]]))
    for pattern, value in description.get('set', {}).items():
        for key in fnmatch.filter(state, pattern):
            tensor = state[key]
            if value == 'identity':
                taps, depth = tensor.shape[1:]
                eye = torch.eye(taps, dtype=tensor.dtype).repeat(1, depth // taps)
                tensor.zero_()[:, :, :eye.shape[1]] = eye
            elif isinstance(value, dict):
                for o0, o1, i0, i1 in value['zero']:
                    tensor[o0:o1, i0:i1] = 0
            else:
                tensor.fill_(value)
    return state


def image(shape):
    """Return the seeded float64 input of a given shape (N, 3, H, W)."""
    rng = np.random.RandomState(20170720)
    return torch.from_numpy(rng.normal(0.0, 1.0, tuple(shape)))


def summary(tensor, samples=48):
    """Return shape, mean, standard deviation and evenly spaced samples of a tensor."""
    flat = tensor.detach().double().reshape(-1)
    index = torch.linspace(0, flat.numel() - 1, min(samples, flat.numel())).long()
    return dict(
        shape=list(tensor.shape),
        mean=flat.mean().item(),
        std=flat.std(unbiased=False).item(),
        index=index.tolist(),
        value=flat[index].tolist())


def objective(outputs):
    """Return the scalar whose gradient with respect to the input the descriptions record."""
    return sum((out * torch.cos(torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape))).sum()
               / math.sqrt(out.numel()) for out in outputs)


def check(tensor, expected, tolerance=1e-8):
    """Return the largest error of `tensor` against a summary, relative to its scale.

    Raises AssertionError where the shape differs or the error is above `tolerance`.
    """
    got = tensor.detach().double()
    assert list(got.shape) == expected['shape'], f"shape {list(got.shape)}, expected {expected['shape']}"
    value = torch.tensor(expected['value'], dtype=torch.float64)
    scale = max(value.abs().max().item(), expected['std'], 1e-12)
    error = (got.reshape(-1)[expected['index']] - value).abs().max().item() / scale
    error = max(error, abs(got.mean().item() - expected['mean']) / scale)
    assert error <= tolerance, f'relative error {error:.3g} is above {tolerance:.3g}'
    return error
