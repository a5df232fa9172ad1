# RTMDet-tiny plus MRLA-light; COCO 2017, 300 epochs.
_base_ = './rtmdet_tiny.py'

model = dict(backbone=dict(
    _delete_=True, type='LayerAggregation', backbone={{_base_.model.backbone}},
    aggregation=dict(type='LightLayerAttention')))
