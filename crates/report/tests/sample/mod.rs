//! An audit put together by hand, for the tests of the formats.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use envdiff_model::{
    About, Audit, Change, Direction, Distribution, Environment, Evidence, Fact, Fault, Finding, Interpreter,
    Judged, Layer, Load, Lock, Machine, MarkerVariable, MetadataKind, Name, Outcome, PathSource, Place,
    Prediction, ReadAs, Report, Requirement, Severity, Source, Spot, Stack, Stage, Step, SysPathEntry,
    Target, TargetKind, Text, Torchserve, Training, Trouble, Unaudited, Unknown, Verdict, Weight, say,
};

/// A distribution in the sample's site-packages.
pub fn distribution(name: &str, version: &str) -> Distribution {
    Distribution {
        name: Some(name.into()),
        version: Some(version.into()),
        metadata: say!("/home/venv/lib/python3.9/site-packages/", name, "-", version, ".dist-info"),
        location: "/home/venv/lib/python3.9/site-packages".into(),
        path_index: 0,
        kind: MetadataKind::DistInfo,
        installer: Some("pip".into()),
        direct_url: None,
        editable: false,
        shadowed: false,
        ambiguous: false,
        error: None,
        requires: Vec::new(),
        provides_extra: Vec::new(),
        requires_python: None,
        top_level: None,
        tags: None,
    }
}

/// An environment that holds these.
pub fn environment(distributions: Vec<Distribution>) -> Environment {
    let evidence = || Evidence::new("/home/venv/pyvenv.cfg", "version = 3.9.18");
    Environment {
        python: Fact::known("3.9.18".into(), evidence()),
        interpreter: Fact::known(
            Interpreter {
                executable: "/home/venv/bin/python".into(),
                real: "/usr/bin/python3.9".into(),
                implementation: "cpython".into(),
                prefix: "/home/venv".into(),
                base_prefix: "/usr".into(),
                flags: Vec::new(),
                reached_by: vec!["ENTRYPOINT /usr/local/bin/start.sh".into()],
            },
            evidence(),
        ),
        sys_path: Fact::known(
            vec![SysPathEntry {
                path: "/home/venv/lib/python3.9/site-packages".into(),
                from: PathSource::Venv,
                exists: true,
            }],
            evidence(),
        ),
        markers: MarkerVariable::ALL
            .into_iter()
            .map(|v| (v, Fact::unknown("not looked at")))
            .collect::<BTreeMap<_, _>>(),
        distributions,
        interpreters: Vec::new(),
        conda: Vec::new(),
        stack: Stack::unknown(&"not looked at".into()),
        machine: Machine::unknown("not looked at"),
        told: None,
        verified: None,
        unknown: Vec::new(),
    }
}

/// A lock of these lines, each a requirement `name==version`.
pub fn lock(path: &str, lines: &[&str], read_as: ReadAs, because: &str) -> Lock {
    let requirements = lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let (name, specifier) = line.split_at(line.find(" @ ").or(line.find("==")).unwrap_or(line.len()));
            let specifier = if specifier.starts_with("==") { specifier } else { "" };
            Requirement {
                specifier: specifier.into(),
                text: (*line).into(),
                ..Requirement::named(Name::new(name), place(path, i + 1, line))
            }
        })
        .collect();
    Lock {
        path: path.into(),
        format: "requirements",
        format_version: None,
        notes: Vec::new(),
        read_as,
        read_as_because: because.into(),
        requires_python: None,
        python: None,
        training: Training::NONE,
        groups: Vec::new(),
        extras: Vec::new(),
        requirements,
        problems: Vec::new(),
        sources: vec![Source::whole(path.into(), lines.iter().map(|l| Text::from(*l)))],
    }
}

/// The whole of a line.
pub fn place(file: &str, line: usize, text: &str) -> Place {
    Place { file: file.into(), line, column: 1, end_column: text.chars().count() + 1 }
}

/// A requirement of the first lock with this verdict.
pub fn judged(requirement: usize, verdict: Verdict) -> Judged {
    Judged {
        lock: 0,
        requirement,
        verdict,
        installed: None,
        distribution: None,
        change: None,
        direction: None,
        reason: None,
    }
}

/// A finding without a place.
pub fn finding(check: &'static str, severity: Severity, subject: &str, message: &str) -> Finding {
    Finding {
        check,
        severity,
        subject: subject.into(),
        message: message.into(),
        at: None,
        label: Text::new(),
        evidence: Vec::new(),
        why: "it matters".into(),
        fix: "do something".into(),
        accepted: None,
    }
}

