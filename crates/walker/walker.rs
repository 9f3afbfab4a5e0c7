//! Questions about a file system on standard input, answers on standard output: the one program that envdiff runs in a
//! container, in place of anything of the image's own.
//!
//! It has no library below it: system calls only, fixed buffers, no heap. It opens nothing but folders and regular files,
//! and those for reading only. `build.sh` compiles it for x86_64 and aarch64; the language is that of Rust 1.63, so that
//! a distribution's compiler builds it too. The other side of the protocol is `crates/image/src/docker/wire.rs`, and
//! every answer must equal that of `envdiff_files::Literal`.
//!
//! A question, all numbers little endian: `u32` length of what follows, `u8` operation, `u64` a, `u64` b, `u16` length of
//! the path, the path, then suffixes as `u8` length and bytes. Operations: `S` what a path leads to; `L` a link's text;
//! `D` entries of a folder, at most a, with sizes if b is 1 (then only folders and names with one of the suffixes); `H` a
//! file up to its first empty line, at most a bytes; `R` a whole file of at most a bytes; `G` b bytes from a; `F` in b bytes
//! from a each text that begins as the first suffix says and goes on with at least one byte of the second, at most as long as
//! the two bytes of the third say, and behind one that is as long the next byte: `u64` offset, `u16` length and the text;
//! `E` parts of an ELF file that its reader will most likely want, `u64` offset, `u32` length and the bytes, [`FIRST`] bytes of
//! its beginning ahead of all: if a is 0 those of the tables of a loader, if it is 1 those of the section headers, and the
//! first suffix names a section of which, at last, the first b bytes are searched as by `F` for what the other suffixes say:
//! `u64` offset, `u32` [`SEARCHED`], `u64` how many bytes were searched, and to the end what `F` would tell of them. What is
//! missing is asked for by `G` and `F`; so nothing rests on it.
//!
//! First of all `EDW1` is written. An answer: `u8` status (0 answered, 1 absent, 2 unreadable), `u8` kind or reason,
//! `u16` length of the real path, `u32` error number, `u64` size, the real path; if answered, the body as pieces of `u32`
//! length and bytes, then a length of 0, or of 0xFFFFFFFF with `u32` reason and `u32` error number where it broke off.
//!
//! Before anything else it gives up all system calls but those that it reads by, and that of opening but for reading.
//!
//! Arguments are the paths that the container has volumes over. It ends at end of input, when its output is closed, and
//! when nothing moved for [`IDLE_SECONDS`].

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

/// Without a question for so long, the one who asks is gone.
const IDLE_SECONDS: u64 = 600;
/// As `envdiff_files::MAX_PATH`.
const MAX_PATH: usize = 4096;
/// As `envdiff_files::MAX_HOPS`.
const MAX_HOPS: usize = 40;
/// A path and forty links, each of them as long as can be.
const TODO: usize = (MAX_HOPS + 2) * (MAX_PATH + 1);
const IN: usize = 16 << 10;
const OUT: usize = 64 << 10;
const NAMES: usize = 32 << 10;
const VOLUMES: usize = 32 << 10;
/// How many files stay open for more of their parts.
const KEPT: usize = 64;
/// The longest path of one that does.
const KEPT_PATH: usize = 240;

/// How much is searched at once; matches go on behind it.
const WINDOW: usize = 128 << 10;

/// As `envdiff_files::ElfReading::FIRST`.
const FIRST: usize = 1024;
/// The most bytes of an ELF file's tables that are told unasked, and the most of one of them that is looked into.
const MOST: usize = 32 << 10;
const TABLE: usize = 16 << 10;
/// As `NAMES` of `envdiff_files`.
const NAMES_OF_SECTIONS: u64 = 4096;
/// In place of a part's length: here is what a search found.
const SEARCHED: u32 = u32::MAX;
/// How many parts that lie apart, and names, are told unasked.
const PARTS: usize = 64;
const TEXTS: usize = 1024;
/// Twice `STRING` of `envdiff_files`, which is what is read of a name there, and again behind its beginning where a part ends in it.
const STRING: u64 = 512;
/// As `GAP` there: parts that lie nearer than this are read as one.
const GAP: u64 = 512;
/// As `RECORDS` there.
const RECORDS: u64 = 1024;
/// What is read of a list of folders: they are often longer than a name.
const FOLDERS: u64 = 1024;

const FILE: u8 = 0;
const FOLDER: u8 = 1;
const LINK: u8 = 2;
const OTHER: u8 = 3;

const DENIED: u8 = 1;
const TOO_LARGE: u8 = 2;
const TOO_MANY: u8 = 3;
const NOT_A_FILE: u8 = 4;
const NOT_A_FOLDER: u8 = 5;
const NOT_A_LINK: u8 = 6;
const LOOP: u8 = 7;
const PATH_TOO_LONG: u8 = 8;
const SYSTEM: u8 = 9;
const BELOW_MOUNT: u8 = 10;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const SIGACTION: usize = 13;
    pub const PREAD: usize = 17;
    pub const SETITIMER: usize = 38;
    pub const GETDENTS: usize = 217;
    pub const EXIT: usize = 231;
    pub const OPENAT: usize = 257;
    pub const FSTATAT: usize = 262;
    pub const READLINKAT: usize = 267;
    pub const STATX: usize = 332;
    pub const PRCTL: usize = 157;
    /// `AUDIT_ARCH_X86_64`
    pub const ARCHITECTURE: u32 = 0xC000_003E;
    pub const O_DIRECTORY: usize = 0o200_000;
    pub const O_NOFOLLOW: usize = 0o400_000;
    /// Where `struct stat` has its mode.
    pub const ST_MODE: usize = 24;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const SIGACTION: usize = 134;
    pub const PREAD: usize = 67;
    pub const SETITIMER: usize = 103;
    pub const GETDENTS: usize = 61;
    pub const EXIT: usize = 94;
    pub const OPENAT: usize = 56;
    pub const FSTATAT: usize = 79;
    pub const READLINKAT: usize = 78;
    pub const STATX: usize = 291;
    pub const PRCTL: usize = 167;
    /// `AUDIT_ARCH_AARCH64`
    pub const ARCHITECTURE: u32 = 0xC000_00B7;
    pub const O_DIRECTORY: usize = 0o40_000;
    pub const O_NOFOLLOW: usize = 0o100_000;
    pub const ST_MODE: usize = 16;
}
use number::*;

