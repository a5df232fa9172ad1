"""Networks compared in the same detector, with several seeds, and whether their gains are real."""
from .costs import measure_costs
from .figures import save_figures
from .hooks import ConstantStartHook
from .markdown_report import insert_report, report
from .plan import Cell, Plan
from .running import run_cells
from .schema import Arm, Study, load_study
from .statistics import paired_gains
from .summary import repetitions, summarize

__all__ = [
    'Arm', 'Cell', 'ConstantStartHook', 'Plan', 'Study', 'insert_report', 'load_study', 'measure_costs', 'paired_gains',
    'repetitions', 'report', 'run_cells', 'save_figures', 'summarize'
]
