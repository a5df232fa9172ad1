"""Training whose weights are shared out among the processes, for models that one GPU cannot hold."""
from mmengine._strategy import FSDPStrategy
from mmengine.optim import BaseOptimWrapper
from mmengine.registry import STRATEGIES
from torch import Tensor, cuda, nn
from torch.distributed.fsdp import FullOptimStateDictConfig, FullStateDictConfig, StateDictType
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP

__all__ = ['ResumableFSDPStrategy']


@STRATEGIES.register_module()
class ResumableFSDPStrategy(FSDPStrategy):
    """mmengine's FSDPStrategy, which computes what DistributedDataParallel does, and goes on from its checkpoints.

    - A checkpoint is one file with the whole model, which every tool reads and a run goes on from. mmengine's default
      is a folder of parts, and it cannot resume from whole files: it calls torch with the arguments in an order of
      before torch 2.1.
    - ``clip_grad`` takes the norm of the whole gradient; mmengine clips each process's part by that part's norm.
    - Without a GPU the processes share the weights out on the CPU.

    Args: those of ``FSDPStrategy`` but ``state_dict_cfg``. Parameters without dimensions, as FCOS has, torch refuses.
    """

    def __init__(self, *, model_wrapper: dict | None = None, **kwargs) -> None:
        wrapper = dict(type='MMFullyShardedDataParallel', use_orig_params=True)
        if not cuda.is_available():
            wrapper['device_id'] = 'cpu'
        # Gathered on the CPU by the first process alone; what is there already cannot be moved there: torch crashes.
        whole = dict(offload_to_cpu=cuda.is_available(), rank0_only=cuda.is_available())
        super().__init__(
            model_wrapper=dict(wrapper, **(model_wrapper or {})),
            state_dict_cfg=dict(
                state_dict_type=StateDictType.FULL_STATE_DICT,
                state_dict_config=FullStateDictConfig(**whole),
                optim_state_dict_config=FullOptimStateDictConfig(**whole)),
            **kwargs)

    def build_optim_wrapper(self, optim_wrapper: dict, model: nn.Module | None = None) -> BaseOptimWrapper:
        built = super().build_optim_wrapper(optim_wrapper, model)
        if built.clip_grad_kwargs and built.clip_func is nn.utils.clip_grad_norm_:

            def clip_whole_norm(parameters: list[Tensor], max_norm: float, norm_type: float = 2.) -> Tensor:
                return model.clip_grad_norm_(max_norm, norm_type)

            built.clip_func = clip_whole_norm
        return built

    def load_optim_state_dict(self, state_dict: dict) -> None:
        optimizer = self.optim_wrapper.optimizer
        self.optim_wrapper.load_state_dict(FSDP.optim_state_dict_to_load(self.model, optimizer, state_dict))
