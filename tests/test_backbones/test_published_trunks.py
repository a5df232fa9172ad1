"""RLA and MRLA on other trunks, and what came of MRLA, equal the published networks, in float64.

The recorded ones are golden outputs; at other widths, depths and sizes the networks equal the literal ones of
``literal_trunks``, which the golden outputs vouch for.
"""
import golden
import literal_trunks
import pytest
import released_shapes
import torch
from mmengine.registry import MODELS
from mmseg.models.backbones import VisionTransformer

import layeragg_mm.segmentation  # noqa: F401  (registers)

pytestmark = pytest.mark.slow

TOLERANCE = 1e-8
TINY = dict(type='MRLAVisionTransformer', embed_dims=192, num_heads=3, out_indices=(2, 5, 8, 11))
GOLDEN = {
    'dsrla_mobilenetv2': dict(type='RLAMobileNetV2', out_indices=(1, 2, 4, 7, 0, 6)),
    'rla_mobilenetv2': dict(type='RLAMobileNetV2', recurrence='full', out_indices=(1, 2, 4, 7, 0, 6)),
    'rla_mobilenetv2_eca': dict(
        type='RLAMobileNetV2', recurrence='full', attention='eca', out_indices=(1, 2, 4, 7, 0, 6)),
    'dynamic_light_resnet50': dict(type='MRLAResNet', depth=50, variant='dynamic'),
    'kcla_resnet50': dict(type='MRLAResNet', depth=50, variant='key_correlated', zero_init_mrla=False),
    'mrla_light_deit_tiny': dict(TINY, final_norm=False),
    'mrla_base_deit_tiny': dict(TINY, variant='base', final_norm=False),
    'mrla_light_efficientnet_b0': dict(type='MRLAEfficientNet', arch='b0', out_indices=(2, 3, 4, 5, 6)),
}
LITERAL = {
    'dsrla_mobilenetv2': literal_trunks.rla_mobilenet_v2,
    'dynamic_light_resnet50': literal_trunks.dynamic_resnet,
    'kcla_resnet50': literal_trunks.key_correlated_resnet,
    'mrla_light_efficientnet_b0': literal_trunks.mrla_efficientnet,
}
# Parameters of the published networks that a backbone has not: the classifier, and what is computed with nothing.
UNUSED = {
    **dict.fromkeys(('dsrla_mobilenetv2', 'rla_mobilenetv2', 'rla_mobilenetv2_eca'),
                    1281 * 1000 + (9 + 2 + 16) * 32),  # and what the first block reads
    'dynamic_light_resnet50': 2049 * 1000,
    # To express a state anew in the first block; constants of the heads of all blocks.
    'kcla_resnet50': 2049 * 1000 + (256 * 32 + 5 + 2 * 256) + (3 * 4 + 4 * 8 + 6 * 16 + 3 * 32),
    **dict.fromkeys(('mrla_light_deit_tiny', 'mrla_base_deit_tiny'), 193 * 1000 + 2 * 192),  # and the final norm
    'mrla_light_efficientnet_b0': 1281 * 1000,
}


def loaded(cfg: dict, state: dict) -> torch.nn.Module:
    model = MODELS.build(cfg).double().eval()
    model.load_state_dict(state)
    return model


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def assert_equal(ours, theirs) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10 * other.abs().max().item())


@pytest.mark.parametrize('name', GOLDEN)
def test_golden_outputs_and_input_gradient(name):
    description = golden.load(name)
    state = golden.state_dict(description)
    if 'deit' in name:  # which is compared before the final norm
        state = {key: value for key, value in state.items() if not key.startswith('norm.')}
    model = loaded(GOLDEN[name], state)
    image = golden.image(description['input']).requires_grad_()
    outs = dict(zip([key for key in description['outputs'] if key not in ('hidden', 'norm', 'class_token', 'logits')],
                    model(image), strict=True))
    for key, out in outs.items():
        golden.check(out, description['outputs'][key], TOLERANCE)
    gradient, = torch.autograd.grad(golden.objective([outs[key] for key in description['grad_of']]), image)
    golden.check(gradient, description['grad_input'], TOLERANCE)


@pytest.mark.parametrize('name', GOLDEN)
def test_the_number_of_parameters_is_the_published_one(name):
    model = MODELS.build(GOLDEN[name])
    assert sum(p.numel() for p in model.parameters()) + UNUSED[name] == golden.load(name)['parameters']


@pytest.mark.parametrize('name', ['dsrla_mobilenetv2', 'rla_mobilenetv2', 'rla_mobilenetv2_eca'])
def test_golden_hidden_state(name):
    description, seen = golden.load(name), []
    model = loaded(GOLDEN[name], golden.state_dict(description))
    model.rla.recur.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(golden.image(description['input']))
    golden.check(seen[-1], description['outputs']['hidden'], TOLERANCE)