const AT_FDCWD: usize = -100_isize as usize;
const AT_EMPTY_PATH: usize = 0x1000;
const AT_SYMLINK_NOFOLLOW: usize = 0x100;
const O_NOCTTY: usize = 0o400;
const O_NONBLOCK: usize = 0o4000;
const O_CLOEXEC: usize = 0o2_000_000;
const STATX_TYPE_MODE_SIZE: usize = 0x1 | 0x2 | 0x200;
const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
const ENOENT: isize = -2;
const EPERM: isize = -1;
const EINTR: isize = -4;
const EACCES: isize = -13;
const ENOTDIR: isize = -20;
const ENAMETOOLONG: isize = -36;
const ENOSYS: isize = -38;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call walker_main",
    "ud2",
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "bl walker_main",
    "brk #1",
);

#[cfg(target_arch = "x86_64")]
unsafe fn call(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize) -> isize {
    let out: isize;
    asm!("syscall", inlateout("rax") n as isize => out, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
         lateout("rcx") _, lateout("r11") _, options(nostack));
    out
}
#[cfg(target_arch = "aarch64")]
unsafe fn call(n: usize, a: usize, b: usize, c: usize, d: usize, e: usize) -> isize {
    let out: isize;
    asm!("svc #0", in("x8") n, inlateout("x0") a as isize => out, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
         options(nostack));
    out
}

fn exit(status: usize) -> ! {
    unsafe {
        call(EXIT, status, 0, 0, 0, 0);
    }
    loop {}
}

extern "C" fn time_is_up() {
    exit(5)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(6)
}

// The compiler may call these by name. Volatile, so that the loop is not turned into a call of itself.
#[no_mangle]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    #[cfg(target_arch = "x86_64")]
    if len >= 64 {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack, preserves_flags));
        return to;
    }
    let mut i = 0;
    while i < len {
        to.add(i).write_volatile(*from.add(i));
        i += 1;
    }
    to
}
#[no_mangle]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if (to as usize) < from as usize {
        return memcpy(to, from, len);
    }
    let mut i = len;
    while i > 0 {
        i -= 1;
        to.add(i).write_volatile(*from.add(i));
    }
    to
}
#[no_mangle]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    let mut i = 0;
    while i < len {
        to.add(i).write_volatile(byte as u8);
        i += 1;
    }
    to
}
#[no_mangle]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    let mut i = 0;
    while i < len {
        let (x, y) = (a.add(i).read_volatile(), b.add(i).read_volatile());
        if x != y {
            return x as i32 - y as i32;
        }
        i += 1;
    }
    0
}
#[no_mangle]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    memcmp(a, b, len)
}

/// Length of a text ended by NUL. Volatile for the same reason.
unsafe fn length(text: *const u8) -> usize {
    let mut len = 0;
    while text.add(len).read_volatile() != 0 {
        len += 1;
    }
    len
}

/// `len` bytes at `at`. Every caller has checked its bounds.
unsafe fn bytes<'a>(at: *const u8, len: usize) -> &'a [u8] {
    core::slice::from_raw_parts(at, len)
}

/// A file that stays open; none while its path is empty.
struct Kept {
    path: [u8; KEPT_PATH],
    len: usize,
    fd: usize,
    size: u64,
}

/// Zeroed memory that the program has from its start; pages that are never touched cost nothing.
struct Memory {
    input: [u8; IN],
    input_from: usize,
    input_to: usize,
    out: [u8; OUT],
    out_len: usize,
    /// Where the length of the open piece stands in `out`; none is open at `usize::MAX`.
    piece: usize,
    /// The path being resolved without its last slash, ended by NUL: empty is the root.
    real: [u8; MAX_PATH + 8],
    real_len: usize,
    /// A folder that is known to be one, as are all above it.
    good: [u8; MAX_PATH + 8],
    good_len: usize,
    /// What is still to be walked, at the end of this.
    todo: [u8; TODO],
    names: [u8; NAMES],
    /// Real paths of volumes, each ended by NUL.
    volumes: [u8; VOLUMES],
    volumes_len: usize,
    stat: [u8; 256],
    no_statx: bool,
    kept: [Kept; KEPT],
    /// Which one makes room for the next.
    next_kept: usize,
}

static mut MEMORY: Memory = Memory {
    input: [0; IN],
    input_from: 0,
    input_to: 0,
    out: [0; OUT],
    out_len: 0,
    piece: 0,
    real: [0; MAX_PATH + 8],
    real_len: 0,
    good: [0; MAX_PATH + 8],
    good_len: 0,
    todo: [0; TODO],
    names: [0; NAMES],
    volumes: [0; VOLUMES],
    volumes_len: 0,
    stat: [0; 256],
    no_statx: false,
    kept: {
        const NONE: Kept = Kept { path: [0; KEPT_PATH], len: 0, fd: 0, size: 0 };
        [NONE; KEPT]
    },
    next_kept: 0,
};

unsafe fn wind_up_alarm() {
    // struct itimerval: no interval, then the time until the signal.
    let time: [u64; 4] = [0, 0, IDLE_SECONDS, 0];
    call(SETITIMER, 0, time.as_ptr() as usize, 0, 0, 0);
}

unsafe fn set_handler() {
    // SIGALRM's default does nothing to the first process of a container. struct sigaction of the kernel: handler, flags
    // (SA_RESTORER where there is one: the handler never returns), restorer, mask.
    let handler = time_is_up as *const () as usize;
    #[cfg(target_arch = "x86_64")]
    let action: [usize; 4] = [handler, 0x0400_0000, handler, 0];
    #[cfg(target_arch = "aarch64")]
    let action: [usize; 4] = [handler, 0, 0, 0];
    call(SIGACTION, 14, action.as_ptr() as usize, 0, 8, 0);
}

/// A step of a filter: `struct sock_filter` of the kernel.
#[repr(C)]
struct Step(u16, u8, u8, u32);

/// `struct sock_fprog` of the kernel.
#[repr(C)]
struct Filter {
    len: u16,
    steps: *const Step,
}

const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
const KILL: u32 = 0;
const ALLOW: u32 = 0x7FFF_0000;
/// `O_WRONLY`, `O_RDWR`, `O_CREAT`, `O_TRUNC`.
const TO_WRITE: u32 = 0o1_103;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const PR_SET_SECCOMP: usize = 22;
const SECCOMP_MODE_FILTER: usize = 2;

/// All that is called from now on, but opening.
const CALLS: [usize; 10] = [READ, WRITE, CLOSE, PREAD, SETITIMER, GETDENTS, EXIT, FSTATAT, READLINKAT, STATX];
const STEPS: usize = CALLS.len() + 9;

