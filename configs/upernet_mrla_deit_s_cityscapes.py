# UPerNet, MRLA-light DeiT-S; Cityscapes, 500 epochs.
_base_ = './upernet_deit_s_cityscapes.py'

model = dict(backbone=dict(type='MRLAVisionTransformer', variant='light'))
