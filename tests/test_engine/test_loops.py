"""The resumable loops give the batches of mmengine's, from any batch on, and load none that they pass over."""
import itertools

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from layeragg_mm.engine.loops import make_resumable
from layeragg_mm.errors import InputError


class Indices(torch.utils.data.Dataset):
    def __init__(self) -> None:
        self.loaded = []

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> int:
        self.loaded.append(index)
        return index


def loader(sampler=DefaultSampler, **kwargs) -> DataLoader:
    data = Indices()
    return DataLoader(data, sampler=sampler(data, shuffle=True, seed=3), batch_size=2, **kwargs)


def first(count: int, batches) -> list[list[int]]:
    return [batch.tolist() for batch in itertools.islice(batches, count)]


@pytest.mark.parametrize('skip', [0, 1, 3])
def test_an_epoch_goes_on_at_any_batch(skip):
    expected = first(4, loader())
    resumed = loader()
    make_resumable(resumed, endless=False).skip = skip
    assert first(4, resumed) == expected[skip:]
    assert len(resumed.dataset.loaded) == sum(map(len, expected[skip:]))
    assert first(4, resumed) == expected  # the next pass is whole


@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
@pytest.mark.parametrize('skip', [0, 5, 9])
def test_an_endless_pass_goes_on_at_any_batch_of_any_epoch(sampler, skip):
    if sampler is InfiniteSampler:
        expected = first(12, loader(sampler))
    else:
        expected, epochs = [], loader(sampler)
        for epoch in range(3):
            epochs.sampler.set_epoch(epoch)
            expected += first(4, epochs)
    resumed = loader(sampler)
    make_resumable(resumed, endless=True).skip = skip
    assert first(12 - skip, resumed) == expected[skip:]


def test_no_pass_draws_from_the_global_generator():
    resumed, before = loader(), torch.get_rng_state()
    make_resumable(resumed, endless=False)
    first(4, resumed)
    assert torch.equal(torch.get_rng_state(), before)


def test_refuses_data_without_a_batch():
    few = DataLoader([0], batch_size=2, drop_last=True)
    with pytest.raises(InputError, match='fewer images than one batch'):
        make_resumable(few, endless=True)
