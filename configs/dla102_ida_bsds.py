# DLA-102 with IDA upsampling for boundaries; BSDS500, 1,200 epochs, as published.
_base_ = './dla34_ida_bsds.py'

model = dict(
    backbone=dict(
        arch='102', init_cfg=dict(checkpoint='http://dl.yf.io/dla/models/imagenet/dla102-d94d9790.pth')),
    neck=dict(in_channels=[32, 128, 256, 512, 1024]))
