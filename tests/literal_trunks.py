"""The published networks of ``trunks``, written down a second time: functions of a checkpoint in the authors' layout.

They are held to the golden outputs, and give what networks of other widths, depths and sizes must compute. Norms are
frozen.
"""
import math

import torch
import torch.nn.functional as F


def affine(state, name, x, eps=1e-5):
    return F.batch_norm(x, state[f'{name}.running_mean'], state[f'{name}.running_var'], state[f'{name}.weight'],
                        state[f'{name}.bias'], eps=eps)


def layer_norm(state, name, x):
    return F.layer_norm(x, x.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], eps=1e-6)


def conv(state, name, x, stride=1, **kwargs):
    weight = state[f'{name}.weight']
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, state.get(f'{name}.bias'), stride, weight.shape[-1] // 2, groups=groups, **kwargs)


def along_channels(state, name, vector):
    """A 1-D convolution along the channels of (N, C)."""
    weight = state[f'{name}.weight']
    return F.conv1d(vector[:, None], weight, padding=weight.shape[-1] // 2)[:, 0]


def gap(x):
    return x.mean((2, 3))


def pool(h):
    """2x2 average of what there is, rounding up."""
    pad = [0, h.shape[3] % 2, 0, h.shape[2] % 2]
    return F.avg_pool2d(F.pad(h, pad), 2) / F.avg_pool2d(F.pad(torch.ones_like(h), pad), 2)


def by_head(weights, x):
    return torch.cat([w[:, None, None, None] * part for w, part in
                      zip(weights.unbind(1), x.chunk(weights.shape[1], 1))], 1)


def scores(query, key, heads):
    return torch.stack([(q * k).sum(1) for q, k in zip(query.chunk(heads, 1), key.chunk(heads, 1))], 1)


def indices(state, prefix):
    """The numbers that follow ``prefix`` in the keys, in order."""
    return sorted({int(key[len(prefix):].split('.')[0]) for key in state if key.startswith(prefix)})


# RLA-MobileNetV2

STRIDES = 1, 2, 2, 2, 1, 2, 1


def rla_mobilenet_v2(state, image):
    """Return layers 1 to 7, conv2 and the last hidden state."""
    x = F.relu6(affine(state, 'conv1.1', conv(state, 'conv1.0', image, 2)))
    h = x.new_zeros(len(x), state['conv_outs.0.weight'].shape[0], *x.shape[2:])
    recur = 'recurrent_convs' if 'recurrent_convs.0.weight' in state else 'recurrent_dsconvs'
    outs = []
    for j in indices(state, 'stages.'):
        for i in indices(state, f'stages.{j}.'):
            name, stride = f'stages.{j}.{i}', STRIDES[j] if i == 0 else 1
            e = x
            if f'{name}.conv1x1.0.weight' in state:
                e = F.relu6(affine(state, f'{name}.conv1x1.1', conv(state, f'{name}.conv1x1.0', x)))
            both = torch.cat([e, h], 1)
            both = F.relu6(affine(state, f'{name}.conv.0.1', conv(state, f'{name}.conv.0.0', both, stride)))
            y = affine(state, f'{name}.conv.2', conv(state, f'{name}.conv.1', both))
            if f'{name}.conv.3.conv.weight' in state:
                y = y * along_channels(state, f'{name}.conv.3.conv', gap(y)).sigmoid()[..., None, None]
            x = x + y if stride == 1 and x.shape[1] == y.shape[1] else y
            h = pool(h) if stride == 2 else h
            h = torch.tanh(affine(state, f'stage_bns.{j}.{i}', h + conv(state, f'conv_outs.{j}', y)))
            h = conv(state, f'{recur}.0', h)
        outs.append(x)
    head = torch.cat([x, F.relu6(affine(state, 'bn2', h))], 1)
    return [*outs, F.relu6(affine(state, 'conv2.1', conv(state, 'conv2.0', head))), h]


# ResNets with layer attention


def bottlenecks(state, image):
    """Yield stage, block, output and shortcut; each next input is sent in."""
    x = F.relu(affine(state, 'bn1', F.conv2d(image, state['conv1.weight'], stride=2, padding=3)))
    x = F.max_pool2d(x, 3, 2, 1)
    for s in (1, 2, 3, 4):
        for i in indices(state, f'layer{s}.layers.'):
            name, stride = f'layer{s}.layers.{i}', 2 if s > 1 and i == 0 else 1
            out = F.relu(affine(state, f'{name}.bn1', conv(state, f'{name}.conv1', x)))
            out = F.relu(affine(state, f'{name}.bn2', conv(state, f'{name}.conv2', out, stride)))
            out = affine(state, f'{name}.bn3', conv(state, f'{name}.conv3', out))
            if f'{name}.downsample.0.weight' in state:
                x = affine(state, f'{name}.downsample.1', conv(state, f'{name}.downsample.0', x, stride))
            x = yield s, i, F.relu(out + x), x


def in_turn(state, image, attend):
    """Return the four stages' outputs, ``attend`` giving each block's."""
    blocks, outs = bottlenecks(state, image), {}
    s, i, x, shortcut = next(blocks)
    while True:
        outs[s] = attend(s, i, x, shortcut)
        try:
            s, i, x, shortcut = blocks.send(outs[s])
        except StopIteration:
            return list(outs.values())


def perceptron(state, name, z):
    hidden = F.relu(F.linear(z, state[f'{name}.0.weight'], state[f'{name}.0.bias']))
    return F.linear(hidden, state[f'{name}.2.weight'], state[f'{name}.2.bias'])


def dynamic_resnet(state, image, channels_per_head=32):
    memory = {}

    def cell(s, z):
        hidden, c = memory.get(s, (torch.zeros_like(z), torch.zeros_like(z)))
        name = f'layer{s}.lstm.w'
        gates = perceptron(state, f'{name}_ih.0.seq', z) + perceptron(state, f'{name}_hh.0.seq', hidden)
        i, f, g = gates.chunk(3, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return c.sigmoid(), c

    def attend(s, b, x, o):
        memory[s] = cell(s, gap(x))
        w, _ = cell(s, gap(o))
        o = w[..., None, None] * o + conv(state, f'layer{s}.extict', o)
        name = f'layer{s}.attention.{b}.layer_attention'
        query, key = (along_channels(state, f'{name}.mrla.{part}', gap(x)) for part in ('Wq', 'Wk'))
        a = (scores(query, key, x.shape[1] // channels_per_head) / math.sqrt(channels_per_head)).sigmoid()
        attended = by_head(a, conv(state, f'{name}.mrla.Wv', x)) + state[f'{name}.lambda_t'] * o
        return x + affine(state, f'layer{s}.attention.{b}.bn_layer_attention', attended)

    return in_turn(state, image, attend)


def key_correlated_resnet(state, image, channels_per_head=64):
    memory = []

    def weight(key, heads):
        rho = [math.exp(math.log(.7) * (1 - 2 * g / max(heads - 1, 1))) for g in range(heads)]
        sizes = scores(key, key, heads).sqrt()
        return torch.stack([(r * size).clamp(max=10).exp() for r, size in zip(rho, sizes.unbind(1))], 1)

    def attend(s, b, x, o):
        name, heads = f'layer{s}.attention.{b}', x.shape[1] // channels_per_head
        query, key = (along_channels(state, f'{name}.{part}', gap(x)) for part in ('Wq', 'Wk'))
        if memory and (b == 0 or b == 11):
            total, weights = memory.pop()
            mean = by_head(1 / weights, total)
            if b == 0:
                mean = F.conv2d(mean, state[f'{name}.adjust_channel.weight'], stride=2, groups=heads)
            mean = affine(state, f'{name}.u_bn', mean)
            weights = weight(along_channels(state, f'{name}.u_Wk', gap(mean)), heads)
            memory.append((by_head(weights, mean), weights))
        weights = weight(key, heads)
        total = by_head(weights, x)
        if memory:
            total, weights = (one + other for one, other in zip((total, weights), memory.pop()))
        memory.append((total, weights))
        mixed = scores(query, key, heads) / scores(key, key, heads).sqrt() @ state[f'{name}.head_att.weight'].T
        value = conv(state, f'{name}.Wv', by_head(1 / (weights + .001), total))
        return x + F.relu(affine(state, f'{name}.bn_attention', by_head(mixed.sigmoid(), value)))

    return in_turn(state, image, attend)


# DeiT with MRLA


def mrla_deit(state, image, heads, embedding):
    """Return the tokens after each block, then those of the last after the final norm; and the size of the map."""
    m = F.conv2d(image, state['patch_embed.proj.weight'], state['patch_embed.proj.bias'],
                 stride=state['patch_embed.proj.weight'].shape[-1])
    (n, c), (h, w) = m.shape[:2], m.shape[2:]
    x = torch.cat([state['cls_token'].expand(n, 1, c), m.flatten(2).transpose(1, 2)], 1) + embedding
    outs, history = [], []
    for i in indices(state, 'blocks.'):
        name, o = f'blocks.{i}', x
        qkv = F.linear(layer_norm(state, f'{name}.norm1', x), state[f'{name}.attn.qkv.weight'],
                       state[f'{name}.attn.qkv.bias']).view(n, -1, 3, heads, c // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = (q @ k.transpose(2, 3) / math.sqrt(c // heads)).softmax(-1) @ v
        x = x + F.linear(attended.transpose(1, 2).flatten(2), state[f'{name}.attn.proj.weight'],
                         state[f'{name}.attn.proj.bias'])
        y = F.linear(layer_norm(state, f'{name}.norm2', x), state[f'{name}.mlp.fc1.weight'],
                     state[f'{name}.mlp.fc1.bias'])
        y = y * (1 + torch.erf(y / math.sqrt(2))) / 2
        x = x + F.linear(y, state[f'{name}.mlp.fc2.weight'], state[f'{name}.mlp.fc2.bias'])
        u = layer_norm(state, f'{name}.mrla.normx', x)
        m = u[:, 1:].transpose(1, 2).reshape(n, c, h, w)
        query, key = (along_channels(state, f'{name}.mrla.mrla.{part}', gap(m)) for part in ('Wq', 'Wk'))
        v = conv(state, f'{name}.mrla.mrla.Wv', m)
        if f'{name}.mrla.lambda_t' in state:
            v = v * (1 + torch.erf(v / math.sqrt(2))) / 2
            r = by_head((scores(query, key, c // 16) / 4).sigmoid(), v).flatten(2).transpose(1, 2)
            r = r + state[f'{name}.mrla.lambda_t'] * layer_norm(state, f'{name}.mrla.normo', o[:, 1:])
        else:
            history = [*(history if i % 4 else []), (key, v)]
            weights = torch.stack([scores(query, key, c // 16) / 4 for key, _ in history]).softmax(0)
            r = sum(by_head(a, v) for a, (_, v) in zip(weights, history)).flatten(2).transpose(1, 2)
        x = x + torch.cat([u[:, :1], r], 1)
        outs.append(x)
    return [*outs, layer_norm(state, 'norm', x)], (h, w)


# EfficientNet with MRLA-light


def mrla_efficientnet(state, image):
    """Return MMDetection's layers 1 to 6."""

    def silu(x):
        return x * x.sigmoid()

    x, outs = silu(affine(state, 'bn1', conv(state, 'conv_stem', image, 2))), []
    for j, stride in enumerate((1, 2, 2, 2, 1, 2, 1)):
        for i in indices(state, f'blocks.{j}.'):
            name, o = f'blocks.{j}.{i}', x
            if j:
                x = silu(affine(state, f'{name}.bn1', conv(state, f'{name}.conv_pw', x)))
            x = conv(state, f'{name}.conv_dw', x, stride if i == 0 else 1)
            x = silu(affine(state, f'{name}.bn2' if j else f'{name}.bn1', x))
            squeezed = silu(conv(state, f'{name}.se.conv_reduce', gap(x)[..., None, None]))
            x = x * conv(state, f'{name}.se.conv_expand', squeezed).sigmoid()
            x = affine(state, f'{name}.bn3', conv(state, f'{name}.conv_pwl', x)) if j else affine(
                state, f'{name}.bn2', conv(state, f'{name}.conv_pw', x))
            if i > 0:
                x = x + o
            if f'{name}.mrla.lambda_t' in state:
                query, key = (along_channels(state, f'{name}.mrla.mla.{part}', gap(x)) for part in ('Wq', 'Wk'))
                a = (scores(query, key, 8) / math.sqrt(x.shape[1] // 8)).sigmoid()
                attended = by_head(a, conv(state, f'{name}.mrla.mla.Wv', x)) + state[f'{name}.mrla.lambda_t'] * o
                x = x + affine(state, f'{name}.bn_mrla', attended)
        if j not in (3, 5):
            outs.append(x)
    return [*outs, silu(affine(state, 'bn2', conv(state, 'conv_head', x)))]
