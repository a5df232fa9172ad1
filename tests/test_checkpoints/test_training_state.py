"""mmengine's training checkpoints load without trust in the file."""
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from layeragg_mm.checkpoints.training_state import allow_training_state


class Harmful:
    def __reduce__(self):
        return print, ('this must not run',)


def test_the_log_history_of_a_run_loads_weights_only(tmp_path):
    allow_training_state()  # mmengine's own loader may have withdrawn it
    history = HistoryBuffer(np.arange(3.), np.ones(3, dtype=np.int64), max_length=10)
    torch.save(dict(message_hub=dict(log_scalars={'train/loss': history}), value=np.float64(1)), tmp_path / 'run.pth')
    loaded = torch.load(tmp_path / 'run.pth', weights_only=True)
    assert loaded['message_hub']['log_scalars']['train/loss'].mean() == 1


def test_anything_else_is_refused_still(tmp_path, capsys):
    torch.save(dict(state=Harmful()), tmp_path / 'run.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'run.pth', weights_only=True)
    assert capsys.readouterr().out == ''