/// Ends the program at any other call than those of [`CALLS`] and opening without [`TO_WRITE`].
///
/// `struct seccomp_data`: `u32` number, `u32` architecture, `u64` address, then six `u64` arguments.
const fn filter() -> [Step; STEPS] {
    const KILLED: Step = Step(RETURN, 0, 0, KILL);
    let mut steps = [KILLED; STEPS];
    steps[0] = Step(LOAD, 0, 0, 4);
    steps[1] = Step(IF_EQUAL, 1, 0, ARCHITECTURE);
    steps[3] = Step(LOAD, 0, 0, 0);
    let mut i = 0;
    while i < CALLS.len() {
        // To the last step.
        steps[4 + i] = Step(IF_EQUAL, (CALLS.len() - i + 3) as u8, 0, CALLS[i] as u32);
        i += 1;
    }
    steps[4 + i] = Step(IF_EQUAL, 0, 2, OPENAT as u32);
    steps[5 + i] = Step(LOAD, 0, 0, 32);
    steps[6 + i] = Step(IF_ANY_BIT, 0, 1, TO_WRITE);
    steps[8 + i] = Step(RETURN, 0, 0, ALLOW);
    steps
}

static FILTER: [Step; STEPS] = filter();

/// Gives up what is not needed; a kernel that does not know how is no place to read in.
unsafe fn lock_up() {
    let filter = Filter { len: STEPS as u16, steps: FILTER.as_ptr() };
    call(PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if call(PRCTL, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter as *const Filter as usize, 0, 0) < 0 {
        exit(7);
    }
}

/// What a path leads to, or why not.
enum Found {
    Is(u8, u64),
    Absent,
    Unreadable(u8, u32),
}

fn reason(error: isize) -> Found {
    match error {
        EACCES | EPERM => Found::Unreadable(DENIED, 0),
        other => Found::Unreadable(SYSTEM, -other as u32),
    }
}

fn is_mount_of_the_runtime(path: &[u8]) -> bool {
    let below: [&[u8]; 5] = [b"/proc", b"/sys", b"/dev", b"/run/secrets", b"/.envdiff"];
    let exact: [&[u8]; 5] =
        [b"/.dockerenv", b"/etc/hosts", b"/etc/hostname", b"/etc/mtab", b"/etc/resolv.conf"];
    below.iter().any(|dir| is_below(path, dir)) || exact.iter().any(|file| path == *file)
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.starts_with(dir) && matches!(path.get(dir.len()), None | Some(b'/'))
}

impl Memory {
    // Output.

    unsafe fn flush(&mut self) {
        let mut at = 0;
        while at < self.out_len {
            wind_up_alarm();
            let n = call(WRITE, 1, self.out.as_ptr().add(at) as usize, self.out_len - at, 0, 0);
            if n == EINTR {
                continue;
            }
            if n <= 0 {
                exit(0);
            }
            at += n as usize;
        }
        self.out_len = 0;
    }

    /// Appends what must not be torn by a flush; never more than a path and a header.
    unsafe fn put(&mut self, what: &[u8]) {
        if self.out_len + what.len() > OUT {
            self.flush();
        }
        memcpy(self.out.as_mut_ptr().add(self.out_len), what.as_ptr(), what.len());
        self.out_len += what.len();
    }

    unsafe fn head(&mut self, status: u8, kind: u8, error: u32, size: u64, with_path: bool) {
        let path_len = if !with_path {
            0
        } else if self.real_len == 0 {
            1
        } else {
            self.real_len
        };
        self.put(&[status, kind]);
        self.put(&(path_len as u16).to_le_bytes());
        self.put(&error.to_le_bytes());
        self.put(&size.to_le_bytes());
        if path_len == 1 {
            self.put(b"/");
        } else {
            let path = bytes(self.real.as_ptr(), path_len);
            self.put(path);
        }
        self.piece = usize::MAX;
    }

    unsafe fn close_piece(&mut self) {
        if self.piece != usize::MAX {
            let len = (self.out_len - self.piece - 4) as u32;
            memcpy(self.out.as_mut_ptr().add(self.piece), len.to_le_bytes().as_ptr(), 4);
            if len == 0 {
                self.out_len = self.piece;
            }
            self.piece = usize::MAX;
        }
    }

    /// Room for at least `least` bytes of body: address and length.
    unsafe fn room(&mut self, least: usize) -> (*mut u8, usize) {
        if self.out_len + 4 + least > OUT {
            self.close_piece();
            self.flush();
        }
        if self.piece == usize::MAX {
            self.piece = self.out_len;
            self.out_len += 4;
        }
        (self.out.as_mut_ptr().add(self.out_len), OUT - self.out_len)
    }

    unsafe fn body(&mut self, what: &[u8]) {
        let (to, _) = self.room(what.len());
        memcpy(to, what.as_ptr(), what.len());
        self.out_len += what.len();
    }

    unsafe fn end(&mut self) {
        self.close_piece();
        self.put(&[0; 4]);
    }

    unsafe fn break_off(&mut self, reason: u8, error: u32) {
        self.close_piece();
        self.put(&[0xFF; 4]);
        self.put(&(reason as u32).to_le_bytes());
        self.put(&error.to_le_bytes());
    }

    // Looking.

    /// What `real` is, links not followed; and whether something is mounted there.
    unsafe fn look(&mut self) -> Result<(u8, u64, bool), isize> {
        self.look_at(AT_FDCWD, self.real.as_ptr(), AT_SYMLINK_NOFOLLOW)
    }

    unsafe fn look_at(&mut self, fd: usize, path: *const u8, flags: usize) -> Result<(u8, u64, bool), isize> {
        let stat = self.stat.as_mut_ptr();
        let mut mode_at = 28;
        let mut size_at = 40;
        if !self.no_statx {
            let n = call(STATX, fd, path as usize, flags, STATX_TYPE_MODE_SIZE, stat as usize);
            // Kernels before 4.11 lack it, filters of old engines refuse it.
            if n == ENOSYS || n == EPERM {
                self.no_statx = true;
            } else if n < 0 {
                return Err(n);
            }
        }
        let mut mounted = false;
        if self.no_statx {
            let n = call(FSTATAT, fd, path as usize, stat as usize, flags, 0);
            if n < 0 {
                return Err(n);
            }
            mode_at = ST_MODE;
            size_at = 48;
        } else {
            mounted = (stat.add(8) as *const u64).read_unaligned() & STATX_ATTR_MOUNT_ROOT != 0;
        }
        let mode = (stat.add(mode_at) as *const u16).read_unaligned();
        let size = (stat.add(size_at) as *const u64).read_unaligned();
        Ok(match mode & 0o170_000 {
            0o100_000 => (FILE, size, mounted),
            0o040_000 => (FOLDER, 0, mounted),
            0o120_000 => (LINK, 0, mounted),
            _ => (OTHER, 0, mounted),
        })
    }

    unsafe fn is_volume(&self) -> bool {
        let real = bytes(self.real.as_ptr(), self.real_len);
        bytes(self.volumes.as_ptr(), self.volumes_len).split(|b| *b == 0).any(|volume| !volume.is_empty() && volume == real)
    }

    unsafe fn cut_last(&mut self) {
        while self.real_len > 0 {
            self.real_len -= 1;
            if *self.real.as_ptr().add(self.real_len) == b'/' {
                break;
            }
        }
        *self.real.as_mut_ptr().add(self.real_len) = 0;
    }

    /// Walks `path` from the root, links resolved by us. `real` is then where it leads, or the mount that it leads into.
    unsafe fn resolve(&mut self, path: &[u8], follow_last: bool, volumes_too: bool) -> Found {
        let todo = self.todo.as_mut_ptr();
        let mut at = TODO - path.len();
        memcpy(todo.add(at), path.as_ptr(), path.len());
        self.real_len = 0;
        self.real[0] = 0;
        let (mut kind, mut size, mut hops) = (FOLDER, 0, 0);
        loop {
            at += blank(bytes(todo.add(at), TODO - at));
            if at == TODO {
                return Found::Is(kind, size);
            }
            if kind != FOLDER {
                return Found::Absent;
            }
            let rest = bytes(todo.add(at), TODO - at);
            let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
            let part = bytes(rest.as_ptr(), len);
            at += len;
            if part == b".." {
                self.cut_last();
                continue;
            }
            if self.real_len + 1 + len > MAX_PATH {
                return Found::Unreadable(PATH_TOO_LONG, 0);
            }
            let end = self.real.as_mut_ptr().add(self.real_len);
            *end = b'/';
            memcpy(end.add(1), part.as_ptr(), len);
            *end.add(1 + len) = 0;
            self.real_len += 1 + len;
            let next = bytes(self.real.as_ptr(), self.real_len);
            if is_mount_of_the_runtime(next) {
                return Found::Absent;
            }
            if is_below(bytes(self.good.as_ptr(), self.good_len), next) {
                size = 0;
                continue;
            }
            if !volumes_too && self.is_volume() {
                return Found::Unreadable(BELOW_MOUNT, 0);
            }
            match self.look() {
                Err(ENOENT) | Err(ENOTDIR) => return Found::Absent,
                Err(ENAMETOOLONG) if len > 255 => return Found::Absent,
                Err(ENAMETOOLONG) => return Found::Unreadable(PATH_TOO_LONG, 0),
                Err(error) => return reason(error),
                Ok((_, _, true)) if !volumes_too => return Found::Unreadable(BELOW_MOUNT, 0),
                Ok((LINK, _, _)) => {
                    let last = at + blank(bytes(todo.add(at), TODO - at)) == TODO;
                    if last && !follow_last {
                        return Found::Is(LINK, 0);
                    }
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Found::Unreadable(LOOP, 0);
                    }
                    // The text goes in front of what is left, with a slash between.
                    let text = self.names.as_mut_ptr();
                    let n = call(READLINKAT, AT_FDCWD, self.real.as_ptr() as usize, text as usize, MAX_PATH + 1, 0);
                    if n < 0 {
                        return reason(n);
                    }
                    let n = n as usize;
                    if n > MAX_PATH || n + 1 > at {
                        return Found::Unreadable(PATH_TOO_LONG, 0);
                    }
                    if n == 0 {
                        return Found::Absent;
                    }
                    at -= 1;
                    *todo.add(at) = b'/';
                    at -= n;
                    memcpy(todo.add(at), text, n);
                    if *text == b'/' {
                        self.real_len = 0;
                        self.real[0] = 0;
                    } else {
                        self.cut_last();
                    }
                }
                Ok((what, bytes, _)) => {
                    kind = what;
                    size = bytes;
                }
            }
        }
    }

    /// Keeps the folder that `real` is or lies in: what is asked next mostly lies there too.
    unsafe fn remember(&mut self, kind: u8) {
        let mut len = self.real_len;
        if kind != FOLDER {
            while len > 0 && *self.real.as_ptr().add(len - 1) != b'/' {
                len -= 1;
            }
            len = if len > 0 { len - 1 } else { 0 };
        }
        memcpy(self.good.as_mut_ptr(), self.real.as_ptr(), len);
        self.good_len = len;
    }

    unsafe fn open(&mut self, flags: usize) -> isize {
        let path = if self.real_len == 0 { b"/\0".as_ptr() } else { self.real.as_ptr() };
        call(OPENAT, AT_FDCWD, path as usize, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, 0)
    }

    // Answering.

    unsafe fn answer(&mut self, op: u8, a: u64, b: u64, path: &[u8], suffixes: &[u8]) {
        let (kind, size) = match self.resolve(path, op != b'L', false) {
            Found::Is(kind, size) => (kind, size),
            Found::Absent => return self.head(1, 0, 0, 0, false),
            Found::Unreadable(why, error) => return self.head(2, why, error, 0, why == BELOW_MOUNT),
        };
        self.remember(kind);
        match op {
            b'S' => {
                self.head(0, kind, 0, size, true);
                self.end();
            }
            b'L' if kind != LINK => self.head(2, NOT_A_LINK, 0, 0, false),
            b'L' => {
                let text = self.names.as_mut_ptr();
                let n = call(READLINKAT, AT_FDCWD, self.real.as_ptr() as usize, text as usize, MAX_PATH + 1, 0);
                if n < 0 {
                    return self.fail(n);
                }
                self.head(0, kind, 0, 0, true);
                self.body(bytes(text, n as usize));
                self.end();
            }
            b'D' if kind != FOLDER => self.head(2, NOT_A_FOLDER, 0, 0, false),
            b'D' => self.list(a, b == 1, suffixes),
            b'H' | b'R' | b'G' | b'F' | b'E' if kind != FILE => self.head(2, NOT_A_FILE, 0, 0, false),
            b'H' | b'R' | b'G' | b'F' | b'E' => {
                let real = bytes(self.real.as_ptr(), self.real_len);
                if let Some(kept) = self.kept.iter().find(|kept| kept.len > 0 && bytes(kept.path.as_ptr(), kept.len) == real) {
                    let (fd, size) = (kept.fd, kept.size);
                    return self.tell(fd, size, op, a, b, suffixes);
                }
                let fd = self.open(0);
                if fd < 0 {
                    return self.fail(fd);
                }
                let fd = fd as usize;
                // What was opened is looked at again: it must be what was seen before.
                match self.look_at(fd, b"\0".as_ptr(), AT_EMPTY_PATH) {
                    Ok((FILE, size, _)) => {
                        self.tell(fd, size, op, a, b, suffixes);
                        if (op == b'G' || op == b'F' || op == b'E') && self.keep(fd, size) {
                            return;
                        }
                    }
                    Ok(_) => self.head(2, NOT_A_FILE, 0, 0, false),
                    Err(error) => self.fail(error),
                }
                call(CLOSE, fd, 0, 0, 0, 0);
            }
            _ => exit(3),
        }
    }

    /// Lets the file at `real` stay open, for of one that is read in parts more is asked soon: where opening is slow, as on a
    /// file system in user space, that is most of what a part costs.
    unsafe fn keep(&mut self, fd: usize, size: u64) -> bool {
        if self.real_len > KEPT_PATH {
            return false;
        }
        let at = self.next_kept;
        self.next_kept = (at + 1) % KEPT;
        let kept = self.kept.as_mut_ptr().add(at);
        if (*kept).len > 0 {
            call(CLOSE, (*kept).fd, 0, 0, 0, 0);
        }
        memcpy((*kept).path.as_mut_ptr(), self.real.as_ptr(), self.real_len);
        (*kept).len = self.real_len;
        (*kept).fd = fd;
        (*kept).size = size;
        true
    }

    unsafe fn fail(&mut self, error: isize) {
        if let Found::Unreadable(why, number) = reason(error) {
            self.head(2, why, number, 0, false);
        }
    }

    unsafe fn read(&mut self, fd: usize, size: u64, op: u8, a: u64, b: u64) {
        if op == b'R' && size > a {
            return self.head(2, TOO_LARGE, 0, 0, false);
        }
        self.head(0, FILE, 0, size, true);
        let mut at = if op == b'G' { a } else { 0 };
        let mut left = match op {
            b'G' => b,
            b'R' => size,
            _ => a,
        };
        // For `H`: how far the present line is: 0 nothing of it, 1 a carriage return, 2 more.
        let mut line = 0;
        while left > 0 && at < size {
            let (to, room) = self.room(4096);
            let mut want = if room as u64 > left { left as usize } else { room };
            // A head is short, and what is read behind it is lost.
            if op == b'H' && want > 4096 {
                want = 4096;
            }
            let n = call(PREAD, fd, to as usize, want, at as usize, 0);
            if n == EINTR {
                continue;
            }
            if n < 0 {
                return match reason(n) {
                    Found::Unreadable(why, number) => self.break_off(why, number),
                    _ => exit(6),
                };
            }
            if n == 0 {
                return self.end();
            }
            let mut n = n as usize;
            if op == b'H' {
                let mut i = 0;
                while i < n {
                    let byte = *to.add(i);
                    i += 1;
                    line = match (byte, line) {
                        (b'\n', 0) | (b'\n', 1) => 3,
                        (b'\n', _) => 0,
                        (b'\r', 0) => 1,
                        _ => 2,
                    };
                    if line == 3 {
                        n = i;
                    }
                }
            }
            self.out_len += n;
            at += n as u64;
            left -= n as u64;
            if line == 3 {
                return self.end();
            }
        }
        if op == b'H' && size > a {
            return self.break_off(TOO_LARGE, 0);
        }
        self.end();
    }

    unsafe fn tell(&mut self, fd: usize, size: u64, op: u8, a: u64, b: u64, suffixes: &[u8]) {
        match op {
            b'F' => self.find(fd, size, a, b, suffixes),
            b'E' => self.elf(fd, size, if a == 1 { Some((b, suffixes)) } else { None }),
            _ => self.read(fd, size, op, a, b),
        }
    }

    unsafe fn find(&mut self, fd: usize, size: u64, a: u64, b: u64, suffixes: &[u8]) {
        self.head(0, FILE, 0, size, true);
        let end = if b > size { size } else if a > size - b { size } else { a + b };
        self.search(fd, a, end, suffixes);
    }

    /// Tells what matches from `a` up to `end`, and ends the answer.
    unsafe fn search(&mut self, fd: usize, a: u64, end: u64, suffixes: &[u8]) {
        let (prefix, rest) = part(suffixes);
        let (set, rest) = part(rest);
        let longest = match part(rest).0 {
            [low, high] => (*low as usize) | (*high as usize) << 8,
            _ => exit(3),
        };
        if prefix.is_empty() || longest > MAX_PATH {
            exit(3);
        }
        let mut member = [false; 256];
        for byte in set {
            member[*byte as usize] = true;
        }
        // No path is being resolved while this is searched.
        let window = self.todo.as_mut_ptr();
        let (mut from, mut have) = (a, 0);
        // Behind a match that was cut: where its text goes on, no other begins.
        let mut goes_on = false;
        while from + (have as u64) < end {
            let left = end - from - have as u64;
            let want = if (WINDOW - have) as u64 > left { left as usize } else { WINDOW - have };
            let n = call(PREAD, fd, window.add(have) as usize, want, (from + have as u64) as usize, 0);
            if n == EINTR {
                continue;
            }
            if n < 0 {
                return match reason(n) {
                    Found::Unreadable(why, number) => self.break_off(why, number),
                    _ => exit(6),
                };
            }
            if n == 0 {
                break;
            }
            have += n as usize;
            let is_last = from + have as u64 == end;
            if have < WINDOW && !is_last {
                continue;
            }
            // What begins behind this may go on behind the window.
            let sure = if is_last { have } else { have - longest - 1 };
            let mut at = 0;
            while at < sure {
                if goes_on {
                    while at < have && member[*window.add(at) as usize] {
                        at += 1;
                    }
                    goes_on = at == have;
                    continue;
                }
                at += next_begin(bytes(window.add(at), have - at), prefix);
                if at >= sure {
                    break;
                }
                let start = at;
                at += 1;
                let mut to = start + prefix.len();
                while to < have && to - start < longest && member[*window.add(to) as usize] {
                    to += 1;
                }
                if to > start + prefix.len() {
                    at = to;
                    goes_on = to - start == longest;
                    // Whether it does is told by the byte behind it.
                    let len = to - start + (goes_on && to < have) as usize;
                    self.body(&(from + start as u64).to_le_bytes());
                    self.body(&(len as u16).to_le_bytes());
                    self.body(bytes(window.add(start), len));
                }
            }
            let done = if at > sure { at } else { sure };
            memmove(window, window.add(done), have - done);
            from += done as u64;
            have -= done;
        }
        self.end();
    }

    /// At most `len` bytes from `at`; fewer at the end of the file and where it cannot be read.
    unsafe fn fill(fd: usize, at: u64, to: *mut u8, len: usize) -> usize {
        let mut have = 0;
        while have < len {
            let n = call(PREAD, fd, to.add(have) as usize, len - have, (at as usize).wrapping_add(have), 0);
            if n == EINTR {
                continue;
            }
            if n <= 0 {
                break;
            }
            have += n as usize;
        }
        have
    }

    /// `wanted` is how much of a section is searched, and its name with what it is searched for; without it the tables of a loader
    /// are told.
    unsafe fn elf(&mut self, fd: usize, size: u64, wanted: Option<(u64, &[u8])>) {
        self.head(0, FILE, 0, size, true);
        // No path is being resolved meanwhile: first the tables that are looked into, each in its place, then what is told.
        let room = self.todo.as_mut_ptr();
        let first = Self::fill(fd, 0, room, FIRST);
        self.told(0, bytes(room, first));
        let mut parts = Parts { size, all: [(0, 0); PARTS], len: 0, texts: 0 };
        let head = bytes(room, first);
        if first < 64 || !head.starts_with(b"\x7FELF\x02\x01") {
            return self.end();
        }
        let mut section = None;
        let mut pattern: &[u8] = &[];
        if let Some((most, suffixes)) = wanted {
            let (name, rest) = part(suffixes);
            pattern = rest;
            section = parts.sections(fd, head, room.add(FIRST), name);
            section = section.map(|(at, len)| (at, if len > most { most } else { len }));
        } else {
            parts.loader(fd, head, room.add(FIRST));
        }
        let all = parts.in_order();
        let mut left = MOST;
        let buffer = room.add(FIRST);
        for (from, end) in all {
            let mut at = if *from < first as u64 { first as u64 } else { *from };
            while at < *end {
                let want = if *end - at > WINDOW as u64 { WINDOW } else { (*end - at) as usize };
                if want > left {
                    return self.end();
                }
                let n = Self::fill(fd, at, buffer, want);
                self.told(at, bytes(buffer, n));
                if n < want {
                    return self.end();
                }
                left -= n;
                at += n as u64;
            }
        }
        match section {
            Some((at, len)) => {
                self.body(&at.to_le_bytes());
                self.body(&SEARCHED.to_le_bytes());
                self.body(&len.to_le_bytes());
                self.search(fd, at, at + len, pattern);
            }
            None => self.end(),
        }
    }

    /// A part of an ELF file.
    unsafe fn told(&mut self, at: u64, what: &[u8]) {
        if what.is_empty() {
            return;
        }
        self.body(&at.to_le_bytes());
        self.body(&(what.len() as u32).to_le_bytes());
        let mut rest = what;
        while !rest.is_empty() {
            let len = if rest.len() > 4096 { 4096 } else { rest.len() };
            let (piece, more) = rest.split_at(len);
            self.body(piece);
            rest = more;
        }
    }

    unsafe fn list(&mut self, most: u64, sized: bool, suffixes: &[u8]) {
        let fd = self.open(O_DIRECTORY);
        if fd < 0 {
            return self.fail(fd);
        }
        let fd = fd as usize;
        self.head(0, FOLDER, 0, 0, true);
        let folder_len = self.real_len;
        let mut count = 0;
        loop {
            let n = call(GETDENTS, fd, self.names.as_mut_ptr() as usize, NAMES, 0, 0);
            if n <= 0 {
                call(CLOSE, fd, 0, 0, 0, 0);
                return match reason(n) {
                    _ if n == 0 => self.end(),
                    Found::Unreadable(why, number) => self.break_off(why, number),
                    _ => exit(6),
                };
            }
            let mut at = 0;
            while at < n as usize {
                // struct linux_dirent64: inode, offset, u16 length of the record, u8 type, name ended by NUL.
                let entry = self.names.as_ptr().add(at);
                at += (entry.add(16) as *const u16).read_unaligned() as usize;
                let len = length(entry.add(19));
                let name = bytes(entry.add(19), len);
                if name == b"." || name == b".." {
                    continue;
                }
                let mut kind = match *entry.add(18) {
                    0 => 255,
                    4 => FOLDER,
                    8 => FILE,
                    10 => LINK,
                    _ => OTHER,
                };
                let wanted = kind == FOLDER || kind == 255 || !sized || ends_in_one(name, suffixes);
                if !wanted {
                    continue;
                }
                let mut size = 0;
                if kind == 255 || (sized && kind == FILE) {
                    // A path that is too long to be looked at cannot be asked for either.
                    if folder_len + 1 + len > MAX_PATH {
                        continue;
                    }
                    let end = self.real.as_mut_ptr().add(folder_len);
                    *end = b'/';
                    memcpy(end.add(1), name.as_ptr(), len);
                    *end.add(1 + len) = 0;
                    let seen = self.look();
                    *end = 0;
                    match seen {
                        Ok((what, bytes, _)) => {
                            kind = what;
                            size = bytes;
                        }
                        Err(_) if kind != 255 => {}
                        Err(_) => kind = OTHER,
                    }
                    if sized && kind != FOLDER && !ends_in_one(name, suffixes) {
                        continue;
                    }
                }
                count += 1;
                if count > most {
                    call(CLOSE, fd, 0, 0, 0, 0);
                    return self.break_off(TOO_MANY, 0);
                }
                self.body(&[kind]);
                self.body(&(len as u16).to_le_bytes());
                if sized {
                    self.body(&size.to_le_bytes());
                }
                self.body(name);
            }
        }
    }

    // Questions.

    /// Makes `want` bytes of input stand together; ends the program at end of input.
    unsafe fn need(&mut self, want: usize) {
        while self.input_to - self.input_from < want {
            if self.input_from > 0 {
                let left = self.input_to - self.input_from;
                memmove(self.input.as_mut_ptr(), self.input.as_ptr().add(self.input_from), left);
                self.input_from = 0;
                self.input_to = left;
            }
            // Nothing is kept back while we wait.
            self.flush();
            wind_up_alarm();
            let n = call(READ, 0, self.input.as_mut_ptr().add(self.input_to) as usize, IN - self.input_to, 0, 0);
            if n == EINTR {
                continue;
            }
            if n <= 0 {
                exit(0);
            }
            self.input_to += n as usize;
        }
    }

    unsafe fn question(&mut self) {
        self.need(4);
        let head = self.input.as_ptr().add(self.input_from);
        let len = (head as *const u32).read_unaligned() as usize;
        if !(19..=IN - 4).contains(&len) {
            exit(3);
        }
        self.need(4 + len);
        let frame = self.input.as_ptr().add(self.input_from + 4);
        let op = *frame;
        let a = (frame.add(1) as *const u64).read_unaligned();
        let b = (frame.add(9) as *const u64).read_unaligned();
        let path_len = (frame.add(17) as *const u16).read_unaligned() as usize;
        if 19 + path_len > len || path_len > MAX_PATH {
            exit(3);
        }
        let path = bytes(frame.add(19), path_len);
        let suffixes = bytes(frame.add(19 + path_len), len - 19 - path_len);
        self.input_from += 4 + len;
        self.answer(op, a, b, path, suffixes);
    }
}

