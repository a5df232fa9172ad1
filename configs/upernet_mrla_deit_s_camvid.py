# UPerNet, MRLA-light DeiT-S; CamVid, 1,200 epochs.
_base_ = './upernet_deit_s_camvid.py'

model = dict(backbone=dict(type='MRLAVisionTransformer', variant='light'))
