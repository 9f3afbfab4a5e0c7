//! Predictions come in; what they tell of `shm-too-small` comes out.

use envdiff_model::Fault;

use crate::archives;
use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    archives::told(
        case,
        Fault::SharedMemory,
        "a tensor that finds no room there kills the process with `Bus error. This might be caused by insufficient \
         shared memory (shm)`",
        "give the container more with `--shm-size=1g` (or `--ipc=host`; in Kubernetes an `emptyDir` of medium `Memory` \
         at /dev/shm), or load without processes (`num_workers=0`)",
    )
}
