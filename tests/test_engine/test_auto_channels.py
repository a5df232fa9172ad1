"""in_channels='auto' is what the parts before give."""
import pytest
from conftest import CONFIGS

from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError


@pytest.mark.parametrize('config, options, filled', [
    (CONFIGS / 'faster_rcnn_r50.py',
     {'model.backbone': dict(_delete_=True, type='DLANet', arch='34'), 'model.neck.in_channels': 'auto'},
     {'neck': [64, 128, 256, 512]}),
    ('mmdet::libra_rcnn/libra-retinanet_r50_fpn_1x_coco.py',
     {'model.backbone.base_channels': 16, 'model.neck.0.in_channels': 'auto', 'model.neck.1.in_channels': 'auto'},
     {'neck.0': [64, 128, 256, 512], 'neck.1': 256}),
    ('mmseg::upernet/upernet_r50_4xb2-40k_cityscapes-512x1024.py',
     {'model.backbone': dict(_delete_=True, type='DLANet', arch='34'), 'model.decode_head.in_channels': 'auto',
      'model.auxiliary_head.in_channels': 'auto', 'model.pretrained': None},
     {'decode_head': [64, 128, 256, 512], 'auxiliary_head': 256}),
    (CONFIGS / 'dla34_ida_camvid.py', {'model.neck.in_channels': 'auto', 'model.decode_head.in_channels': 'auto'},
     {'neck': [32, 64, 128, 256, 512], 'decode_head': 32}),
])
def test_what_the_parts_before_give(config, options, filled):
    cfg = read_config(str(config), cfg_options=options)
    for path, channels in filled.items():
        node = cfg.model
        for key in path.split('.'):
            node = node[int(key)] if key.isdigit() else node[key]
        assert node.in_channels == channels


def test_elsewhere_it_is_refused():
    with pytest.raises(InputError, match=r'model\.rpn_head\.in_channels'):
        read_config(str(CONFIGS / 'faster_rcnn_r50.py'), cfg_options={'model.rpn_head.in_channels': 'auto'})


def test_a_backbone_that_cannot_be_built_is_told():
    with pytest.raises(InputError, match='depth'):
        read_config(str(CONFIGS / 'faster_rcnn_rla_r50.py'),
                    cfg_options={'model.backbone.depth': 51, 'model.neck.in_channels': 'auto'})
