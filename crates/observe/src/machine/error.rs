//! Why what was said of a machine cannot be used.

use std::path::PathBuf;

/// Each variant reads as a message to the user and names its input.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// `--driver` is no version.
    #[error("`{0}` is no driver version")]
    NoDriver(String),
    /// `--driver` is a branch.
    #[error("`{0}` is a branch of the driver, and its builds differ in what they run")]
    Branch(String),
    /// `--gpu` names nothing that is known.
    #[error("no GPU and no instance type is known by the name `{name}`")]
    NoGpu {
        /// As the user gave it.
        name: String,
        /// Names that are known and look like it.
        nearest: Vec<&'static str>,
    },
    /// `--gpu` names several GPUs that differ in what counts.
    #[error("several GPUs are called `{name}`")]
    ManyGpus {
        /// As the user gave it.
        name: String,
        /// Their whole names.
        names: Vec<&'static str>,
    },
    /// `--gpu none` beside another.
    #[error("`--gpu none` says that there is no GPU, and another `--gpu` names one")]
    NoneAndSome,
    /// A file of `--node` could not be read.
    #[error("cannot read {}: {why}", .path.display())]
    Node {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl MachineError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        let list = |names: &[&str]| {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            quoted.join(", ")
        };
        match self {
            Self::NoDriver(_) => {
                "give the version that `nvidia-smi` prints, such as 535.104.05, or `none`".to_owned()
            }
            Self::Branch(branch) => {
                format!("give the whole version that `nvidia-smi` prints, such as {branch}.104.05")
            }
            Self::NoGpu { nearest, .. } if nearest.is_empty() => {
                "give the name that `nvidia-smi` prints, an instance type such as `g5.xlarge`, or the capability as `sm_86`"
                    .to_owned()
            }
            Self::NoGpu { nearest, .. } => {
                format!("the nearest are {}; a capability is written `sm_86`", list(nearest))
            }
            Self::ManyGpus { names, .. } => format!("give one of {}", list(names)),
            Self::NoneAndSome => "give one or the other".to_owned(),
            Self::Node { .. } => "`kubectl get nodes -o json` writes what is wanted".to_owned(),
        }
    }
}
