# UPerNet, ResNet-50; CamVid, 1,200 epochs: as dla34_ida_camvid but for the model, for comparison.
_base_ = ['mmseg::_base_/models/upernet_r50.py', './_base_/camvid.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(type='ResNet', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    decode_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)))
