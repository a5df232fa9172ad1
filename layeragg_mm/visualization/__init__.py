"""Pictures for people: predictions beside the truth, curves of a training run."""
from .curves import read_scalars, save_training_curves
from .sheet import Objects, Scene, save_prediction_sheet

__all__ = ['Objects', 'Scene', 'read_scalars', 'save_prediction_sheet', 'save_training_curves']
