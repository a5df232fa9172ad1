"""COCO's numbers of a result file, and whether the gain of one over another is real."""
from .bootstrap import GAIN_METRICS, Gain, Matches, draw_weights, paired_bootstrap
from .coco import METRICS, backend, evaluate, match, summarize
from .coco_results import IOU_TYPES, check_results, choose_iou_types, load_results
from .gain_plot import save_gain_plot
from .tables import FEWEST_IMAGES, class_table, gain_table, metric_table, verdict, without_nan

__all__ = [
    'FEWEST_IMAGES', 'GAIN_METRICS', 'IOU_TYPES', 'METRICS', 'Gain', 'Matches', 'backend', 'check_results',
    'choose_iou_types', 'class_table', 'draw_weights', 'evaluate', 'gain_table', 'load_results', 'match',
    'metric_table', 'paired_bootstrap', 'save_gain_plot', 'summarize', 'verdict', 'without_nan'
]
