# Mask R-CNN, FPN, MRLA-light ResNet-50; COCO 2017, 1x schedule.
_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50_fpn.py', 'mmdet::_base_/datasets/coco_instance.py',
    'mmdet::_base_/schedules/schedule_1x.py', 'mmdet::_base_/default_runtime.py'
]
custom_imports = dict(imports=['layeragg_mm'], allow_failed_imports=False)

# The trunk starts from the ImageNet ResNet-50 of the base (torchvision://resnet50), and so does the network: the norm
# after the attention has scale zero. To start from the authors' ImageNet checkpoint instead (r50_mrlal_77.75):
#   --cfg-options model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth.tar
model = dict(backbone=dict(type='MRLAResNet', variant='light'))
