"""The check after an export: the file in ONNX Runtime against the network in torch, and the time of both."""
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import torch
import torch.nn.functional as F
from mmcv.transforms import Compose
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from torch import Tensor, nn

from ..configs import type_of
from ..errors import InputError
from ..tracebacks import described
from .agreement import Agreement, DisagreementError, compare, predict
from .runtime import ExportedFile

__all__ = ['check_file', 'random_images', 'read_images', 'times']

# Of random images, where the file takes any: what mm pads of them is little, since untrained networks find the same
# there at many places, and which of these come first is decided differently.
SIZES = (256, 320), (190, 254), (318, 221)
BATCHES = 1, 3, 2
ROUNDS = 7


def read_images(cfg: Config, files: Sequence[str]) -> Iterator[Tensor]:
    """Yield images (3, H, W) as the test pipeline of ``cfg`` makes them of ``files``, float32, 0 to 255.

    Raises:
        InputError: it cannot read a file, or do with it what it does.
    """
    pipeline = Compose([step for step in get_test_pipeline_cfg(cfg) if not type_of(step).endswith('LoadAnnotations')])
    for file in files:
        try:
            image = pipeline(dict(img_path=file, img_id=0))['inputs'].float()
        except Exception as error:  # each transform has its own
            raise InputError(f'{file}: the test pipeline cannot take it: {described(error)}',
                             'Fetch it again, or name another image.') from error
        yield image


def random_images(file: ExportedFile) -> Iterator[Tensor]:
    """Yield batches of noise on coloured patches, of the sizes that the file takes."""
    random = torch.Generator().manual_seed(0)
    for batch, size in zip(BATCHES, SIZES):
        size = file.traits.size or size
        coarse = torch.rand(file.traits.batch or batch, 3, 9, 9, generator=random)
        fine = torch.rand(file.traits.batch or batch, 3, *size, generator=random)
        yield 255 * (.4 * F.interpolate(coarse, size=tuple(size), mode='nearest') + .6 * fine)


def check_file(model: nn.Module, file: ExportedFile, images: Sequence[Tensor] = ()) -> Agreement:
    """Return how near a file is to its ``model`` of the mm libraries.

    Args:
        model: in evaluation mode.
        file: exported of it.
        images: (3, H, W) each; none: random ones.

    Raises:
        DisagreementError: it is not near enough.
    """
    batches = (torch.from_numpy(file.fitted(image.numpy()))[None].repeat(file.traits.batch or 1, 1, 1, 1)
               for image in images) if images else random_images(file)
    result = Agreement()
    for batch in batches:
        try:
            found = file(batch.numpy())
        except Exception as error:  # each of its errors has a class of its own
            raise DisagreementError(f'ONNX Runtime stops at images of {tuple(batch.shape)}: '
                                    f'{str(error).strip().splitlines()[0]}') from error
        result = result.joined(compare(predict(model, batch), found))
    result.check()
    return result


def times(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the milliseconds of each of ``runs``, the median of several, measured in turns."""
    taken = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(1000 * (time.perf_counter() - start))
    return {name: median(values[1:]) for name, values in taken.items()}  # the first warms up
