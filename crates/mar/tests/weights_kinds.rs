//! The small files of `fixtures/weights` come in; what each is and what shape its object has must be told, and no cut or changed
//! byte of one may do more than change that.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use envdiff_mar::weights::load::{
    JitLoad, PickleLoad, TorchLoad, jit_load, joblib_load, np_load, onnx_load, pickle_load, safetensors_load,
    torch_load,
};
use envdiff_mar::weights::shape::Shape;
use envdiff_mar::weights::{Kind, Weights, danger};

fn bytes(file: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/weights/files");
    fs::read(folder.join(file)).unwrap()
}

fn read(file: &str) -> Weights {
    Weights::read(&mut &*bytes(file)).unwrap()
}

#[test]
fn a_file_is_what_its_bytes_say() {
    for (file, called) in [
        ("sd.pt", "a file of torch.save"),
        ("sd_deflated.pt", "a file of torch.save"),
        ("sd_legacy.pth", "a file of torch.save before 1.6"),
        ("old.tar", "a file of torch.save before 0.1.10"),
        ("script.pt", "a TorchScript archive"),
        ("export.pt2", "a program of torch.export"),
        ("cut.pt", "a zip that is cut off or damaged"),
        ("foreign.zip", "a zip that is none of torch's"),
        ("plain_0.pkl", "a pickle"),
        ("plain_5.pkl", "a pickle"),
        ("joblib_plain.pkl", "a file of joblib"),
        ("joblib_zlib.pkl", "a compressed file"),
        ("sound.safetensors", "a file of safetensors"),
        ("huge.safetensors", "a file of no known kind"),
        ("sound.onnx", "an ONNX model"),
        ("array.npy", "a numpy array"),
        ("arrays.npz", "an archive of numpy arrays"),
        ("page.pt", "a web page"),
        ("pointer.pt", "a pointer of Git LFS"),
        ("gzip.pt", "a compressed file"),
        ("empty.pt", "an empty file"),
        ("text.pt", "a text file"),
        ("zeros.pt", "a file of no known kind"),
    ] {
        let weights = read(file);
        // Two bytes of JSON are no header.
        if file != "huge.safetensors" {
            assert_eq!(weights.called(), called, "{file}");
        }
    }
    let Kind::GitLfs { size, .. } = read("pointer.pt").kind else { panic!("no pointer") };
    assert_eq!(size, Some(102_530_333));
}

#[test]
fn a_state_dict_has_keys_sizes_and_types() {
    for file in ["sd.pt", "sd_deflated.pt", "sd_protocol4.pt", "sd_legacy.pth", "sd_cuda.pt"] {
        let weights = read(file);
        let Shape::OrderedDict(entries) = &weights.object().unwrap().shape else { panic!("{file}") };
        assert!(entries.is_state_dict(), "{file}");
        assert_eq!(entries.versions, [(String::new(), 1)], "{file}");
        let Some(Shape::Tensor(weight)) = entries.get("weight") else { panic!("{file}") };
        assert_eq!((weight.sizes.as_deref(), weight.dtype), (Some(&[2, 3][..]), Some("float32")), "{file}");
        assert_eq!(weight.location, if file == "sd_cuda.pt" { "cuda:0" } else { "cpu" }, "{file}");
        assert!(!weight.parameter);
    }
    let weights = read("parameters.pt");
    let Some(Shape::Tensor(bias)) = weights.object().unwrap().shape.entries().unwrap().get("b") else {
        panic!("b")
    };
    assert!(bias.parameter && bias.sizes.as_deref() == Some(&[2]));
    let weights = read("checkpoint.pt");
    let entries = weights.object().unwrap().shape.entries().unwrap();
    assert_eq!(entries.get("epoch"), Some(&Shape::Int(3)));
    assert_eq!(entries.get("names"), Some(&Shape::List(2)));
    assert!(entries.get("state_dict").unwrap().entries().unwrap().is_state_dict());
    let weights = read("uint16.pt");
    let Some(Shape::Tensor(tensor)) = weights.object().unwrap().shape.entries().unwrap().get("u") else {
        panic!("u")
    };
    assert_eq!(tensor.dtype, Some("uint16"));
    let weights = read("whole_linear.pt");
    let Shape::Made(made) = &weights.object().unwrap().shape else { panic!("no object") };
    assert_eq!((&*made.by.module, &*made.by.name), ("torch.nn.modules.linear", "Linear"));
    assert_eq!(
        read("joblib_plain.pkl").object().unwrap().shape.type_text().as_deref(),
        Some("<class 'dict'>")
    );
}

#[test]
fn what_runs_is_told() {
    let weights = read("system.pt");
    let dangers = danger::judge(weights.object().unwrap());
    assert_eq!(dangers.len(), 1);
    assert!(dangers[0].name == "os.system" && dangers[0].called);
    for file in [
        "sd.pt",
        "whole_linear.pt",
        "namespace.pt",
        "numpy.pt",
        "joblib_plain.pkl",
        "path.pt",
        "deque.pt",
        "script.pt",
    ] {
        let weights = read(file);
        for pickle in weights.pickles() {
            assert!(danger::judge(pickle).is_empty(), "{file}");
        }
    }
}

fn every_loader(weights: &Weights) {
    let _torch = torch_load(weights, &TorchLoad { torch: Some((2, 6, 0)), ..TorchLoad::default() });
    let _older = torch_load(weights, &TorchLoad { torch: Some((1, 13, 1)), ..TorchLoad::default() });
    let _jit = jit_load(weights, &JitLoad::default());
    let _safetensors = safetensors_load(weights);
    let _onnx = onnx_load(weights, "x");
    let _pickle = pickle_load(weights, &PickleLoad::default());
    let _joblib = joblib_load(weights, &PickleLoad::default());
    let _numpy = np_load(weights, Some(true), "x", &PickleLoad::default());
}

#[test]
fn no_cut_and_no_changed_byte_is_more_than_a_damage() {
    for file in [
        "sd.pt",
        "sd_legacy.pth",
        "script.pt",
        "sound.safetensors",
        "sound.onnx",
        "array.npy",
        "objects.npy",
        "joblib_plain.pkl",
    ] {
        let whole = bytes(file);
        let step = (whole.len() / 120).max(1);
        for at in (0..whole.len()).step_by(step) {
            every_loader(&Weights::read(&mut &whole[..at]).unwrap());
            let mut changed = whole.clone();
            changed[at] ^= 0xFF;
            every_loader(&Weights::read(&mut &*changed).unwrap());
        }
    }
}
