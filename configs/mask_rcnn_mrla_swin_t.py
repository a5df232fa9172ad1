# Mask R-CNN, FPN, Swin-T plus MRLA-light; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_swin_t.py'

model = dict(backbone=dict(
    _delete_=True, type='LayerAggregation', backbone={{_base_.model.backbone}},
    aggregation=dict(type='LightLayerAttention')))
