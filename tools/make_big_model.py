#!/usr/bin/env python3
"""Writes a GGUF file with the shape of a large model and random weights, to measure with by hand:

  make_big_model.py llama-3.1-8b big.gguf          4.5 GB
  make_big_model.py gpt-j-6b big.gguf              3.4 GB
  make_big_model.py llama-3.1-8b small.gguf --layers 2 --divide 16

Matrices are Q4_0, of a size that keeps activations in bounds; norms and biases are F32. The blocks
of a matrix are pieces of one random pool, so a file is written as fast as the disk takes it and is
the same on every run. Text is read byte by byte, with names for the rest of the vocabulary;
--tokenizer takes the tokenizer, and so the vocabulary's size, of another GGUF file. Plain Python.
"""
import argparse
import math
import random
import struct
import sys

ALIGNMENT = 32
BLOCK, BLOCK_BYTES = 32, 18  # Q4_0: a binary16 scale d and 32 q of four bits, d * (q - 8)
SPREAD = math.sqrt(21.5)  # of q - 8, when every q is as likely
POOL, PIECE = 1 << 16, 1 << 12  # blocks
F32, Q4_0 = 0, 2
U32, FLOAT, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of metadata types

SHAPES = {
    "llama-3.1-8b": {"architecture": "llama", "layers": 32, "width": 4096, "feed_forward": 14336,
                     "heads": 32, "kv_heads": 8, "vocabulary": 128256, "context": 131072},
    "gpt-j-6b": {"architecture": "gptj", "layers": 28, "width": 4096, "feed_forward": 16384,
                 "heads": 16, "kv_heads": 16, "vocabulary": 50400, "context": 2048},
}


# ---- Metadata ------------------------------------------------------------------------------------

def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key, kind, value):
    """One key and its value; kind is a type, or (ARRAY, type of its elements)."""
    if isinstance(kind, tuple):
        element = kind[1]
        packed = (b"".join(map(text, value)) if element == STRING
                  else struct.pack(f"<{len(value)}I", *value))
        return text(key) + struct.pack("<IIQ", ARRAY, element, len(value)) + packed
    forms = {U32: "<I", FLOAT: "<f", BOOL: "<?"}
    packed = text(value) if kind == STRING else struct.pack(forms[kind], value)
    return text(key) + struct.pack("<I", kind) + packed


