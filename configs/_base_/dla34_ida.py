# The model of a detector with DLA-34 and the IDA neck in the place of ResNet and FPN; what FPN was told (outputs, extra
# levels) stays. From random initialisation, so no stage is frozen and the norms learn. To start from the DLA authors'
# ImageNet checkpoint instead (dla34-ba72cf86.pth):
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth
#   model.backbone.frozen_stages=2 model.backbone.norm_eval=True
dla34_ida = dict(
    backbone=dict(_delete_=True, type='DLANet', arch='34', norm_eval=False),
    neck=dict(type='IDAUp', in_channels=[64, 128, 256, 512]))
