# CenterNet, DLA-34 plus MRLA-light; COCO 2017, 230 epochs.
_base_ = './centernet_dla34.py'

model = dict(backbone=dict(
    _delete_=True, type='LayerAggregation', backbone={{_base_.model.backbone}},
    aggregation=dict(type='LightLayerAttention')))
