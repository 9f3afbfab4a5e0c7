//! An image in, a container made for reading it out, and gone again: how it is locked up, how it is found when its maker
//! was killed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use envdiff_model::ImageConfig;

use crate::ImageError;
use crate::docker::client::Engine;
use crate::docker::owner::{Owner, RUN};
use crate::docker::program;

/// Where our program lies in the container.
pub(crate) const FOLDER: &str = "/.envdiff";

/// Without the engine's filter of system calls.
const UNFILTERED: &str = "seccomp=unconfined";

/// What runs code of the image has this label beside the run's.
pub(crate) const EXEC: &str = "envdiff.exec";

/// This process, for labels and names.
pub(crate) fn owner() -> &'static Owner {
    static OWNER: OnceLock<Owner> = OnceLock::new();
    OWNER.get_or_init(Owner::of_process)
}

/// What a container is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// `sha256:…`, or the name where the engine told no id.
    pub(crate) image: String,
    /// Paths that the image declares as volumes.
    pub(crate) volumes: Vec<String>,
    /// `--platform`.
    pub(crate) platform: Option<String>,
}

impl Plan {
    pub(crate) fn new(image: String, config: &ImageConfig, platform: Option<&str>) -> Self {
        let volumes = config.volumes.iter().filter_map(|volume| volume.as_str()).map(str::to_owned);
        Self { image, volumes: volumes.collect(), platform: platform.map(str::to_owned) }
    }

    /// Over every volume of the image an empty one that nothing is copied to.
    fn covers(&self) -> impl Iterator<Item = Mount> {
        self.volumes
            .iter()
            .filter(|volume| volume.starts_with('/') && volume.len() > 1)
            .map(|volume| empty(volume))
    }

    /// A container that is never started.
    pub(crate) fn to_export(&self) -> ContainerCreateBody {
        let mut body = self.locked_up();
        body.entrypoint = Some(vec![format!("{FOLDER}/never-started")]);
        if let Some(host) = &mut body.host_config {
            host.mounts = Some(self.covers().collect());
        }
        body
    }

    /// A container that our program runs in.
    pub(crate) fn to_ask(&self, program: Mount) -> ContainerCreateBody {
        let mut body = self.locked_up();
        body.entrypoint = Some(vec![format!("{FOLDER}/walker")]);
        // The program takes what lies below them for unreadable.
        body.cmd = Some(self.covers().filter_map(|mount| mount.target).collect());
        body.open_stdin = Some(true);
        body.stdin_once = Some(true);
        body.attach_stdin = Some(true);
        body.attach_stdout = Some(true);
        if let Some(host) = &mut body.host_config {
            // Our program sets itself a filter of a dozen system calls before it reads anything. The engine's, of hundreds,
            // would hold up the start by 8 ms.
            host.security_opt.get_or_insert_default().push(UNFILTERED.to_owned());
            host.auto_remove = Some(true);
            host.mounts = Some(self.covers().chain([program]).collect());
        }
        body
    }

    /// What every container of ours is: without network, capabilities, and anything to write to.
    pub(crate) fn locked_up(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.clone()),
            labels: Some(owner().labels()),
            user: Some("0:0".to_owned()),
            working_dir: Some("/".to_owned()),
            cmd: Some(Vec::new()),
            // A GPU engine else mounts its driver into what is read, or refuses to start it.
            env: Some(vec!["NVIDIA_VISIBLE_DEVICES=void".to_owned(), "NVIDIA_DISABLE_REQUIRE=1".to_owned()]),
            // With the mode alone the engine still sets up a network namespace: 80 ms.
            network_disabled: Some(true),
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                // Else every byte that is read lands in the engine's log.
                log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
                cap_drop: Some(vec!["ALL".to_owned()]),
                // Files of other owners are read by it, and nothing can be written.
                cap_add: Some(vec!["DAC_READ_SEARCH".to_owned()]),
                security_opt: Some(vec!["no-new-privileges".to_owned()]),
                readonly_rootfs: Some(true),
                init: Some(false),
                runtime: Some("runc".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

/// An anonymous volume that the engine copies nothing to.
pub(crate) fn empty(target: &str) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

/// A container that was created; whoever holds it removes it.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) id: String,
}

/// Creates a container. Not to be cancelled: the engine finishes what it began, and then nobody would know its id.
///
/// # Errors
/// [`ImageError::Engine`] with the engine's words, when no milder form of the request helps.
pub(crate) async fn create(
    engine: &Engine,
    plan: &Plan,
    mut body: ContainerCreateBody,
) -> Result<Created, ImageError> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    const WHAT: &str = "create a container";
    loop {
        let name = owner().name(NUMBER.fetch_add(1, Ordering::SeqCst));
        let mut options = CreateContainerOptionsBuilder::default().name(&name);
        if let Some(platform) = &plan.platform {
            options = options.platform(platform);
        }
        let request = engine.docker.create_container(Some(options.build()), body.clone());
        match engine.call(WHAT, request).await {
            Ok(created) => return Ok(Created { id: created.id }),
            Err(ImageError::Engine { what, why }) => {
                // It may have been made before the connection broke; the name is ours alone.
                let _ = engine.remove(&name, true).await;
                if !milder(&mut body, &why) {
                    return Err(ImageError::Engine { what, why });
                }
            }
            Err(error) => {
                let _ = engine.remove(&name, true).await;
                return Err(error);
            }
        }
    }
}

