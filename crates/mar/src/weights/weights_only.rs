//! The steps of a pickle and a release of torch come in; whether the unpickler of `weights_only=True` takes them comes out, else
//! what it says (torch, `torch/_weights_only_unpickler.py` and `torch/serialization.py`, read in 1.13.1 to 2.9.1).

use super::load::Release;
use super::pickle::{End, Error, Pickle, Step, Subject};
use super::python2::modern;

/// What the unpickler of `weights_only=True` does with a pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Takes,
    /// It refuses it.
    Refuses(Refusal),
    /// It cannot be told; a clause.
    Unknown(String),
}

/// The first refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where, in bytes from the begin of the pickle.
    pub at: u64,
    /// What is refused, for a reader: `argparse.Namespace`, `opcode 149`.
    pub what: String,
    /// The exception that `torch.load` raises.
    pub exception: &'static str,
    /// Its text, as this release words it.
    pub text: String,
}

/// The classes and functions that were made safe by `add_safe_globals`, as `module.name`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Safe<'a> {
    /// Those that are known.
    pub names: &'a [String],
    /// Whether there may be others.
    pub open: bool,
}

/// A minor release: nothing here changed within one.
type Minor = (u32, u32);

const COUNTED: Minor = (2, 4);
const BLOCKING: Minor = (2, 5);
const WIDER: Minor = (2, 6);

/// Whether a name is on the list of a release.
#[must_use]
pub fn allows(release: Release, module: &str, name: &str) -> bool {
    let minor = (release.0, release.1);
    match module {
        "collections" => name == "OrderedDict" || (name == "Counter" && minor >= COUNTED),
        "builtins" => {
            (name == "bytearray" && minor >= BLOCKING)
                || (matches!(name, "set" | "complex") && minor >= WIDER)
        }
        "_codecs" => name == "encode" && minor >= BLOCKING,
        "torch.nn.parameter" => name == "Parameter",
        "torch.serialization" => name == "_get_layout",
        "torch._tensor" => name == "_rebuild_from_type_v2" && minor >= (2, 0),
        "torch._utils" => rebuilds(minor, name),
        "torch.storage" => matches!(name, "TypedStorage" | "UntypedStorage"),
        "torch" => match name {
            "Size" | "Tensor" => true,
            "device" => minor >= COUNTED,
            _ => {
                is_tensor_class(name, true)
                    || is_storage_class(name, true)
                    || is_dtype(minor, name)
                    || (minor >= COUNTED && is_scheme(name))
            }
        },
        "torch.cuda" => is_tensor_class(name, true) || is_storage_class(name, false),
        "torch.sparse" | "torch.cuda.sparse" => is_tensor_class(name, false),
        _ => false,
    }
}

fn rebuilds(minor: Minor, name: &str) -> bool {
    match name {
        "_rebuild_parameter"
        | "_rebuild_tensor"
        | "_rebuild_tensor_v2"
        | "_rebuild_sparse_tensor"
        | "_rebuild_meta_tensor_no_storage" => true,
        "_rebuild_sparse_csr_tensor" => minor < (2, 0),
        "_rebuild_tensor_v3" | "_rebuild_nested_tensor" => minor >= (2, 2),
        "_rebuild_parameter_with_state" | "_rebuild_qtensor" | "_rebuild_wrapper_subclass" => {
            minor >= COUNTED
        }
        "_rebuild_device_tensor_from_numpy" => minor >= BLOCKING,
        "_rebuild_device_tensor_from_cpu_tensor" => minor >= WIDER,
        _ => false,
    }
}

/// `FloatTensor`; sparse ones have no `BoolTensor`.
fn is_tensor_class(name: &str, dense: bool) -> bool {
    match name.strip_suffix("Tensor") {
        Some("Bool") => dense,
        Some(element) => {
            matches!(
                element,
                "BFloat16" | "Byte" | "Char" | "Double" | "Float" | "Half" | "Int" | "Long" | "Short"
            )
        }
        None => false,
    }
}

