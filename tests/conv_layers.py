"""Golden outputs of convolution layers, and of networks that are made of them."""
import golden
from torch import nn

TOLERANCE = 1e-8


def check_layer(name: str, layer: nn.Module, parameters: dict[str, str]) -> None:
    """Check output and gradients of a layer; ``parameters`` says what ours the recorded gradients are of."""
    description = golden.load(name)
    layer = layer.double().eval()
    layer.load_state_dict(golden.state_dict(description))
    x = golden.image(description['input']).requires_grad_()
    out = layer(x)
    golden.check(out, description['outputs']['out'], TOLERANCE)
    golden.objective([out]).backward()
    golden.check(x.grad, description['grad_input'], TOLERANCE)
    assert set(parameters) <= set(description['grad_parameters'])
    for key, ours in parameters.items():
        expected = description['grad_parameters'][key]
        golden.check(layer.get_parameter(ours).grad.reshape(expected['shape']), expected, TOLERANCE)


def check_network(name: str, network: nn.Module) -> None:
    """Check the maps and the input's gradient of a backbone."""
    description = golden.load(name)
    network = network.double()
    network.eval()
    state = {key: value for key, value in golden.state_dict(description).items() if not key.startswith('fc.')}
    network.load_state_dict(state)
    x = golden.image(description['input']).requires_grad_()
    outs = network(x)
    expected = [value for key, value in description['outputs'].items() if key.startswith('st')]
    for out, summary in zip(outs, expected, strict=True):
        golden.check(out, summary, TOLERANCE)
    golden.objective(outs).backward()
    golden.check(x.grad, description['grad_input'], TOLERANCE)
