"""Packaging. Configs, tools and model-index.yml travel inside the package (``layeragg_mm/.mim``), as mim expects."""
import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MIM_FILES = ['configs', 'tools', 'model-index.yml']


class BuildWithMim(build_py):
    """Adds ``.mim`` (links in an editable install, copies in a wheel)."""

    def run(self) -> None:
        super().run()
        package = ROOT / 'layeragg_mm' if self.editable_mode else Path(self.build_lib) / 'layeragg_mm'
        mim = package / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in MIM_FILES:
            source = ROOT / name
            if self.editable_mode:
                os.symlink(os.path.relpath(source, mim), mim / name)
            elif source.is_dir():
                shutil.copytree(source, mim / name, ignore=shutil.ignore_patterns('__pycache__'))
            else:
                shutil.copy(source, mim / name)


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='layeragg-mm',
    version=re.search(r"'(.+)'", (ROOT / 'layeragg_mm/version.py').read_text())[1],
    description='Layer aggregation backbones (RLA, MRLA, DLA) for MMDetection and MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['layeragg_mm', 'layeragg_mm.*']),
    py_modules=['layeragg'],
    entry_points=dict(console_scripts=['layeragg=layeragg:main']),
    cmdclass=dict(build_py=BuildWithMim),
    install_requires=requirements('runtime'),
    extras_require=dict(onedl=requirements('mm-onedl'), openmmlab=requirements('mm-openmmlab'),
                        deploy=requirements('deploy'), study=requirements('study'),
                        tests=requirements('tests') + requirements('deploy')))