/// `FloatStorage`; those of CUDA have no quantized ones.
fn is_storage_class(name: &str, cpu: bool) -> bool {
    match name.strip_suffix("Storage") {
        Some("QInt32" | "QInt8" | "QUInt2x4" | "QUInt4x2" | "QUInt8") => cpu,
        Some(element) => matches!(
            element,
            "BFloat16"
                | "Bool"
                | "Byte"
                | "Char"
                | "ComplexDouble"
                | "ComplexFloat"
                | "Double"
                | "Float"
                | "Half"
                | "Int"
                | "Long"
                | "Short"
        ),
        None => false,
    }
}

fn is_dtype(minor: Minor, name: &str) -> bool {
    match name {
        "complex32" | "complex64" | "complex128" | "float16" | "float32" | "float64" | "int8" | "int16"
        | "int32" | "int64" => true,
        "float8_e5m2" | "float8_e4m3fn" => minor >= (2, 2),
        "float8_e5m2fnuz" | "float8_e4m3fnuz" => minor >= (2, 3),
        "uint16" | "uint32" | "uint64" => minor >= WIDER,
        "bfloat16" | "bool" | "uint8" | "qint8" | "qint32" | "quint8" | "quint4x2" | "quint2x4" | "bits8"
        | "bits16" | "bits1x8" | "bits2x4" | "bits4x2" => minor >= COUNTED,
        "uint1" | "uint2" | "uint3" | "uint4" | "uint5" | "uint6" | "uint7" | "int1" | "int2" | "int3"
        | "int4" | "int5" | "int6" | "int7" | "float8_e8m0fnu" => minor >= (2, 7),
        "float4_e2m1fn_x2" => minor >= (2, 8),
        _ => false,
    }
}

fn is_scheme(name: &str) -> bool {
    matches!(
        name,
        "per_tensor_affine"
            | "per_tensor_symmetric"
            | "per_channel_affine"
            | "per_channel_symmetric"
            | "per_channel_affine_float_qparams"
    )
}

/// The opcodes that it knows; BINFLOAT since 2.0.
fn knows(minor: Minor, opcode: u8) -> bool {
    match opcode {
        b'c' | 0x81 | b'R' | b'b' | b'a' | b'e' | b's' | b'u' | b'(' | b't' | 0x85 | 0x86 | 0x87 | b'N'
        | 0x88 | 0x89 | b')' | b']' | b'}' | 0x8f | b'J' | b'K' | b'M' | b'X' | b'U' | b'Q' | b'h' | b'j'
        | b'q' | b'r' | 0x8a | 0x80 | b'.' => true,
        b'G' => minor >= (2, 0),
        _ => false,
    }
}

/// What `torch.load(…, weights_only=True)` of this release does with the steps of this pickle.
#[must_use]
pub fn judge(pickle: &Pickle, release: Release, safe: Safe<'_>) -> Verdict {
    let minor = (release.0, release.1);
    if minor < (1, 13) {
        return Verdict::Unknown("torch before 1.13 has no weights_only".to_owned());
    }
    let rule = Rule { pickle, release, minor, safe };
    for event in &pickle.events {
        match rule.step(&event.step) {
            Taken::Fine => {}
            Taken::Refused { what, text } => {
                return Verdict::Refuses(Refusal {
                    at: event.at,
                    what,
                    exception: "_pickle.UnpicklingError",
                    // Before 2.5 only a RuntimeError is worded anew, and this is none.
                    text: if minor < BLOCKING && text == NO_ID { text } else { worded(minor, &text) },
                });
            }
            Taken::Open(reason) => return Verdict::Unknown(reason),
        }
    }
    match &pickle.end {
        End::Stop => Verdict::Takes,
        End::TooLarge(what) => Verdict::Unknown(format!("more {what} than are read")),
        End::Unread(_) => Verdict::Unknown("it cannot be read".to_owned()),
        End::Fails { error, at } => {
            let refuse = |exception, text: String| {
                Verdict::Refuses(Refusal {
                    at: *at,
                    what: "a pickle that is damaged".to_owned(),
                    exception,
                    text,
                })
            };
            match error {
                // The opcode itself was a step, and is no opcode of this unpickler.
                Error::InvalidKey(key) => {
                    refuse("_pickle.UnpicklingError", worded(minor, &format!("Unsupported operand {key}")))
                }
                Error::RanOut => refuse("EOFError", String::new()),
                Error::Truncated { opcode, left } => {
                    let (exception, text) = short(*opcode, *left);
                    refuse(exception, text)
                }
                Error::Protocol(_) | Error::Other(..) => {
                    refuse("IndexError", "pop from empty list".to_owned())
                }
            }
        }
    }
}

