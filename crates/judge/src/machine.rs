//! The machine of a case, its torch and its configuration come in; hosts that are alike, their GPUs with what the tables know
//! of them, and what torch asks of them come out.

use envdiff_facts::coverage::{self, Covered};
use envdiff_facts::drivers::{self, Verdict};
use envdiff_facts::gpus::{self, Driven, Kind};
use envdiff_facts::{Capability, CudaVersion, DriverVersion, Reach, Target, cuda};
use envdiff_model::{Driver, Evidence, Fact, Gpu, Host, Text, Torch, TorchVariant, say};

use crate::case::Case;
use crate::wording;

/// Hosts with one driver and one set of GPUs.
pub(crate) struct Hosts<'a> {
    host: &'a Host,
    names: Vec<&'a Text>,
}

/// The hosts of a case, alike ones together; none where nothing is known of a machine.
pub(crate) fn hosts<'a>(case: &Case<'a>) -> Vec<Hosts<'a>> {
    let mut out: Vec<Hosts<'a>> = Vec::new();
    for host in &case.environment.machine.hosts {
        let same = |other: &&mut Hosts<'_>| {
            other.host.driver.value() == host.driver.value() && other.host.gpus.value() == host.gpus.value()
        };
        match out.iter_mut().find(same) {
            Some(alike) => alike.names.extend(&host.name),
            None => out.push(Hosts { host, names: host.name.iter().collect() }),
        }
    }
    out
}

impl<'a> Hosts<'a> {
    /// `the machine`, `node a`, `nodes a and b`.
    pub(crate) fn who(&self) -> Text {
        match &self.names[..] {
            [] => "the machine".into(),
            [one] => say!("node ", one),
            several => say!("nodes ", wording::list(several)),
        }
    }

    /// `the machine has`, `nodes a and b have`.
    pub(crate) fn have(&self) -> Text {
        say!(self.who(), if self.names.len() > 1 { " have" } else { " has" })
    }

    /// Whether they are the nodes of a cluster.
    pub(crate) fn are_nodes(&self) -> bool {
        !self.names.is_empty()
    }

    /// The driver, where there is one that is known.
    pub(crate) fn driver(&self) -> Option<(DriverVersion, &'a Driver)> {
        let driver = self.host.driver.value()?.as_ref()?;
        Some((DriverVersion::parse(driver.version.as_str()?)?, driver))
    }

    /// Its GPUs; `None` where they are not known, empty where there are none.
    pub(crate) fn gpus(&self) -> Option<Vec<Board<'a>>> {
        Some(self.host.gpus.value()?.iter().map(Board::of).collect())
    }

    /// Its GPUs, as far as they are known.
    pub(crate) fn known_gpus(&self) -> Vec<Board<'a>> {
        self.gpus().unwrap_or_default()
    }

    /// Where the driver was seen.
    pub(crate) fn driver_seen(&self) -> Vec<Evidence> {
        self.host.driver.evidence().to_vec()
    }

    /// Where the GPUs were seen.
    pub(crate) fn gpus_seen(&self) -> Vec<Evidence> {
        self.host.gpus.evidence().to_vec()
    }

    /// The CUDA of the driver itself: what it said, else what its branch has.
    pub(crate) fn cuda(&self) -> Option<CudaVersion> {
        let (version, driver) = self.driver()?;
        let told = driver.cuda.as_ref().and_then(Text::as_str).and_then(CudaVersion::parse);
        told.or_else(|| {
            let own = drivers::own_cuda(version);
            own.at_least.filter(|_| !driver.wsl && own.at_least == own.at_most)
        })
    }

    /// How a runtime goes with the driver, for each GPU once; with an unknown GPU where none is known. Nothing where there is
    /// no driver, or no GPU.
    pub(crate) fn verdicts(
        &self,
        runtime: CudaVersion,
        compat: Option<CudaVersion>,
    ) -> Vec<(Option<Board<'a>>, Verdict)> {
        let Some((version, driver)) = self.driver() else { return Vec::new() };
        let boards = match self.gpus() {
            Some(boards) => boards.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let of = |kind: Option<Kind>| {
            if driver.wsl {
                return on_windows(runtime, version, driver);
            }
            // What the driver said itself is better than a table.
            match self.cuda() {
                Some(own) if own >= runtime && kind != Some(Kind::Jetson) => Some(Verdict::Fine),
                _ => Some(drivers::verdict(runtime, version, kind, compat)),
            }
        };
        boards
            .into_iter()
            .filter_map(|board: Option<Board<'a>>| {
                let verdict = of(board.as_ref().and_then(Board::kind))?;
                Some((board, verdict))
            })
            .collect()
    }
}

/// Windows numbers its drivers otherwise, and compatibility packages do not work behind it. Its CUDA decides where it was
/// asked; else only a branch below the floor's own is certain.
fn on_windows(runtime: CudaVersion, version: DriverVersion, driver: &Driver) -> Option<Verdict> {
    let told = driver.cuda.as_ref().and_then(Text::as_str).and_then(CudaVersion::parse);
    match told {
        Some(own) if own >= runtime => Some(Verdict::Fine),
        Some(own) if own.major >= runtime.major && runtime.major >= 11 => {
            Some(Verdict::MinorVersionCompatibility)
        }
        Some(_) => Some(Verdict::TooOld),
        None => (version.branch < cuda::floor(runtime)?.branch).then_some(Verdict::TooOld),
    }
}