/// Parts of an ELF file of `size` bytes, of 64 bits and little endian: what `envdiff_files` reads of it. Where the file is odd,
/// parts are missing.
struct Parts {
    size: u64,
    /// From and to.
    all: [(u64, u64); PARTS],
    len: usize,
    /// How many names were added.
    texts: usize,
}

const SHT_NOBITS: u64 = 8;
const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_NOTE: u64 = 4;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_VERDEF: u64 = 0x6FFF_FFFC;
const DT_VERDEFNUM: u64 = 0x6FFF_FFFD;
const DT_VERNEED: u64 = 0x6FFF_FFFE;
const DT_VERNEEDNUM: u64 = 0x6FFF_FFFF;

impl Parts {
    fn add(&mut self, at: u64, len: u64) {
        if at >= self.size || len == 0 {
            return;
        }
        let end = if len > self.size - at { self.size } else { at + len };
        let near = |part: &&mut (u64, u64)| at <= part.1.saturating_add(GAP) && part.0 <= end.saturating_add(GAP);
        if let Some((from, to)) = self.all.iter_mut().take(self.len).find(near) {
            *from = if at < *from { at } else { *from };
            *to = if end > *to { end } else { *to };
        } else if let Some(next) = self.all.get_mut(self.len) {
            *next = (at, end);
            self.len += 1;
        }
    }

