//! The image's compatibility libraries and each host come in; an error for each GPU on which they are needed, or taken, and do
//! not work comes out.

use envdiff_facts::drivers::Verdict;
use envdiff_facts::gpus::Kind;
use envdiff_model::{Evidence, say};

use crate::case::{Case, Spoken};
use crate::checks::gpu::compat_library_shadows_newer_driver::loaded;
use crate::machine::{self, Board};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let Some(runtime) = machine::runtime(case) else { return Vec::new() };
    let Some(cuda) = case.environment.stack.cuda.value() else { return Vec::new() };
    let Some(library) = cuda.compat.iter().find(|library| machine::is_libcuda(&library.path)) else {
        return Vec::new();
    };
    let taken = cuda.compat.iter().find_map(loaded);
    let compat = machine::compat(case).flatten();
    let mut out = Vec::new();
    for host in machine::hosts(case) {
        let Some((version, driver)) = host.driver().filter(|(_, driver)| !driver.wsl) else { continue };
        for (board, verdict) in host.verdicts(runtime.cuda, compat) {
            let Some(board) = board.filter(|board: &Board<'_>| board.kind() == Some(Kind::Consumer)) else {
                continue;
            };
            let taken = taken.filter(|(_, compat, _)| compat.branch > version.branch);
            let spoken = match (verdict, taken) {
                (Verdict::ForwardNotOnThisGpu, _) => say!(
                    runtime.shown(),
                    " would need the image's compatibility libraries above driver ",
                    driver.version,
                    " of ",
                    host.who(),
                    ", and they do not work on ",
                    board.shown()
                ),
                (_, Some(_)) => say!(
                    "the image's compatibility libraries are loaded above driver ",
                    driver.version,
                    " of ",
                    host.who(),
                    ", and they do not work on ",
                    board.shown()
                ),
                _ => continue,
            };
            let detail = match taken {
                Some((_, _, by)) => say!("found by ", by),
                None => "compatibility library".into(),
            };
            out.push(
                Spoken::new("cuda-compat", spoken)
                    .seen([Evidence::new(library.path.clone(), detail)])
                    .seen(host.driver_seen())
                    .seen(host.gpus_seen())
                    .why("they work on GPUs of data centers alone: error 804, `forward compatibility was attempted on non supported HW`")
                    .fix("update the driver there, or install a torch built for an older CUDA; take the libraries out of LD_LIBRARY_PATH"),
            );
        }
    }
    out
}
