"""What the benchmark lets a network do: predict, and take a training step."""
import copy
from dataclasses import dataclass, replace

import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.testing import demo_mm_inputs
from torch import Tensor, nn

__all__ = ['Setting', 'Workload']

OBJECTS = 8  # per image, for detectors to learn from


@dataclass(frozen=True)
class Setting:
    """What a network is run on.

    Args:
        device: where.
        size: height and width of the images in pixels.
        batch: images at a time.
        dtype: float32, or what torch.autocast computes in.
        channels_last: the memory format of images and weights.
    """

    device: torch.device
    size: tuple[int, int] = (384, 384)
    batch: int = 2
    dtype: torch.dtype = torch.float32
    channels_last: bool = False

    def place(self, value: nn.Module | Tensor) -> nn.Module | Tensor:
        """Return a network or images on this setting's device, in its memory format."""
        return value.to(device=self.device,
                        memory_format=torch.channels_last if self.channels_last else torch.preserve_format)

    def autocast(self) -> torch.autocast:
        reduced = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if reduced else None, enabled=reduced)

    def synchronize(self) -> None:
        """Wait until the device has done all it was given."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)


class Workload:
    """A backbone, or a whole detector, with images to work on.

    A detector predicts with all that follows its heads (NMS, masks), and trains on boxes and masks at random places, of
    whose regions (RoIs) as many are positive as there are objects; of a backbone, the gradient of every output is one.
    """

    def __init__(self, model: nn.Module, setting: Setting) -> None:
        self.model = setting.place(model)
        self.setting = setting
        generator = torch.Generator().manual_seed(0)
        self.images = setting.place(torch.randn(setting.batch, 3, *setting.size, generator=generator))
        self.samples = None
        if isinstance(model, BaseDetector):
            self.samples = _random_objects(model, setting)
            _sample_alike(model)

    def with_batch(self, batch: int) -> 'Workload':
        """Return the same network's work on copies of the first image."""
        other = copy.copy(self)
        other.setting = replace(self.setting, batch=batch)
        other.images = self.images[:1].repeat(batch, 1, 1, 1)
        other.samples = self.samples and [copy.deepcopy(self.samples[0]) for _ in range(batch)]
        return other

    def predict(self) -> object:
        """Run the network as in testing; it must be in evaluation mode."""
        with torch.no_grad():
            return self._run('predict')

    def forward(self) -> list[Tensor]:
        """Return what a training step differentiates: a backbone's outputs, a detector's loss."""
        result = self._run('loss')
        return list(result) if self.samples is None else [self.model.parse_losses(result)[0]]

    def training_step(self) -> None:
        """Run forward and backward; the network must be in training mode. The optimizer's part is left out."""
        outs = self.forward()
        torch.autograd.backward(outs, [torch.ones_like(out) for out in outs])

    def forget_gradients(self) -> None:
        """Remove every parameter's gradient."""
        for parameter in self.model.parameters():
            parameter.grad = None

    def _run(self, mode: str) -> object:
        with self.setting.autocast():
            return self.model(self.images) if self.samples is None else self.model(self.images, self.samples, mode=mode)


def _sample_alike(model: BaseDetector) -> None:
    """Let the heads of two-stage detectors have the same to do, whatever an untrained network proposes.

    A mask head works on each positive region, of which one network may find several times as many as another.
    """
    samplers = getattr(getattr(model, 'roi_head', None), 'bbox_sampler', [])
    for sampler in samplers if isinstance(samplers, list) else [samplers]:
        if hasattr(sampler, 'num'):
            sampler.pos_fraction = OBJECTS / sampler.num


def _random_objects(model: BaseDetector, setting: Setting) -> list[DetDataSample]:
    packed = demo_mm_inputs(setting.batch, [(3, *setting.size)] * setting.batch, [OBJECTS] * setting.batch,
                            num_classes=2, with_mask=model.with_mask)
    for sample in packed['data_samples']:
        sample.gt_instances.labels.zero_()  # a class that every detector has
    return model.data_preprocessor.to(setting.device)(packed, training=True)['data_samples']