/// A GPU with what the table knows of it.
pub(crate) struct Board<'a> {
    gpu: &'a Gpu,
    row: Option<&'static gpus::Gpu>,
    pub(crate) capability: Option<Capability>,
}

impl<'a> Board<'a> {
    fn of(gpu: &'a Gpu) -> Self {
        let row = gpu.name.as_ref().and_then(Text::as_str).and_then(gpus::named);
        let told = gpu.capability.as_ref().and_then(Text::as_str).and_then(Capability::parse);
        Self { gpu, row, capability: told.or(row.map(|row| row.capability)) }
    }

    /// `NVIDIA L4 (8.9)`, `a GPU of capability 8.6`.
    pub(crate) fn shown(&self) -> Text {
        let capability = self.capability.map(|capability| capability.to_string());
        match (&self.gpu.name, capability) {
            (Some(name), Some(capability)) => say!(name, " (", capability, ")"),
            (Some(name), None) => name.clone(),
            (None, Some(capability)) => say!("a GPU of capability ", capability),
            (None, None) => "a GPU".into(),
        }
    }

    /// What it is sold as.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.row.map(|row| row.kind)
    }

    /// What `brand=` of `NVIDIA_REQUIRE_*` is compared with.
    pub(crate) fn brand(&self) -> Option<&'static str> {
        self.row?.brand
    }

    /// Whether a driver drives it: by its model, else by its generation.
    pub(crate) fn driven_by(&self, driver: DriverVersion) -> Driven {
        match (self.row, self.capability.and_then(gpus::generation_of)) {
            (Some(row), _) => row.driven_by(driver),
            (None, Some(generation)) => generation.driven_by(driver),
            (None, None) => Driven::Unknown,
        }
    }
}

/// The CUDA that torch was built for.
pub(crate) struct Runtime<'a> {
    pub(crate) torch: &'a Torch,
    pub(crate) cuda: CudaVersion,
}

/// torch's, where there is one that is built for CUDA.
pub(crate) fn runtime<'a>(case: &Case<'a>) -> Option<Runtime<'a>> {
    let torch = case.environment.stack.torch.value()?.as_ref()?;
    let TorchVariant::Cuda(version) = torch.variant.value()? else { return None };
    Some(Runtime { torch, cuda: CudaVersion::parse(version.as_str()?)? })
}

/// Whether torch is known to use no CUDA, or not to be there.
pub(crate) fn needs_no_cuda(case: &Case<'_>) -> bool {
    match case.environment.stack.torch.value() {
        Some(None) => true,
        Some(Some(torch)) => {
            torch.variant.value().is_some_and(|variant| !matches!(variant, TorchVariant::Cuda(_)))
        }
        None => false,
    }
}

impl Runtime<'_> {
    /// `torch 2.1.2+cu121`
    pub(crate) fn shown(&self) -> Text {
        say!("torch ", self.torch.version)
    }

    /// Where that it is built for this CUDA was seen.
    pub(crate) fn seen(&self) -> Vec<Evidence> {
        self.torch.variant.evidence().to_vec()
    }

    /// Its targets, each of which is read; `None` where the list is unknown or empty, or holds what is no target.
    pub(crate) fn targets(&self) -> Option<Vec<Target>> {
        let list = self.torch.architectures.value().filter(|list| !list.is_empty())?;
        list.iter().map(|target| Target::parse(target.as_str()?)).collect()
    }

    /// Whether it has code for a GPU; `None` where that cannot be told. What was compiled for this one architecture or family
    /// alone (`sm_90a` of a home-made build) may be all that there is, or a few kernels: then it cannot.
    pub(crate) fn covers(&self, capability: Capability) -> Option<Covered> {
        let targets = self.targets()?;
        let covered = coverage::covers_targets(&targets, capability, self.cuda);
        let special = |target: &Target| match target.reach {
            Reach::Ordinary => false,
            Reach::ArchSpecific => target.capability == capability,
            Reach::Family => target.capability.major == capability.major && target.capability <= capability,
        };
        let is_doubtful = !matches!(covered, Covered::Cubin(_)) && targets.iter().any(special);
        (!is_doubtful).then_some(covered)
    }
}

/// The newest CUDA of the compatibility libraries in the image: a known `None` where there are none, `None` where it is not
/// known whether there are.
pub(crate) fn compat(case: &Case<'_>) -> Option<Option<CudaVersion>> {
    let cuda = case.environment.stack.cuda.value()?;
    let drivers = cuda
        .compat
        .iter()
        .filter(|library| is_libcuda(&library.path))
        .filter_map(|library| DriverVersion::parse(library.version.as_ref()?.as_str()?));
    Some(drivers.filter_map(|driver| drivers::own_cuda(driver).at_least).max())
}

/// Whether a path is one of `libcuda.so`.
pub(crate) fn is_libcuda(path: &Text) -> bool {
    let name = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.starts_with(b"libcuda.so")
}

/// A variable of the image's configuration, as evidence.
pub(crate) fn variable(name: &str, value: &Text) -> Evidence {
    Evidence::new("image configuration", say!(name, "=", value))
}

/// The image's environment, as far as it is UTF-8.
pub(crate) fn environment<'a>(case: &Case<'a>) -> Vec<(&'a str, &'a str)> {
    let env = case.config.map(|config| &config.env[..]).unwrap_or_default();
    env.iter().filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?))).collect()
}

/// Why a fact is not known, for the clause of a sentence.
pub(crate) fn reason<T>(fact: &Fact<T>) -> Text {
    fact.reason().cloned().unwrap_or_default()
}
