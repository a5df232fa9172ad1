"""What is inside a config."""
from collections.abc import Iterator

from mmengine.config import ConfigDict

__all__ = ['walk']


def walk(node, path: str = '') -> Iterator[tuple[str, ConfigDict]]:
    """Yield every dict inside ``node`` with its path in config notation, outermost first."""
    if isinstance(node, dict):
        yield path, node
        children = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    else:
        return
    for key, child in children:
        yield from walk(child, f'{path}.{key}' if path else str(key))