/// An audit without findings.
pub fn audit(locks: Vec<Lock>, environment: Environment, requirements: Vec<Judged>) -> Audit {
    Audit {
        about: About::Image,
        target: Target {
            kind: TargetKind::Docker,
            name: "serve:1.4".into(),
            id: Some("sha256:1234abcd5678ef001122334455667788".into()),
            platform: Some("linux/amd64".into()),
            gathered_by: "layers",
            layers: Some(vec![
                Layer { id: "sha256:aa".into(), instruction: Some("ADD rootfs.tar /".into()) },
                Layer { id: "sha256:bb".into(), instruction: Some("RUN pip install torch".into()) },
            ]),
            notices: vec!["the walker was not needed: the layer folders can be read".into()],
        },
        config: None,
        locks,
        environment,
        training: Training::default(),
        requirements,
        loads: Vec::new(),
        findings: Vec::new(),
        unknown: Vec::new(),
    }
}

/// The example of the contract.
pub fn differing() -> Report {
    let lines = ["numpy==1.26.4", "requests==2.31.0", "torch==2.1.2", "tqdm==4.66.1"];
    let lock = lock("train.lock", &lines, ReadAs::Record, "shape of pip freeze");
    let environment =
        environment(vec![distribution("numpy", "1.26.4"), distribution("torch", "2.0.1+cu117")]);
    let mut mismatch = judged(2, Verdict::VersionMismatch);
    mismatch.installed = Some("2.0.1+cu117".into());
    mismatch.change = Some(Change::Minor);
    mismatch.direction = Some(Direction::Older);
    let mut unverifiable = judged(3, Verdict::Unverifiable);
    unverifiable.reason = Some("its METADATA could not be read: permission denied".into());
    let requirements =
        vec![judged(0, Verdict::Satisfied), judged(1, Verdict::Missing), mismatch, unverifiable];
    let mut audit = audit(vec![lock], environment, requirements);
    audit.training = Training {
        python: Some(Fact::known("3.10.13".into(), Evidence::new("train.lock", "line 1"))),
        torch: Some(Fact::known("2.1.2".into(), Evidence::new("train.lock", "line 3"))),
        ..Training::default()
    };
    audit.unknown = vec![
        Unknown {
            what: "markers.platform_release".into(),
            why: "belongs to the kernel that will run the image".into(),
        },
        Unknown {
            what: "/home/venv/lib/python3.9/site-packages/tqdm.dist-info/METADATA".into(),
            why: "permission denied".into(),
        },
    ];
    let mut torch = finding(
        "version-mismatch",
        Severity::Error,
        "torch",
        "torch 2.0.1+cu117 is installed, the lock wants ==2.1.2",
    );
    torch.at = Some(place("train.lock", 3, "torch==2.1.2"));
    torch.label = "image has 2.0.1+cu117 (older, minor)".into();
    torch.evidence = vec![Evidence {
        path: "/home/venv/lib/python3.9/site-packages/torch-2.0.1+cu117.dist-info".into(),
        detail: "Version: 2.0.1+cu117".into(),
        layer: Some(1),
    }];
    torch.why = "between minor versions defaults and results may change, and what training used may not be there yet or any more".into();
    torch.fix = "install what the lock says: `/home/venv/bin/python -m pip install 'torch==2.1.2'`".into();
    let mut requests = finding(
        "package-missing",
        Severity::Error,
        "requests",
        "requests is not installed, the lock wants ==2.31.0",
    );
    requests.at = Some(place("train.lock", 2, "requests==2.31.0"));
    requests.label = "not in the image".into();
    requests.evidence =
        vec![Evidence::new("/home/venv/lib/python3.9/site-packages", "no distribution of this name")];
    let undetermined = finding(
        "undetermined",
        Severity::Warning,
        "tqdm",
        "whether tqdm is satisfied could not be told: its METADATA could not be read: permission denied",
    );
    audit.findings = vec![requests, torch, undetermined];
    Report {
        audits: vec![audit],
        unaudited: Vec::new(),
        fails: true,
        unmatched_ignores: vec!["build-differs=numpi".into()],
    }
}

/// A place in the sample archive.
fn spot(file: &str, line: usize, text: &str, marked: &str) -> Spot {
    let column = text.find(marked).unwrap_or(0) + 1;
    Spot { file: file.into(), line, column, end_column: column + marked.len() }
}

