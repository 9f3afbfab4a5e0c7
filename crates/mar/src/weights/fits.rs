//! The keys and sizes of a state dict and the parameters of a model class come in; what `load_state_dict` says comes out, in
//! torch's own words (torch, `torch/nn/modules/module.py`).

use std::collections::{HashMap, HashSet};

use envdiff_model::{Fault, Weight};

use super::load::Raise;
use super::pickle::Shape;
use super::shape::Entries;

/// A parameter or persistent buffer that a model has, in the order of its own `state_dict()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `fc.weight`.
    pub name: String,
    /// Its sizes; `None` where they are not known.
    pub shape: Option<Vec<u64>>,
}

/// What a model class holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The class's name, for the message.
    pub class: String,
    /// Its parameters and persistent buffers, in the order of its `state_dict()`.
    pub expected: Vec<Expected>,
    /// Modules without parameters of their own, such as `relu` or `layers.1`: they decide about nothing but the order of
    /// unexpected keys.
    pub modules: Vec<String>,
    /// Whether that is all of them: else nothing missing can be told, and nothing unexpected.
    pub complete: bool,
}

/// Whether a state dict fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It fits.
    Fits,
    /// It does not, and `load_state_dict` raises.
    Raises(Raise),
    /// It cannot be told; a clause.
    Unknown(String),
}

/// What `model.load_state_dict(object, strict=strict)` does.
#[must_use]
pub fn load_state_dict(object: &Shape, model: &Model, strict: bool) -> Fit {
    let Some(entries) = object.entries() else {
        return match object.type_text() {
            Some(kind) => Fit::Raises(raise(
                "TypeError",
                format!("Expected state_dict to be dict-like, got {kind}."),
                format!("load_state_dict is given an object of {kind}, not a state dict"),
            )),
            None => Fit::Unknown("what the file holds is not known".to_owned()),
        };
    };
    if entries.cut {
        return Fit::Unknown("the state dict has more keys than are kept".to_owned());
    }
    let given: HashMap<&str, &Shape> = entries.named.iter().map(|(key, value)| (&**key, value)).collect();
    let known: HashSet<&str> = model.expected.iter().map(|expected| &*expected.name).collect();
    let modules = Modules::of(model);
    let versions: HashMap<&str, i64> =
        entries.versions.iter().map(|(name, number)| (&**name, *number)).collect();
    let missing: Vec<&str> = model
        .expected
        .iter()
        .map(|expected| &*expected.name)
        .filter(|name| !given.contains_key(name) && !forgiven(name, &versions))
        .collect();
    let unexpected = modules.unexpected(entries, &known);
    let mismatch = mismatches(model, &given);
    let differs = !missing.is_empty() || !unexpected.is_empty();
    if mismatch.errors.is_empty() && !(strict && differs && model.complete) {
        if strict && !model.complete {
            return Fit::Unknown("not all parameters of the model are known".to_owned());
        }
        return match mismatch.unknown {
            Some(name) => Fit::Unknown(format!("the sizes of {name} are not known")),
            None => Fit::Fits,
        };
    }
    let mut messages = Vec::new();
    if strict && model.complete {
        if !missing.is_empty() {
            messages.push(format!("Missing key(s) in state_dict: {}. ", quoted(&missing)));
        }
        if !unexpected.is_empty() {
            messages.push(format!("Unexpected key(s) in state_dict: {}. ", quoted(&unexpected)));
        }
    }
    messages.extend(mismatch.errors);
    let text = format!("Error(s) in loading state_dict for {}:\n\t{}", model.class, messages.join("\n\t"));
    Fit::Raises(raise("RuntimeError", text, cause(entries, model, &missing, &unexpected)))
}

/// The missing and the unexpected keys that `load_state_dict` returns where it raises nothing; `None` where they are not known.
pub(crate) fn unfit_keys(object: &Shape, model: &Model) -> Option<(Vec<String>, Vec<String>)> {
    let entries = object.entries().filter(|entries| !entries.cut && model.complete)?;
    let given: HashSet<&str> = entries.named.iter().map(|(key, _)| &**key).collect();
    let known: HashSet<&str> = model.expected.iter().map(|expected| &*expected.name).collect();
    let versions: HashMap<&str, i64> =
        entries.versions.iter().map(|(name, number)| (&**name, *number)).collect();
    let missing = model
        .expected
        .iter()
        .map(|expected| &*expected.name)
        .filter(|name| !given.contains(name) && !forgiven(name, &versions))
        .map(str::to_owned)
        .collect();
    let unexpected = Modules::of(model).unexpected(entries, &known);
    Some((missing, unexpected.into_iter().map(ToString::to_string).collect()))
}

/// Whether a batch normalization lets it be missing: its counter is new since its version 2 (torch,
/// `torch/nn/modules/batchnorm.py`).
fn forgiven(name: &str, versions: &HashMap<&str, i64>) -> bool {
    let module = match name.strip_suffix("num_batches_tracked") {
        Some("") => "",
        Some(module) => match module.strip_suffix('.') {
            Some(module) => module,
            None => return false,
        },
        None => return false,
    };
    versions.get(module).is_none_or(|version| *version < 2)
}

