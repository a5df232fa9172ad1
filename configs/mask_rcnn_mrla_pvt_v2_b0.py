# Mask R-CNN, FPN, PVTv2-B0 plus MRLA-light; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_pvt_v2_b0.py'

model = dict(backbone=dict(
    _delete_=True, type='LayerAggregation', backbone={{_base_.model.backbone}},
    aggregation=dict(type='LightLayerAttention')))
