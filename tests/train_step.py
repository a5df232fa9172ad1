"""One step of training, as the tests of configs take it."""
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS


def train_a_step(cfg: Config) -> torch.nn.Module:
    """Build the model of ``cfg``, train it on two images and return it: losses are finite, every parameter learns."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    idle = {key: value for key, value in model.named_parameters() if value.requires_grad}
    for key, value in model.named_parameters():
        if value.requires_grad:
            value.register_post_accumulate_grad_hook(lambda _, key=key: idle.pop(key, None))
    train_data = DATASETS.build(cfg.train_dataloader.dataset)
    losses = model.train().train_step(
        pseudo_collate([train_data[0], train_data[1]]), build_optim_wrapper(model, cfg.optim_wrapper))
    assert losses and all(torch.isfinite(torch.as_tensor(loss)).all() for loss in losses.values())
    assert not idle, 'DistributedDataParallel refuses parameters without gradient'
    return model
