//! What was read of the image and what its interpreter said come in; a warning for each thing of which they tell different
//! stories comes out. What either does not know is no difference.

use std::collections::{BTreeMap, BTreeSet};

use envdiff_model::{
    Distribution, Evidence, Fact, Library, Name, Severity, Text, Told, ToldTorch, Torch, TorchVariant, say,
};
use envdiff_packaging::Version;

use crate::case::{Case, Spoken, seen};
use crate::verdict::gap;
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(told) = &case.environment.told else { return Vec::new() };
    let mut out: Vec<Spoken> = python(case, told).into_iter().collect();
    out.extend(sys_path(case, told));
    out.extend(distributions(case, told));
    out.extend(torch(case, told));
    out
}

fn differs(subject: impl Into<Text>, message: Text) -> Spoken {
    Spoken::new(subject, message)
        .why("the interpreter is what serves: what rests on the files alone, the verdicts of this report among it, may not hold")
        .fix(
            "compare both in `envdiff inspect --exec --format json`; with a bundle (`envdiff inspect --thin DIR`) \
             the difference can be reported as a fault of envdiff",
        )
}

fn said(detail: impl Into<Text>) -> Evidence {
    Evidence::new("the image's interpreter", detail)
}

fn python(case: &Case<'_>, told: &Told) -> Option<Spoken> {
    let (read, said_version) = (case.environment.python.value()?, told.python.value()?);
    (read != said_version).then(|| {
        differs("python", say!("the interpreter says that it is Python ", said_version, "; read was ", read))
            .seen(case.environment.python.evidence().iter().cloned())
            .seen([said(say!("sys.version: ", said_version))])
    })
}

fn sys_path(case: &Case<'_>, told: &Told) -> Option<Spoken> {
    let (read, theirs) = (case.environment.sys_path.value()?, told.sys_path.value()?);
    // That more may be there than was read is told already.
    if gap(case.environment).is_some() || read.iter().map(|entry| &entry.path).eq(theirs) {
        return None;
    }
    let ours: BTreeSet<&Text> = read.iter().map(|entry| &entry.path).collect();
    let both: BTreeSet<&Text> = theirs.iter().collect();
    let more: Vec<&Text> = theirs.iter().filter(|path| !ours.contains(path)).collect();
    let less: Vec<&Text> = read.iter().map(|entry| &entry.path).filter(|path| !both.contains(path)).collect();
    let what = match (more.as_slice(), less.as_slice()) {
        ([], []) => Text::from("has another order"),
        (more, []) => say!("also has ", wording::list(more)),
        ([], less) => say!("lacks ", wording::list(less)),
        (more, less) => say!("has ", wording::list(more), " and lacks ", wording::list(less)),
    };
    Some(
        differs("sys.path", say!("sys.path of the interpreter ", what, ", beside what was read"))
            .seen([said(say!("sys.path: ", Text::join(theirs, ":")))]),
    )
}

/// By name: what is imported, and whether anything is.
fn distributions(case: &Case<'_>, told: &Told) -> Vec<Spoken> {
    let Fact::Known { value: theirs, evidence } = &told.distributions else { return Vec::new() };
    if case.environment.sys_path.value().is_none() {
        return Vec::new();
    }
    let lists_all = !evidence.iter().any(|evidence| evidence.detail == Told::PKG_RESOURCES);
    let mut first: BTreeMap<Name, &Text> = BTreeMap::new();
    for (name, version) in theirs {
        if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
            first.entry(Name::new(name)).or_insert(version);
        }
    }
    let mut read: BTreeMap<Name, Vec<&Distribution>> = BTreeMap::new();
    for distribution in &case.environment.distributions {
        let Some(name) = distribution.name.as_ref().and_then(Text::as_str) else { continue };
        let copies = read.entry(Name::new(name)).or_default();
        // Of several copies in one folder the file system's order decides.
        if copies.first().is_none_or(|copy| copy.path_index == distribution.path_index) {
            copies.push(distribution);
        }
    }
    let mut out = Vec::new();
    for (name, copies) in &read {
        let evidence = copies.iter().map(|copy| seen(copy));
        match first.get(name) {
            Some(version) if copies.iter().any(|copy| same(copy.version.as_ref(), version)) => {}
            Some(version) => {
                let versions: Vec<&Text> = copies.iter().filter_map(|copy| copy.version.as_ref()).collect();
                // Of a copy whose version could not be read nothing was claimed.
                if versions.len() == copies.len() {
                    let message = say!(
                        "the interpreter finds ",
                        name,
                        " ",
                        if version.is_empty() { Text::from("without a version") } else { (*version).clone() },
                        "; read was ",
                        wording::list(&versions)
                    );
                    let theirs = said(say!("importlib.metadata: ", version));
                    out.push(differs(name.as_str(), message).seen(evidence).seen([theirs]));
                }
            }
            None if lists_all => {
                let message = say!(
                    "the interpreter finds no ",
                    name,
                    ", and its metadata was read",
                    copies.first().map_or_else(Text::new, |copy| say!(" in ", copy.location))
                );
                out.push(differs(name.as_str(), message).seen(evidence));
            }
            None => {}
        }
    }
    // What lies in folders that are not known of, or cannot be read, is told already.
    if gap(case.environment).is_none() {
        for (name, version) in &first {
            if !read.contains_key(name) && !case.installed.unreadable.contains_key(name) {
                let message =
                    say!("the interpreter finds ", name, " ", version, ", which was not read anywhere");
                let theirs = said(say!("importlib.metadata: ", version));
                out.push(differs(name.as_str(), message).seen([theirs]));
            }
        }
    }
    out
}

