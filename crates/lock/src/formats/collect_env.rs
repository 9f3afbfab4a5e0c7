//! What `python -m torch.utils.collect_env` printed comes in; the libraries that it lists, and Python, CUDA, cuDNN, driver and GPU of
//! the training machine, come out.
//!
//! The layouts of torch 1.3 to 2.8, and reports of other projects that hold the same list. The list is not of all that was
//! installed: only of names that torch looks for.

use envdiff_model::{Evidence, Fact, Name, Requirement, Selection, Text, Training, say};

use crate::broken::{Broken, Fault};
use crate::formats::conda::Package;
use crate::formats::pip_list::bounded;
use crate::package::pinned;
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::text::Document;
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let (packages, training) = read(&document);
    let nothing = packages.is_empty() && training == Training::default();
    if nothing {
        let broken = Broken::whole(Fault::Truncated, "a report of collect_env that tells nothing");
        return Err(input.refuse(&document, broken));
    }
    let packages = bounded(packages).map_err(|broken| input.refuse(&document, broken))?;
    Ok(Box::new(CollectEnv { document, packages, training }))
}

struct CollectEnv {
    document: Document,
    packages: Vec<Requirement>,
    training: Training,
}

/// What stands for "not known" and "none".
fn is_told(value: &str) -> bool {
    !matches!(value, "" | "N/A" | "None" | "No CUDA" | "Could not collect" | "None of the above")
}

fn read(document: &Document) -> (Vec<Requirement>, Training) {
    let mut packages: Vec<Requirement> = Vec::new();
    let mut training = Training::default();
    let mut at = 0;
    let mut in_gpus = false;
    let mut in_cudnn = false;
    for (number, line) in document.text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        let body = line.trim();
        let tell = |value: &str| {
            Some(Fact::known(
                Text::from(value),
                Evidence::new(document.path.clone(), say!("line ", number + 1, ": ", body)),
            ))
        };
        let place = document.place(start, start + line.trim_end().len());
        if let Some(pinned) = of_pip(body, &place) {
            packages.push(pinned);
            continue;
        }
        if let Some(found) = of_conda(body, &place) {
            // What pip installed into a conda environment stands in both lists.
            if !packages.iter().any(|known| known.name == found.name) {
                packages.push(found);
            }
            continue;
        }
        if in_gpus && let Some((_, name)) = body.strip_prefix("GPU ").and_then(|rest| rest.split_once(": ")) {
            training.gpu = training.gpu.take().or_else(|| tell(name));
            continue;
        }
        if in_cudnn && training.cudnn.is_none() {
            training.cudnn = of_library(body).and_then(|version| tell(&version));
        }
        let Some((key, value)) = body.split_once(':') else { continue };
        let value = value.trim();
        in_gpus = key == "GPU models and configuration";
        in_cudnn = key == "cuDNN version";
        if !is_told(value) {
            continue;
        }
        match key {
            "PyTorch version" => training.torch = tell(value),
            "CUDA used to build PyTorch" => training.cuda = tell(value),
            "Python version" => {
                let version = value.split([' ', '(']).next().unwrap_or("");
                training.python = tell(version);
            }
            "Nvidia driver version" => training.driver = tell(value),
            "GPU models and configuration" => {
                let name = value.strip_prefix("GPU 0: ").unwrap_or(value);
                training.gpu = tell(name);
            }
            "cuDNN version" if !value.starts_with("Probably") => {
                training.cudnn = of_library(value).map_or_else(|| tell(value), |version| tell(&version));
            }
            _ => {}
        }
    }
    (packages, training)
}

/// `libcudnn.so.8.9.2` at the end of a path.
fn of_library(text: &str) -> Option<String> {
    let file = text.rsplit(['/', '\\']).next()?;
    let version = file.split_once(".so.")?.1;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

/// `[pip3] torch==2.4.1`, `[pip] torch==…`
fn of_pip(line: &str, at: &envdiff_model::Place) -> Option<Requirement> {
    let rest = line.strip_prefix("[pip")?;
    let (_, rest) = rest.split_once("] ")?;
    let (name, version) = rest.trim().split_once("==")?;
    let mut out = pinned(&Name::new(name), Some(version), at.clone());
    out.selection = Selection::Selected;
    Some(out)
}

/// `[conda] numpy 1.26.4 py311h64a7726_0 conda-forge`
fn of_conda(line: &str, at: &envdiff_model::Place) -> Option<Requirement> {
    let mut words = line.strip_prefix("[conda] ")?.split_whitespace();
    let (name, version) = (words.next()?, words.next()?);
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (build, channel) = (words.next(), words.next());
    if build.is_some_and(|build| build.starts_with("pypi_")) {
        let mut out = pinned(&Name::new(name), Some(version), at.clone());
        out.selection = Selection::Selected;
        return Some(out);
    }
    Some(Package { name, version: Some(version), build, channel, purls: None }.requirement(at.clone()))
}

impl Selectable for CollectEnv {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, _: &Environment, _: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = Chosen::record("a report of collect_env");
        chosen.python.clone_from(&self.training.python);
        chosen.training = self.training.clone();
        chosen.requirements.clone_from(&self.packages);
        chosen.note("collect_env lists only some of what was installed");
        chosen.quote(&self.document);
        Ok(chosen)
    }
}
