"""Processes that start without importing anything again: the runs of the kill test, the steps of a study."""
import multiprocessing

__all__ = ['PROCESSES']

# A server that has imported everything forks them.
PROCESSES = multiprocessing.get_context('forkserver')
PROCESSES.set_forkserver_preload([
    'layeragg_mm.engine', 'mmdet.models', 'mmdet.datasets', 'mmdet.evaluation', 'mmdet.engine', 'torch._dynamo'])