fn same(read: Option<&Text>, theirs: &Text) -> bool {
    let Some(read) = read else { return theirs.is_empty() };
    let version = |text: &Text| text.as_str().and_then(|text| Version::parse(text).ok());
    read == theirs || version(read).is_some_and(|read| Some(read) == version(theirs))
}

fn torch(case: &Case<'_>, told: &Told) -> Vec<Spoken> {
    let read = case.environment.stack.torch.value();
    if let Some(raised) = &told.torch_error {
        let is_there = matches!(read, Some(Some(_))) || case.installed.first(&Name::new("torch")).is_some();
        return if is_there { vec![broken(case, told, raised)] } else { Vec::new() };
    }
    match (read, told.torch.value()) {
        (Some(Some(read)), Some(Some(theirs))) => contents(case, read, theirs),
        (Some(Some(read)), Some(None)) => {
            let message =
                say!("the interpreter cannot import torch, for there is none; read was torch ", read.version);
            vec![differs("torch", message).seen(case.environment.stack.torch.evidence().iter().cloned())]
        }
        (Some(None), Some(Some(theirs))) => {
            let message = say!("the interpreter imports torch ", theirs.version, ", and none was read");
            vec![differs("torch", message).seen([said(say!("torch.__version__: ", theirs.version))])]
        }
        _ => Vec::new(),
    }
}

/// It is there and cannot be imported.
fn broken(case: &Case<'_>, told: &Told, raised: &Text) -> Spoken {
    let of_the_driver = ["libcuda.so", "libnvidia-ml.so"].iter().any(|name| raised.to_lossy().contains(name));
    let has_gpus = told.gpus.as_ref().is_some_and(|gpus| gpus.value().is_some());
    let copy = case.installed.first(&Name::new("torch")).map(|copy| seen(copy.distribution));
    let spoken = Spoken::new("torch", say!("torch is installed, and importing it fails: ", raised))
        .seen(copy)
        .seen([said("import torch")]);
    if of_the_driver && !has_gpus {
        return spoken
            .severity(Severity::Note)
            .why("this library is the driver's, and comes with the GPUs; the interpreter was started without them")
            .fix("ask again where there are GPUs: --exec --exec-gpus all");
    }
    spoken
        .why("whatever imports torch ends with this exception, unless what it lacks comes with the machine that serves")
        .fix("add what the exception names to the image, or install the torch again that its metadata tells")
}

fn contents(case: &Case<'_>, read: &Torch, theirs: &ToldTorch) -> Vec<Spoken> {
    let mut parts: Vec<(&str, Text, Text)> = Vec::new();
    if read.version != theirs.version {
        parts.push(("torch.__version__", theirs.version.clone(), read.version.clone()));
    }
    let none = Text::from("none");
    let or_none = |version: Option<&Text>| version.unwrap_or(&none).clone();
    if let Some(variant) = read.variant.value() {
        let (cuda, hip) = match variant {
            TorchVariant::Cpu | TorchVariant::Xpu(_) => (None, None),
            TorchVariant::Cuda(version) => (Some(version), None),
            TorchVariant::Rocm(version) => (None, Some(version)),
        };
        if cuda != theirs.cuda.as_ref() {
            parts.push(("torch.version.cuda", or_none(theirs.cuda.as_ref()), or_none(cuda)));
        }
        if hip != theirs.hip.as_ref() {
            parts.push(("torch.version.hip", or_none(theirs.hip.as_ref()), or_none(hip)));
        }
    }
    // Builds without CUDA have no such list to tell.
    if let Some(architectures) = read.architectures.value()
        && !theirs.architectures.is_empty()
        && architectures.iter().collect::<BTreeSet<_>>() != theirs.architectures.iter().collect()
    {
        let shown = |list: &[Text]| Text::join(list, " ");
        parts.push(("torch._C._cuda_getArchFlags()", shown(&theirs.architectures), shown(architectures)));
    }
    let library = |fact: &Fact<Option<Library>>| fact.value()?.as_ref()?.version.clone();
    if let (Some(read), Some(number)) = (library(&case.environment.stack.cudnn), theirs.cudnn)
        && cudnn_number(&read).is_some_and(|read| read != number)
    {
        parts.push(("torch.backends.cudnn.version()", say!(number), read));
    }
    if let (Some(read), Some(nccl)) = (library(&case.environment.stack.nccl), &theirs.nccl)
        && let (Some(ours), Some(said)) = (numbers(&read), numbers(nccl))
        && ours != said
    {
        parts.push(("torch.cuda.nccl.version()", nccl.clone(), read));
    }
    let speak = |(what, theirs, read): (&str, Text, Text)| {
        differs("torch", say!(what, " is ", theirs, "; read was ", read))
            .seen(case.environment.stack.torch.evidence().iter().take(1).cloned())
            .seen([said(say!(what, ": ", theirs))])
    };
    parts.into_iter().map(speak).collect()
}

/// The first three numbers of a version.
fn numbers(version: &Text) -> Option<[u64; 3]> {
    let mut parts = version.as_str()?.split('.').map(|part| part.parse::<u64>().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// How cuDNN writes its version as one number (`cudnn_version.h`): 9.1.0 is 90100, 8.9.2 is 8902.
fn cudnn_number(version: &Text) -> Option<u64> {
    let [major, minor, patch] = numbers(version)?;
    let of_major = if major >= 9 { 10_000 } else { 1_000 };
    major.checked_mul(of_major)?.checked_add(minor.checked_mul(100)?)?.checked_add(patch)
}
