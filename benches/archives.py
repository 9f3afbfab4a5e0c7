"""A size comes in; model archives whose weights have it come out: MANIFEST.json, a handler, and a file as torch.save writes it."""
import collections
import io
import json
import os
import pickle
import sys
import types
import zipfile

HANDLER = """import os

import torch
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def initialize(self, context):
        model_dir = context.system_properties.get("model_dir")
        self.weights = torch.load(os.path.join(model_dir, "weights.pt"), map_location="cpu")
        self.initialized = True
"""
TENSOR = 32 << 20


def _names():
    """Modules that have the names which torch.save writes down, so that pickle writes them too."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2():
        raise NotImplementedError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    return {"torch": torch, "torch._utils": utils}


class _Storage:
    def __init__(self, key):
        self.key = key


class _Tensor:
    def __init__(self, key):
        self.key = key

    def __reduce__(self):
        side = (TENSOR // 4) >> 10
        made = sys.modules["torch._utils"]._rebuild_tensor_v2
        return made, (_Storage(self.key), 0, (side, 1024), (1024, 1), False, collections.OrderedDict())


class _Pickler(pickle.Pickler):
    def persistent_id(self, found):
        if isinstance(found, _Storage):
            return "storage", sys.modules["torch"].FloatStorage, found.key, "cpu", TENSOR // 4
        return None


def state_dict(count):
    """The pickle of a state dict of so many tensors."""
    held = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update(_names())
    try:
        out = io.BytesIO()
        _Pickler(out, 2).dump(collections.OrderedDict(("layer%d.weight" % key, _Tensor(str(key))) for key in range(count)))
        return out.getvalue()
    finally:
        for name, module in held.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def write(where, size, method):
    """An archive whose weights have about `size` bytes, packed by a method of `zipfile`."""
    count = max(1, size // TENSOR)
    # Bytes that look as the ones of trained weights do: nothing is repeated within a window of deflate but the exponents.
    block = bytearray(os.urandom(TENSOR))
    block[3::4] = b"\x3d" * (TENSOR // 4)
    weights = where + ".weights"
    with zipfile.ZipFile(weights, "w", zipfile.ZIP_STORED) as out:
        out.writestr("archive/data.pkl", state_dict(count))
        out.writestr("archive/byteorder", "little")
        for key in range(count):
            out.writestr("archive/data/%d" % key, bytes(block))
        out.writestr("archive/version", "3\n")
    manifest = {"runtime": "python", "archiverVersion": "0.12.0",
                "model": {"modelName": "bench", "modelVersion": "1.0", "handler": "handler.py", "serializedFile": "weights.pt"}}
    with zipfile.ZipFile(where, "w", method, compresslevel=1) as out:
        out.write(weights, "weights.pt")
        out.writestr("handler.py", HANDLER)
        out.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
    os.remove(weights)