    /// Sorted, and what lies near together as one.
    fn in_order(&mut self) -> &[(u64, u64)] {
        let mut i = 1;
        while i < self.len {
            let mut j = i;
            while j > 0 && self.all[j].0 < self.all[j - 1].0 {
                self.all.swap(j, j - 1);
                j -= 1;
            }
            i += 1;
        }
        let mut last = 0;
        i = 1;
        while i < self.len {
            let (from, to) = self.all[i];
            if from <= self.all[last].1.saturating_add(GAP) {
                if to > self.all[last].1 {
                    self.all[last].1 = to;
                }
            } else {
                last += 1;
                self.all[last] = (from, to);
            }
            i += 1;
        }
        if self.len > 0 {
            self.len = last + 1;
        }
        &self.all[..self.len]
    }

    fn text(&mut self, strings: Option<u64>, offset: u64, len: u64) {
        if let (Some(strings), true) = (strings, self.texts < TEXTS) {
            self.texts += 1;
            self.add(strings.saturating_add(offset), len);
        }
    }

    /// Section headers and their names; and offset and length of the first one with the name that is `wanted`.
    unsafe fn sections(&mut self, fd: usize, head: &[u8], room: *mut u8, wanted: &[u8]) -> Option<(u64, u64)> {
        let (at, each, count, names) = (word(head, 40, 8), word(head, 58, 2), word(head, 60, 2), word(head, 62, 2));
        let len = count * 64;
        if each != 64 || len > TABLE as u64 {
            return None;
        }
        self.add(at, len);
        let n = Memory::fill(fd, at, room, len as usize);
        let headers = bytes(room, n);
        let texts = headers.chunks_exact(64).nth(names as usize)?;
        let (at, len) = (word(texts, 24, 8), word(texts, 32, 8));
        let len = if len > NAMES_OF_SECTIONS { NAMES_OF_SECTIONS } else { len };
        self.add(at, len);
        let n = Memory::fill(fd, at, room.add(TABLE), len as usize);
        let texts = bytes(room.add(TABLE), n);
        let section = headers.chunks_exact(64).find(|header| {
            let name = texts.get(word(header, 0, 4) as usize..).unwrap_or(&[]);
            name.starts_with(wanted) && name.get(wanted.len()) == Some(&0)
        })?;
        let (at, len) = (word(section, 24, 8), word(section, 32, 8));
        let inside = at < self.size && len > 0 && len <= self.size - at;
        if inside && word(section, 4, 4) != SHT_NOBITS { Some((at, len)) } else { None }
    }

