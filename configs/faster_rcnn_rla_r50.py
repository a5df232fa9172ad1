# Faster R-CNN, FPN, RLA-ResNet-50; COCO 2017, 1x schedule.
_base_ = './faster_rcnn_r50.py'

# The trunk starts from the ImageNet ResNet of the base, and so does the network: what the blocks read of the hidden
# state starts at zero. To start from the authors' ImageNet checkpoint instead (resnet50_rla_2283):
#   --cfg-options model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth.tar
model = dict(backbone=dict(type='RLAResNet'))
