# The model of DLA-34's segmentation network with predictions at stride 2, as published; its trunk starts from the DLA
# authors' ImageNet checkpoint. From scratch: --cfg-options model.backbone.init_cfg=None
# At stride 4: backbone=dict(out_indices=(2, 3, 4, 5)), neck=dict(in_channels=[64, 128, 256, 512], out_channels=64),
# decode_head=dict(in_channels=64, in_stride=4)
model = dict(
    type='DLASegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255),
    backbone=dict(
        type='DLANet',
        arch='34',
        out_indices=(1, 2, 3, 4, 5),
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='http://dl.yf.io/dla/models/imagenet/dla34-ba72cf86.pth')),
    neck=dict(type='IDAUp', mode='finest', in_channels=[32, 64, 128, 256, 512], out_channels=32),
    decode_head=dict(
        type='DLAHead',
        in_channels=32,
        in_stride=2,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
