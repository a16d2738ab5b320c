//! Rights that a capture needs no more once it listens, given up before the first frame is looked at.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What a capture keeps.
#[derive(Debug, Default)]
pub(super) struct Keeps<'a> {
    /// Whose rights; none for those it has.
    pub(super) user: Option<&'a str>,
    /// Whether it answers over HTTP.
    pub(super) answers: bool,
    /// Whether it connects again with a syslog daemon on this machine.
    pub(super) connects: bool,
    /// The folders it reads in.
    pub(super) reads: Vec<PathBuf>,
    /// The folders it writes in.
    pub(super) writes: Vec<PathBuf>,
}

impl Keeps<'_> {
    /// May read what stands beside a file, as editors put a new one in its place.
    pub(super) fn read_beside(&mut self, file: Option<&Path>) {
        self.reads.extend(file.map(folder_of));
    }

    /// May write what stands beside a file.
    pub(super) fn write_beside(&mut self, file: Option<&Path>) {
        self.writes.extend(file.map(folder_of));
    }
}

/// Begins a file beside another, and removes it.
///
/// # Errors
///
/// If the operating system does not let it.
pub(super) fn begin_file_beside(file: &Path) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let trial = folder_of(file).join(name);
    File::create_new(&trial)?;
    fs::remove_file(trial)
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// What was given up, and what could not be.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    done: Vec<String>,
    not_done: Vec<String>,
}

/// `gave up: capabilities, system calls (seccomp); could not give up: files (Landlock): …`
impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gave up: {}", self.done.join(", "))?;
        if self.not_done.is_empty() {
            return Ok(());
        }
        write!(f, "; could not give up: {}", self.not_done.join(", "))
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::give_up;

#[cfg(not(target_os = "linux"))]
pub(super) fn give_up(keeps: &Keeps<'_>) -> Result<GivenUp, String> {
    match keeps.user {
        Some(_) => Err("another user can be become on Linux only".to_owned()),
        None => Ok(GivenUp {
            done: Vec::new(),
            not_done: vec!["anything: this is not Linux".to_owned()],
        }),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use caps::CapSet;
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        RulesetStatus, path_beneath_rules,
    };
    use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };

    use super::{GivenUp, Keeps};

    /// Gives up what can be given up in this thread and all that it starts.
    ///
    /// # Errors
    ///
    /// If the user or the capabilities cannot be given up. The rest depends on the kernel, and is told.
    pub(in crate::command::capture) fn give_up(keeps: &Keeps<'_>) -> Result<GivenUp, String> {
        let mut given_up = GivenUp::default();
        let user = keeps.user.map(find).transpose()?;
        if Uid::effective().is_root() {
            clear(CapSet::Bounding)?;
        }
        if let Some(user) = user {
            become_user(&user)?;
            given_up.done.push(format!("the user, for {}", user.name));
        }
        for set in [
            CapSet::Ambient,
            CapSet::Inheritable,
            CapSet::Effective,
            CapSet::Permitted,
        ] {
            clear(set)?;
        }
        given_up.done.push("capabilities".to_owned());
        for (what, result) in [
            ("files and networks (Landlock)", keep_to_folders(keeps)),
            ("system calls (seccomp)", forbid_calls(keeps)),
        ] {
            match result {
                Ok(()) => given_up.done.push(what.to_owned()),
                Err(why) => given_up.not_done.push(format!("{what}: {why}")),
            }
        }
        Ok(given_up)
    }

    fn find(name: &str) -> Result<User, String> {
        let found = match name.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(name),
        };
        match found {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(format!("there is no user {name}")),
            Err(error) => Err(format!("the user {name} cannot be looked up: {error}")),
        }
    }

    fn become_user(user: &User) -> Result<(), String> {
        let become_it = |group: Gid| {
            setgroups(&[group])?;
            setgid(group)?;
            setuid(user.uid)
        };
        become_it(user.gid).map_err(|error| {
            let name = &user.name;
            format!("{name} cannot be become: {error}; start it as root, or as that user")
        })
    }

    fn clear(set: CapSet) -> Result<(), String> {
        caps::clear(None, set)
            .map_err(|error| format!("the capabilities cannot be given up: {error}"))
    }

    /// Landlock: no file but those, and no connection.
    fn keep_to_folders(keeps: &Keeps<'_>) -> Result<(), String> {
        match restrict(keeps) {
            Ok(RulesetStatus::FullyEnforced) => Ok(()),
            Ok(RulesetStatus::PartiallyEnforced) => Err("this kernel knows only a part".to_owned()),
            Ok(RulesetStatus::NotEnforced) => Err("not in this kernel".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn restrict(keeps: &Keeps<'_>) -> Result<RulesetStatus, RulesetError> {
        const NEWEST: ABI = ABI::V4;
        let (read, write) = (AccessFs::from_read(NEWEST), AccessFs::from_all(NEWEST));
        // Where Linux tells of interfaces and what they dropped.
        let reads = keeps.reads.iter().map(|path| path.as_path());
        let reads = reads.chain(["/sys/class/net", "/sys/devices"].map(std::path::Path::new));
        let restricted = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(reads, read))?
            .add_rules(path_beneath_rules(&keeps.writes, write))?
            .restrict_self()?;
        Ok(restricted.ruleset)
    }

    /// seccomp: calls that a sensor has no use for, and that one who broke into it would have, fail.
    fn forbid_calls(keeps: &Keeps<'_>) -> Result<(), String> {
        let mut rules: BTreeMap<_, _> = FORBIDDEN.map(|call| (call, Vec::new())).into();
        rules.insert(libc::SYS_sendto, vec![elsewhere()?]);
        for (call, needed) in [
            (libc::SYS_accept4, keeps.answers),
            (libc::SYS_connect, keeps.connects),
        ] {
            if !needed {
                rules.insert(call, Vec::new());
            }
        }
        let (allowed, forbidden) = (
            SeccompAction::Allow,
            SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        );
        let arch = processor().ok_or("not for this processor")?;
        let filter = SeccompFilter::new(rules, allowed, forbidden, arch)
            .and_then(BpfProgram::try_from)
            .map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&filter).map_err(|error| error.to_string())
    }

    /// To send to an address; to send to whom a socket is connected with goes on.
    fn elsewhere() -> Result<SeccompRule, String> {
        const ADDRESS: u8 = 4;
        SeccompCondition::new(ADDRESS, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(|error| error.to_string())
    }

    fn processor() -> Option<TargetArch> {
        if cfg!(target_arch = "x86_64") {
            Some(TargetArch::x86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(TargetArch::aarch64)
        } else {
            None
        }
    }

    const FORBIDDEN: [libc::c_long; 44] = [
        // Another program, or another process.
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        // The network, but for what is open.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        // Another root, another space.
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        // The kernel.
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_kexec_file_load,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_adjtimex,
        libc::SYS_syslog,
    ];
}
