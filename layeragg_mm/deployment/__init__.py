"""From a trained network to an ONNX file that runs elsewhere: export, check, test."""
from .agreement import Agreement, DisagreementError, compare, predict
from .checking import check_file, random_images, read_images, times
from .exporting import Traits, export
from .networks import exportable
from .packages import needed
from .quantization import quantize
from .replacing import replace_modules
from .runtime import ExportedFile, ExportedModel, is_exported

__all__ = ['Agreement', 'DisagreementError', 'ExportedFile', 'ExportedModel', 'Traits', 'check_file', 'compare',
           'export', 'exportable', 'is_exported', 'needed', 'predict', 'quantize', 'random_images', 'read_images',
           'replace_modules', 'times']
