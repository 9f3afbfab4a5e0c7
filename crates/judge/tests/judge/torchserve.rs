//! A version comes in; as much of an installed TorchServe, and of what its workers import, as predictions look at comes out:
//! the same names, written for these tests.

use crate::example::Example;

/// The module that stock handlers and most others derive from.
const BASE_HANDLER: &str = r#"
import os
import abc
import importlib.util
import torch
from packaging import version
from ts.utils.util import list_classes_from_module, load_label_mapping

class BaseHandler(abc.ABC):
    def __init__(self):
        self.model = None
        self.mapping = None
        self.device = None
        self.initialized = False
        self.context = None
        self.manifest = None

    def initialize(self, context):
        properties = context.system_properties
        self.manifest = context.manifest
        model_dir = properties.get("model_dir")
        self.device = torch.device("cpu")
        self.model_pt_path = None
        if "serializedFile" in self.manifest["model"]:
            serialized_file = self.manifest["model"]["serializedFile"]
            self.model_pt_path = os.path.join(model_dir, serialized_file)
        model_file = self.manifest["model"].get("modelFile", "")
        if model_file:
            self.model = self._load_pickled_model(model_dir, model_file, self.model_pt_path)
        elif self.model_pt_path.endswith(".pt"):
            self.model = self._load_torchscript_model(self.model_pt_path)
        else:
            raise RuntimeError("No model weights could be loaded")
        self.model.eval()
        config = getattr(context, "model_yaml_config", None) or {}
        if "pt2" in config and "compile" in config["pt2"]:
            options = config["pt2"]["compile"]
            if options["enable"] == True:
                del options["enable"]
                self.model = torch.compile(self.model, **options)
        self.mapping = load_label_mapping(os.path.join(model_dir, "index_to_name.json"))
        self.initialized = True

    def _load_torchscript_model(self, model_pt_path):
        return torch.jit.load(model_pt_path, map_location=self.device)

    def _load_pickled_model(self, model_dir, model_file, model_pt_path):
        path = os.path.join(model_dir, model_file)
        if not os.path.isfile(path):
            raise RuntimeError("Missing the model.py file")
        module = importlib.import_module(model_file.split(".")[0])
        classes = list_classes_from_module(module)
        if len(classes) != 1:
            raise ValueError("Expected only one class as model definition. {}".format(classes))
        model = classes[0]()
        if model_pt_path:
            model.load_state_dict(torch.load(model_pt_path, map_location=self.device))
        return model

    def preprocess(self, data):
        return data

    def inference(self, data, *args, **kwargs):
        return self.model(data, *args, **kwargs)

    def postprocess(self, data):
        return data.tolist()

    def handle(self, data, context):
        return self.postprocess(self.inference(self.preprocess(data)))
"#;

/// What those derive from it for.
const UTIL: &str = r#"
import inspect
import json
import os

def list_classes_from_module(module, parent_class=None):
    found = []
    for name, member in inspect.getmembers(module, inspect.isclass):
        if member.__module__ == module.__name__:
            found.append(member)
    return found

def load_label_mapping(mapping_file_path):
    if not os.path.isfile(mapping_file_path):
        return None
    with open(mapping_file_path) as file:
        mapping = json.load(file)
    if not isinstance(mapping, dict):
        raise Exception('index->name JSON mapping should be in "class": "label" format.')
    return mapping
"#;

const WORKER: &str = "
import argparse
import logging
import os
import socket
import sys
from ts.arg_parser import ArgParser
from ts.model_loader import ModelLoaderFactory
from ts.protocol.otf_message_handler import create_load_model_response
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
";

const TORCH: &str = "
from .version import __version__
from .serialization import load, save
from . import jit, nn, utils

def device(name):
    return name
";

const SERIALIZATION: &str = "
def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    return f

def save(obj, f):
    pass
";

const NN: &str = "
class Module:
    def __init__(self):
        pass

