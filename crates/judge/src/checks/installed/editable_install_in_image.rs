//! Distributions that are installed in place come in; an error for each whose folder is not in the image, a warning where that
//! lies in a volume, comes out.

use envdiff_model::{Evidence, ImageConfig, InPlace, Severity, Text, say};

use crate::case::{Case, Spoken};
use crate::wording;

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    case.environment
        .stack
        .in_place
        .value()
        .into_iter()
        .flatten()
        .filter(|found| found.exists.value() == Some(&false))
        .map(|found| speak(case, found))
        .collect()
}

/// What kept this check from speaking.
pub(crate) fn undetermined(case: &Case<'_>) -> Vec<Spoken> {
    let in_place = &case.environment.stack.in_place;
    // Without an interpreter there is nothing installed, and that is told.
    let all = in_place.reason().filter(|_| case.environment.sys_path.value().is_some()).map(|reason| {
        Spoken::new(
            "direct_url.json",
            say!("whether the code of what is installed in place is in the image cannot be told: ", reason),
        )
    });
    let each = in_place.value().into_iter().flatten();
    all.into_iter()
        .chain(each.filter_map(|found| {
            let reason = found.exists.reason()?;
            Some(
                Spoken::new(
                    found.distribution.clone(),
                    say!(
                        "whether the code of ",
                        found.distribution,
                        " is in the image cannot be told: ",
                        reason
                    ),
                )
                .seen([seen(found)]),
            )
        }))
        .collect()
}

fn speak(case: &Case<'_>, found: &InPlace) -> Spoken {
    let volume = case.config.and_then(|config| volume(config, &found.folder));
    let (severity, why) = match volume {
        Some(volume) => (
            Severity::Warning,
            say!(
                "it lies in the volume ",
                volume,
                ": where nothing is mounted there that has it, importing it ends with ModuleNotFoundError"
            ),
        ),
        None => (
            Severity::Error,
            "its metadata is there and its code is not: importing it ends with ModuleNotFoundError, though `pip list` shows it"
                .into(),
        ),
    };
    Spoken::new(
        found.distribution.clone(),
        say!(found.distribution, " is installed in place from ", found.folder, ", which is not in the image"),
    )
    .severity(severity)
    .seen([seen(found)])
    .why(why)
    .fix(say!(
        "copy ",
        found.folder,
        " into the image, or install the project as a package: `",
        wording::pip(case),
        " install ",
        found.folder,
        "` without -e, where the folder still is there"
    ))
}

fn seen(found: &InPlace) -> Evidence {
    Evidence::new(found.told_by.clone(), say!("installed in place from ", found.folder))
}

/// The volume of the image that holds the folder.
fn volume<'a>(config: &'a ImageConfig, folder: &Text) -> Option<&'a Text> {
    config.volumes.iter().find(|volume| {
        let volume = volume.as_bytes().strip_suffix(b"/").unwrap_or(volume.as_bytes());
        let rest = folder.as_bytes().strip_prefix(volume);
        !volume.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use envdiff_model::ImageConfig;

    use super::volume;

    #[test]
    fn folders_of_volumes() {
        let config = ImageConfig { volumes: vec!["/src/".into(), "/".into()], ..ImageConfig::default() };
        for (folder, inside) in [("/src", true), ("/src/a", true), ("/srcs", false), ("/other", false)] {
            assert_eq!(volume(&config, &folder.into()).is_some(), inside, "{folder}");
        }
    }
}
