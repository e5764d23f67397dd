"""philox.py: the engine's counter-based random numbers, again in numpy.

Philox4x32-10 (Salmon et al., SC 2011). The counter is (block, index, position, stream), the key the
seed's low and high word, so that a probe vector is known from (seed, stream, token, probe) alone.
"""
import numpy as np

BLOCK_PROBE, ROW_PROBE, COALITION = 1, 2, 16  # stream numbers

_LOW = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """counter (..., 4) and key (2,) of 32-bit words give (..., 4) random words."""
    c = [np.asarray(counter)[..., k].astype(np.uint64) for k in range(4)]
    k0, k1 = int(key[0]), int(key[1])
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & _LOW,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & _LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=-1).astype(np.uint32)


def rademacher(seed, stream, position, index, count):
    """count signs, +1.0 or -1.0: one bit each, lowest bit of the first word first."""
    blocks = -(-count // 128)
    counter = np.zeros((blocks, 4), dtype=np.uint32)
    counter[:, 0] = np.arange(blocks)
    counter[:, 1:] = index, position, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)
    bits = (words[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    return np.where(bits.reshape(-1)[:count] == 1, 1.0, -1.0)


def uniform(seed, stream, position, index, count):
    """count numbers in (0, 1): 52 bits of two words each, the first word high."""
    blocks = -(-count // 2)
    counter = np.zeros((blocks, 4), dtype=np.uint32)
    counter[:, 0] = np.arange(blocks)
    counter[:, 1:] = index, position, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1, 2).astype(np.uint64)
    mantissa = ((words[:, 0] << np.uint64(32)) | words[:, 1]) >> np.uint64(12)
    return (mantissa[:count].astype(np.float64) + 0.5) * 2.0 ** -52


def _selftest():
    # Known answers published with the generator (Random123, kat_vectors).
    zero = philox(np.zeros((1, 4), np.uint32), (0, 0))[0]
    assert [hex(w) for w in zero] == ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8'], zero
    ones = philox(np.full((1, 4), 0xFFFFFFFF, np.uint32), (0xFFFFFFFF, 0xFFFFFFFF))[0]
    assert [hex(w) for w in ones] == ['0x408f276d', '0x41c83b0e', '0xa20bc7c6', '0x6d5451fd'], ones


_selftest()
