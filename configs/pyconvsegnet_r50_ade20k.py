# PyConvSegNet with PyConvResNet-50 of output stride 8; ADE20K, 100 epochs, as published. It starts from the authors'
# ImageNet checkpoint, as upernet_pyconv_r50_ade20k; their PyConvSegNet is tested as it is (tools/test.py).
_base_ = ['mmseg::_base_/models/pspnet_r50-d8.py', './_base_/ade20k.py']

model = dict(
    type='PyConvSegNet',
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='PyConvResNet',
        depth=50,
        strides=(2, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='pyconvresnet50.pth')),
    decode_head=dict(
        _delete_=True,
        type='PyConvHead',
        in_channels=2048,
        in_index=3,
        num_classes=_base_.num_classes,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=True),
    auxiliary_head=dict(num_classes=_base_.num_classes, align_corners=True),
    test_cfg=dict(mode='slide', crop_size=_base_.crop_size, stride=(315, 315)))
