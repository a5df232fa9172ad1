"""The plain module, used without any mm config."""
import pytest
import torch
from torch import nn

from layeragg_mm.layers import RecurrentAggregation


def drawn(**kwargs) -> RecurrentAggregation:
    torch.manual_seed(0)
    module = RecurrentAggregation(24, 8, widths=[6, 6], strides=[(1, 2), (1, 1)], zero_init=False, **kwargs)
    for norm in module.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(.5, 2.)
    return module.double().eval()


@pytest.mark.parametrize('size', [(9, 7), (8, 6), (1, 1)])
def test_an_update_is_its_equation_at_every_size(size):
    module = drawn()
    hidden = torch.randn(2, 8, *size, dtype=torch.float64)
    half = [(side + 1) // 2 for side in size]
    out = torch.randn(2, 24, *half, dtype=torch.float64)
    pooled = torch.stack([hidden[..., 2 * i:2 * i + 2, 2 * j:2 * j + 2].mean((2, 3))
                          for i in range(half[0]) for j in range(half[1])], -1).view(2, 8, *half)
    expected = module.recur(torch.tanh(module.norms[0](pooled + module.project(out))))
    torch.testing.assert_close(module.update(0, out, hidden), expected)


def test_without_a_state_there_is_nothing_to_read_and_only_the_output_counts():
    module = drawn()
    assert module.read(0, None) is None
    out = torch.randn(2, 24, 4, 4, dtype=torch.float64)
    expected = module.recur(torch.tanh(module.norms[0](module.project(out))))
    torch.testing.assert_close(module.update(0, out, None), expected)


def test_reading_is_one_convolution_of_the_concatenation():
    module = drawn()
    x, hidden = torch.randn(2, 5, 4, 4, dtype=torch.float64), torch.randn(2, 8, 4, 4, dtype=torch.float64)
    conv1 = torch.nn.Conv2d(5, 6, 1, bias=False, dtype=torch.float64)
    whole = torch.cat([conv1.weight, module.reads[1].weight], 1)
    expected = torch.nn.functional.conv2d(torch.cat([x, hidden], 1), whole)
    torch.testing.assert_close(conv1(x) + module.read(1, hidden), expected)


def test_what_nothing_reads_has_no_parameters():
    module = drawn(reads_first=False, updates_last=False)
    assert sum(p.numel() for p in module.reads.parameters()) == 8 * 6
    assert len(module.norms) == 1
    assert module.update(1, torch.randn(1, 24, 4, 4, dtype=torch.float64), None) is None


def test_a_network_of_five_lines_learns():
    torch.manual_seed(0)
    convs = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
    aggregation = RecurrentAggregation(
        4, 2, widths=[4] * 3, strides=[(1, 1)] * 3, reads_first=False, updates_last=False)

    def network(x: torch.Tensor) -> torch.Tensor:
        hidden = None
        for i, conv in enumerate(convs):
            first, read = conv(x), aggregation.read(i, hidden)
            x = torch.relu(first if read is None else first + read) + x
            hidden = aggregation.update(i, x, hidden)
        return x

    images, targets = torch.randn(2, 8, 4, 6, 6).unbind()
    parameters = [*convs.parameters(), *aggregation.parameters()]
    optimizer, losses = torch.optim.SGD(parameters, lr=.5), []
    before = [parameter.clone() for parameter in parameters]
    for _ in range(20):
        losses.append((network(images) - targets).square().mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < .9 * losses[0]
    assert not any(map(torch.equal, parameters, before)), 'the hidden state takes part, from zero weights on'
