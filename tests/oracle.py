"""A 'detector' that finds exactly the true boxes: where its AP is below 1, the evaluation is wrong."""
from pathlib import Path

import torch
from conftest import CONFIGS
from mmdet.structures.bbox import get_box_tensor
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor, nn


@MODELS.register_module()
class Oracle(BaseModel):
    """Returns what is annotated, with a score of 0.9; it has one parameter, so that there is a checkpoint."""

    def __init__(self, data_preprocessor=None) -> None:
        super().__init__(dict(type='DetDataPreprocessor'))
        self.one = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Tensor, data_samples: list, mode: str):
        if mode == 'loss':
            return dict(loss=self.one.square().sum())
        for sample in data_samples:
            true = sample.gt_instances
            sample.pred_instances = InstanceData(bboxes=get_box_tensor(true.bboxes).clone(), labels=true.labels.clone(),
                                                 scores=torch.full((len(true),), .9))
        return data_samples


def write_oracle(folder: Path, **settings) -> tuple[Path, Path]:
    """Write the oracle's config, on DigitScenes, and its checkpoint, and return both."""
    config, checkpoint = folder / 'oracle.py', folder / 'oracle.pth'
    lines = [f'{key} = {value!r}' for key, value in dict(dict(custom_hooks=[]), **settings).items()]
    config.write_text('\n'.join([f"_base_ = '{CONFIGS / 'fcos_mrla_tiny_digits.py'}'",
                                 "model = dict(_delete_=True, type='Oracle')", *lines]) + '\n')
    torch.save(dict(state_dict=dict(one=torch.ones(1)), meta={}), checkpoint)
    return config, checkpoint
