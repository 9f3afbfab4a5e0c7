//! An image's configuration to the process that it starts: arguments, environment, folder, user; and what becomes of it
//! on the way from one program to the next.

use std::collections::BTreeMap;

use envdiff_files::ImagePath;
use envdiff_model::{ImageConfig, Text};

use crate::limits::PATH_FOLDERS;

/// Environment variables. What a script sets to something that cannot be followed is kept as unclear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Vars(BTreeMap<Text, Option<Text>>);

impl Vars {
    /// The value, where it is set and clear.
    pub(crate) fn get(&self, name: &str) -> Option<&Text> {
        self.0.get(&Text::from(name)).and_then(Option::as_ref)
    }

    /// The value by a raw name: `None` not set, `Some(None)` set and unclear.
    pub(crate) fn raw(&self, name: &[u8]) -> Option<Option<&Text>> {
        self.0.get(&Text::from(name)).map(Option::as_ref)
    }

    pub(crate) fn set(&mut self, name: Text, value: Option<Text>) {
        self.0.insert(name, value);
    }

    pub(crate) fn unset(&mut self, name: &[u8]) {
        self.0.remove(&Text::from(name));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is set otherwise than in `before`, or was taken away; what is unclear is neither.
    pub(crate) fn changed_from(&self, before: &Self) -> Vec<(Text, Option<Text>)> {
        let set =
            self.0.iter().filter(|(name, value)| value.is_some() && before.0.get(*name) != Some(*value));
        let gone = before.0.keys().filter(|name| !self.0.contains_key(*name));
        let set = set.map(|(name, value)| (name.clone(), value.clone()));
        set.chain(gone.map(|name| (name.clone(), None))).collect()
    }

    /// What two ways through a script leave: where they differ, the value is unclear.
    pub(crate) fn merged(&self, other: &Self) -> Self {
        let mut out = self.clone();
        for (name, value) in &other.0 {
            match out.0.get(name) {
                Some(ours) if ours == value => {}
                _ => {
                    out.0.insert(name.clone(), None);
                }
            }
        }
        for (name, value) in &mut out.0 {
            if !other.0.contains_key(name) {
                *value = None;
            }
        }
        out
    }
}

/// A process about to start a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) vars: Vars,
    /// `None` where a script went somewhere that cannot be followed.
    pub(crate) cwd: Option<ImagePath>,
    /// `USER` as written.
    pub(crate) user: Text,
    /// The program and its arguments; an argument that cannot be told is `None`.
    pub(crate) argv: Vec<Option<Text>>,
    /// One step each.
    pub(crate) reached_by: Vec<Text>,
}

/// What the engine gives as PATH to an image that sets none.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Process {
    /// The process that an engine starts for this image (`docker run IMAGE`).
    pub(crate) fn of(config: &ImageConfig, passwd: &[Account]) -> Self {
        let mut vars = Vars::default();
        vars.set(Text::from("PATH"), Some(Text::from(DEFAULT_PATH)));
        for (name, value) in &config.env {
            vars.set(name.clone(), Some(value.clone()));
        }
        if vars.get("HOME").is_none_or(Text::is_empty) {
            vars.set(Text::from("HOME"), Some(home_of(passwd, config.user.as_bytes())));
        }
        let cwd = if config.workdir.is_empty() {
            Some(ImagePath::root())
        } else {
            ImagePath::root().join(config.workdir.as_bytes())
        };
        Self {
            vars,
            cwd,
            user: config.user.clone(),
            argv: config.entrypoint.iter().chain(&config.cmd).cloned().map(Some).collect(),
            reached_by: Vec::new(),
        }
    }

    /// The same process starting something else.
    pub(crate) fn with(&self, argv: Vec<Option<Text>>, step: Text) -> Self {
        let mut next = self.clone();
        next.argv = argv;
        next.reached_by.push(step);
        next
    }

    /// The folders of PATH; an empty entry is the working folder. `None` when PATH is unclear, or longer than is followed.
    pub(crate) fn path_folders(&self) -> Option<Vec<ImagePath>> {
        let path = match self.vars.raw(b"PATH") {
            Some(Some(path)) => path.clone(),
            Some(None) => return None,
            None => Text::from(DEFAULT_PATH),
        };
        let cwd = self.cwd.clone().unwrap_or_else(ImagePath::root);
        let mut out: Vec<ImagePath> = Vec::new();
        for part in path.as_bytes().split(|b| *b == b':') {
            if let Some(folder) = if part.is_empty() { Some(cwd.clone()) } else { cwd.join(part) }
                && !out.contains(&folder)
            {
                if out.len() == PATH_FOLDERS {
                    return None;
                }
                out.push(folder);
            }
        }
        Some(out)
    }
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: Text,
    /// User number, as written.
    pub uid: Text,
    /// Home folder.
    pub home: Text,
}