/// What this unpickler raises where bytes end within an opcode: it looks at none that are missing.
fn short(opcode: u8, left: u64) -> (&'static str, String) {
    let operand = match opcode {
        b'J' | b'X' | b'j' | b'r' => 4,
        b'M' => 2,
        b'G' => 8,
        b'K' | b'h' | b'q' | b'U' | 0x8a | 0x80 => 1,
        _ => 0,
    };
    match operand {
        1 if left == 0 => ("IndexError", "index out of range".to_owned()),
        2.. if left < operand => ("struct.error", format!("unpack requires a buffer of {operand} bytes")),
        // A string may be short, and then there is no next opcode.
        _ => ("EOFError", String::new()),
    }
}

enum Taken {
    Fine,
    Refused { what: String, text: String },
    Open(String),
}

struct Rule<'a> {
    pickle: &'a Pickle,
    release: Release,
    minor: Minor,
    safe: Safe<'a>,
}

impl Rule<'_> {
    fn refused(what: impl Into<String>, text: impl Into<String>) -> Taken {
        Taken::Refused { what: what.into(), text: text.into() }
    }

    /// Module and name as this release resolves them: Python 2's since 2.4 in protocol 2, since 2.6 in any.
    fn resolved(&self, index: usize) -> Option<(String, String)> {
        let global = self.pickle.globals.get(index)?;
        let written = (global.written.module.as_str(), global.written.name.as_str());
        let maps = self.minor >= WIDER || (self.minor >= COUNTED && self.pickle.protocol == Some(2));
        let (module, name) = if maps { modern(written.0, written.1) } else { written };
        Some((module.to_owned(), name.to_owned()))
    }

    fn is_safe(&self, full: &str) -> bool {
        self.minor >= COUNTED && self.safe.names.iter().any(|name| name == full)
    }

    fn allowed(&self, index: usize) -> bool {
        self.resolved(index).is_some_and(|(module, name)| {
            allows(self.release, &module, &name) || self.is_safe(&format!("{module}.{name}"))
        })
    }

    fn step(&self, step: &Step) -> Taken {
        match step {
            Step::Opcode(opcode) if knows(self.minor, *opcode) => Taken::Fine,
            Step::Opcode(opcode) => {
                Self::refused(format!("opcode {opcode}"), format!("Unsupported operand {opcode}"))
            }
            Step::Global(index) => self.global(*index),
            // Its opcode was refused before.
            Step::UnknownGlobal | Step::Extension(_) => Taken::Fine,
            Step::Call(subject) => self.call(subject),
            Step::New(subject) => self.new_object(subject),
            Step::Build(subject) => self.build(subject),
            Step::Append(subject) => self.append(subject),
            Step::Persistent(Some(kind)) => Self::refused(
                "a persistent id that is no storage",
                format!("Only persistent_load of storage is allowed, but got {kind}"),
            ),
            Step::Persistent(None) => Self::refused("a persistent id", NO_ID),
        }
    }

    fn global(&self, index: usize) -> Taken {
        let Some((module, name)) = self.resolved(index) else {
            return Taken::Open("a class that is not known".to_owned());
        };
        let full = format!("{module}.{name}");
        if self.minor >= BLOCKING && matches!(&*module, "sys" | "os" | "posix" | "nt") {
            return Self::refused(
                &*full,
                format!("Trying to load unsupported GLOBAL {full} whose module {module} is blocked."),
            );
        }
        if allows(self.release, &module, &name) || self.is_safe(&full) {
            return Taken::Fine;
        }
        if self.safe.open && self.minor >= COUNTED {
            return Taken::Open(format!("whether {full} was made safe before is computed"));
        }
        if self.minor < COUNTED {
            return Self::refused(&*full, format!("Unsupported class {full}"));
        }
        if self.minor >= WIDER && NESTED.contains(&&*full) {
            return Self::refused(
                &*full,
                "``torch.nested`` and ``torch._dynamo`` must be imported to load nested jagged tensors (NJTs)",
            );
        }
        if self.minor >= WIDER && DISTRIBUTED.contains(&&*full) {
            return Self::refused(&*full, "``torch.distributed.tensor`` must be imported to load DTensors");
        }
        // From 2.7 the whole name stands in the advice, without `builtins.` in front.
        let shown =
            if self.minor >= (2, 7) { full.strip_prefix("builtins.").unwrap_or(&full) } else { &*full };
        let advice = if self.minor >= (2, 7) { shown } else { &*name };
        let begin = format!("Unsupported global: GLOBAL {shown} was not an allowed global by default. ");
        let text = if self.minor >= WIDER {
            format!(
                "{begin}Please use `torch.serialization.add_safe_globals([{advice}])` or the \
                 `torch.serialization.safe_globals([{advice}])` context manager to allowlist this global \
                 if you trust this class/function."
            )
        } else {
            format!(
                "{begin}Please use `torch.serialization.add_safe_globals([{advice}])` to allowlist \
                 this global if you trust this class/function."
            )
        };
        Self::refused(full, text)
    }

    /// How Python prints the class or function of that index.
    fn printed(&self, index: usize) -> String {
        self.resolved(index).map_or_else(String::new, |(module, name)| format!("<class '{module}.{name}'>"))
    }

    fn call(&self, subject: &Subject) -> Taken {
        match subject {
            // Whatever was looked up was allowed, and whatever is allowed may be called.
            Subject::Global(_) | Subject::Unknown => Taken::Fine,
            Subject::Result(_) | Subject::Builtin(_) | Subject::Storage => {
                Self::refused("a call of no function", "Trying to call reduce for unrecognized function ")
            }
        }
    }

    fn new_object(&self, subject: &Subject) -> Taken {
        let is = |index: usize, wanted: &str| {
            self.resolved(index).is_some_and(|(module, name)| format!("{module}.{name}") == wanted)
        };
        match subject {
            Subject::Global(index) if is(*index, "torch.nn.parameter.Parameter") => Taken::Fine,
            Subject::Global(index)
                if self.minor >= WIDER
                    || self
                        .resolved(*index)
                        .is_some_and(|(module, name)| self.is_safe(&format!("{module}.{name}"))) =>
            {
                Taken::Fine
            }
            Subject::Global(index) => {
                let class = self.printed(*index);
                let text = if self.minor >= BLOCKING {
                    format!(
                        "Can only create new object for nn.Parameter or classes allowlisted \
                         via `add_safe_globals` but got {class}"
                    )
                } else {
                    format!("Trying to instantiate unsupported class {class}")
                };
                Self::refused(class, text)
            }
            _ => Taken::Fine,
        }
    }

    fn build(&self, subject: &Subject) -> Taken {
        let refuse = |kind: String| {
            let text = match self.minor {
                minor if minor >= BLOCKING => format!(
                    "Can only build Tensor, Parameter, OrderedDict or types allowlisted \
                     via `add_safe_globals`, but got {kind}"
                ),
                minor if minor >= COUNTED => {
                    format!("Can only build Tensor, parameter or OrderedDict objects, but got {kind}")
                }
                _ => format!("Can only build Tensor, parameter or dict objects, but got {kind}"),
            };
            Self::refused(kind, text)
        };
        match subject {
            Subject::Builtin("set") if self.minor >= WIDER => Taken::Fine,
            Subject::Builtin(name) => refuse(format!("<class '{name}'>")),
            Subject::Result(index) => {
                let Some((module, name)) = self.resolved(*index) else { return Taken::Fine };
                let full = format!("{module}.{name}");
                let tensor =
                    module == "torch._utils" || module == "torch._tensor" || name.ends_with("Tensor");
                if tensor || matches!(&*full, "collections.OrderedDict" | "torch.nn.parameter.Parameter") {
                    return Taken::Fine;
                }
                if self.is_safe(&full) || (self.minor >= WIDER && self.allowed(*index)) {
                    return Taken::Fine;
                }
                refuse(format!("<class '{full}'>"))
            }
            Subject::Global(_) => refuse("<class 'type'>".to_owned()),
            Subject::Storage | Subject::Unknown => Taken::Fine,
        }
    }

    fn append(&self, subject: &Subject) -> Taken {
        let kind = match subject {
            Subject::Builtin(name) => format!("<class '{name}'>"),
            Subject::Result(index) => self.printed(*index),
            _ => return Taken::Fine,
        };
        Self::refused(kind.clone(), format!("Can only append to lists, but got {kind}"))
    }
}

