# DLA-169 with IDA upsampling; Cityscapes, 500 epochs, as published.
_base_ = './dla34_ida_cityscapes.py'

model = dict(
    backbone=dict(
        arch='169', init_cfg=dict(checkpoint='http://dl.yf.io/dla/models/imagenet/dla169-0914e092.pth')),
    neck=dict(in_channels=[32, 128, 256, 512, 1024]))
