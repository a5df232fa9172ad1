"""The documents tell of every backbone that there is."""
import pytest
import torch
from conftest import REPOSITORY
from mmengine.registry import MODELS

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.backbones.variants import ATTACHED, PLAIN, VARIANTS


@pytest.mark.slow
def test_the_documents_table_has_every_backbone_with_its_parameters_channels_and_strides():
    text = (REPOSITORY / 'docs/backbones.md').read_text()
    table = text.split('<!-- backbones:begin -->')[1].split('<!-- backbones:end -->')[0]
    rows = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip('| \n').split('|')]
                                             for line in table.strip().splitlines()[2:])}
    assert list(rows) == [*PLAIN, *VARIANTS, *ATTACHED]
    for name, cfg in VARIANTS.items():
        # OpenMMLab's code, of tensors
        reads_numbers = cfg['type'] in ('MRLAVisionTransformer', 'MRLAEfficientNet', 'EfficientNetLite0')
        with torch.device('cpu' if reads_numbers else 'meta'):
            model = MODELS.build(cfg)
        parameters, _, channels, strides = rows[name]
        assert parameters == f'{sum(p.numel() for p in model.parameters()) / 1e6:.2f}', name
        assert channels == ' '.join(map(str, model.out_channels)) and strides == ' '.join(map(str, model.out_strides))