/// Takes out of a request what this engine refuses, if it can be done without; false when there is nothing left.
fn milder(body: &mut ContainerCreateBody, why: &str) -> bool {
    let why = why.to_lowercase();
    let Some(host) = &mut body.host_config else { return false };
    if why.contains("runtime") && host.runtime.is_some() {
        // Podman's is called crun; what is left then is the engine's default.
        host.runtime = (host.runtime.as_deref() == Some("runc")).then(|| "crun".to_owned());
        return true;
    }
    if why.contains("network") && body.network_disabled == Some(true) {
        body.network_disabled = None;
        return true;
    }
    if why.contains("seccomp")
        && let Some(options) = &mut host.security_opt
        && options.iter().any(|option| option == UNFILTERED)
    {
        options.retain(|option| option != UNFILTERED);
        return true;
    }
    if why.contains("cap") && host.cap_add.as_deref() == Some(&["DAC_READ_SEARCH".to_owned()]) {
        host.cap_add = Some(vec!["DAC_OVERRIDE".to_owned()]);
        return true;
    }
    false
}

/// Removes what runs that were killed left: their folders here, and in the engine what was created and never started, and code of an image that did not end by
/// itself. What fails here fails silently: the next run tries again.
pub(crate) async fn sweep(engine: &Engine) {
    program::sweep(owner());
    let Ok((listed, now)) = engine.left_over(RUN).await else { return };
    for container in listed {
        let runs_code = container.labels.contains_key(EXEC);
        let is_ours_to_end = container.state != "running" || runs_code;
        if is_ours_to_end && owner().is_forgotten(&container.labels, container.created, now) {
            // Without force: what runs after all is left alone, for our program ends by itself.
            let _ = engine.remove(&container.id, runs_code).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use envdiff_model::{ImageConfig, Text};

    use super::{Plan, empty, milder};

    #[test]
    fn what_an_engine_refuses_is_left_out_once() {
        let plan = Plan::new("x".to_owned(), &ImageConfig::default(), None);
        let mut body = plan.to_ask(empty("/.envdiff"));
        let runtime = |body: &bollard::models::ContainerCreateBody| {
            body.host_config.as_ref().and_then(|host| host.runtime.clone())
        };
        assert!(milder(&mut body, "unknown or invalid runtime name: runc"));
        assert_eq!(runtime(&body).as_deref(), Some("crun"));
        assert!(milder(&mut body, "Unknown runtime specified crun"));
        assert_eq!(runtime(&body), None);
        assert!(!milder(&mut body, "Unknown runtime"));
        assert!(milder(&mut body, "Network disabled is not supported"));
        assert!(!milder(&mut body, "network"));
        assert!(milder(&mut body, "authorization denied by plugin: no seccomp=unconfined"));
        assert!(!milder(&mut body, "seccomp"));
        assert!(!milder(&mut body, "no space left on device"));
    }

    #[test]
    fn every_volume_is_covered() {
        let volumes = ["/data", "relative", "/"].map(Text::from).to_vec();
        let config = ImageConfig { volumes, ..ImageConfig::default() };
        let plan = Plan::new("x".to_owned(), &config, None);
        let targets = |body: bollard::models::ContainerCreateBody| -> Vec<Option<String>> {
            let mounts = body.host_config.and_then(|host| host.mounts).unwrap_or_default();
            mounts.into_iter().map(|mount| mount.target).collect()
        };
        assert_eq!(targets(plan.to_export()), [Some("/data".to_owned())]);
        assert_eq!(
            targets(plan.to_ask(empty("/.envdiff"))),
            [Some("/data".to_owned()), Some("/.envdiff".to_owned())]
        );
    }
}
