//! A TorchScript archive comes in; the operators that its code calls, its version and where its constants were come out
//! (torch, `torch/csrc/jit/serialization`).

use std::collections::BTreeSet;

use envdiff_files::ReadAt;

use super::limits;
use super::load::Release;
use super::pickle::Pickle;
use super::torch_zip::TorchZip;
use super::zip::Zip;

/// What `torch.jit.save` writes.
#[derive(Debug, Clone, PartialEq)]
pub struct TorchScript {
    /// The zip and its object.
    pub zip: TorchZip,
    /// The constants of the code, a pickle; `None` where it cannot be read.
    pub constants: Option<Box<Pickle>>,
    /// What the code calls, sorted.
    pub operators: BTreeSet<Operator>,
    /// Whether a file of code names a device of CUDA: `torch.device("cuda:0")`.
    pub cuda_in_code: bool,
    /// Whether all code was read.
    pub complete: bool,
}

/// An operator by its namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    /// `aten`, `torchvision`
    pub namespace: String,
    /// `relu`, `nms`
    pub name: String,
}

/// Whether a release of torch has an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It has.
    Yes,
    /// It came later, with this release.
    Since((u32, u32)),
    /// It is gone since this release.
    Gone((u32, u32)),
    /// The table has no such operator: a newer one, or one of a library.
    No,
}

impl TorchScript {
    pub(super) fn read(file: &mut dyn ReadAt, zip: TorchZip) -> Self {
        let constants = zip.pickle(file, "constants.pkl").and_then(Result::ok).map(Box::new);
        let prefix = format!("{}/code/", zip.top);
        let mut out =
            Self { zip, constants, operators: BTreeSet::new(), cuda_in_code: false, complete: true };
        let mut left = limits::SCRIPT_CODE;
        let code = out.zip.zip.entries.iter();
        let code: Vec<_> =
            code.filter(|e| e.name.starts_with(&prefix) && e.name.ends_with(".py")).cloned().collect();
        for entry in code {
            match Zip::bytes(file, &entry, left) {
                Ok(bytes) => {
                    left = left.saturating_sub(bytes.len() as u64);
                    out.cuda_in_code |= memchr::memmem::find(&bytes, b"torch.device(\"cuda").is_some();
                    calls(&bytes, &mut out.operators);
                }
                Err(_) => out.complete = false,
            }
        }
        out
    }
}

/// Collects `torch.NAME(` and `ops.NS.NAME(` outside strings.
fn calls(code: &[u8], found: &mut BTreeSet<Operator>) {
    let mut at = 0;
    let mut before = b' ';
    while let Some(byte) = code.get(at).copied() {
        match byte {
            b'"' | b'\'' => {
                at += 1;
                while let Some(inner) = code.get(at).copied() {
                    at += if inner == b'\\' { 2 } else { 1 };
                    if inner == byte {
                        break;
                    }
                }
                before = byte;
                continue;
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let from = at;
                while code.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
                    at += 1;
                }
                let path = code.get(from..at).unwrap_or_default();
                if code.get(at) == Some(&b'(') && before != b'.' {
                    note(path, found);
                }
                before = code.get(at.saturating_sub(1)).copied().unwrap_or(b' ');
                continue;
            }
            _ => {}
        }
        before = byte;
        at += 1;
    }
}

fn note(path: &[u8], found: &mut BTreeSet<Operator>) {
    let Ok(path) = std::str::from_utf8(path) else { return };
    let mut parts = path.split('.');
    let operator = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("torch"), Some(name), None, _) => ("aten", name),
        (Some("ops"), Some(namespace), Some(name), None) => (namespace, name),
        _ => return,
    };
    if found.len() < limits::PICKLE_GLOBALS {
        found.insert(Operator { namespace: operator.0.to_owned(), name: operator.1.to_owned() });
    }
}

/// Lines of `NAMESPACE::NAME FIRST LAST`, sorted; `FIRST` is `-` where the oldest release asked has it, `LAST` is `-` where the
/// newest has. Written by `fixtures/weights/operators.py`.
const OPERATORS: &str = include_str!("operators.txt");

/// Whether a release has an operator, by the lists of operators of real releases.
#[must_use]
pub fn known(release: Release, operator: &Operator) -> Known {
    let wanted = format!("{}::{}", operator.namespace, operator.name);
    let line = OPERATORS.lines().find(|line| line.split(' ').next() == Some(&*wanted));
    let Some(line) = line else { return Known::No };
    let minor = (release.0, release.1);
    let mut fields = line.split(' ').skip(1).map(|field| {
        let (major, minor) = field.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    match (fields.next().flatten(), fields.next().flatten()) {
        (Some(first), _) if minor < first => Known::Since(first),
        (_, Some(gone)) if minor >= gone => Known::Gone(gone),
        _ => Known::Yes,
    }
}

/// Namespaces of operators that are torch's own.
#[must_use]
pub fn is_own(namespace: &str) -> bool {
    let own = format!("{namespace}::");
    OPERATORS.lines().any(|line| line.starts_with(&own))
}

/// The newest format of files that every torch from 1.6 to 2.9 reads (torch, `caffe2/serialize/versions.h`).
pub const NEWEST_FORMAT: u64 = 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use super::{Known, Operator, calls, known};

    fn operator(text: &str) -> Operator {
        let (namespace, name) = text.split_once("::").unwrap();
        Operator { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn calls_are_found_outside_strings_and_methods() {
        let code = br#"
  def forward(self: __torch__.torch.nn.Linear, x: Tensor) -> Tensor:
    a = torch.linear(x, self.weight, None)
    b = ops.torchvision.nms(a, a, 0.5)
    ops.prim.RaiseException("torch.nothing(\" torch.more(")
    c = (self.fc).forward(torch.relu_(b), )
    return torch.add(a, torch.mul(c, 2)), x.torch.sub(1), torch.device("cuda:0")
"#;
        let mut found = BTreeSet::new();
        calls(code, &mut found);
        let expected: BTreeSet<Operator> = [
            "aten::add",
            "aten::device",
            "aten::linear",
            "aten::mul",
            "aten::relu_",
            "prim::RaiseException",
            "torchvision::nms",
        ]
        .into_iter()
        .map(operator)
        .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn operators_have_a_first_release() {
        let attention = operator("aten::scaled_dot_product_attention");
        assert_eq!(known((1, 13, 1), &attention), Known::Since((2, 0)));
        assert_eq!(known((2, 0, 1), &attention), Known::Yes);
        assert_eq!(known((2, 6, 0), &operator("aten::relu")), Known::Yes);
        assert_eq!(known((2, 6, 0), &operator("torchvision::nms")), Known::No);
    }
}
