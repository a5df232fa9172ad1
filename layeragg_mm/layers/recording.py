"""Who looks on while a network computes, and makes a graph of it."""
import torch

__all__ = ['is_exported', 'is_recorded']


def is_recorded() -> bool:
    """Return whether a graph is being made of what is computed, by torch.compile, torch.export or torch.jit.trace."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_exported() -> bool:
    """Return whether that graph is to be saved, by torch.export or torch.jit.trace: then every operator is torch's."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()
