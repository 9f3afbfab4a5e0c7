//! What was read of torch and what torch said of itself come in, one thing changed at a time; what `exec-differs` says of it
//! comes out.

use envdiff_judge::{Policy, audit};
use envdiff_model::{
    Environment, Evidence, Fact, Library, LibraryOrigin, Snapshot, Text, Told, ToldTorch, Torch, TorchVariant,
};

use crate::example::examples;
use crate::image;

fn known<T>(value: T) -> Fact<T> {
    Fact::known(value, Evidence::new("/site/torch/version.py", ""))
}

fn library(version: &str) -> Fact<Option<Library>> {
    known(Some(Library {
        version: Some(version.into()),
        path: "/site/nvidia/lib".into(),
        origin: LibraryOrigin::Wheel,
        found_by: "RPATH".into(),
        others: Vec::new(),
    }))
}

/// An image and its interpreter that say the same of a torch 2.6.0 for CUDA 12.4.
fn agreeing() -> Snapshot {
    let page = envdiff_judge::registry::find("exec-differs").unwrap().page;
    let example = examples("exec-differs", page).into_iter().find(|example| !example.fires).unwrap();
    let mut snapshot = image::snapshot(&example);
    let environment = &mut snapshot.environment;
    environment.stack.torch = known(Some(Torch {
        version: "2.6.0+cu124".into(),
        metadata_version: Some("2.6.0".into()),
        location: "/site/torch".into(),
        variant: known(TorchVariant::Cuda("12.4".into())),
        git_version: None,
        architectures: known(vec!["sm_50".into(), "sm_90".into()]),
        cxx11_abi: Fact::unknown("not read"),
        numpy_built_against: Fact::unknown("not read"),
        libraries: None,
        companions: Vec::new(),
    }));
    environment.stack.cudnn = library("9.1.0.70");
    environment.stack.nccl = library("2.21.5");
    told(environment).torch = known(Some(ToldTorch {
        version: "2.6.0+cu124".into(),
        cuda: Some("12.4".into()),
        hip: None,
        cudnn: Some(90_100),
        nccl: Some("2.21.5".into()),
        architectures: vec!["sm_90".into(), "sm_50".into()],
        available: false,
        warnings: Vec::new(),
        gpus: Vec::new(),
    }));
    snapshot
}

fn told(environment: &mut Environment) -> &mut Told {
    environment.told.as_mut().unwrap()
}

fn torch(environment: &mut Environment) -> &mut ToldTorch {
    match &mut told(environment).torch {
        Fact::Known { value: Some(torch), .. } => torch,
        other => panic!("{other:?}"),
    }
}

/// What `exec-differs` says once `change` has been made.
fn said(change: impl FnOnce(&mut Environment)) -> Vec<String> {
    let mut snapshot = agreeing();
    change(&mut snapshot.environment);
    let audit = audit(snapshot, Vec::new(), Vec::new(), &Policy::default());
    let ours = audit.findings.into_iter().filter(|finding| finding.check == "exec-differs");
    ours.map(|finding| finding.message.to_lossy().into_owned()).collect()
}

#[test]
fn what_torch_says_of_itself_is_held_against_what_was_read() {
    assert_eq!(said(|_| {}), [""; 0]);
    let version = said(|e| torch(e).version = "2.6.0+cpu".into());
    assert_eq!(version, ["torch.__version__ is 2.6.0+cpu; read was 2.6.0+cu124"]);
    assert_eq!(said(|e| torch(e).cuda = None), ["torch.version.cuda is none; read was 12.4"]);
    let rocm = said(|e| torch(e).hip = Some("6.0".into()));
    assert_eq!(rocm, ["torch.version.hip is 6.0; read was none"]);
    let architectures = said(|e| torch(e).architectures = vec!["sm_90".into()]);
    assert_eq!(architectures, ["torch._C._cuda_getArchFlags() is sm_90; read was sm_50 sm_90"]);
    let cudnn = said(|e| torch(e).cudnn = Some(8_902));
    assert_eq!(cudnn, ["torch.backends.cudnn.version() is 8902; read was 9.1.0.70"]);
    let nccl = said(|e| torch(e).nccl = Some("2.20.5".into()));
    assert_eq!(nccl, ["torch.cuda.nccl.version() is 2.20.5; read was 2.21.5"]);
    let none = said(|e| told(e).torch = known(None));
    assert_eq!(none, ["the interpreter cannot import torch, for there is none; read was torch 2.6.0+cu124"]);
    let unread = said(|e| e.stack.torch = known(None));
    assert_eq!(unread, ["the interpreter imports torch 2.6.0+cu124, and none was read"]);
}

#[test]
fn what_either_does_not_know_is_no_difference() {
    let unknown = |change: fn(&mut Environment)| assert_eq!(said(change), [""; 0]);
    unknown(|e| e.stack.torch = Fact::unknown("a bundle does not hold it"));
    unknown(|e| told(e).torch = Fact::unknown("it was ended by signal 11"));
    unknown(|e| e.stack.cudnn = Fact::unknown("not read"));
    unknown(|e| e.stack.cudnn = library("from the system"));
    unknown(|e| e.stack.cudnn = known(None));
    unknown(|e| torch(e).cudnn = None);
    unknown(|e| torch(e).nccl = None);
    unknown(|e| torch(e).architectures = Vec::new());
    unknown(|e| {
        if let Fact::Known { value: Some(torch), .. } = &mut e.stack.torch {
            torch.variant = Fact::unknown("version.py is not there");
            torch.architectures = Fact::unknown("in no table");
        }
        torch(e).cuda = None;
    });
    // cuDNN 8 writes its number otherwise.
    unknown(|e| {
        e.stack.cudnn = library("8.9.2.26");
        torch(e).cudnn = Some(8_902);
    });
    unknown(|e| e.python = Fact::unknown("the version stands nowhere"));
    unknown(|e| e.sys_path = Fact::unknown("a start script that cannot be followed"));
    unknown(|e| told(e).distributions = Fact::unknown(Text::from("RuntimeError: hidden")));
}