/// Reads `/etc/passwd`.
#[must_use]
pub fn accounts(bytes: &[u8]) -> Vec<Account> {
    bytes
        .split(|b| *b == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|b| *b == b':');
            let name = fields.next()?;
            let uid = fields.nth(1)?;
            let home = fields.nth(2)?;
            (!name.is_empty()).then(|| Account { name: name.into(), uid: uid.into(), home: home.into() })
        })
        .collect()
}

/// HOME as container runtimes set it: of the account by name or number, else `/`.
pub(crate) fn home_of(accounts: &[Account], user: &[u8]) -> Text {
    let name = user.split(|b| *b == b':').next().unwrap_or_default();
    let name = if name.is_empty() { b"0" } else { name };
    accounts
        .iter()
        .find(|a| a.name.as_bytes() == name)
        .or_else(|| accounts.iter().find(|a| a.uid.as_bytes() == name))
        .map(|a| a.home.clone())
        .filter(|home| !home.is_empty())
        .unwrap_or_else(|| Text::from("/"))
}

/// The user's number where it is known: `0` for root.
pub(crate) fn uid_of(accounts: &[Account], user: &[u8]) -> Option<Text> {
    let name = user.split(|b| *b == b':').next().unwrap_or_default();
    if name.is_empty() {
        return Some(Text::from("0"));
    }
    accounts
        .iter()
        .find(|a| a.name.as_bytes() == name)
        .map(|a| a.uid.clone())
        .or_else(|| name.iter().all(u8::is_ascii_digit).then(|| Text::from(name)))
        .or_else(|| (name == b"root").then(|| Text::from("0")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{Process, Vars, accounts, home_of};
    use envdiff_model::{ImageConfig, Text};

    #[test]
    fn home_is_of_the_account_else_the_root() {
        let passwd = accounts(b"root:x:0:0:root:/root:/bin/sh\napp:x:1001:1001::/home/app:/bin/sh\nbroken\n");
        for (user, home) in
            [("", "/root"), ("app", "/home/app"), ("1001:5", "/home/app"), ("77", "/"), ("root", "/root")]
        {
            assert_eq!(home_of(&passwd, user.as_bytes()), home);
        }
    }

    #[test]
    fn the_last_of_a_variable_counts_and_differences_are_unclear() {
        let config = ImageConfig {
            env: vec![("A".into(), "1".into()), ("A".into(), "2".into())],
            workdir: "app".into(),
            ..ImageConfig::default()
        };
        let process = Process::of(&config, &[]);
        assert_eq!(process.vars.get("A"), Some(&Text::from("2")));
        assert_eq!(process.cwd.unwrap().as_bytes(), b"/app");
        let mut other = process.vars.clone();
        other.set(Text::from("A"), Some(Text::from("3")));
        other.set(Text::from("B"), Some(Text::from("1")));
        let merged: Vars = process.vars.merged(&other);
        assert_eq!((merged.raw(b"A"), merged.raw(b"B")), (Some(None), Some(None)));
    }
}
