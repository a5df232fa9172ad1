"""mmengine's training loops, resumed at the very batch at which they stopped."""
import itertools
from collections.abc import Iterator

import torch
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from ..errors import InputError

__all__ = ['EPOCH_LENGTH', 'ResumableEpochLoop', 'ResumableIterLoop']

# Under this name mmengine's message hub, which is part of a checkpoint, knows how many batches an epoch has.
EPOCH_LENGTH = 'epoch_length'


class ResumableBatchSampler:
    """The batches of a batch sampler without the first ``skip``, which are passed over by index: no data are loaded.

    Args:
        batches: the batch sampler.
        endless: go on after its end, with the sampler's next epoch, for ever.
    """

    def __init__(self, batches: BatchSampler, endless: bool) -> None:
        self.batches = batches
        self.sampler = batches.sampler
        self.batch_size = batches.batch_size
        self.endless = endless
        #: Batches that the next pass leaves out.
        self.skip = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        skip, self.skip = self.skip, 0
        return itertools.islice(self._epochs() if self.endless else self.batches, skip, None)

    def _epochs(self) -> Iterator[list[int]]:
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            batches = iter(self.batches)
            yield next(batches)  # an error if there is none, not an endless search for the next epoch's
            yield from batches


def make_resumable(dataloader: DataLoader, endless: bool) -> ResumableBatchSampler:
    """Let ``dataloader`` draw its batches from a :class:`ResumableBatchSampler`, and return that.

    It also gets a generator of its own: without one, every pass draws a number from torch's, and a resumed run makes
    other passes than one that was never stopped.

    Raises:
        InputError: an epoch has no batch.
    """
    batches = ResumableBatchSampler(dataloader.batch_sampler, endless)
    if not len(batches):
        raise InputError('train_dataloader: the data set has fewer images than one batch, and drop_last=True',
                         'Lower the batch size.')
    vars(dataloader).update(batch_sampler=batches, generator=torch.Generator())  # its __setattr__ refuses
    return batches


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop; resumed in the middle of an epoch, it goes on with the epoch's next batch.

    Resumed with another number of batches to an epoch (batch size, images), it goes on with the next epoch.

    Args: those of ``EpochBasedTrainLoop``, which starts such an epoch anew.

    Raises:
        InputError: an epoch has another number of batches, and the checkpoint is of the middle of one.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.batches = make_resumable(self.dataloader, endless=False)

    def run(self) -> nn.Module:
        self._count_anew(self.runner.message_hub.runtime_info.get(EPOCH_LENGTH), len(self.dataloader))
        self.runner.message_hub.update_info(EPOCH_LENGTH, len(self.dataloader))
        return super().run()

    def _count_anew(self, before: int | None, now: int) -> None:
        """Count the iterations as if all epochs had had ``now`` batches; they had ``before``, if that is known."""
        used = self._iter - self._epoch * now  # batches of this epoch
        if before is None and not 0 <= used <= now and self._epoch:
            before = self._iter // self._epoch  # mmengine's checkpoints are those of whole epochs
        if before in (None, now):
            return
        epochs, used = divmod(self._iter, before)
        if used:
            raise InputError(f'--resume: {used} batches of an epoch of {before} were used, and an epoch has {now} now: '
                             'the batch size or the data set is another',
                             'Go on as before, or from the checkpoint of a whole epoch.')
        self._iter = epochs * now
        self.runner.logger.info(f'An epoch had {before} batches, and now has {now}: on with epoch {epochs + 1}')

    def run_epoch(self) -> None:
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self.batches.skip = self._iter - self._epoch * len(self.dataloader)
        for index, data_batch in enumerate(self.dataloader, start=self.batches.skip):
            self.run_iter(index, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """mmengine's iteration loop; resumed, it passes over the batches that were used without loading their images.

    Args: those of ``IterBasedTrainLoop``, which loads them again (0.10.7, and the fork with samplers that cannot skip).
    """

    def __init__(self, runner, dataloader: DataLoader | dict, *args, **kwargs) -> None:
        BaseLoop.__init__(self, runner, dataloader)  # builds the loader
        dataloader = self.dataloader
        # mmengine 0.10.7 starts the loader that it is given, before it is known where in the data to start.
        super().__init__(runner, DataLoader(dataloader.dataset, batch_sampler=[]), *args, **kwargs)
        del self.dataloader_iterator
        self.dataloader = dataloader
        self.batches = make_resumable(dataloader, endless=True)

    def run(self):
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.batches.skip = self._iter
        batches = iter(self.dataloader)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            if (self.runner.val_loop is not None and self._iter >= self.val_begin
                    and (self._iter % self.val_interval == 0 or self._iter == self._max_iters)):
                self.runner.val_loop.run()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model
