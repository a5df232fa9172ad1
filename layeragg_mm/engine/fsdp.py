"""Training in which the processes share out the weights, their gradients and the optimizer's state."""
from mmengine._strategy import FSDPStrategy
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import STRATEGIES
from torch import cuda, nn
from torch.distributed.fsdp import FullOptimStateDictConfig, FullStateDictConfig, StateDictType
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP

from ..configs import type_of
from ..errors import InputError

__all__ = ['ResumableFSDPStrategy', 'check_fsdp']


@STRATEGIES.register_module()
class ResumableFSDPStrategy(FSDPStrategy):
    """mmengine's FSDPStrategy, which takes the steps that DistributedDataParallel takes, and goes on from checkpoints.

    - A checkpoint is one file with the whole model, which every tool reads and a run goes on from. mmengine's default
      is a folder of parts, and it cannot resume from whole files: it calls torch with the arguments in an order of
      before torch 2.1, and leaves out what the optimizer's wrapper keeps, such as float16's loss scale.
    - ``clip_grad`` takes the norm of the whole gradient; mmengine clips each process's part by that part's norm.
    - Without a GPU the processes share out on the CPU.

    Args: those of ``FSDPStrategy`` but ``state_dict_cfg``. Parameters without dimensions, as FCOS has, torch refuses.
    """

    def __init__(self, *, model_wrapper: dict | None = None, **kwargs) -> None:
        wrapper = dict(type='MMFullyShardedDataParallel', use_orig_params=True)
        if not cuda.is_available():
            wrapper['device_id'] = 'cpu'
        # Gathered by the first process alone, on the CPU; what is there already torch cannot move there: it crashes.
        whole = dict(offload_to_cpu=cuda.is_available(), rank0_only=True)
        super().__init__(
            model_wrapper=dict(wrapper, **(model_wrapper or {})),
            state_dict_cfg=dict(
                state_dict_type=StateDictType.FULL_STATE_DICT,
                state_dict_config=FullStateDictConfig(**whole),
                optim_state_dict_config=FullOptimStateDictConfig(**whole)),
            **kwargs)

    def build_optim_wrapper(self, optim_wrapper: dict | OptimWrapper, model: nn.Module | None = None) -> OptimWrapper:
        built = super().build_optim_wrapper(optim_wrapper, model)
        clip = built.clip_grad_kwargs
        if clip and built.clip_func is nn.utils.clip_grad_norm_:
            if clip.keys() - {'max_norm', 'norm_type'}:
                raise InputError(f'clip_grad={dict(clip)}: FSDP knows max_norm and norm_type only',
                                 'Leave the rest out.')

            def clip_whole_norm() -> None:  # by all processes, also one that holds nothing with a gradient
                built.message_hub.update_scalar('train/grad_norm', float(model.clip_grad_norm_(**clip)))

            built._clip_grad = clip_whole_norm
        return built

    def load_checkpoint(self, filename: str, **kwargs) -> dict:
        return super().load_checkpoint(filename, **dict(kwargs, map_location='cpu'))  # whole: too much for a GPU

    def optim_state_dict(self) -> dict:
        whole = FSDP.optim_state_dict(self.model, self.optim_wrapper.optimizer)
        beside = {key: value for key, value in self.optim_wrapper.state_dict().items()
                  if key not in ('state', 'param_groups')}
        return dict(whole, **beside)

    def load_optim_state_dict(self, state_dict: dict) -> None:
        whole = {key: state_dict.pop(key) for key in ('state', 'param_groups')}
        part = FSDP.optim_state_dict_to_load(self.model, self.optim_wrapper.optimizer, whole)
        self.optim_wrapper.load_state_dict(dict(part, **state_dict))


def check_fsdp(cfg: Config) -> None:
    """Raise an :class:`InputError` if ``cfg`` asks mmengine's FSDP for what it would ignore or compute wrongly."""
    if 'FSDPStrategy' not in str((cfg.get('strategy') or {}).get('type')):
        return
    if cfg.launcher == 'none':
        raise InputError('FSDP shares the weights out among processes, and there is one', 'Use tools/dist_train.sh.')
    if cfg.get('sync_bn'):
        raise InputError(f'sync_bn={cfg.sync_bn} has no effect with FSDP',
                         "Name the norm where it is used: norm_cfg=dict(type='SyncBN').")
    if any(type_of(hook) == 'EMAHook' for hook in cfg.get('custom_hooks') or ()):
        raise InputError('EMAHook would average each process\'s part of the weights only, and save that',
                         'Train without it, or without FSDP.')
