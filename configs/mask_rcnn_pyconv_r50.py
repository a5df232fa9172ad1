# Mask R-CNN, FPN, PyConvResNet-50; COCO 2017, 1x schedule. It starts from the authors' ImageNet checkpoint, a file that
# https://github.com/iduta/pyconv links to: --cfg-options model.backbone.init_cfg.checkpoint=FILE
_base_ = './mask_rcnn_r50.py'

model = dict(backbone=dict(type='PyConvResNet', init_cfg=dict(checkpoint='pyconvresnet50.pth')))