/// An archive whose handler imports what the image has not.
pub fn failing_load(archive: &str) -> Load {
    let trouble = Trouble {
        fault: Fault::ModuleMissing,
        weight: Weight::Breaks,
        stage: Stage::Import,
        what: "handler.py imports captum, which is neither in the archive nor in the image".into(),
        message: "ModuleNotFoundError: No module named 'captum'".into(),
        at: Some(spot("handler.py", 3, "from captum.attr import IntegratedGradients", "captum.attr")),
        line: "from captum.attr import IntegratedGradients".into(),
        evidence: vec![Evidence::new("/home/venv/lib/python3.9/site-packages", "no captum")],
        fix: Text::new(),
    };
    let prediction =
        Prediction { outcome: Outcome::Fails, stage: Some(Stage::Import), cause: Some(0), reason: None };
    Load {
        archive: archive.into(),
        model: Some("resnet".into()),
        version: Some("1.0".into()),
        at_startup: prediction.clone(),
        register: prediction,
        reads: vec![
            ("handler", "handler.py".into()),
            ("entry", "ResnetHandler".into()),
            ("weights", "model.pt".into()),
        ],
        steps: vec![
            Step {
                stage: Stage::Archive,
                what: "a zip of 4 entries".into(),
                evidence: vec![Evidence::new(archive, "begins with a local header")],
            },
            Step {
                stage: Stage::Import,
                what: "handler.py is imported, and captum is not found".into(),
                evidence: Vec::new(),
            },
        ],
        troubles: vec![trouble],
        imports: Vec::new(),
    }
}

/// An archive that loads, one that ends the server when it starts, or one of which nothing is known.
pub fn load(archive: &str, at_startup: Outcome, register: Outcome) -> Load {
    let of = |outcome| Prediction {
        outcome,
        stage: match outcome {
            Outcome::Ready => Some(Stage::Ready),
            Outcome::ServerFails => Some(Stage::Server),
            Outcome::Fails => Some(Stage::Config),
            Outcome::Unknown => None,
        },
        cause: matches!(outcome, Outcome::Fails | Outcome::ServerFails).then_some(0),
        reason: (outcome == Outcome::Unknown)
            .then(|| "the handler's name is computed in handler.py, line 9".into()),
    };
    let trouble = Trouble {
        fault: Fault::ModelConfig,
        weight: Weight::Breaks,
        stage: Stage::Config,
        what: "model-config.yaml is empty".into(),
        message:
            "NullPointerException: Cannot invoke \"java.util.Map.forEach(…)\" because \"yamlMap\" is null"
                .into(),
        at: None,
        line: Text::new(),
        evidence: vec![Evidence::new("model-config.yaml", "0 bytes")],
        fix: Text::new(),
    };
    let fails = [at_startup, register].iter().any(|o| matches!(o, Outcome::Fails | Outcome::ServerFails));
    Load {
        archive: archive.into(),
        at_startup: of(at_startup),
        register: of(register),
        troubles: if fails { vec![trouble] } else { Vec::new() },
        ..Load::default()
    }
}

/// What the judge makes of a trouble.
fn finding_of(load: &Load, trouble: &Trouble) -> Finding {
    let mut one = finding(trouble.fault.id(), Severity::Error, "", "");
    one.subject = load.archive.clone();
    one.message = trouble.what.clone();
    one.at = load.place(trouble);
    one.label = trouble.message.clone();
    one.evidence = trouble.evidence.clone();
    one
}

/// A report about archives, in an image or alone.
pub fn archives(loads: Vec<Load>, alone: bool) -> Report {
    let mut audit = audit(Vec::new(), environment(Vec::new()), Vec::new());
    audit.about = About::Archives;
    if alone {
        audit.target = Target::archives(loads[0].archive.clone());
    } else {
        audit.environment.stack.torchserve = Fact::known(
            Some(Torchserve {
                version: "0.12.0".into(),
                location: "/home/venv/lib/python3.9/site-packages/ts".into(),
            }),
            Evidence::new("/home/venv/lib/python3.9/site-packages/ts/version.txt", "0.12.0"),
        );
    }
    audit.findings =
        loads.iter().flat_map(|load| load.troubles.iter().map(|trouble| finding_of(load, trouble))).collect();
    audit.loads = loads;
    Report { audits: vec![audit], unaudited: Vec::new(), fails: true, unmatched_ignores: Vec::new() }
}

/// An archive that cannot be opened.
pub fn unaudited(name: &str) -> Unaudited {
    Unaudited {
        target: Target::archives(name),
        message: say!(name, ": the archive cannot be opened"),
        cause: "No such file or directory (os error 2)".into(),
        help: "name a model archive that can be read".into(),
    }
}

/// Everything satisfied.
pub fn clean() -> Report {
    let lock = lock("train.lock", &["numpy==1.26.4", "tqdm==4.66.1"], ReadAs::Demand, "");
    let environment = environment(vec![distribution("numpy", "1.26.4"), distribution("tqdm", "4.66.1")]);
    let requirements = vec![judged(0, Verdict::Satisfied), judged(1, Verdict::Satisfied)];
    Report {
        audits: vec![audit(vec![lock], environment, requirements)],
        unaudited: Vec::new(),
        fails: false,
        unmatched_ignores: vec![],
    }
}
