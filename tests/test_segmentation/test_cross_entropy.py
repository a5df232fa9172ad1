"""The class-weighted loss of the boundary networks."""
import pytest
import torch

from layeragg_mm.decode_heads import WeightedCrossEntropyLoss


def test_is_the_weighted_mean_over_pixels_that_are_not_ignored():
    scores = torch.randn(2, 2, 3, 4)
    labels = torch.randint(2, (2, 3, 4))
    labels[0, 0] = 255
    cost = -scores.log_softmax(1)
    terms = [((10. if label else 1.), cost[n, label, y, x].item()) for n in range(2) for y in range(3) for x in range(4)
             if (label := labels[n, y, x].item()) != 255]
    expected = sum(weight * value for weight, value in terms) / sum(weight for weight, _ in terms)
    loss = WeightedCrossEntropyLoss([1, 10])
    assert loss(scores, labels, ignore_index=255).item() == pytest.approx(expected, rel=1e-5)
    assert not loss.state_dict()  # checkpoints are the network's alone


def test_refuses_pixel_weights():
    with pytest.raises(ValueError, match='sampler'):
        WeightedCrossEntropyLoss([1, 10])(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=int), torch.ones(1, 1, 1))
