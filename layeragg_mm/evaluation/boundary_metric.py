"""The boundary measure as a metric for MMSegmentation."""
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS

from ..datasets.bsds import load_annotators
from .boundary import count_matches, summarize

__all__ = ['BoundaryMetric']


@METRICS.register_module()
class BoundaryMetric(BaseMetric):
    """ODS and OIS F-score and AP of a two-class network's boundaries (:mod:`layeragg_mm.evaluation.boundary`), 0 to 1.

    A prediction is the softmax probability of class 1, at the image's own size. True boundaries are those of each
    annotator where the label maps are BSDS500's files, else ``gt_sem_seg``: 1 for a boundary, ``ignore_index`` where
    predictions do not count.

    Args:
        num_thresholds: so many, evenly between 0 and 1; 99 in the benchmark.
        tolerance: the distance up to which pixels match, in parts of the image's diagonal.
        ignore_index: the label that is ignored.
        collect_device: 'cpu' or 'gpu', when several processes evaluate.
        prefix: of the figures' names.
    """

    default_prefix = 'boundary'

    def __init__(self,
                 num_thresholds: int = 99,
                 tolerance: float = 0.0075,
                 ignore_index: int = 255,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.thresholds = np.arange(1, num_thresholds + 1) / (num_thresholds + 1)
        self.tolerance = tolerance
        self.ignore_index = ignore_index

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            scores = sample['seg_logits']['data']
            if len(scores) != 2:
                raise ValueError(f'BoundaryMetric is for networks with 2 classes, this one has {len(scores)}')
            probability = scores.softmax(0)[1].cpu().numpy()
            labels = sample['gt_sem_seg']['data'].squeeze(0).cpu().numpy()
            annotators = (load_annotators(sample['seg_map_path']) if sample['seg_map_path'].lower().endswith('.mat')
                          else [labels == 1])
            self.results.append(count_matches(
                probability, annotators, self.thresholds, tolerance=self.tolerance,
                ignored=labels == self.ignore_index))

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        return summarize(np.stack(results))
