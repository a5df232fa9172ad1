"""A reader can follow a forward: through few files, in few calls."""
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

import layeragg_mm
from layeragg_mm.backbones import MRLAResNet, RLAResNet

PACKAGE = str(Path(layeragg_mm.__file__).parent)


@pytest.mark.parametrize('network, calls', [(MRLAResNet, 528), (RLAResNet, 552)])
def test_a_forward_enters_six_files_and_calls_half_of_what_it_did(network, calls):
    """Counted as calls of Python functions of this package, comprehensions included; they were 1,236 and 1,104."""
    model = network(50).eval()
    x = torch.randn(1, 3, 256, 256)
    files, count = set(), Counter()

    def watch(frame, event, argument) -> None:
        if event == 'call' and frame.f_code.co_filename.startswith(PACKAGE):
            files.add(frame.f_code.co_filename)
            count['calls'] += 1

    with torch.no_grad():
        model(x)
        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            model(x)
        finally:
            sys.setprofile(before)
    assert len(files) <= 6 and count['calls'] <= calls
