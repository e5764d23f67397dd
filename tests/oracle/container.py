"""container.py: writes a tiny model as a GGUF file, with a complete byte-level tokenizer."""
import json

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

MERGES = [('Ġ', 't'), ('h', 'e'), ('Ġt', 'he'), ('i', 'n'), ('Ġ', 'a'), ('Ġ', 'd'), ('e', 'n')]
SPECIAL = ['<|begin|>', '<|end|>']


def byte_letters():
    """The 256 letters that byte-level BPE writes for the bytes: printable ones stand for
    themselves, the others for U+0100 onwards. In the order GPT-2's vocabulary lists them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + k) for k in range(256 - len(printable))]


class Vocabulary:
    """256 bytes, the first `merges` of MERGES, and two control tokens."""

    def __init__(self, merges):
        self.merges = MERGES[:merges]
        self.tokens = byte_letters() + [a + b for a, b in self.merges] + SPECIAL
        self.begin, self.end = len(self.tokens) - 2, len(self.tokens) - 1
        bpe = models.BPE({token: k for k, token in enumerate(self.tokens)}, self.merges)
        self._tokenizer = Tokenizer(bpe)
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    def encode(self, text):
        return self._tokenizer.encode(text).ids

    def save(self, folder):
        """Writes tokenizer.json and tokenizer_config.json."""
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(SPECIAL)
        tokenizer.save(str(folder / 'tokenizer.json'))
        (folder / 'tokenizer_config.json').write_text(json.dumps({
            'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': SPECIAL[0],
            'eos_token': SPECIAL[1], 'add_bos_token': False, 'add_eos_token': False,
            'clean_up_tokenization_spaces': False}, indent=1) + '\n')


def stored(array, kind):
    """The bytes that stand for a float32 array in weight type `kind`, and the exact values they
    mean (float32)."""
    bytes_ = gguf.quants.quantize(array.astype(np.float32), kind)
    return bytes_, gguf.quants.dequantize(bytes_, kind).reshape(array.shape).astype(np.float32)


def write(path, architecture, fields, tensors, vocabulary):
    """fields: {key without the architecture's prefix: value}; tensors: {name: (bytes, kind)}."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    add = {str: writer.add_string, float: writer.add_float32, int: writer.add_uint32,
           bool: writer.add_bool}
    for key, value in fields.items():
        add[type(value)](f'{architecture}.{key}', value)
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre('gpt-2')
    writer.add_token_list(vocabulary.tokens)
    control = gguf.TokenType.CONTROL
    writer.add_token_types([gguf.TokenType.NORMAL] * vocabulary.begin + [control, control])
    writer.add_token_merges([f'{a} {b}' for a, b in vocabulary.merges])
    writer.add_bos_token_id(vocabulary.begin)
    writer.add_eos_token_id(vocabulary.end)
    writer.add_add_bos_token(False)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
