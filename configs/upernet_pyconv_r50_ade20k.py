# UPerNet, PyConvResNet-50; ADE20K, 100 epochs. It starts from the authors' ImageNet checkpoint, a file that
# https://github.com/iduta/pyconv links to: --cfg-options model.backbone.init_cfg.checkpoint=FILE
_base_ = './upernet_r50_ade20k.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='PyConvResNet',
        depth=50,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='pyconvresnet50.pth')))
