"""DCANet's networks as their authors released them: names, shapes and equations, written out for comparison."""
import torch
import torch.nn.functional as F
from torch import nn


def wide(before, channels, hidden):
    return nn.Sequential(nn.Linear(before, channels), nn.LayerNorm(channels), nn.ReLU())


def narrow(before, channels, hidden):
    return nn.Sequential(*wide(before, hidden, None), *wide(hidden, channels, None))


def context(before, hidden, channels):
    return nn.Sequential(nn.Conv2d(before, hidden, 1), nn.LayerNorm([hidden, 1, 1]), nn.ReLU(),
                         nn.Conv2d(hidden, channels, 1))


def mix(pair, now, before):
    """Apply a 1x1 convolution of two maps of one row, then LN and ReLU."""
    return pair(torch.stack([now, before], 1)[:, :, None])[:, 0, 0]


def pair(channels, bias=True):
    return nn.Sequential(nn.Conv2d(2, 1, 1, bias=bias), nn.LayerNorm(channels), nn.ReLU())


class GE(nn.Module):

    def __init__(self, before, channels, reduction, resize=wide, bias=True):
        super().__init__()
        if before != channels:
            self.att_fc = resize(before, channels, channels // reduction)
        self.conv = pair(channels, bias)

    def gate(self, z):
        return z.sigmoid()

    def forward(self, x, state):
        pooled = z = x.mean((2, 3))
        if state is not None:
            z = mix(self.conv, pooled, self.att_fc(state) if hasattr(self, 'att_fc') else state)
        a = self.gate(z)
        return x * a[..., None, None], a * pooled


class SE(GE):

    def __init__(self, before, channels, reduction, resize=wide, bias=True):
        super().__init__(before, channels, reduction, resize, bias)
        self.fc = nn.Sequential(nn.Linear(channels, channels // reduction), nn.ReLU(),
                                nn.Linear(channels // reduction, channels), nn.Sigmoid())

    def gate(self, z):
        return self.fc(z)


class GC(nn.Module):

    def __init__(self, before, channels, reduction):
        super().__init__()
        self.conv_mask = nn.Conv2d(channels, 1, 1)
        self.channel_add_conv = context(channels, channels // reduction, channels)
        if before != channels:
            self.att_fc = context(before, channels // reduction, channels)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x, state):
        attention = self.conv_mask(x).flatten(2).softmax(2)
        c = (attention * x.flatten(2)).sum(2)[..., None, None]
        if state is not None:
            c = c + self.weight * (self.att_fc(state) if hasattr(self, 'att_fc') else state)
        t = self.channel_add_conv(c)
        return x + t, t


class CBAM(nn.Module):

    def __init__(self, before, channels, reduction, bias=True):
        super().__init__()
        self.ChannelGate = gate = nn.Module()
        gate.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, channels // reduction), nn.ReLU(),
                                 nn.Linear(channels // reduction, channels))
        if before != channels:
            gate.att_fc = nn.Sequential(nn.Conv2d(before, channels, 1, bias=bias), nn.BatchNorm2d(channels), nn.ReLU())
        gate.alpha = pair(channels, bias=False)
        self.SpatialGate = gate = nn.Module()
        gate.p1, gate.p2 = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        gate.spatial = nn.Module()
        gate.spatial.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        gate.spatial.bn = nn.BatchNorm2d(1, momentum=.01)
        gate.bnrelu = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU())

    def forward(self, x, state):
        gate, scores = self.ChannelGate, 0
        for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
            z = pool(x, 1).flatten(1)
            if state is not None:
                before = gate.att_fc(state[0]) if hasattr(gate, 'att_fc') else state[0]
                z = mix(gate.alpha, z, pool(before, 1).flatten(1))
            scores = scores + gate.mlp(z)
        c = x * scores.sigmoid()[..., None, None]

        def profile(x):
            return torch.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], 1)

        gate, m = self.SpatialGate, profile(c)
        if state is not None:
            factor = state[1].shape[2] // c.shape[2]
            m = gate.bnrelu(gate.p1 * m + gate.p2 * profile(F.avg_pool2d(state[1], factor)))
        y = c * gate.spatial.bn(gate.spatial.conv(m)).sigmoid()
        return y, (c, y)


class SK(nn.Module):
    """The released names: ``3`` and ``5`` in the MobileNet; in the ResNet those of a block."""

    def __init__(self, before, channels, reduction, stride, resize, names, groups=1, act=F.relu, weights=False):
        super().__init__()
        self.names, self.act, self.weights = names, act, weights
        hidden = channels // reduction
        for dilation, (conv, bn) in enumerate(names[:2], 1):
            self.add_module(conv, nn.Conv2d(channels, channels, 3, stride, dilation, dilation, groups, bias=False))
            self.add_module(bn, nn.BatchNorm2d(channels))
        self.conv_fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn_fc1 = nn.BatchNorm2d(hidden)
        self.conv_fc2 = nn.Conv2d(hidden, 2 * channels, 1, bias=False)
        if before != channels:
            for name in names[2]:
                self.add_module(name, resize(before, channels, hidden))
        self.att_conv1, self.att_conv2 = pair(channels), pair(channels)

    def select(self, x, state):
        maps = [self.act(getattr(self, bn)(getattr(self, conv)(x))) for conv, bn in self.names[:2]]
        z = pooled = [x.mean((2, 3)) for x in maps]
        if state is not None:
            if hasattr(self, self.names[2][0]):
                state = [getattr(self, name)(before) for name, before in zip(self.names[2], state)]
            z = [mix(self.att_conv1, pooled[0], state[0]), mix(self.att_conv2, pooled[1], state[1])]
        hidden = F.relu(self.bn_fc1(self.conv_fc1((z[0] + z[1])[..., None, None])))
        first, second = self.conv_fc2(hidden).flatten(1).chunk(2, 1)
        a = torch.stack([first, second]).softmax(0)
        out = sum(x * weight[..., None, None] for x, weight in zip(maps, a))
        return out, (tuple(a) if self.weights else tuple(x * weight for x, weight in zip(pooled, a)))


MODULES = {'se': ('se', SE), 'ge': ('ge', GE), 'gc': ('rgc', GC), 'cbam': ('cbam', CBAM)}


class BasicBlock(nn.Module):

    def __init__(self, before, planes, stride, kind, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.finish_init(before, planes, stride, kind, **options)

    def finish_init(self, before, channels, stride, kind, **options):
        if kind != 'sk':
            self.name, module = MODULES[kind]
            self.add_module(self.name, module(before, channels, 16, **options))
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))

    def branch(self, x, state):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return getattr(self, self.name)(out, state)

    def forward(self, x, state):
        out, state = self.branch(x, state)
        return F.relu(out + (x if self.downsample is None else self.downsample(x))), state


class Bottleneck(BasicBlock, SK):

    def __init__(self, before, planes, stride, kind, **options):
        if kind == 'sk':
            SK.__init__(self, before=planes // 2 if before == 2 * planes else planes, channels=planes, reduction=16,
                        stride=stride, resize=wide,
                        names=(('conv2', 'bn2'), ('conv2g', 'bn2g'), ('att_fc_1', 'att_fc_2')))
        else:
            nn.Module.__init__(self)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
        self.kind = kind
        self.conv1 = nn.Conv2d(before, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.finish_init(before, 4 * planes, stride, kind, **options)

    def branch(self, x, state):
        out = F.relu(self.bn1(self.conv1(x)))
        if self.kind == 'sk':
            out, state = self.select(out, state)
            return self.bn3(self.conv3(out)), state
        return getattr(self, self.name)(self.bn3(self.conv3(F.relu(self.bn2(self.conv2(out))))), state)


class ResNet(nn.Module):

    def __init__(self, depth, kind, **options):
        super().__init__()
        block, expansion = (BasicBlock, 1) if depth < 50 else (Bottleneck, 4)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for i, number in enumerate({34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]):
            blocks = nn.ModuleList()
            for j in range(number):
                blocks.append(block(before, 64 * 2**i, 2 if i and not j else 1, kind, **options))
                before = 64 * 2**i * expansion
            self.add_module(f'layer{i + 1}', blocks)
        self.fc = nn.Linear(before, 1000)

    def forward(self, x):
        x, state, outs = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1), None, []
        for i in range(4):
            for block in getattr(self, f'layer{i + 1}'):
                x, state = block(x, state)
            outs.append(x)
        return outs


class InvertedResidual(nn.Module):

    def __init__(self, before, channels, stride, expand, kind, hidden_before):
        super().__init__()
        hidden = before * expand
        self.kind, self.adds = kind, stride == 1 and before == channels
        expansion = [conv_norm_act(before, hidden, 1)] if expand > 1 else []
        linear = [nn.Conv2d(hidden, channels, 1, bias=False), nn.BatchNorm2d(channels)]
        if kind == 'sk':
            if expansion:
                self.layer1 = expansion[0]
            self.layersk = SK(hidden_before, hidden, 8, stride, narrow,
                              (('conv3', 'bn3'), ('conv5', 'bn5'), ('att_fc1', 'att_fc2')), hidden, F.relu6, True)
            self.layer3 = nn.Sequential(*linear)
            return
        self.conv = nn.Sequential(*expansion, conv_norm_act(hidden, hidden, 3, stride, hidden), *linear)
        self.name, module = MODULES[kind]
        options = {} if kind == 'ge' else dict(bias=False)
        self.add_module(self.name, module(before, channels, 8, **options))

    def forward(self, x, state):
        if self.kind == 'sk':
            out, state = self.layersk.select(self.layer1(x) if hasattr(self, 'layer1') else x, state)
            out = self.layer3(out)
        else:
            out, state = getattr(self, self.name)(self.conv(x), state)
        return x + out if self.adds else out, state


def conv_norm_act(before, channels, kernel, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(before, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(channels), nn.ReLU6())


class MobileNetV2(nn.Module):
    """Its convolutions are ``features``, or in GE's and SK's files ``features1``, ``features2`` and ``features3``."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        stem, last = conv_norm_act(3, 32, 3, 2), conv_norm_act(320, 1280, 1)
        before, hidden, blocks, self.ends = 32, 32, [], []
        for expand, channels, number, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                 (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
            for j in range(number):
                blocks.append(InvertedResidual(before, channels, 1 if j else stride, expand, kind, hidden))
                before, hidden = channels, before * expand
            self.ends.append(blocks[-1])
        if kind in ('se', 'cbam'):
            for i, layer in ((0, stem), (1, last)):
                wrapped = nn.Module()
                wrapped.conv = layer
                stem, last = (wrapped, last) if i == 0 else (stem, wrapped)
            self.features = nn.ModuleList([stem, *blocks, last])
        else:
            self.features1 = stem if kind == 'ge' else nn.Sequential(stem)
            self.features2 = nn.ModuleList(blocks)
            self.features3 = last if kind == 'ge' else nn.Sequential(last)
        self.classifier = nn.Sequential(nn.Dropout(.2), nn.Linear(1280, 1000))

    def forward(self, x):
        if self.kind in ('se', 'cbam'):
            stem, *blocks, last = self.features
            stem, last = stem.conv, last.conv
        else:
            stem, blocks, last = self.features1, self.features2, self.features3
        x, state, outs = stem(x), None, []
        for block in blocks:
            x, state = block(x, state)
            if block in self.ends:
                outs.append(x)
        return [*outs, last(x)]
