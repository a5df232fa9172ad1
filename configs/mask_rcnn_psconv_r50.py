# Mask R-CNN, FPN, PS-ResNet-50 (PSConv in every bottleneck); COCO 2017, 1x schedule.
_base_ = './mask_rcnn_r50.py'

# In the first stage too PSConv makes another function of torchvision's weights, so that it is trained. With a
# PS-ResNet-50 of ImageNet as model.backbone.init_cfg.checkpoint, as published: model.backbone.frozen_stages=1.
model = dict(backbone=dict(
    type='FastResNet', dcn=dict(type='PSConv2d'), stage_with_dcn=(True, True, True, True), frozen_stages=0))
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))
