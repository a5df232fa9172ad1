# Faster R-CNN, FPN, MRLA-light ResNet-50; COCO 2017, 1x schedule.
_base_ = './faster_rcnn_r50.py'

# The trunk starts from the ImageNet ResNet of the base, and so does the network: the norm after the attention has scale
# zero. To start from the authors' ImageNet checkpoint instead (r50_mrlal_77.75):
#   --cfg-options model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth.tar
model = dict(backbone=dict(type='MRLAResNet', variant='light'))
