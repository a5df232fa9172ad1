"""The states of the random generators that training draws from, as plain data."""
import random

import numpy as np
import torch

__all__ = ['random_state', 'set_random_state']


def random_state() -> dict:
    """Return the states of this process's global generators: Python's, numpy's, torch's, and its GPU's if it has one.

    The state holds numbers, text, tuples and tensors only, so that a checkpoint with it is plain data.
    """
    name, keys, *rest = np.random.get_state()
    state = dict(python=random.getstate(), numpy=(name, keys.tolist(), *rest), torch=torch.get_rng_state())
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict) -> None:
    """Set the generators to what :func:`random_state` returned, here or in another process."""
    random.setstate(state['python'])
    np.random.set_state(state['numpy'])
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
