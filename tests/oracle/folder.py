"""folder.py: writes a tiny model as a Hugging Face folder, as it lies on the hub."""
import copy
import shutil

import torch
from transformers.utils import logging

from tiny import BF16, F16, F32

logging.disable_progress_bar()
TORCH = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}


def write(path, model, spec, vocabulary):
    """config.json, model.safetensors (or shards with an index), tokenizer.json."""
    shutil.rmtree(path, ignore_errors=True)
    copy.deepcopy(model).to(TORCH[spec['folder']['kind']]).save_pretrained(
        path, max_shard_size=spec['folder'].get('shard', '1GB'))
    (path / 'generation_config.json').unlink(missing_ok=True)
    vocabulary.save(path)
