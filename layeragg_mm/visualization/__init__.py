"""Pictures for people: objects on images, curves of a training run, how layers use earlier ones."""
from .costs import save_cost_chart
from .curves import read_scalars, save_training_curves
from .label_maps import LabelledImage, save_label_sheet
from .layers import AttentionWatch, HiddenStateWatch, watch_layers
from .scenes import load_label_map, load_labelled, predicted_objects, read_image
from .sheet import Objects, Scene, save_sheet

__all__ = [
    'AttentionWatch', 'HiddenStateWatch', 'LabelledImage', 'Objects', 'Scene', 'load_label_map', 'load_labelled',
    'predicted_objects', 'read_image', 'read_scalars', 'save_cost_chart', 'save_label_sheet', 'save_sheet',
    'save_training_curves', 'watch_layers'
]
