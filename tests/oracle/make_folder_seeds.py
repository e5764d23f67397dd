"""make_folder_seeds.py: seeds for fuzz_safetensors and fuzz_config, from the tiny models' folders.

    python tests/oracle/make_folder_seeds.py tests/fuzz/corpus
"""
import json
import pathlib
import struct
import sys

TINY = pathlib.Path(__file__).resolve().parents[1] / "data/tiny"
SMALL = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
         "b": {"dtype": "BF16", "shape": [2], "data_offsets": [24, 28]},
         "c": {"dtype": "BOOL", "shape": [1], "data_offsets": [28, 29]},
         "__metadata__": {"format": "pt"}}


def header_of(path):
    content = path.read_bytes()
    return json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])


def pack(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensors(folder):
    """A line for each tensor of a folder: name, dtype, shape."""
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in header_of(path).items():
            if name != "__metadata__":
                yield " ".join([name, entry["dtype"], *map(str, entry["shape"])])


def safetensors(folder):
    folder.mkdir(parents=True, exist_ok=True)
    whole = pack(SMALL, bytes(29))
    (folder / "sound").write_bytes(whole)
    (folder / "cut").write_bytes(whole[:60])
    (folder / "hole").write_bytes(pack({**SMALL, "b": {**SMALL["b"], "data_offsets": [26, 28]}},
                                       bytes(29)))
    (folder / "longer").write_bytes(whole + b"x")
    (folder / "nothing").write_bytes(pack(b"{}", b""))
    (folder / "damaged").write_bytes(pack(b'{"a":{"dtype":"F32",', b""))


def config(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for model in sorted(path for path in TINY.iterdir() if path.is_dir()):
        text = json.dumps(json.loads((model / "config.json").read_text()), separators=(",", ":"))
        parts = [text, "", "\n".join(tensors(model))]
        (folder / model.name).write_bytes("\0".join(parts).encode())
    model = TINY / "llama-gqa"
    lines = list(tensors(model))
    index = {"weight_map": {line.split()[0]: "a.safetensors" for line in lines}}
    parts = [(model / "config.json").read_text(), json.dumps(index), "\n".join(lines)]
    (folder / "index").write_bytes("\0".join(parts).encode())


safetensors(pathlib.Path(sys.argv[1]) / "safetensors")
config(pathlib.Path(sys.argv[1]) / "config")
