"""What a network costs: parameters, multiply-adds, memory and time."""
from .benchmark import Cost, Entrant, compare
from .complexity import complexity, kept_activations
from .cost_tables import cost_table, launch_table, operator_table, write_costs
from .launches import Launches, count_launches
from .networks import at_depth, build_backbone, build_detector, is_detector
from .profile import operator_times
from .workload import Setting, Workload

__all__ = [
    'Cost', 'Entrant', 'Launches', 'Setting', 'Workload', 'at_depth', 'build_backbone', 'build_detector', 'compare',
    'complexity', 'cost_table', 'count_launches', 'is_detector', 'kept_activations', 'launch_table', 'operator_table',
    'operator_times', 'write_costs'
]