class Linear(Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
";

/// Modules of the standard library that examples import, and of those only the names.
const STANDARD: &[&str] = &[
    "abc",
    "argparse",
    "ast",
    "collections/__init__",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "glob",
    "importlib/__init__",
    "importlib/util",
    "inspect",
    "io",
    "json/__init__",
    "logging/__init__",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "random",
    "re",
    "shutil",
    "socket",
    "string",
    "subprocess",
    "tempfile",
    "threading",
    "traceback",
    "typing",
    "types",
    "uuid",
    "warnings",
    "zipfile",
];

/// Puts it into the image of an example.
pub fn install(example: &mut Example, version: &str) {
    let python = example.python.clone().expect("python comes before torchserve");
    let (site, library) = (python.site(), python.library());
    let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).expect("a version");
    let torch = if minor < 8 { "1.13.1" } else { "2.6.0" };
    let mut put = |path: String, content: &str| {
        example.files.entry(path).or_insert_with(|| content.as_bytes().to_vec());
    };
    put(
        format!("{library}/inspect.py"),
        "def getmembers(object, predicate=None):\n    return []\n\ndef isclass(object):\n    return True\n",
    );
    put(
        format!("{library}/json/__init__.py"),
        "def load(fp):\n    return fp\n\ndef loads(s):\n    return s\n",
    );
    put(format!("{library}/time.py"), "def sleep(seconds):\n    pass\n");
    put(
        format!("{library}/importlib/__init__.py"),
        "def import_module(name, package=None):\n    return __import__(name)\n",
    );
    for module in STANDARD {
        put(format!("{library}/{module}.py"), "");
    }
    for (name, version, module) in [
        ("torchserve", version, "ts"),
        ("torch", torch, "torch"),
        ("PyYAML", "6.0.1", "yaml"),
        ("psutil", "5.9.8", "psutil"),
        ("packaging", "23.2", "packaging"),
        ("Pillow", "10.3.0", "PIL"),
        ("numpy", "1.26.4", "numpy"),
    ] {
        put(
            format!("{site}/{}-{version}.dist-info/METADATA", name.to_lowercase()),
            &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"),
        );
        put(format!("{site}/{module}/__init__.py"), if module == "torch" { TORCH } else { "" });
    }
    put(
        format!("{site}/torch/version.py"),
        &format!("__version__ = '{torch}+cpu'\ncuda = None\nhip = None\n"),
    );
    put(format!("{site}/torch/serialization.py"), SERIALIZATION);
    put(format!("{site}/torch/jit/__init__.py"), "def load(f, map_location=None):\n    return f\n");
    put(format!("{site}/torch/nn/__init__.py"), NN);
    for module in ["nn/functional", "_utils", "utils/__init__"] {
        put(format!("{site}/torch/{module}.py"), "");
    }
    for module in ["core/__init__", "core/multiarray", "packaging/version"] {
        put(format!("{site}/numpy/{module}.py"), "");
    }
    put(format!("{site}/packaging/version.py"), "");
    put(format!("{site}/PIL/Image.py"), "");
    put(format!("{site}/ts/version.txt"), &format!("{version}\n"));
    put(format!("{site}/ts/model_service_worker.py"), WORKER);
    put(format!("{site}/ts/torch_handler/base_handler.py"), BASE_HANDLER);
    put(
        format!("{site}/ts/torch_handler/image_classifier.py"),
        "from ts.torch_handler.base_handler import BaseHandler\n\nclass ImageClassifier(BaseHandler):\n    pass\n",
    );
    for module in [
        "arg_parser",
        "context",
        "handler_utils/__init__",
        "metrics/__init__",
        "metrics/metric_cache_yaml_impl",
        "model_loader",
        "protocol/__init__",
        "protocol/otf_message_handler",
        "service",
        "torch_handler/__init__",
        "torch_handler/request_envelope/__init__",
        "torch_handler/request_envelope/body",
        "torch_handler/request_envelope/json",
        "utils/__init__",
    ] {
        put(format!("{site}/ts/{module}.py"), "");
    }
    put(format!("{site}/ts/utils/util.py"), UTIL);
    put(
        format!("{site}/ts/configs/metrics.yaml"),
        "mode: log\ndimensions: []\nts_metrics: {}\nmodel_metrics: {}\n",
    );
    put("/opt/java/bin/java".into(), "");
    put("/opt/java/release".into(), "JAVA_VERSION=\"17.0.9\"\n");
    put("/usr/local/bin/torchserve".into(), &format!("#!{}/bin/python\n", python.prefix));
    put("/srv/config.properties".into(), "model_store=/srv/model-store\nload_models=ALL\n");
    example.env.push(("JAVA_HOME".into(), "/opt/java".into()));
    if example.cmd.is_empty() {
        example.cmd = ["torchserve", "--start", "--foreground", "--ts-config", "/srv/config.properties"]
            .map(str::to_owned)
            .to_vec();
    }
}
