# CenterNet, DLA-34, tested with flipping.
_base_ = './centernet_dla34.py'

model = dict(test_cfg=dict(flip_test=True))