    /// What a loader reads.
    unsafe fn loader(&mut self, fd: usize, head: &[u8], room: *mut u8) {
        let (at, each, count) = (word(head, 32, 8), word(head, 54, 2), word(head, 56, 2));
        if each != 56 || at > head.len() as u64 || count * 56 > head.len() as u64 - at {
            return;
        }
        let table = &head[at as usize..(at + count * 56) as usize];
        let mut dynamic = None;
        for segment in table.chunks_exact(56) {
            let (at, len) = (word(segment, 8, 8), word(segment, 32, 8));
            match word(segment, 0, 4) {
                PT_DYNAMIC if len <= TABLE as u64 => {
                    self.add(at, len);
                    dynamic = Some((at, len));
                }
                PT_INTERP | PT_NOTE if len <= 4096 => self.add(at, len),
                _ => {}
            }
        }
        let (at, len) = match dynamic {
            Some(dynamic) => dynamic,
            None => return,
        };
        let n = Memory::fill(fd, at, room, len as usize);
        let entries = bytes(room, n);
        let room = room.add(TABLE);
        let (mut strings, mut needs, mut needs_count, mut definitions, mut definitions_count) = (None, None, 0, None, 0);
        for (tag, value) in tags(entries) {
            match tag {
                DT_STRTAB => strings = place(table, value),
                DT_VERNEED => needs = place(table, value),
                DT_VERNEEDNUM => needs_count = value,
                DT_VERDEF => definitions = place(table, value),
                DT_VERDEFNUM => definitions_count = value,
                _ => {}
            }
        }
        for (tag, value) in tags(entries) {
            match tag {
                DT_NEEDED | DT_SONAME => self.text(strings, value, STRING),
                DT_RPATH | DT_RUNPATH => self.text(strings, value, FOLDERS),
                _ => {}
            }
        }
        if let Some(at) = needs {
            self.table(fd, at, room, needs_count.saturating_mul(80), strings, true);
        }
        if let Some(at) = definitions {
            self.table(fd, at, room, definitions_count.saturating_mul(36), strings, false);
        }
    }

