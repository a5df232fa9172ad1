"""Seeded checkpoints in the authors' layouts, at other widths and depths than those of the golden outputs."""
import math
import re

import golden

from layeragg_mm.layers.channel_attention import adaptive_kernel_size


def norm(name, channels):
    return {f'{name}.{part}': [channels] for part in ('weight', 'bias', 'running_mean', 'running_var')}


def layer_norm(name, channels):
    return {f'{name}.weight': [channels], f'{name}.bias': [channels]}


def seeded(shapes, tied=()):
    """Return a seeded checkpoint."""
    return golden.state_dict(dict(state_dict=list(shapes.items()), tied=list(tied)))


def rounded(channels):
    """A multiple of 8, never below 90 %."""
    value = max(8, int(channels + 4) // 8 * 8)
    return value + 8 if value < .9 * channels else value


def rla_mobilenet_v2(width, k, *, full=False, eca=False):
    table = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]
    x, last = rounded(32 * width), int(1280 * max(1, width))
    shapes = {'conv1.0.weight': [x, 3, 3, 3], **norm('conv1.1', x)}
    for j, (t, c, n) in enumerate(table):
        y = rounded(c * width)
        shapes[f'conv_outs.{j}.weight'] = [k, y, 1, 1]
        for i in range(n):
            name, e = f'stages.{j}.{i}', t * x
            if t == 6:
                shapes |= {f'{name}.conv1x1.0.weight': [e, x, 1, 1], **norm(f'{name}.conv1x1.1', e)}
            shapes |= {f'{name}.conv.0.0.weight': [e + k, 1, 3, 3], **norm(f'{name}.conv.0.1', e + k),
                       f'{name}.conv.1.weight': [y, e + k, 1, 1], **norm(f'{name}.conv.2', y),
                       **norm(f'stage_bns.{j}.{i}', k)}
            if eca:
                shapes[f'{name}.conv.3.conv.weight'] = [1, 1, 1 if c < 96 else 3]
            x = y
    names = [f'recurrent_{"" if full else "ds"}convs.{i}.weight' for i in range(5)]
    shapes |= {name: [k, k if full else 1, 3, 3] for name in names}
    shapes |= {**norm('bn2', k), 'conv2.0.weight': [last, x + k, 1, 1], **norm('conv2.1', last)}
    return seeded(shapes, [names])


def resnet(name, depths, narrowing=1):
    """Return a checkpoint like the recorded ``name`` (ResNet-50), of other depths, 1 / ``narrowing`` as wide."""
    recorded = {key: shape for key, shape in golden.load(name)['state_dict']
                if not key.startswith('fc.') and 'num_batches' not in key}
    shapes = {}
    for key, shape in recorded.items():
        if shape[0] > 1 and 'head_att' not in key:
            shape = [size // narrowing if axis < 2 and size > 3 else size for axis, size in enumerate(shape)]
        stage = int(key[5]) if key.startswith('layer') else 0
        if shape[:2] == [1, 1]:
            shape = [1, 1, adaptive_kernel_size(256 // narrowing * 2**(stage - 1))]
        shapes[key] = shape
        if re.match(r'layer\d\.(layers|attention)\.1\.', key):
            shapes |= {re.sub(r'\.1\.', f'.{i}.', key, count=1): shape for i in range(2, depths[stage - 1])}
    for key, shape in list(shapes.items()):
        match = re.match(r'(layer(\d)\.attention)\.0(\.(u_\w+|adjust_channel)\..*)', key)
        if match and depths[int(match[2]) - 1] > 11:
            shapes[f'{match[1]}.11{match[3]}'] = shape
    return seeded(shapes)


def mrla_deit(variant, channels, blocks, patches, patch_size=16):
    shapes = {'cls_token': [1, 1, channels], 'pos_embed': [1, patches + 1, channels], **layer_norm('norm', channels),
              'patch_embed.proj.weight': [channels, 3, patch_size, patch_size], 'patch_embed.proj.bias': [channels]}
    for i in range(blocks):
        name = f'blocks.{i}'
        for part, rows, columns in (('attn.qkv', 3, 1), ('attn.proj', 1, 1), ('mlp.fc1', 4, 1), ('mlp.fc2', 1, 4)):
            shapes |= {f'{name}.{part}.weight': [rows * channels, columns * channels],
                       f'{name}.{part}.bias': [rows * channels]}
        for part in ('norm1', 'norm2', 'mrla.normx', *(['mrla.normo'] if variant == 'light' else [])):
            shapes |= layer_norm(f'{name}.{part}', channels)
        if variant == 'light':
            shapes[f'{name}.mrla.lambda_t'] = [channels]
        shapes |= {f'{name}.mrla.mrla.{part}.weight': [1, 1, adaptive_kernel_size(channels)] for part in ('Wq', 'Wk')}
        shapes[f'{name}.mrla.mrla.Wv.weight'] = [channels, 1, 3, 3]
    return seeded(shapes)


def mrla_efficientnet(width, depth):
    table = [(1, 16, 1, 3), (6, 24, 2, 3), (6, 40, 2, 5), (6, 80, 3, 3), (6, 112, 3, 5), (6, 192, 4, 5), (6, 320, 1, 3)]
    x, last = rounded(32 * width), rounded(1280 * width)
    shapes = {'conv_stem.weight': [x, 3, 3, 3], **norm('bn1', x)}
    for j, (t, c, n, kernel) in enumerate(table):
        y = rounded(c * width)
        for i in range(math.ceil(n * depth)):
            name, e = f'blocks.{j}.{i}', t * x
            if j:
                shapes |= {f'{name}.conv_pw.weight': [e, x, 1, 1], **norm(f'{name}.bn1', e),
                           f'{name}.conv_dw.weight': [e, 1, kernel, kernel], **norm(f'{name}.bn2', e),
                           f'{name}.conv_pwl.weight': [y, e, 1, 1], **norm(f'{name}.bn3', y)}
            else:
                shapes |= {f'{name}.conv_dw.weight': [e, 1, kernel, kernel], **norm(f'{name}.bn1', e),
                           f'{name}.conv_pw.weight': [y, e, 1, 1], **norm(f'{name}.bn2', y)}
            shapes |= {f'{name}.se.conv_reduce.weight': [x // 4, e, 1, 1], f'{name}.se.conv_reduce.bias': [x // 4],
                       f'{name}.se.conv_expand.weight': [e, x // 4, 1, 1], f'{name}.se.conv_expand.bias': [e]}
            if j and i:
                size = adaptive_kernel_size(y)
                shapes |= {f'{name}.mrla.lambda_t': [y, 1, 1], f'{name}.mrla.mla.Wq.weight': [1, 1, size],
                           f'{name}.mrla.mla.Wk.weight': [1, 1, size], f'{name}.mrla.mla.Wv.weight': [y, 1, 3, 3],
                           **norm(f'{name}.bn_mrla', y)}
            x = y
    return seeded({**shapes, 'conv_head.weight': [last, x, 1, 1], **norm('bn2', last)})
