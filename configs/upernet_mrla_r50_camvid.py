# UPerNet, MRLA-light ResNet-50; CamVid, 1,200 epochs.
_base_ = './upernet_r50_camvid.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MRLAResNet',
        depth=50,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')))
