//! Configurations and start scripts to the interpreter that they start, on file systems made from literals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use envdiff_files::{Budget, Literal, Seen, converse};
use envdiff_model::{Environment, ImageConfig, Text};
use envdiff_observe::{Inputs, environment};

const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";

/// Python 3.11 at `/usr`, 3.12 at `/opt/conda`, venvs of the first at `/opt/venv` and `/srv/app/.venv`, a shell, launchers.
fn image() -> Literal {
    let mut literal = Literal::new()
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
        .file("/usr/bin/python3.11", ELF)
        .link("/usr/bin/python3", "python3.11")
        .file("/usr/lib/python3.11/os.py", "")
        .folder("/usr/lib/python3.11/lib-dynload")
        .file("/usr/include/python3.11/patchlevel.h", "#define PY_VERSION \"3.11.9\"\n")
        .file("/opt/conda/bin/python3.12", ELF)
        .link("/opt/conda/bin/python3", "python3.12")
        .link("/opt/conda/bin/python", "python3.12")
        .file("/opt/conda/lib/python3.12/os.py", "")
        .file("/opt/conda/conda-meta/python-3.12.4-h1_0.json", r#"{"name": "python", "version": "3.12.4"}"#)
        .link("/bin", "usr/bin")
        .file("/usr/bin/nginx", ELF)
        .file("/app/script.py", "");
    for prefix in ["/opt/venv", "/srv/app/.venv"] {
        literal = literal
            .file(&format!("{prefix}/pyvenv.cfg"), "home = /usr/bin\ninclude-system-site-packages = false\n")
            .link(&format!("{prefix}/bin/python"), "python3")
            .link(&format!("{prefix}/bin/python3"), "/usr/bin/python3")
            .file(&format!("{prefix}/bin/activate"), "deactivate () { :; }\n")
            .file(&format!("{prefix}/bin/gunicorn"), format!("#!{prefix}/bin/python\nimport sys\n"));
    }
    for program in
        ["bash", "dash", "env", "tini", "dumb-init", "gosu", "sleep", "tail", "nice", "timeout", "sudo"]
    {
        literal = literal.file(&format!("/usr/bin/{program}"), ELF);
    }
    literal.link("/usr/bin/sh", "dash").file("/sbin/su-exec", ELF)
}

fn words(text: &str) -> Vec<Text> {
    text.split('|').filter(|w| !w.is_empty()).map(Text::from).collect()
}

fn started(literal: Literal, config: &ImageConfig) -> Environment {
    let mut source = literal;
    let mut budget = Budget::default();
    let inputs = Inputs { config: Some(config), interpreter: None };
    let found =
        converse(&mut source, &mut Seen::new(), &mut budget, |seen| environment(seen, &inputs)).unwrap();
    assert!(budget.rounds <= 12, "{} rounds", budget.rounds);
    found
}

fn config(entrypoint: &str, cmd: &str) -> ImageConfig {
    ImageConfig {
        env: vec![
            (Text::from("PATH"), Text::from("/usr/local/bin:/usr/bin:/bin:/sbin")),
            (Text::from("MODE"), Text::from("prod")),
        ],
        workdir: Text::from("/app"),
        entrypoint: words(entrypoint),
        cmd: words(cmd),
        architecture: Some(Text::from("amd64")),
        ..ImageConfig::default()
    }
}

/// The executable, or the reason behind `?`.
fn executable(literal: Literal, config: &ImageConfig) -> String {
    let found = started(literal, config);
    match found.interpreter.value() {
        Some(interpreter) => interpreter.executable.to_lossy().into_owned(),
        None => format!("? {}", found.interpreter.reason().unwrap().to_lossy()),
    }
}

#[test]
fn commands_lead_to_their_interpreter() {
    for (entrypoint, cmd, wanted) in [
        ("", "python3|app.py", "/usr/bin/python3"),
        ("", "/bin/python3|app.py", "/bin/python3"),
        ("", "bash", "/usr/bin/python3"),
        ("", "/bin/sh|-c|exec python3 app.py", "/usr/bin/python3"),
        ("", "/bin/sh|-c|cd /srv/app && .venv/bin/python -m app", "/srv/app/.venv/bin/python"),
        ("/bin/sh|-c", "python3 app.py", "/usr/bin/python3"),
        ("tini|-g|--", "/opt/venv/bin/gunicorn|app:app", "/opt/venv/bin/python"),
        ("dumb-init|--rewrite|15:2|--", "/opt/conda/bin/python", "/opt/conda/bin/python"),
        ("gosu|app", "python3|app.py", "/usr/bin/python3"),
        ("su-exec|app", "python3|app.py", "/usr/bin/python3"),
        ("env|-u|X|A=b|PATH=/opt/conda/bin:/usr/bin", "python|x.py", "/opt/conda/bin/python"),
        ("nice|-n|5|timeout|-k|1|30", "python3", "/usr/bin/python3"),
        ("sudo|-u|app|-E", "python3|x.py", "/usr/bin/python3"),
        ("", "sleep|infinity", "/usr/bin/python3"),
        ("", "", "/usr/bin/python3"),
        ("", "nginx|-g|daemon off;", "? /usr/bin/nginx starts, which is no Python"),
        ("", "missing", "? missing is started, and is not there"),
    ] {
        assert_eq!(executable(image(), &config(entrypoint, cmd)), wanted, "{entrypoint} {cmd}");
    }
}

#[test]
fn start_scripts_of_the_usual_shapes_are_followed() {
    let venv = "/opt/venv/bin/python";
    for (script, cmd, wanted) in [
        ("#!/bin/sh\nset -e\nexec \"$@\"\n", "/opt/venv/bin/gunicorn|app", venv),
        ("#!/bin/bash\nsource /opt/venv/bin/activate\nexec python -m app\n", "", venv),
        ("#!/bin/bash\n. /opt/venv/bin/activate\ngunicorn app &\nwait\n", "", venv),
        (
            "#!/usr/bin/env bash\nif [[ \"$1\" = \"serve\" ]]; then\n  shift 1\n  gunicorn app\nelse\n  eval \"$@\"\nfi\ntail -f /dev/null\n",
            "python3|x",
            "/usr/bin/python3",
        ),
        (
            "#!/bin/sh\nif [ \"${1#-}\" != \"$1\" ]; then set -- /opt/venv/bin/python \"$@\"; fi\nexec \"$@\"\n",
            "-m|app",
            venv,
        ),
        (
            "#!/bin/sh\nif [ \"${1:0:1}\" = '-' ]; then set -- /opt/venv/bin/python \"$@\"; fi\nexec \"$@\"\n",
            "-m|app",
            venv,
        ),
        (
            "#!/bin/sh\ncase \"$1\" in\n  serve|run) exec /opt/venv/bin/gunicorn app;;\n  *) exec \"$@\";;\nesac\n",
            "serve",
            venv,
        ),
        (
            "#!/bin/sh\ncase \"$MODE\" in prod*) exec /opt/venv/bin/gunicorn;; *) exec nginx;; esac\n",
            "",
            venv,
        ),
        (
            "#!/bin/sh\nexport PATH=\"/opt/conda/bin:$PATH\"\nexec python app.py\n",
            "",
            "/opt/conda/bin/python",
        ),
        (
            "#!/bin/sh\nDIR=$(cd \"$(dirname \"$0\")\" && pwd)\nexec \"$DIR/../opt/venv/bin/python\" x\n",
            "",
            "/start/../opt/venv/bin/python",
        ),
        (
            "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'../opt/venv/bin/python' \"$0\" \"$@\"\n' '''\ndef main(x): (\n",
            "",
            "/start/../opt/venv/bin/python",
        ),
        (
            "#!/bin/bash\nif command -v nvidia-smi > /dev/null 2>&1; then\n  export X=$(nvidia-smi -L)\nfi\nexec /opt/venv/bin/python -u app.py \"${@:2}\"\n",
            "a|b",
            venv,
        ),
        ("#!/bin/bash\nrun() {\n  exec /opt/venv/bin/python \"$@\"\n}\nrun -m app\n", "", venv),
        (
            "#!/bin/bash\n[ -f /app/script.py ] && exec /opt/venv/bin/python /app/script.py\nexec nginx\n",
            "",
            venv,
        ),
        ("#!/bin/bash\ncat <<EOF > /tmp/x\nexec nginx (\nEOF\nexec /opt/venv/bin/python\n", "", venv),
        (
            "#!/bin/bash\n/opt/venv/bin/python manage.py migrate\nexec \"$@\"\n",
            "/opt/conda/bin/python|x",
            "/opt/conda/bin/python",
        ),
        (
            "#!/bin/bash\nfor i in 1 2 3; do sleep 1; done\nwhile true; do /opt/venv/bin/python poll.py; done\n",
            "",
            venv,
        ),
        ("#!/bin/bash\nconda activate base\nexec python app.py\n", "", "/opt/conda/bin/python"),
        (
            "#!/bin/bash\nif [ \"$(id -u)\" = 0 ]; then exec gosu app \"$0\" \"$@\"; fi\nexec /opt/venv/bin/python\n",
            "",
            venv,
        ),
        (
            "#!/bin/bash\nif [ \"$RANDOM\" -gt 5 ]; then exec /opt/venv/bin/python; else exec /opt/conda/bin/python; fi\n",
            "",
            "? what starts depends on what cannot be told here: /opt/conda/bin/python or /opt/venv/bin/python",
        ),
        ("#!/bin/bash\necho ready\n", "", "? /start/entry.sh ends without starting another program"),
    ] {
        let literal = image().file("/start/entry.sh", script);
        let found = executable(literal, &config("/start/entry.sh", cmd));
        if wanted.starts_with("? what starts depends") {
            assert!(found.starts_with("? "), "{script}: {found}");
        } else {
            assert_eq!(found, wanted, "{script}");
        }
    }
}

#[test]
fn shebangs_are_followed_as_the_kernel_does() {
    for (shebang, wanted) in [
        ("#!/usr/bin/env python3\n", "/usr/bin/python3"),
        ("#!/usr/bin/env -S python3 -I -u\n", "/usr/bin/python3"),
        ("#! /opt/venv/bin/python -E\n", "/opt/venv/bin/python"),
        ("#!/usr/bin/env python3.9\n", "? python3.9 is started, and is not there"),
        ("#!/opt/venv/bin/python\r\n", "? /opt/venv/bin/python\r is started, and is not there"),
        ("import sys\n", "? /start/run is started, and is no program"),
    ] {
        let literal = image().file("/start/run", shebang);
        assert_eq!(executable(literal, &config("/start/run", "")), wanted, "{shebang}");
    }
    let found =
        started(image().file("/start/run", "#!/usr/bin/env -S python3 -I -u\n"), &config("/start/run", ""));
    assert_eq!(found.interpreter.value().unwrap().flags, [Text::from("-I"), Text::from("-u")]);
    assert_eq!(found.python.value().unwrap(), &"3.11.9");
    let path = found.sys_path.value().unwrap();
    assert!(path.iter().all(|e| e.path != "/app"), "-I leaves the working folder out");
}

#[test]
fn what_a_script_sets_counts_for_sys_path() {
    let script = "#!/bin/sh\nexport PYTHONPATH=\"/srv/lib:$PYTHONPATH\"\ncd /srv\nexec python3 -m app\n";
    let found = started(image().file("/start/e.sh", script), &config("/start/e.sh", ""));
    let path: Vec<String> =
        found.sys_path.value().unwrap().iter().map(|e| e.path.to_lossy().into_owned()).collect();
    assert_eq!(
        path[..4],
        ["/srv", "/srv/lib", "/srv", "/usr/lib/python311.zip"],
        "an empty entry is the working folder"
    );
    let unclear = "#!/bin/sh\nexport PYTHONPATH=$(cat /x)\nexec python3 -m app\n";
    let found = started(image().file("/start/e.sh", unclear), &config("/start/e.sh", ""));
    assert!(found.unknown.iter().any(|u| u.what == "sys_path"));
}

#[test]
fn without_a_configuration_the_only_interpreter_counts() {
    let one = Literal::new()
        .file("/usr/bin/python3.11", ELF)
        .file("/usr/lib/python3.11/os.py", "")
        .file("/usr/include/python3.11/patchlevel.h", "#define PY_VERSION \"3.11.9\"\n");
    for (literal, interpreter, wanted) in [
        (one.clone(), None, Some("/usr/bin/python3.11")),
        (image(), None, None),
        (image(), Some("/opt/venv"), Some("/opt/venv/bin/python3")),
        (image(), Some("/opt/conda/bin/python"), Some("/opt/conda/bin/python")),
    ] {
        let mut source = literal;
        let inputs =
            Inputs { config: None, interpreter: interpreter.and_then(envdiff_files::ImagePath::new) };
        let found = converse(&mut source, &mut Seen::new(), &mut Budget::default(), |seen| {
            environment(seen, &inputs)
        })
        .unwrap();
        let executable = found.interpreter.value().map(|i| i.executable.to_lossy().into_owned());
        assert_eq!(executable.as_deref(), wanted);
    }
}

#[test]
fn an_environment_alone_is_read_without_its_base() {
    let mut alone = Literal::new()
        .file("/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.9\ninclude-system-site-packages = false\n")
        .link("/bin/python3", "/usr/bin/python3")
        .file("/lib/python3.11/site-packages/x-1.0.dist-info/METADATA", "Name: x\nVersion: 1.0\n\n");
    let inputs = Inputs { config: None, interpreter: Some(envdiff_files::ImagePath::root()) };
    let found =
        converse(&mut alone, &mut Seen::new(), &mut Budget::default(), |seen| environment(seen, &inputs))
            .unwrap();
    assert_eq!(found.python.value().unwrap(), &"3.11.9");
    assert_eq!(found.distributions.len(), 1);
    assert_eq!(found.distributions[0].name.as_ref().unwrap(), &"x");
}

#[test]
fn hostile_scripts_end_soon() {
    let doubling = format!("x=aaaaaaaaaaaaaaaa\n{}exec $x\n", "x=$x$x\n".repeat(200));
    let arguments = format!("{}exec \"$@\"\n", "set -- \"$@\" \"$@\" a\n".repeat(200));
    let patterns = format!(
        "x={}\n{}",
        "a".repeat(9_000),
        "case $x in *a*a*a*a*a*b) ;; esac; y=${x##*a*b}\n".repeat(500)
    );
    let itself =
        "if [ -z \"$UNKNOWN$(uname)\" ]; then exec /start/e.sh a; else exec /start/e.sh b; fi\n".repeat(8);
    let functions = format!("f() {{ f; f; }}\n{}f\n", "g() { f; }\n".repeat(1_000));
    let variables: String =
        (0..20_000).map(|n| format!("v{n}=1\nif [ \"$(uname)\" ]; then w=1; fi\n")).collect();
    for script in [doubling, arguments, patterns, itself, functions, variables] {
        let literal = image().file("/start/e.sh", format!("#!/bin/sh\n{script}"));
        let began = std::time::Instant::now();
        let found = started(literal, &config("/start/e.sh", "python3"));
        assert!(found.interpreter.value().is_none(), "{}", script.lines().next().unwrap_or_default());
        assert!(
            began.elapsed().as_secs() < 20,
            "{:?} for {}",
            began.elapsed(),
            script.lines().next().unwrap_or_default()
        );
    }
}