@pytest.mark.parametrize('variant', ['light', 'base'])
def test_golden_final_norm_class_token_and_logits(variant):
    description = golden.load(f'mrla_{variant}_deit_tiny')
    state = golden.state_dict(description)
    model = loaded(dict(TINY, variant=variant, out_indices=-1, output_cls_token=True), state)
    seen = []
    model.ln1.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    (out, token), = model(golden.image(description['input']))
    golden.check(out, description['outputs']['norm'], TOLERANCE)
    golden.check(seen[0][:, 0], description['outputs']['class_token'], TOLERANCE)
    golden.check(token @ state['head.weight'].T + state['head.bias'], description['outputs']['logits'], TOLERANCE)


@pytest.mark.parametrize('name', LITERAL)
def test_the_literal_networks_equal_the_golden_outputs(name):
    description = golden.load(name)
    outs = LITERAL[name](golden.state_dict(description), golden.image(description['input']))
    names = list(description['outputs'])
    if 'efficientnet' in name:
        names.insert(0, None)
    if 'mobilenet' in name:
        names = ['layer1', 'layer2', 'layer3', None, 'layer5', None, 'layer7', 'conv2', 'hidden']
    for key, out in zip(names, outs, strict=True):
        if key is not None:
            golden.check(out, description['outputs'][key], TOLERANCE)


@pytest.mark.parametrize('variant', ['light', 'base'])
def test_the_literal_transformers_equal_the_golden_outputs(variant):
    description = golden.load(f'mrla_{variant}_deit_tiny')
    state = golden.state_dict(description)
    outs, size = literal_trunks.mrla_deit(state, golden.image(description['input']), 3, state['pos_embed'])
    for i in (2, 5, 8, 11):
        golden.check(outs[i][:, 1:].transpose(1, 2).unflatten(2, size), description['outputs'][f'block{i}'], TOLERANCE)
    golden.check(outs[11][:, 0], description['outputs']['class_token'], TOLERANCE)


@pytest.mark.parametrize('width, k, full, eca', [(.5, 12, False, True), (1.4, 6, True, False), (.25, 32, False, False)])
def test_mobilenets_of_other_widths_and_states(width, k, full, eca):
    state = released_shapes.rla_mobilenet_v2(width, k, full=full, eca=eca)
    model = loaded(dict(type='RLAMobileNetV2', widen_factor=width, rla_channels=k, out_indices=tuple(range(8)),
                        recurrence='full' if full else 'depthwise', attention='eca' if eca else None), state)
    x = images(2, 3, 45, 70)
    assert_equal(model(x), literal_trunks.rla_mobilenet_v2(state, x)[:-1])


@pytest.mark.parametrize('depth, depths', [(50, (3, 4, 6, 3)), (101, (3, 4, 23, 3))])
def test_narrow_resnets_of_both_depths(depth, depths):
    x = images(2, 3, 65, 71)
    narrow = dict(type='MRLAResNet', depth=depth, base_channels=16, stem_channels=16)
    state = released_shapes.resnet('dynamic_light_resnet50', depths, narrowing=4)
    model = loaded(dict(narrow, variant='dynamic', channels_per_head=8), state)
    assert_equal(model(x), literal_trunks.dynamic_resnet(state, x, channels_per_head=8))
    state = released_shapes.resnet('kcla_resnet50', depths, narrowing=4)
    for zero_init in (False, True):  # with ours, the released network's scale is 1
        model = loaded(dict(narrow, variant='key_correlated', channels_per_head=16, zero_init_mrla=zero_init), state)
        assert_equal(model(x), literal_trunks.key_correlated_resnet(state, x, channels_per_head=16))


@pytest.mark.parametrize('variant', ['light', 'base'])
@pytest.mark.parametrize('size', [(48, 80), (64, 33)])
def test_transformers_of_other_widths_depths_and_sizes(variant, size):
    """Its position embedding is of 3x5 patches, and interpolated to those of another image."""
    state = released_shapes.mrla_deit(variant, 64, 6, 15)
    model = loaded(dict(type='MRLAVisionTransformer', variant=variant, embed_dims=64, num_layers=6, num_heads=4,
                        img_size=(48, 80), out_indices=tuple(range(6))), state)
    x, embedding = images(2, 3, *size), state['pos_embed']
    padded = torch.nn.functional.pad(x, [0, -size[1] % 16, 0, -size[0] % 16])
    if size != (48, 80):
        grid = VisionTransformer.resize_pos_embed(embedding, (4, 3), (3, 5), 'bicubic')
        assert grid.shape == (1, 13, 64)
        embedding = grid
    *outs, last = literal_trunks.mrla_deit(state, padded, 4, embedding)[0]
    assert_equal(model(x), [out[:, 1:].transpose(1, 2).unflatten(2, (-(-size[0] // 16), -(-size[1] // 16)))
                            for out in (*outs[:-1], last)])


@pytest.mark.parametrize('arch, width, depth', [('b0', 1., 1.), ('b1', 1., 1.1), ('b2', 1.1, 1.2)])
def test_efficientnets(arch, width, depth):
    state = released_shapes.mrla_efficientnet(width, depth)
    model = loaded(dict(type='MRLAEfficientNet', arch=arch, out_indices=tuple(range(1, 7))), state)
    x = images(2, 3, 45, 70)
    assert_equal(model(x), literal_trunks.mrla_efficientnet(state, x))
