# RetinaNet, FPN, DCA-SE-ResNet-50; COCO 2017, 2x schedule, as published. To start from the authors' ImageNet
# checkpoint, as published:
#   --cfg-options model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth.tar
# (with model.backbone.resize=narrow, if it has that form; an error says so). From torchvision's, attention starts anew.
_base_ = ['mmdet::retinanet/retinanet_r50_fpn_2x_coco.py', './_base_/layeragg_mm.py']

model = dict(backbone=dict(type='DCAResNet', connected='se'))
