#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/fuzz_gguf.c to tests/fuzz/corpus/gguf: small GGUF files by the
gguf Python package, so that another writer's files are read in every test run. Those named sound-*
must open (tests/unit/test_gguf.c); the others must be refused. The output is the same on every run.

Needs numpy and gguf:  python make_gguf_seeds.py [FOLDER]
"""
import pathlib
import struct
import sys

import numpy as np
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFEndian

WEIGHTS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K",
           "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def values(path, endian=GGUFEndian.LITTLE):
    writer = GGUFWriter(path, "llama", endianess=endian)
    writer.add_uint8("u8", 255)
    writer.add_int8("i8", -128)
    writer.add_uint16("u16", 65535)
    writer.add_int16("i16", -32768)
    writer.add_uint32("u32", 2**32 - 1)
    writer.add_int32("i32", -2**31)
    writer.add_float32("f32", 1.5)
    writer.add_bool("bool", True)
    writer.add_string("string", "Grüße")
    writer.add_uint64("u64", 2**63)
    writer.add_int64("i64", -2**63)
    writer.add_float64("f64", 1e300)
    writer.add_array("strings", ["a", "bc", "d e"])
    writer.add_array("integers", [1, -2, 3])
    writer.add_array("floats", [0.5, -0.5])
    writer.add_array("flags", [True, False])
    write(writer)


def weights(path, alignment=None):
    writer = GGUFWriter(path, "llama")
    if alignment:
        writer.add_custom_alignment(alignment)
    for number, name in enumerate(WEIGHTS):
        kind = GGMLQuantizationType[name]
        block, size = GGML_QUANT_SIZES[kind]
        random = np.random.Generator(np.random.PCG64(number))
        rows = 2 if block < 256 else 1
        raw = random.integers(0, 256, (rows, size * (3 if block == 1 else 1)), dtype=np.uint8)
        if name == "F32":
            writer.add_tensor(name, np.arange(6, dtype=np.float32).reshape(2, 3))
        elif name == "F16":
            writer.add_tensor(name, np.arange(6, dtype=np.float16).reshape(2, 3))
        else:
            writer.add_tensor(name, raw, raw_dtype=kind)
    write(writer)


def part(path):
    writer = GGUFWriter(path, "llama")
    writer.add_uint16("split.no", 1)
    writer.add_uint16("split.count", 3)
    writer.add_int32("split.tensors.count", 0)
    write(writer)


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = here.parent / "fuzz" / "corpus" / "gguf"
    if len(sys.argv) > 1:
        folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    values(folder / "sound-values.gguf")
    weights(folder / "sound-weights.gguf")
    weights(folder / "sound-aligned.gguf", 64)
    whole = (folder / "sound-values.gguf").read_bytes()
    (folder / "sound-version-2.gguf").write_bytes(whole[:4] + struct.pack("<I", 2) + whole[8:])
    (folder / "sound-nothing.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    (folder / "version-1.gguf").write_bytes(whole[:4] + struct.pack("<I", 1) + whole[8:])
    (folder / "cut.gguf").write_bytes(whole[:200])
    (folder / "empty").write_bytes(b"")
    values(folder / "big-endian.gguf", GGUFEndian.BIG)
    part(folder / "part.gguf")


main()
