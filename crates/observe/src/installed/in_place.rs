//! The distributions of an environment come in; those that are installed in place come out, with whether the folder that holds
//! their code is there.
//!
//! Rules: PEP 660 with PEP 610 (`dir_info.editable` in `direct_url.json`), and the `.egg-link` files that setuptools wrote
//! before. An egg-link whose folder is not there leaves no metadata at all, so it is told by the link alone.

use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{DirectUrl, Distribution, Environment, Fact, InPlace, Name, Origin, Text, say};

use crate::freeze::unquoted;
use crate::python::ask::{self, Found};
use crate::python::distributions::egg_links;

/// Derives them, by name.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Vec<InPlace>>, Miss> {
    let path = match &environment.sys_path {
        Fact::Known { value, .. } => value,
        Fact::Unknown { reason } => return Ok(Fact::unknown(reason.clone())),
    };
    let (links, _) = egg_links(seen, path)?;
    let mut told: Vec<(Text, Text, Text)> =
        environment.distributions.iter().filter(|found| !found.shadowed).filter_map(of_direct_url).collect();
    for link in links {
        told.push((link.name.into(), link.folder, Text::from(link.file.as_bytes())));
    }
    told.sort();
    told.dedup_by(|later, first| later.0 == first.0);
    let exist = seen.each(&told, |(_, folder, _)| match ImagePath::new(folder.as_bytes()) {
        Some(folder) => ask::is_folder(seen, &folder),
        None => Ok(Found::Unreadable("it is no absolute path".into())),
    })?;
    let found = told.into_iter().zip(exist).map(|((distribution, folder, told_by), exists)| {
        let exists = match exists {
            Found::Is(exists) => Fact::seen(exists, Vec::new()),
            Found::Absent => Fact::seen(false, Vec::new()),
            Found::Unreadable(why) => Fact::unknown(say!(folder, " cannot be read: ", why)),
        };
        InPlace { distribution, folder, told_by, exists }
    });
    Ok(Fact::seen(found.collect(), Vec::new()))
}

/// Name, folder, and the file that names the folder.
fn of_direct_url(found: &Distribution) -> Option<(Text, Text, Text)> {
    let Fact::Known { value: DirectUrl { url, origin: Origin::Directory { editable: true }, .. }, .. } =
        found.direct_url.as_ref()?
    else {
        return None;
    };
    let name = Name::new(found.name.as_ref()?.as_str()?);
    let folder = unquoted(url.as_bytes().strip_prefix(b"file://")?);
    Some((name.as_str().into(), folder, say!(found.metadata, "/direct_url.json")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use envdiff_files::{Budget, Literal, Seen, converse};
    use envdiff_model::{Fact, ImageConfig};

    use crate::{Inputs, environment};

    const SITE: &str = "/usr/local/lib/python3.11/site-packages";

    /// Name, folder, whether it is there.
    fn told(literal: Literal) -> Vec<String> {
        let literal = literal
            .file("/usr/local/bin/python3.11", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0")
            .link("/usr/local/bin/python3", "python3.11")
            .file("/usr/local/lib/python3.11/os.py", "")
            .file("/usr/local/lib/python3.11/lib-dynload/math.so", "")
            .folder(SITE);
        let config = ImageConfig { cmd: vec!["python3".into()], ..ImageConfig::default() };
        let inputs = Inputs { config: Some(&config), interpreter: None };
        let (mut seen, mut budget) = (Seen::new(), Budget::default());
        let environment =
            converse(&mut { literal }, &mut seen, &mut budget, |seen| environment(seen, &inputs)).unwrap();
        let found = environment.stack.in_place.value().unwrap().clone();
        found
            .iter()
            .map(|found| {
                let exists = match &found.exists {
                    Fact::Known { value, .. } => value.to_string(),
                    Fact::Unknown { reason } => reason.to_lossy().into_owned(),
                };
                format!("{} {} {exists}", found.distribution.to_lossy(), found.folder.to_lossy())
            })
            .collect()
    }

    fn editable(literal: Literal, name: &str, url: &str) -> Literal {
        let folder = format!("{SITE}/{name}-1.0.dist-info");
        literal.file(&format!("{folder}/METADATA"), format!("Name: {name}\nVersion: 1.0\n\n")).file(
            &format!("{folder}/direct_url.json"),
            format!("{{\"url\": \"{url}\", \"dir_info\": {{\"editable\": true}}}}"),
        )
    }

    #[test]
    fn folders_by_direct_url_and_by_egg_link() {
        let literal = editable(Literal::new().folder("/src/there"), "One", "file:///src/there");
        let literal = editable(literal, "two", "file:///src/not%20there");
        let literal = literal
            .file(&format!("{SITE}/four.egg-link"), "/src/four\n.\n")
            .file(&format!("{SITE}/five.egg-link"), "/src/there\n.\n")
            .file(&format!("{SITE}/six.egg-link"), "six\n");
        assert_eq!(
            told(literal),
            [
                "five /src/there true",
                "four /src/four false",
                "one /src/there true",
                "six six six cannot be read: it is no absolute path",
                "two /src/not there false",
            ]
        );
    }
}
