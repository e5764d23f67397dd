#!/usr/bin/env python3
"""test_model_file.py: model files that are missing, cut, damaged or foreign: exit code 4, never a
crash, and a sentence that names the file."""
import os
import random
import struct

from harness import DONE, MODEL, SANITIZED, UNREADABLE, Case, main, run, shown

SEED = 20240607
BYTES = open(MODEL, "rb").read()


class ModelFile(Case):
    def write(self, content, name="broken.gguf"):
        path = self.path(name)
        path.write_bytes(content)
        return path

    def refused(self, content, *said):
        return self.refuse(UNREADABLE, "model", "info", self.write(content),
                           said=["broken.gguf", *said])

    def test_sound_file(self):
        told = self.expect(DONE, run("model", "info", MODEL)).out
        for words in ("llama", "F32", "263"):
            self.assertIn(words, told)

    def test_missing(self):
        self.refuse(UNREADABLE, "model", "info", self.path("none.gguf"), said=["none.gguf"])
        self.refuse(UNREADABLE, "attribute", "-m", self.path("none.gguf"), "-p", "abc",
                    said=["none.gguf"])

    def test_folder(self):
        self.refuse(UNREADABLE, "model", "info", self.folder, said=[str(self.folder)])

    def test_not_readable(self):
        path = self.write(BYTES)
        path.chmod(0)
        if os.access(path, os.R_OK):
            self.skipTest("this user reads every file")
        self.refuse(UNREADABLE, "model", "info", path, said=["broken.gguf"])

    def test_empty(self):
        self.refused(b"", "empty")

    def test_not_a_model(self):
        self.refused(b"Call me Ishmael. Some years ago, never mind how long precisely. " * 20)
        self.refused(b"GGUF")
        self.refused(b"\0" * 4096)

    def test_cut_anywhere(self):
        cuts = sorted(set([1, 3, 4, 7, 8, 16, 23, 24, len(BYTES) - 1]
                          + random.Random(SEED).sample(range(len(BYTES)), 20 if SANITIZED else 60)))
        for size in cuts:
            with shown(size=size):
                self.refused(BYTES[:size])

    def test_header_fields_that_cannot_be(self):
        version, tensors, pairs = 4, 8, 16
        for offset, size in ((0, 4), (version, 4)):
            self.refused(BYTES[:offset] + b"\xff" * size + BYTES[offset + size:])
        for offset in (tensors, pairs):
            for value in (0, 2**31, 2**32, 2**63, 2**64 - 1):
                with shown(offset=offset, value=value):
                    self.refused(BYTES[:offset] + struct.pack("<Q", value) + BYTES[offset + 8:])

    def test_foreign_architecture_is_named(self):
        length = b"\x05\0\0\0\0\0\0\0"
        self.refused(BYTES.replace(length + b"llama", length + b"alpha", 1), "alpha")

    def test_flipped_bits_never_crash(self):
        """A flipped bit may pass unseen (in a name, in a weight), but what is refused is refused
        properly, and what is read is usable."""
        choice = random.Random(SEED)
        refused = 0
        header = BYTES.index(b"output_norm.weight") + 200
        for _ in range(60 if SANITIZED else 300):
            at, bit = choice.randrange(header), choice.randrange(8)
            damaged = bytearray(BYTES)
            damaged[at] ^= 1 << bit
            with shown(at=at, bit=bit):
                path = self.write(damaged)
                result = run("tokenize", "-m", path, "-p", "the cat")
                self.assertIn(result.code, (DONE, UNREADABLE), str(result))
                self.expect(result.code, result)
                if result.code == UNREADABLE:
                    refused += 1
                    self.assertTrue(result.err.startswith("heta: "), str(result))
                    self.assertIn("broken.gguf", result.err)
        self.assertGreater(refused, 0)

    def test_weights_that_are_no_numbers(self):
        """NaN in a weight must not become a result."""
        damaged = bytearray(BYTES)
        for at in range(len(BYTES) - 4096, len(BYTES), 4):
            damaged[at:at + 4] = struct.pack("<f", float("nan"))
        path = self.write(damaged)
        result = run("attribute", "-m", path, "-p", "abcdef", "--format", "json")
        self.assertNotEqual(DONE, result.code, str(result))
        self.assertEqual("", result.out)
        self.expect(result.code, result, "heta: ")


if __name__ == "__main__":
    main()
