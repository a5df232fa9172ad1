"""A study in a work dir: its cells, each an arm with a seed, and the config that each is trained with."""
import copy
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..datasets import make_digit_scenes
from ..engine import check_training, set_data_root
from ..engine.config import read_config
from ..engine.model_checks import build_model
from ..engine.overrides import override
from ..errors import InputError
from .schema import Arm, Study

__all__ = ['Cell', 'Plan']

# What every arm must have in common, so that only networks, their start and their schedule differ.
COMMON = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator', 'test_evaluator')


@dataclass(frozen=True)
class Cell:
    """An arm with a seed: one training and its evaluation, in a folder of its own.

    Its state is what the folder holds: ``weights`` when it is trained, ``predictions`` when it is tested,
    ``result_file`` when it is done. All are written under another name first.
    """

    arm: Arm
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        return f'{self.arm.name}, seed {self.seed}'

    @property
    def train_dir(self) -> Path:
        return self.folder / 'train'

    @property
    def config_file(self) -> Path:
        return self.folder / 'config.py'

    @property
    def log(self) -> Path:
        """What training and testing print."""
        return self.folder / 'log.txt'

    @property
    def weights(self) -> Path:
        return self.folder / 'weights.pth'

    @property
    def predictions(self) -> Path:
        """Folder of what was found in the test images, in COCO's format, one file an IoU type."""
        return self.folder / 'predictions'

    @property
    def resamples_file(self) -> Path:
        """AP of all test images and of resamples of them, by IoU type: :func:`.scoring.score`."""
        return self.folder / 'resamples.npz'

    @property
    def result_file(self) -> Path:
        return self.folder / 'result.json'

    def result(self) -> dict | None:
        """Return what came out; None if the cell is not done."""
        return json.loads(self.result_file.read_text()) if self.result_file.is_file() else None


@dataclass
class Plan:
    """A study in ``work_dir``, with the data in ``data_root``, or else where the configs say, or made on the spot."""

    study: Study
    work_dir: Path
    data_root: str | None = None
    _configs: dict[str, Config] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.study.digit_scenes is not None and self.data_root is not None:
            raise InputError(f'--data-root: {self.study.path} makes its own data', 'Leave --data-root out, or '
                             'digit_scenes in the study file.')

    @property
    def cells(self) -> list[Cell]:
        """All cells, the ablations' last, every arm with the first seed before the second: what is there halfway can be
        compared."""
        return [self.cell(arm.name, seed) for ablation in (False, True) for seed in self.study.seeds
                for arm in self.study.arms.values() if arm.ablation == ablation]

    def cell(self, arm: str, seed: int) -> Cell:
        return Cell(self.study.arms[arm], seed, self.work_dir / 'cells' / arm / f'seed{seed}')

    def repetition(self, arm: str, seed: int) -> Cell:
        """Return the same cell in another folder."""
        return Cell(self.study.arms[arm], seed, self.work_dir / 'repetitions' / arm / f'seed{seed}')

    def source(self, cell: Cell) -> Cell | None:
        """Return the cell from whose backbone ``cell`` starts."""
        return self.cell(cell.arm.init_from, cell.seed) if cell.arm.init_from else None

    def arm_config(self, arm: Arm) -> Config:
        """Return an arm's config as the study file has it, without seed, data root and folders."""
        if arm.name not in self._configs:
            cfg = read_config(arm.config)
            for where, options in (('cfg_options', self.study.cfg_options),
                                   (f'{arm.name}.cfg_options', arm.cfg_options)):
                override(cfg, options, f'{self.study.path}: {where}')
            self._configs[arm.name] = cfg
        return copy.deepcopy(self._configs[arm.name])

    def fingerprint(self, cell: Cell) -> str:
        """Return what tells whether two cells were trained alike: a hash of config, data set, seed and start."""
        source = self.source(cell)
        content = [self.arm_config(cell.arm).to_dict(), self.study.digit_scenes, self.study.gpus, cell.seed,
                   source and self.fingerprint(source)]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def digit_scenes_dir(self) -> Path:
        """Where the data of this study are made: other arguments, another folder."""
        arguments = json.dumps(self.study.digit_scenes, sort_keys=True).encode()
        return self.work_dir / f'digit_scenes_{hashlib.sha256(arguments).hexdigest()[:8]}'

    def make_data(self, track) -> None:
        """Make the data set if the study says so and it is not there yet; ``track`` shows progress."""
        if self.study.digit_scenes is not None and not self.digit_scenes_dir.exists():
            make_digit_scenes(self.digit_scenes_dir, **self.study.digit_scenes, track=track)

    def config(self, cell: Cell) -> Config:
        """Return the config that the cell is trained and tested with."""
        cfg = self.arm_config(cell.arm)
        root = self.digit_scenes_dir if self.study.digit_scenes is not None else self.data_root
        if root is not None:
            set_data_root(cfg, str(Path(root).resolve()))
        cfg.work_dir = str(cell.train_dir.resolve())
        cfg.randomness = dict(cfg.get('randomness') or {}, seed=cell.seed)
        cfg.setdefault('default_hooks', {}).setdefault('checkpoint', dict(type='CheckpointHook')).max_keep_ckpts = 1
        source = self.source(cell)
        if source is not None:
            cfg.model.backbone.init_cfg = dict(
                type='Pretrained', checkpoint=str(source.weights.resolve()), prefix='backbone.')
        return cfg

    def check_unchanged(self) -> None:
        """Raise an :class:`InputError` if a cell was begun as the study file no longer says."""
        for cell in self.cells:
            file = cell.folder / 'fingerprint.txt'
            if file.is_file() and file.read_text() != self.fingerprint(cell):
                raise InputError(f'{cell.folder} was trained otherwise than {self.study.path} says now',
                                 'Name another --work-dir, or remove the folder to train the cell anew.')

    def check(self) -> None:
        """Raise an :class:`InputError` unless every cell that is not done can be trained, and all are comparable."""
        waiting = {cell.arm.name: cell.arm for cell in self.cells if cell.result() is None}
        if not waiting:
            return
        cfg = self.config(self.cells[0])
        check_training(cfg)
        init_default_scope(cfg.get('default_scope', 'mmdet'))
        for arm in waiting.values():
            self.check_common(arm)
            self._check_model(arm)

    def check_common(self, arm: Arm) -> None:
        """Raise an :class:`InputError` unless an arm has the baseline's data, and is evaluated as on COCO."""
        cfg, baseline = self.arm_config(arm), self.arm_config(self.study.baseline)
        for key in COMMON:
            if cfg.get(key) != baseline.get(key):
                raise InputError(f'{self.study.path}: {arm.name} has another {key} than {self.study.baseline.name}',
                                 'Give every arm the same data, batches and augmentation.')
        if not isinstance(cfg.get('test_evaluator'), dict) or 'ann_file' not in cfg.test_evaluator:
            raise InputError(f'{self.study.path}: the test_evaluator of {arm.config} is no CocoMetric with an ann_file',
                             'Give a config of a detector that is evaluated as on COCO.')

    def _check_model(self, arm: Arm) -> None:
        build_model(self.arm_config(arm).model, f'{self.study.path}: the model of {arm.name}')

    def start(self, cell: Cell) -> None:
        """Make the cell's folder, with its config."""
        cell.folder.mkdir(parents=True, exist_ok=True)
        (cell.folder / 'fingerprint.txt').write_text(self.fingerprint(cell))
        Config(self.config(cell).to_dict(), format_python_code=False).dump(cell.config_file)