const NO_ID: &str = "unsupported persistent id encountered";
const NESTED: &[&str] = &[
    "torch.nested._internal.nested_tensor.NestedTensor",
    "torch.nested._internal.nested_tensor._rebuild_njt",
    "torch._dynamo.decorators._DimRange",
];
const DISTRIBUTED: &[&str] = &[
    "torch.distributed.device_mesh.DeviceMesh",
    "torch.distributed.tensor._dtensor_spec.DTensorSpec",
    "torch.distributed.tensor._dtensor_spec.TensorMeta",
    "torch.distributed.tensor.DTensor",
    "torch.distributed.tensor.placement_types.Partial",
    "torch.distributed.tensor.placement_types.Replicate",
    "torch.distributed.tensor.placement_types.Shard",
];

/// The advice that torch repeats in its messages.
pub(super) fn advice(minor: (u32, u32)) -> &'static str {
    if minor >= WIDER {
        "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. \
         Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary \
         code execution. Do it only if you got the file from a trusted source."
    } else {
        "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code \
         execution. Do it only if you got the file from a trusted source."
    }
}

/// The message of `torch.load` around that of the unpickler.
pub(super) fn worded(minor: Minor, message: &str) -> String {
    const PAGE: &str = "\n\nCheck the documentation of torch.load to learn more about types accepted by default with \
                        weights_only https://pytorch.org/docs/stable/generated/torch.load.html.";
    let advice = advice(minor);
    let global = message.contains(" was not an allowed global by default.");
    if minor < COUNTED {
        return format!(
            "Weights only load failed. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, \
             but it can result in arbitrary code execution.Do it only if you get the file from a trusted source. \
             WeightsUnpickler error: {message}"
        );
    }
    if minor < BLOCKING && global {
        return format!(
            "Weights only load failed. This file can still be loaded, to do so you have two options \n\t(1) {advice}\n\t(2) \
             Alternatively, to load with `weights_only=True` please check the recommended steps in the following error \
             message.\n\tWeightsUnpickler error: {message}{PAGE}"
        );
    }
    if minor < BLOCKING {
        return format!(
            "Weights only load failed. {advice}\n Please file an issue with the following so that we can make \
             `weights_only=True` compatible with your use case: WeightsUnpickler error: {message}{PAGE}"
        );
    }
    if global {
        return format!(
            "Weights only load failed. This file can still be loaded, to do so you have two options, \u{1b}[1mdo those steps \
             only if you trust the source of the checkpoint\u{1b}[0m. \n\t(1) {advice}\n\t(2) Alternatively, to load with \
             `weights_only=True` please check the recommended steps in the following error message.\n\tWeightsUnpickler \
             error: {message}{PAGE}"
        );
    }
    if minor >= WIDER && message.contains(" to load ") && message.contains("must be imported") {
        return format!("Weights only load failed. {message}\n {advice}\n");
    }
    let issue = if message.ends_with("is blocked.") {
        ""
    } else {
        "Please file an issue with the following so that we can make `weights_only=True` compatible with your use case: \
         WeightsUnpickler error: "
    };
    format!("Weights only load failed. {advice}\n{issue}{message}{PAGE}")
}
