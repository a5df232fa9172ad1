_base_ = ['mmseg::_base_/models/upernet_r50.py', './half_size.py']

max_iters = 97
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(end=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='RLAResNet',
        depth=50,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False),
    decode_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)))