fn raise(exception: &'static str, text: String, what: String) -> Raise {
    Raise { exception, text, fault: Fault::WeightsShape, weight: Weight::Breaks, what, at: None }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

struct Mismatches {
    errors: Vec<String>,
    /// A parameter whose sizes are not known on one side.
    unknown: Option<String>,
}

/// Differences of sizes, in the order of the model.
fn mismatches(model: &Model, given: &HashMap<&str, &Shape>) -> Mismatches {
    let mut out = Mismatches { errors: Vec::new(), unknown: None };
    for expected in &model.expected {
        let name = &expected.name;
        match given.get(&**name) {
            None => {}
            Some(Shape::Tensor(tensor)) => match (&tensor.sizes, &expected.shape) {
                (Some(has), Some(wants)) => {
                    // Before 0.4 a number was saved as one element.
                    let old = wants.is_empty() && has.len() == 1;
                    if has != wants && !old {
                        out.errors.push(format!(
                            "size mismatch for {name}: copying a param with shape {} from checkpoint, the shape in current \
                             model is {}.",
                            size(has),
                            size(wants)
                        ));
                    }
                }
                _ => {
                    out.unknown.get_or_insert_with(|| name.clone());
                }
            },
            Some(other) => match other.type_text() {
                Some(kind) => out.errors.push(format!(
                    "While copying the parameter named \"{name}\", expected torch.Tensor or Tensor-like object from checkpoint \
                     but received {kind}"
                )),
                None => {
                    out.unknown.get_or_insert_with(|| name.clone());
                }
            },
        }
    }
    out
}

fn size(sizes: &[u64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    format!("torch.Size([{}])", sizes.join(", "))
}

/// The tree of modules, in the order in which `load_state_dict` walks it.
struct Modules<'m> {
    /// Prefixes with their dot, parents first; the model itself is empty.
    prefixes: Vec<&'m str>,
}

impl<'m> Modules<'m> {
    fn of(model: &'m Model) -> Self {
        let mut prefixes = vec![""];
        let mut seen: HashSet<&str> = HashSet::from([""]);
        let names = model.expected.iter().map(|expected| (&*expected.name, false));
        for (name, itself) in names.chain(model.modules.iter().map(|name| (&**name, true))) {
            for (at, _) in name.match_indices('.') {
                let prefix = name.get(..=at).unwrap_or_default();
                if seen.insert(prefix) {
                    prefixes.push(prefix);
                }
            }
            if itself && seen.insert(name) {
                prefixes.push(name);
            }
        }
        Self { prefixes }
    }

    /// Keys that the model has not, module by module: a key belongs to the deepest module that it leads to.
    fn unexpected<'e>(&self, entries: &'e Entries, known: &HashSet<&str>) -> Vec<&'e str> {
        let places: HashMap<&str, usize> = self
            .prefixes
            .iter()
            .enumerate()
            .map(|(place, prefix)| (prefix.strip_suffix('.').unwrap_or(prefix), place))
            .collect();
        let mut found: Vec<(usize, usize, &str)> = Vec::new();
        for (order, (key, _)) in entries.named.iter().enumerate() {
            if known.contains(&**key) {
                continue;
            }
            let mut module = "";
            for (at, _) in key.match_indices('.') {
                let deeper = key.get(..at).unwrap_or_default();
                if !places.contains_key(deeper) {
                    break;
                }
                module = deeper;
            }
            found.push((places.get(module).copied().unwrap_or(0), order, key));
        }
        found.sort_unstable();
        found.into_iter().map(|(_, _, key)| key).collect()
    }
}

/// Why they differ, where that has a name.
fn cause(entries: &Entries, model: &Model, missing: &[&str], unexpected: &[&str]) -> String {
    let expected: HashSet<&str> = model.expected.iter().map(|e| &*e.name).collect();
    let all = |strip: &dyn Fn(&str) -> Option<String>| {
        !entries.named.is_empty()
            && entries.named.iter().all(|(key, _)| strip(key).is_some_and(|key| expected.contains(&*key)))
    };
    if !missing.is_empty() && all(&|key| key.strip_prefix("module.").map(str::to_owned)) {
        return "its keys begin with `module.`: it was saved from a DataParallel or DistributedDataParallel, not from its `.module`"
            .to_owned();
    }
    if !missing.is_empty() && all(&|key| Some(format!("module.{key}"))) {
        return "the model is wrapped in a DataParallel, and the state dict is of what is in it".to_owned();
    }
    if !missing.is_empty() && all(&|key| key.strip_prefix("_orig_mod.").map(str::to_owned)) {
        return "its keys begin with `_orig_mod.`: it was saved from a model that torch.compile had wrapped"
            .to_owned();
    }
    let inner = entries.named.iter().find(|(_, value)| value.entries().is_some_and(Entries::is_state_dict));
    if let Some((key, _)) = inner
        && missing.len() == model.expected.len()
    {
        return format!(
            "it is a checkpoint with the state dict under `{key}`, and not the state dict itself"
        );
    }
    match (missing.len(), unexpected.len()) {
        (0, 0) => "sizes of its tensors differ from those of the model".to_owned(),
        (0, more) => format!("it has {more} keys that the model has not"),
        (fewer, 0) => format!("it lacks {fewer} keys that the model has"),
        (fewer, more) => {
            format!("it lacks {fewer} keys that the model has, and has {more} that the model has not")
        }
    }
}
