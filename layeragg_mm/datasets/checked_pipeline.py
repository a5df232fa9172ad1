"""A data set's pipeline that names the file which a transform cannot take, at the door and in training."""
from collections.abc import Sequence

from mmcv.transforms import BaseTransform, LoadAnnotations, LoadImageFromFile
from mmengine.dataset import BaseDataset, Compose

from ..errors import DataError, InputError
from ..tracebacks import described
from .label_values import check_bits, check_labels
from .sampling import leaves

__all__ = ['CheckedPipeline', 'name_unfit_files', 'split']


class CheckedPipeline(Compose):
    """The pipeline of ``dataset``, a data set without wrappers.

    Args:
        dataset: the data set.
        transforms: some of its pipeline, in the place of all.

    Raises:
        DataError: names the image and the transform that raised something, or gave an image without pixels; or the
            label map of one of MMSegmentation's data sets whose values are not its classes.
    """

    def __init__(self, dataset: BaseDataset, transforms: Sequence[BaseTransform] | None = None) -> None:
        self.transforms = dataset.pipeline.transforms if transforms is None else transforms
        self.classes = len(dataset.metainfo.get('classes') or ())
        self.ignore_index = getattr(dataset, 'ignore_index', 255)

    def __call__(self, data: dict) -> dict | None:
        image = data.get('img_path', 'an image without a file')
        labels = data.get('seg_map_path') if 'seg_fields' in data else None
        for transform in self.transforms:
            name, loads_labels = type(transform).__name__, labels and isinstance(transform, LoadAnnotations)
            try:
                if loads_labels:
                    check_bits(labels)
                data = transform(data)
            except InputError:
                raise
            except Exception as error:
                what = f'unreadable label map {labels}' if loads_labels else f'{image}: {name} cannot take it'
                raise DataError(f'{what}: {described(error)}', UNFIT) from error
            if data is None:
                return None
            if 'img' in data and 0 in data['img'].shape:
                height, width = data['img'].shape[:2]
                raise DataError(f'{image}: {name} makes an image of {width} x {height} pixels of it', UNFIT)
            if loads_labels:
                check_labels(data, self.classes, self.ignore_index)
        return data


def split(dataset: BaseDataset) -> tuple[CheckedPipeline, CheckedPipeline]:
    """Return the pipeline of ``dataset`` in two: what reads the files, and what is done with that."""
    transforms = dataset.pipeline.transforms
    last = max((position for position, transform in enumerate(transforms)
                if isinstance(transform, (LoadImageFromFile, LoadAnnotations))), default=-1)
    return CheckedPipeline(dataset, transforms[:last + 1]), CheckedPipeline(dataset, transforms[last + 1:])


UNFIT = 'Replace the file, leave it out, or change the pipeline so that it can take it.'


def name_unfit_files(dataset) -> None:
    """Let a data set, or those inside its wrappers, name the files that their pipelines cannot take."""
    for leaf in leaves(dataset):
        if isinstance(getattr(leaf, 'pipeline', None), Compose) and not isinstance(leaf.pipeline, CheckedPipeline):
            leaf.pipeline = CheckedPipeline(leaf)