def byte_names():
    """The 256 characters by which byte-level vocabularies write bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) if byte in shown else chr(256 + hidden.index(byte)) for byte in range(256)]


def byte_tokenizer(size):
    """Entries of a vocabulary of single bytes and one merge (there must be some), filled up to
    `size` with names that no text has."""
    if size < 259:
        sys.exit(f"a vocabulary of {size} has no room for 256 bytes and three more tokens")
    tokens = byte_names() + ["<|begin|>", "<|end|>", "th"]
    tokens += [f"<|unused {number}|>" for number in range(size - len(tokens))]
    kinds = [1] * 256 + [3, 3, 1] + [5] * (size - 259)  # 1 ordinary, 3 special, 5 unused
    return [entry("tokenizer.ggml.model", STRING, "gpt2"),
            entry("tokenizer.ggml.pre", STRING, "gpt-2"),
            entry("tokenizer.ggml.tokens", (ARRAY, STRING), tokens),
            entry("tokenizer.ggml.token_type", (ARRAY, U32), kinds),
            entry("tokenizer.ggml.merges", (ARRAY, STRING), ["t h"]),
            entry("tokenizer.ggml.bos_token_id", U32, 256),
            entry("tokenizer.ggml.eos_token_id", U32, 257),
            entry("tokenizer.ggml.add_bos_token", BOOL, False)]


class Reader:
    """The metadata of a GGUF file, skipped value by value."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read(64 << 20)
        self.at = 0
        if self.data[:4] != b"GGUF":
            sys.exit(f"{path} is no GGUF file")

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        size = self.number("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode(errors="replace")

    def skip(self, kind):
        """Skips a value; returns its number of elements."""
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            element, count = self.number("I"), self.number("Q")
            if element in SIZES:
                self.at += SIZES[element] * count
            else:
                for _ in range(count):
                    self.skip(element)
            return count
        else:
            self.at += SIZES[kind]
        return 1


def file_tokenizer(path):
    """(entries, vocabulary's size) of another file's tokenizer."""
    reader, entries, size = Reader(path), [], 0
    reader.at = 16
    for _ in range(reader.number("Q")):
        start = reader.at
        key = reader.text()
        count = reader.skip(reader.number("I"))
        if key.startswith("tokenizer."):
            entries.append(reader.data[start:reader.at])
        if key == "tokenizer.ggml.tokens":
            size = count
    return entries, size or sys.exit(f"{path} has no vocabulary")


def metadata(shape, tokenizer):
    name = shape["architecture"]
    entries = [entry("general.architecture", STRING, name),
               entry("general.name", STRING, "random weights"),
               entry(f"{name}.block_count", U32, shape["layers"]),
               entry(f"{name}.context_length", U32, shape["context"]),
               entry(f"{name}.embedding_length", U32, shape["width"]),
               entry(f"{name}.feed_forward_length", U32, shape["feed_forward"]),
               entry(f"{name}.attention.head_count", U32, shape["heads"]),
               entry(f"{name}.vocab_size", U32, shape["vocabulary"])]
    head = shape["width"] // shape["heads"]
    if name == "llama":
        entries += [entry("llama.attention.head_count_kv", U32, shape["kv_heads"]),
                    entry("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5),
                    entry("llama.rope.dimension_count", U32, head),
                    entry("llama.rope.freq_base", FLOAT, 500000.0)]
    else:
        entries += [entry("gptj.attention.layer_norm_epsilon", FLOAT, 1e-5),
                    entry("gptj.rope.dimension_count", U32, head // 4)]
    return entries + tokenizer


# ---- Weights -------------------------------------------------------------------------------------

def llama3_factors(head):
    """What Llama 3.1 divides the angles of RoPE by: 8 for slow ones, 1 for fast ones."""
    factors = []
    for pair in range(head // 2):
        length = 2 * math.pi * 500000.0 ** (2 * pair / head)
        smooth = min(1.0, max(0.0, (8192 / length - 1) / 3))
        factors.append(1 / ((1 - smooth) / 8 + smooth))
    return factors


def tensors(shape):
    """(name, rows or 0 for a vector, columns, size of the weights) in the order of the file. A
    matrix of columns inputs gets weights of 1 / sqrt(columns); what writes to the residual stream
    gets less, since every layer adds to it. A vector's size is the value its numbers lie around, or
    the numbers themselves."""
    width, hidden, words = shape["width"], shape["feed_forward"], shape["vocabulary"]
    keys = width // shape["heads"] * shape["kv_heads"]
    less = 1 / math.sqrt(2 * shape["layers"])
    llama = shape["architecture"] == "llama"
    found = [("token_embd", words, width, 0.5)]
    norms = ["attn_norm", "ffn_norm"] if llama else ["attn_norm"]
    for layer in range(shape["layers"]):
        before = f"blk.{layer}."
        for norm in norms:
            found.append((before + norm, 0, width, 1.0))
            if not llama:
                found.append((before + norm + ".bias", 0, width, 0.0))
        found += [(before + "attn_q", width, width, 1 / math.sqrt(width)),
                  (before + "attn_k", keys, width, 1 / math.sqrt(width)),
                  (before + "attn_v", keys, width, 1 / math.sqrt(width)),
                  (before + "attn_output", width, width, less / math.sqrt(width))]
        if llama:
            found.append((before + "ffn_gate", hidden, width, 1 / math.sqrt(width)))
        found += [(before + "ffn_up", hidden, width, 1 / math.sqrt(width)),
                  (before + "ffn_down", width, hidden, less / math.sqrt(hidden))]
        if not llama:
            found += [(before + "ffn_up.bias", 0, hidden, 0.0),
                      (before + "ffn_down.bias", 0, width, 0.0)]
    found += [("output_norm", 0, width, 1.0), ("output", words, width, 1 / math.sqrt(width))]
    if llama:
        head = width // shape["heads"]
        found.append(("rope_freqs", 0, head // 2, llama3_factors(head)))
    else:
        found += [("output_norm.bias", 0, width, 0.0), ("output.bias", 0, words, 0.0)]
    return found


def size_of(rows, columns):
    return rows * columns // BLOCK * BLOCK_BYTES if rows else 4 * columns


def padded(size):
    return -size % ALIGNMENT


class Weights:
    """Writes tensors: matrices out of pools of random blocks, one pool per size of the weights."""

    def __init__(self, file, seed):
        self.file, self.random, self.pools = file, random.Random(seed), {}

    def pool(self, size):
        if size not in self.pools:
            scales = [struct.pack("<e", sign * size / SPREAD) for sign in (1, -1)]
            quants = self.random.randbytes(POOL * (BLOCK_BYTES - 2))
            self.pools[size] = b"".join(
                scales[self.random.getrandbits(1)] + quants[at:at + BLOCK_BYTES - 2]
                for at in range(0, len(quants), BLOCK_BYTES - 2))
        return self.pools[size]

    def matrix(self, blocks, size):
        pool = memoryview(self.pool(size))
        while blocks:
            count = min(blocks, PIECE)
            at = self.random.randrange(POOL - count + 1) * BLOCK_BYTES
            self.file.write(pool[at:at + count * BLOCK_BYTES])
            blocks -= count

    def vector(self, count, size):
        values = size if isinstance(size, list) else [
            size + 0.05 * self.random.uniform(-1, 1) for _ in range(count)]
        self.file.write(struct.pack(f"<{count}f", *values))


def write(path, shape, tokenizer, seed):
    every = tensors(shape)
    entries = metadata(shape, tokenizer)
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(every), len(entries)) + b"".join(entries))
        offset = 0
        for name, rows, columns, _ in every:
            full = name if name.endswith(".bias") else name + ".weight"
            dims = [columns, rows] if rows else [columns]
            file.write(text(full) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims,
                                                Q4_0 if rows else F32, offset))
            offset += size_of(rows, columns)
            offset += padded(offset)
        weights = Weights(file, seed)
        for _, rows, columns, size in every:
            file.write(bytes(padded(file.tell())))
            if rows:
                weights.matrix(rows * columns // BLOCK, size)
            else:
                weights.vector(columns, size)
    return sum(max(1, rows) * columns for _, rows, columns, _ in every)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("file")
    parser.add_argument("--layers", type=int, help="fewer layers than the shape has")
    parser.add_argument("--divide", type=int, default=1, metavar="N",
                        help="width, heads, MLP and vocabulary an N-th of the shape's")
    parser.add_argument("--tokenizer", metavar="GGUF", help="take the tokenizer of this file")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    shape = dict(SHAPES[given.shape])
    shape["layers"] = given.layers or shape["layers"]
    for key in ("width", "feed_forward", "heads", "kv_heads", "vocabulary"):
        shape[key] = max(1, shape[key] // given.divide)
    if shape["layers"] < 1 or given.divide < 1 or shape["width"] % (BLOCK * shape["heads"]):
        parser.error("these layers and this divisor leave no whole heads of whole blocks")
    if given.tokenizer:
        tokenizer, shape["vocabulary"] = file_tokenizer(given.tokenizer)
    else:
        tokenizer = byte_tokenizer(shape["vocabulary"])
    count = write(given.file, shape, tokenizer, given.seed)
    print(f"{given.file}: {count / 1e6:.1f} million weights")


if __name__ == "__main__":
    main()
