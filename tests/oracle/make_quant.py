#!/usr/bin/env python3
"""Writes tests/data/quant/TYPE.bin, the fixtures of tests/unit/test_quant.c.

For each weight type: random blocks, every second one with its 16-bit scales replaced by values from
the edges (zeros of both signs, subnormals, the largest, infinities, NaNs), expanded to float32 by
the gguf Python package. A file is: u64 number of elements, the raw blocks, the expected float32
bits; all little endian. The output is the same on every run.

Needs numpy and gguf:  python make_quant.py [FOLDER]
"""
import pathlib
import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

ELEMENTS = 4096
EDGES = np.array([0x0000, 0x8000, 0x3C00, 0xBC00, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF,
                  0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x7C01, 0x2E66], dtype="<u2")
# Where a block keeps its 16-bit scales.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "IQ4_NL": [0], "IQ4_XS": [0]}
FLOATS = {"F32": "<u4", "F16": "<u2", "BF16": "<u2"}


def floats(name, random):
    """Values of a type without blocks: the edges of its own format among random bits."""
    bits = random.integers(0, 2**32, ELEMENTS, dtype=np.uint32)
    if name == "F16":
        bits >>= 16
        bits[: len(EDGES)] = EDGES
    else:
        edges = np.array([0, 1, 0x007FFFFF, 0x00800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000,
                          0x7F810000, 0x7FC00000, 0x7FFFFFFF], dtype=np.uint32)
        bits[: 2 * len(edges)] = np.concatenate([edges, edges | np.uint32(0x80000000)])
        if name == "BF16":
            bits >>= 16
    return np.frombuffer(bits.astype(FLOATS[name]).tobytes(), dtype=np.uint8).reshape(1, -1).copy()


def blocks(name, random):
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    raw = random.integers(0, 256, (ELEMENTS // block, size), dtype=np.uint8)
    for i in range(len(raw)):
        for k, at in enumerate(SCALES[name]):
            if i % 2:  # the edges, two scales of a block at different speeds
                scale = EDGES[(i // 2 * (5 if k == 0 else 15) + 5 * k) % len(EDGES)]
            else:  # an ordinary scale: random sign and mantissa, exponent 2^-12 to 2^-5
                scale = (int(random.integers(0, 1 << 16)) & 0x83FF)
                scale |= int(random.integers(3, 11)) << 10
            raw[i, at:at + 2] = np.frombuffer(np.array([scale], dtype="<u2").tobytes(), np.uint8)
    return raw.reshape(1, -1)


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "data" / "quant"
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate([*FLOATS, *SCALES]):
        random = np.random.Generator(np.random.PCG64(1000 + number))
        raw = floats(name, random) if name in FLOATS else blocks(name, random)
        with np.errstate(all="ignore"):
            expected = dequantize(raw, GGMLQuantizationType[name]).astype("<f4", copy=False)
        assert expected.size == ELEMENTS
        with open(folder / f"{name}.bin", "wb") as out:
            out.write(np.array([ELEMENTS], dtype="<u8").tobytes())
            out.write(raw.tobytes())
            out.write(expected.tobytes())


main()
