"""Vision transformers with MRLA as their authors released them, in DeiT's layout."""
import re

from torch import Tensor

__all__ = ['translate_vision_transformer']

_RENAMES = [
    (re.compile(r'^patch_embed\.proj\.'), 'patch_embed.projection.'),
    (re.compile(r'^norm\.'), 'ln1.'),
    (re.compile(r'^blocks\.'), 'layers.'),
    (re.compile(r'\.norm([12])\.'), r'.ln\1.'),
    (re.compile(r'\.attn\.qkv\.(weight|bias)$'), r'.attn.attn.in_proj_\1'),
    (re.compile(r'\.attn\.proj\.'), '.attn.attn.out_proj.'),
    (re.compile(r'\.mlp\.fc1\.'), '.ffn.layers.0.0.'),
    (re.compile(r'\.mlp\.fc2\.'), '.ffn.layers.1.'),
    (re.compile(r'\.mrla\.mrla\.Wq\.'), '.mrla.query.'),
    (re.compile(r'\.mrla\.mrla\.Wk\.'), '.mrla.key.'),
    (re.compile(r'\.mrla\.mrla\.Wv\.'), '.mrla.value.'),
    (re.compile(r'\.mrla\.lambda_t$'), '.mrla.shortcut_scale'),
    (re.compile(r'\.mrla\.normx\.'), '.mrla.norm.'),
    (re.compile(r'\.mrla\.normo\.'), '.mrla.shortcut_norm.'),
]


def translate_vision_transformer(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a vision transformer of timm, DeiT or MRLA's authors under this project's names.

    ================================================  ==========================================================
    released                                          here
    ================================================  ==========================================================
    ``patch_embed.proj``, ``norm``                    ``patch_embed.projection``, ``ln1``
    ``blocks.{i}.norm{1,2}``                          ``layers.{i}.ln{1,2}``
    ``blocks.{i}.attn.qkv``, ``.attn.proj``           ``layers.{i}.attn.attn.in_proj_*``, ``.attn.attn.out_proj``
    ``blocks.{i}.mlp.fc{1,2}``                        ``layers.{i}.ffn.layers.{0.0,1}``
    ``blocks.{i}.mrla.mrla.W{q,k,v}``                 ``layers.{i}.mrla.{query,key,value}``
    ``blocks.{i}.mrla.normx``, ``.normo``             ``layers.{i}.mrla.norm``, ``.shortcut_norm``
    ``blocks.{i}.mrla.lambda_t``                      ``layers.{i}.mrla.shortcut_scale``
    ``head`` (classifier)                             dropped
    ================================================  ==========================================================
    """
    if 'patch_embed.proj.weight' not in state:
        return state
    translated = {}
    for key, value in state.items():
        if key.startswith('head.'):
            continue
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
    return translated
