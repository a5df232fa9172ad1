"""in_channels='auto' takes what the backbone gives, whatever the backbone."""
import pytest
from mmengine.config import ConfigDict
from trunks import TRUNKS

from layeragg_mm.engine.auto_channels import fill_channels
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError


@pytest.mark.parametrize('backbone, channels', [
    (dict(type='MRLAResNet', depth=50, out_indices=(1, 2, 3)), [512, 1024, 2048]),
    (dict(type='RLAResNeXt', depth=50), [256, 512, 1024, 2048]),
    (dict(type='DLANet', arch='34', out_indices=(3, 5)), [128, 512]),
    (TRUNKS['swin'].config, [16, 32, 64, 128]),
    (dict(type='LayerAggregation', backbone=TRUNKS['efficientnet'].config,
          aggregation=dict(type='RecurrentAggregation')), [40, 112]),
], ids=lambda value: value['type'] if isinstance(value, dict) else '')
def test_a_neck_gets_the_list(backbone, channels):
    model = ConfigDict(backbone=backbone, neck=dict(type='FPN', in_channels='auto', out_channels=8))
    fill_channels(model)
    assert model.neck.in_channels == channels and model.backbone == backbone


def test_a_head_without_a_neck_gets_the_output_that_it_reads():
    model = ConfigDict(backbone=dict(type='DLANet', arch='46_c'),
                       decode_head=dict(type='UPerHead', in_channels='auto', in_index=[1, 3]),
                       auxiliary_head=dict(type='FCNHead', in_channels='auto', in_index=2))
    fill_channels(model)
    assert model.decode_head.in_channels == [64, 256] and model.auxiliary_head.in_channels == 128


@pytest.mark.parametrize('model, said', [
    (dict(neck=dict(in_channels='auto')), 'has no backbone to ask'),
    (dict(backbone=dict(type='DLANet', arch='34'), neck=dict(in_channels=[1]), bbox_head=dict(in_channels='auto')),
     "model.bbox_head.in_channels='auto' asks for what the neck gives"),
])
def test_what_cannot_be_asked_is_told(model, said):
    with pytest.raises(InputError, match=said):
        fill_channels(ConfigDict(model))


def test_tools_read_it(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("default_scope = 'mmdet'\nmodel = dict(backbone=dict(type='ResNet', depth=18), "
                      "neck=dict(in_channels='auto'))\n")
    assert read_config(str(config)).model.neck.in_channels == [64, 128, 256, 512]
