_base_ = ['mmseg::_base_/models/fcn_r50-d8.py', './half_size.py']

max_iters = 124
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = dict(end=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    decode_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)))
