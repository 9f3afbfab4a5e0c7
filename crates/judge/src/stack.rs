//! The torch of an image and the packages around it come in; what several checks ask of them comes out.

use envdiff_facts::companions::BuildLabel;
use envdiff_facts::{CudaVersion, Minor, Numbers};
use envdiff_model::{DirectUrl, Evidence, Fact, Name, Text, Torch, TorchVariant, say};

use crate::case::{Case, seen};
use crate::installed::{Copy, file_name};
use crate::needs::Edge;

/// The torch that is imported, where it is known.
pub(crate) fn torch<'a>(case: &Case<'a>) -> Option<&'a Torch> {
    case.environment.stack.torch.value()?.as_ref()
}

/// Where its version was seen.
pub(crate) fn torch_seen(case: &Case<'_>) -> Vec<Evidence> {
    case.environment.stack.torch.evidence().to_vec()
}

/// The CUDA that it was built for.
pub(crate) fn cuda(torch: &Torch) -> Option<CudaVersion> {
    match torch.variant.value()? {
        TorchVariant::Cuda(version) => CudaVersion::parse(version.as_str()?),
        TorchVariant::Cpu | TorchVariant::Rocm(_) | TorchVariant::Xpu(_) => None,
    }
}

/// The minor of a release or of a later build of it (`2.4.1.post302`). What calls itself a pre-release, as vendors' and
/// own builds do, is cut from somewhere between two minors, and what it goes with cannot be told by its number.
pub(crate) fn minor(version: &Text) -> Option<Minor> {
    let version = version.as_str()?;
    let (numbers, suffix) = Numbers::split(version)?;
    (suffix.is_empty() || suffix.starts_with(".post")).then(|| numbers.minor()).flatten()
}

/// No host that is known of has a GPU.
pub(crate) fn hosts_lack_gpus(case: &Case<'_>) -> bool {
    case.environment.machine.gpus().value().is_some_and(Vec::is_empty)
}

/// The labels of installed packages that tell with what they were built, by name: of the version, else of the wheel's file
/// name, for some projects put it there alone.
pub(crate) fn labels<'a>(
    case: &'a Case<'_>,
) -> impl Iterator<Item = (&'a Name, &'a Copy<'a>, BuildLabel, Evidence)> {
    case.installed.all().filter_map(|(name, _, copy)| {
        let version = copy.distribution.version.as_ref()?;
        let of_version = version.as_str().and_then(|version| version.split_once('+'));
        if let Some(label) = of_version.and_then(|(_, label)| BuildLabel::parse(label)) {
            return Some((name, copy, label, seen(copy.distribution)));
        }
        let Some(Fact::Known { value: DirectUrl { url, .. }, evidence }) = &copy.distribution.direct_url
        else {
            return None;
        };
        let (file, label) = label_of_wheel(url)?;
        let path =
            evidence.first().map_or_else(|| copy.distribution.metadata.clone(), |seen| seen.path.clone());
        Some((name, copy, label, Evidence::new(path, say!("installed from ", file))))
    })
}

/// The file name of a wheel's URL and the label in it; `+` may be written `%2B`.
fn label_of_wheel(url: &Text) -> Option<(Text, BuildLabel)> {
    let path = url.as_bytes().split(|b| *b == b'#' || *b == b'?').next()?;
    let file = file_name(&Text::from(path)).to_vec();
    let file = String::from_utf8(file).ok()?.replace("%2B", "+").replace("%2b", "+");
    let version = file.strip_suffix(".whl")?.split('-').nth(1)?;
    let label = BuildLabel::parse(version.split_once('+')?.1)?;
    Some((Text::from(file), label))
}

/// What torch requires, itself or through the extras of `cuda-toolkit`, for certain.
pub(crate) fn torch_needs<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Edge<'a>> {
    ["torch", "cuda-toolkit"]
        .into_iter()
        .filter_map(|name| case.installed.by_name.get(&Name::new(name)))
        .flat_map(|holding| case.needs.by(holding.first))
        .filter(|edge| edge.doubt.is_none() && (edge.from_name.as_str() == "torch" || edge.extra.is_some()))
}

/// A wheel of CUDA: its name without the major, and the major that the name tells.
pub(crate) fn cuda_wheel(name: &Name) -> Option<(&str, Option<u16>)> {
    const PARTS: &[&str] = &[
        "cublas",
        "cuda-cupti",
        "cuda-nvrtc",
        "cuda-runtime",
        "cudnn",
        "cufft",
        "cufile",
        "curand",
        "cusolver",
        "cusparse",
        "cusparselt",
        "nccl",
        "nvjitlink",
        "nvshmem",
        "nvtx",
    ];
    let name = name.as_str().strip_prefix("nvidia-")?;
    let (part, major) = match name.rsplit_once("-cu") {
        Some((part, major)) if !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit()) => {
            (part, Some(major.parse().ok()?))
        }
        _ => (name, None),
    };
    PARTS.contains(&part).then_some((part, major))
}
