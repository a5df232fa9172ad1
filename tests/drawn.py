"""Networks with seeded weights that find something: what an untrained one finds tells nothing of its export."""
import torch
from torch import nn

__all__ = ['draw']

OUTPUTS = {  # the last layers of heads: the deviation that their outputs get, and their bias
    'rpn_cls': (2., 0.), 'rpn_reg': (.3, 0.), 'fc_cls': (2., 0.), 'fc_reg': (.5, 0.), 'conv_logits': (2., 0.),
    'retina_cls': (1., -3.), 'retina_reg': (.3, 0.), 'conv_cls': (1., -3.), 'conv_reg': (.5, .5),
    'conv_centerness': (1., 0.), 'heatmap_head.2': (1., -2.), 'wh_head.2': (3., 12.), 'offset_head.2': (.2, .5),
    'conv_seg': (1., 0.), 'conv_offset': (1., 0.)}


@torch.no_grad()
def draw(model: nn.Module, images: torch.Tensor, predict) -> nn.Module:
    """Draw the weights of ``model``: norms that know the statistics of ``images``, outputs that differ by place.

    Args:
        model: a detector or segmenter.
        images: a batch.
        predict: runs the model on it.
    """
    torch.manual_seed(0)
    model.eval()
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, .5, 1.5)
            nn.init.normal_(module.bias, 0, .2)
            module.momentum, module.training = None, True  # the mean of all that comes
        elif name.endswith('.conv_offset'):
            nn.init.normal_(module.weight)
    hooks = [module.register_forward_hook(_spreading(*OUTPUTS[key])) for name, module in model.named_modules()
             for key in OUTPUTS if f'.{name}'.endswith(f'.{key}')]
    predict(model, images)
    for hook in hooks:
        hook.remove()
    return model.eval()


def _spreading(deviation: float, bias: float):
    """Return a hook that scales a layer, once, so that what it gives varies as told."""
    done = []

    def scale(module, inputs, output):
        if not done:
            done.append(True)
            plain = output if module.bias is None else output - (
                module.bias if output.dim() == 2 else module.bias[:, None, None])
            factor = deviation / plain.std()
            module.weight.mul_(factor)
            if module.bias is not None:
                module.bias.fill_(bias)
            return plain * factor + bias
        return None

    return scale
