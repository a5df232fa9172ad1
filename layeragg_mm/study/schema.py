"""The study file: which networks are trained how, with which seeds, and what each is compared with."""
import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import InputError

__all__ = ['Arm', 'Study', 'load_study']


@dataclass(frozen=True)
class Arm:
    """One way to train a network, with every seed of the study.

    Args:
        name: in the study file and of the folder.
        title: in the report.
        config: the config's path, as :func:`~layeragg_mm.engine.config.read_config` takes it.
        cfg_options: what differs from the config, by dotted key.
        init_from: the arm from whose trained backbone of the same seed this one starts; None: as the config says.
        against: the arm that it is compared with; None for the baseline.
        ablation: it explains the others and is reported apart from them.
    """

    name: str
    title: str
    config: str
    cfg_options: dict
    init_from: str | None
    against: str | None
    ablation: bool


@dataclass(frozen=True)
class Study:
    """A checked study file.

    Args:
        path: of the file.
        title: in the report.
        limits: what it does not show, for the report.
        cfg_options: what differs from the config for every arm, by dotted key.
        digit_scenes: arguments of :func:`~layeragg_mm.datasets.make_digit_scenes`; None: the data are the config's.
        seeds: every arm is trained with each.
        cost_size: height and width in pixels of the images that costs are measured on.
        gpus: processes that train a cell together, one a GPU; None: one process, a single thread on the CPU.
        arms: by name, in the order of the report; the first is the baseline.
        sha256: of the file.
    """

    path: Path
    title: str
    limits: str
    cfg_options: dict
    digit_scenes: dict | None
    seeds: tuple[int, ...]
    cost_size: tuple[int, int]
    gpus: int | None
    arms: dict[str, Arm]
    sha256: str

    @property
    def baseline(self) -> Arm:
        return next(iter(self.arms.values()))

    def commit(self) -> str:
        """Return the git commit of the file, and whether it was changed since; '' where it is in none."""
        if shutil.which('git') is None:
            return ''
        log, changed = (
            subprocess.run(['git', '-C', self.path.parent, *command, '--', self.path.name], capture_output=True,
                           text=True).stdout.strip()
            for command in (['log', '-1', '--format=%h'], ['status', '--porcelain']))
        return log and log + (', changed since' if changed else '')


# Key to type, and whether it must be there.
STUDY_KEYS = {
    'title': (str, True), 'limits': (str, True), 'config': (str, False), 'cfg_options': (dict, False),
    'digit_scenes': (dict, False), 'seeds': (list, True), 'cost_size': (list, True), 'gpus': (int, False),
    'arms': (dict, True), 'ablations': (dict, False)
}
ARM_KEYS = {'title': (str, True), 'config': (str, False), 'cfg_options': (dict, False), 'init_from': (str, False)}
ABLATION_KEYS = {**ARM_KEYS, 'against': (str, False)}
SCENE_KEYS = {'train': (int, True), 'val': (int, True), 'size': (int, True), 'seed': (int, True), 'hard': (bool, False)}
TYPE_NAMES = {str: 'text', int: 'a whole number', bool: 'true or false', list: 'a list', dict: 'a mapping'}


class _Loader(yaml.SafeLoader):
    """YAML's safe loader; a key that comes twice in a mapping is an error, not the last one's."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if key.tag != 'tag:yaml.org,2002:merge']
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f'{key!r} comes twice', node.start_mark)
        return super().construct_mapping(node, deep)


def load_study(path: str | Path) -> Study:
    """Read and check a study file.

    Raises:
        InputError: it is missing, no YAML, or a key is unknown, lacks or has a value that cannot be; names the key.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
        content = yaml.load(text, _Loader)
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}', 'Give a study file, like studies/digit_scenes.yaml.') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f'{path} is no valid YAML: {" ".join(str(error).split())}', 'Mend the file.') from error
    check = _Checker(path)
    check.keys(content, '', STUDY_KEYS)
    seeds, size = content['seeds'], content['cost_size']
    check.that(len(set(seeds)) == len(seeds) >= 2 and all(_is_whole(seed, 0) for seed in seeds),
               f'seeds is {seeds}', 'Give two different seeds or more, 0 or greater: one says nothing about the noise.')
    check.that(len(size) == 2 and all(_is_whole(side, 33) for side in size),
               f'cost_size is {size}', 'Give height and width in pixels, 33 or more.')
    check.that(content.get('gpus', 1) >= 1, f'gpus is {content.get("gpus")}', 'Give 1 or more, or leave it out.')
    if 'digit_scenes' in content:
        check.keys(content['digit_scenes'], 'digit_scenes', SCENE_KEYS)
    return Study(
        path=path,
        title=content['title'],
        limits=content['limits'],
        cfg_options=content.get('cfg_options', {}),
        digit_scenes=content.get('digit_scenes'),
        seeds=tuple(seeds),
        cost_size=tuple(size),
        gpus=content.get('gpus'),
        arms=_arms(content, check),
        sha256=hashlib.sha256(text).hexdigest())


def _arms(content: dict, check: '_Checker') -> dict[str, Arm]:
    arms = {}
    check.that(content['arms'], 'arms is empty', 'List the networks; the first is what the others are compared with.')
    for section, keys in (('arms', ARM_KEYS), ('ablations', ABLATION_KEYS)):
        for name, entry in content.get(section, {}).items():
            where = f'{section}.{name}'
            check.that(isinstance(name, str) and re.fullmatch(r'\w+', name), f'{where} is no name of an arm',
                       'Use letters, digits and _.')
            check.that(name not in arms, f'{where}: there is an arm of this name', 'Give every arm a name of its own.')
            check.keys(entry, where, keys)
            for key in ('init_from', 'against'):
                check.that(entry.get(key, next(iter(arms), None)) in (*arms, None),
                           f'{where}.{key} is {entry.get(key)}, which is no arm above it',
                           f'Name one of: {", ".join(arms) or "none, since it is the first"}.')
            config = entry.get('config', content.get('config'))
            check.that(config is not None, f'{where} has no config, nor has the study', 'Give one of them a config.')
            arms[name] = Arm(
                name=name,
                title=entry['title'],
                config=config if '::' in config else str(check.path.parent / config),
                cfg_options=entry.get('cfg_options', {}),
                init_from=entry.get('init_from'),
                against=entry.get('against', next(iter(arms), None)),
                ablation=section == 'ablations')
    return arms


def _is_whole(value, least: int) -> bool:
    return type(value) is int and value >= least


class _Checker:
    """Checks of what a study file holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def that(self, condition, what: str, remedy: str) -> None:
        if not condition:
            raise InputError(f'{self.path}: {what}', remedy)

    def keys(self, value, where: str, known: Mapping[str, tuple[type, bool]]) -> None:
        """Check that ``value`` is a mapping with known keys of the right types, and all that must be there."""
        name, before = where or 'the file', f'{where}.' if where else ''
        self.that(isinstance(value, dict), f'{name} is no mapping', f'Give keys of: {", ".join(known)}.')
        for key, entry in value.items():
            self.that(key in known, f'{before}{key} is not known', f'Known keys: {", ".join(known)}.')
            self.that(type(entry) is known[key][0], f'{before}{key} is not {TYPE_NAMES[known[key][0]]}',
                      'Correct the value.')
        for key, (_, needed) in known.items():
            self.that(not needed or key in value, f'{name} lacks {key}', f'Add {before}{key}.')