    /// A table of versions and the names in it: as `envdiff_files` reads it, which expects so many bytes, and [`RECORDS`] from each
    /// record that is not there yet.
    unsafe fn table(&mut self, fd: usize, at: u64, room: *mut u8, expected: u64, strings: Option<u64>, needs: bool) {
        let mut len = expected.clamp(RECORDS, TABLE as u64) as usize;
        loop {
            let n = Memory::fill(fd, at, room, len);
            let end = self.chain(bytes(room, n), strings, needs);
            // As good as all of it was looked into, so that there may be more.
            if n < len || len == TABLE || end + 64 < n {
                let read = if end + 20 > len { end + RECORDS as usize } else { len };
                return self.add(at, read as u64);
            }
            len = TABLE;
        }
    }

    /// The names of version needs (`Verneed`, `Vernaux`), or of version definitions (`Verdef`, `Verdaux`); and how far into the
    /// table their records go.
    fn chain(&mut self, table: &[u8], strings: Option<u64>, needs: bool) -> usize {
        let (mut at, mut end) = (0, 0);
        while self.texts < TEXTS && table.len().saturating_sub(at) >= 20 - 4 * needs as usize {
            let record = &table[at..];
            end = if at > end { at } else { end };
            let (mut left, first, next) = if needs {
                self.text(strings, word(record, 4, 4), STRING);
                (word(record, 2, 2), word(record, 8, 4), word(record, 12, 4))
            } else {
                // Of several names the first is the version's.
                (1, word(record, 12, 4), word(record, 16, 4))
            };
            let mut aux = at.saturating_add(first as usize);
            while left > 0 && self.texts < TEXTS && table.len().saturating_sub(aux) >= if needs { 16 } else { 8 } {
                let record = &table[aux..];
                end = if aux > end { aux } else { end };
                let (name, next) = match needs {
                    true => (word(record, 8, 4), word(record, 12, 4)),
                    false => (word(record, 0, 4), 0),
                };
                self.text(strings, name, STRING);
                if next == 0 {
                    break;
                }
                aux = aux.saturating_add(next as usize);
                left -= 1;
            }
            if next == 0 {
                break;
            }
            at = at.saturating_add(next as usize);
        }
        end
    }
}

