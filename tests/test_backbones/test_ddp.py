"""DistributedDataParallel without find_unused_parameters: two processes compute the gradients of one."""
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import trunks
from mmengine.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from layeragg_mm.backbones.variants import VARIANTS
from layeragg_mm.necks import FPT

NAMES = ['rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla46_c', 'pyconv_r18', 'weightnet_shufflenet_v2_0.5x', 'dgc_r18',
         'dca_gc_r34', 'dca_cbam_mobilenet_v2', 'dca_sk_mobilenet_v2', 'mobilenext_035', 'mobilenext_100_ssd',
         'group_ensemble_r50', 'mrla_dynamic_r18', 'mrla_key_correlated_r18', 'rla_mobilenet_v2',
         'mrla_efficientnet_b0', 'mrla_deit_tiny', 'mrla_base_deit_tiny']
MODULES = {
    'DOConv2d': dict(conv_cfg=dict(type='DOConv2d')),
    'PSConv2d': dict(dcn=dict(type='PSConv2d'), stage_with_dcn=(True,) * 4),
    'ULSAM': dict(plugins=[dict(cfg=dict(type='ULSAM', groups=4), position='after_conv3')]),
    'FPT': {}}
ATTACHED = ['resnet18 RecurrentAggregation', 'swin LightLayerAttention', 'vit BaseLayerAttention',
            'mobilenet_v2 DynamicLayerAttention', 'cspnext KeyCorrelatedLayerAttention']


def gradients(model, images) -> list[torch.Tensor]:
    sum(out.square().mean() for out in model(images)).backward()
    return [parameter.grad for parameter in model.parameters()]


def build(name: str) -> torch.nn.Module:
    import layeragg_mm.segmentation  # noqa: F401  (registers, in a new process too)
    torch.manual_seed(0)
    if name in ATTACHED:
        return trunks.draw(trunks.build(name), 'aggregation.').double().eval()
    if name in MODULES:
        network = MODELS.build(dict(type='FastResNet', depth=50, base_channels=16, stem_channels=8, norm_eval=True,
                                    **MODULES[name])).double().train()
        neck = FPT([64, 128, 256, 512], 16, num_outs=4).double()
        return torch.nn.Sequential(network, neck) if name == 'FPT' else network
    model = MODELS.build(dict(VARIANTS[name], norm_eval=True)).double().train()
    if name.startswith('dgc'):  # its gates multiply maps by what grows with them, which nothing but norms holds down
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.constant_(module.weight, .1)
    return model


def compare(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for name in [*NAMES, *MODULES, *ATTACHED]:
        model = DistributedDataParallel(build(name))
        for _ in range(2):  # an unused parameter raises in the second step
            model.zero_grad()
            ours = gradients(model, images[rank:rank + 1])
        for one, expected in zip(ours, gradients(build(name), images), strict=True):
            torch.testing.assert_close(one, expected, rtol=1e-6, atol=1e-9)
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_compute_the_gradients_of_one(tmp_path):
    mp.spawn(compare, args=(str(tmp_path),), nprocs=2)
