"""Compile for a GPU what MRLA launches there, without one: the maps lie on the CPU, and a launch does nothing.

Triton's interpreter, with which the other tests run, takes what its compiler refuses. A process has one of the two.
"""
import itertools
from types import SimpleNamespace

import torch
from forms import drawn, in_sequence, results
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver

from layeragg_mm.layers import BaseLayerAttention, LightLayerAttention, kernels, operators


class Driver:
    """What Triton asks of the driver of a GPU, here the oldest that it compiles for (compute capability 7.5)."""

    def __init__(self) -> None:
        self.compiled = set()
        self.get_current_target = lambda: GPUTarget('cuda', 75, warp_size=32)
        self.get_current_device = self.get_current_stream = lambda device=0: 0
        self.utils = SimpleNamespace(
            get_device_properties=lambda device: {'max_shared_mem': 2**16},
            load_binary=lambda *binary: (None, None, 0, 0, 1024))  # module, function, registers, spills, threads

    def launcher_cls(self, source, metadata):
        self.compiled.add(metadata.name)
        return lambda *launch: None


def main() -> None:
    operators.takes_kernels = lambda x: True
    driver.set_active(Driver())
    for frozen, memory_format, low_precision in itertools.product(
            (True, False), (torch.contiguous_format, torch.channels_last), (True, False)):
        light = drawn(LightLayerAttention(16, channels_per_head=8), torch.float32)
        base = torch.nn.ModuleList(drawn(BaseLayerAttention(16, channels_per_head=8), torch.float32)
                                   for _ in range(kernels.TERMS + 1))
        for layer in (light, *base):
            layer.norm.train(not frozen)
        maps = [torch.zeros(2, 16, 5, 7).to(memory_format=memory_format).requires_grad_() for _ in range(2)]
        with torch.autocast('cpu', enabled=low_precision):
            results(light, light, maps)
            results(in_sequence(base), base, maps[:1])
    print(*sorted(driver.active.compiled), sep='\n')


if __name__ == '__main__':
    main()