/// Where `prefix`, which is not empty, begins first; the length where it does not. Eight places are looked at at once.
fn next_begin(text: &[u8], prefix: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let eight = |at: usize| unsafe { (text.as_ptr().add(at) as *const u64).read_unaligned() };
    let first = prefix[0] as u64 * ONES;
    let second = prefix.get(1).map(|byte| *byte as u64 * ONES);
    let mut at = 0;
    while at < text.len() {
        // With the byte behind the eighth.
        if text.len() - at > 8 {
            let other = (eight(at) ^ first) | second.map_or(0, |second| eight(at + 1) ^ second);
            // Of these eight none is 0.
            if other.wrapping_sub(ONES) & !other & HIGHS == 0 {
                at += 8;
                continue;
            }
        }
        let end = if text.len() - at > 8 { at + 8 } else { text.len() };
        while at < end {
            if text[at..].starts_with(prefix) {
                return at;
            }
            at += 1;
        }
    }
    text.len()
}

/// A number of `len` bytes, little endian; 0 where it is not all there.
fn word(table: &[u8], at: usize, len: usize) -> u64 {
    let mut out = 0;
    if let Some(digits) = table.get(at..at + len) {
        for byte in digits.iter().rev() {
            out = out << 8 | *byte as u64;
        }
    }
    out
}

/// The entries of a dynamic segment.
fn tags(entries: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    entries.chunks_exact(16).map(|entry| (word(entry, 0, 8), word(entry, 8, 8))).take_while(|(tag, _)| *tag != 0)
}

/// Where an address of memory lies in the file.
fn place(segments: &[u8], address: u64) -> Option<u64> {
    segments.chunks_exact(56).find_map(|segment| {
        let offset = address.checked_sub(word(segment, 16, 8))?;
        let here = word(segment, 0, 4) == PT_LOAD && offset < word(segment, 32, 8);
        if here { word(segment, 8, 8).checked_add(offset) } else { None }
    })
}

/// How many bytes at the start are slashes and lone dots.
fn blank(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match (text.get(at), text.get(at + 1)) {
            (Some(b'/'), _) | (Some(b'.'), None) => at += 1,
            (Some(b'.'), Some(b'/')) => at += 2,
            _ => return at,
        }
    }
}

/// The first of some texts, each behind its length, and the others.
fn part(texts: &[u8]) -> (&[u8], &[u8]) {
    let (len, rest) = match texts.split_first() {
        Some((len, rest)) => (*len as usize, rest),
        None => exit(3),
    };
    match (rest.get(..len), rest.get(len..)) {
        (Some(text), Some(rest)) => (text, rest),
        _ => exit(3),
    }
}

fn ends_in_one(name: &[u8], suffixes: &[u8]) -> bool {
    let mut rest = suffixes;
    if rest.is_empty() {
        return true;
    }
    while let Some((len, more)) = rest.split_first() {
        let suffix = match more.get(..*len as usize) {
            Some(suffix) => suffix,
            None => return false,
        };
        if name.ends_with(suffix) {
            return true;
        }
        rest = more.get(*len as usize..).unwrap_or(&[]);
    }
    false
}

#[no_mangle]
unsafe extern "C" fn walker_main(stack: *const usize) -> ! {
    let memory = &mut *core::ptr::addr_of_mut!(MEMORY);
    memory.piece = usize::MAX;
    set_handler();
    lock_up();
    memory.put(b"EDW1");
    let mut i = 1;
    while i < *stack {
        let argument = *stack.add(1 + i) as *const u8;
        i += 1;
        let len = length(argument);
        if len > MAX_PATH {
            exit(4);
        }
        if let Found::Is(..) = memory.resolve(bytes(argument, len), true, true) {
            let len = memory.real_len;
            if memory.volumes_len + len + 1 > VOLUMES {
                exit(4);
            }
            memcpy(memory.volumes.as_mut_ptr().add(memory.volumes_len), memory.real.as_ptr(), len);
            memory.volumes_len += len + 1;
        }
    }
    loop {
        memory.question();
    }
}
