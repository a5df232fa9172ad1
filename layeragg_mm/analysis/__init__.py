"""What a network costs: parameters, multiply-adds, memory and time."""
from .benchmark import Cost, Entrant, compare
from .complexity import complexity, kept_activations
from .cost_tables import cost_table, operator_table, write_costs
from .networks import at_depth, build_backbone, build_detector, is_detector
from .profile import operator_times
from .workload import Setting, Workload

__all__ = [
    'Cost', 'Entrant', 'Setting', 'Workload', 'at_depth', 'build_backbone', 'build_detector', 'compare',
    'complexity', 'cost_table', 'is_detector', 'kept_activations', 'operator_table', 'operator_times',
    'write_costs'
]
