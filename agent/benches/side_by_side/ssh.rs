//! A way into this machine by ssh: a server of our own on a free port of the loopback interface, with
//! keys of its own, and one connection that all commands share (`ControlMaster`).

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    agent::{Daemon, succeed},
    interrupt::wait_until,
    machine,
};

/// Where a server that runs as root wants an empty folder; Debian's service makes it.
const SEPARATION: &str = "/run/sshd";

/// A server, and the open connection to it.
pub(crate) struct Ssh {
    config: PathBuf,
    _server: Daemon,
    made_separation: bool,
}

impl Ssh {
    /// Nothing where Debian's openssh packages are missing.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        if !machine::has("sshd") || !machine::has("ssh") {
            return None;
        }
        let folder = folder.join("sshd");
        fs::create_dir(&folder).unwrap();
        let made_separation = fs::create_dir(SEPARATION).is_ok();
        for key in ["host", "user"] {
            let mut make = Command::new("ssh-keygen");
            succeed(make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key)));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = folder.join("sshd_config");
        fs::write(&server, server_config(&folder, port)).unwrap();
        let mut sshd = Command::new("/usr/sbin/sshd");
        let mut daemon = Daemon::start(sshd.args(["-D", "-e", "-f"]).arg(&server));
        let said = daemon.lines();
        std::thread::spawn(move || said.for_each(drop));
        let config = folder.join("ssh_config");
        fs::write(&config, client_config(&folder, port)).unwrap();
        let ssh = Self { config, _server: daemon, made_separation };
        wait_until("ssh answers", || ssh.command("true").output().unwrap().status.success());
        Some(ssh)
    }

    /// This line, run by the shell on the other side.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(&self.config).args(["bench", line]);
        ssh
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let mut ssh = Command::new("ssh");
        let _ = ssh.arg("-F").arg(&self.config).args(["-O", "exit", "bench"]).output();
        if self.made_separation {
            let _ = fs::remove_dir(SEPARATION);
        }
    }
}

/// `SHLVL` keeps bash from reading `.bashrc`, which is no part of what is measured.
fn server_config(folder: &Path, port: u16) -> String {
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n\
         PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nUseDNS no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPrintMotd no\n\
         SetEnv SHLVL=1\n",
        folder = folder.display()
    )
}

fn client_config(folder: &Path, port: u16) -> String {
    format!(
        "Host bench\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder}/user\n  \
         IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n  \
         StrictHostKeyChecking accept-new\n  BatchMode yes\n  LogLevel ERROR\n  \
         ControlMaster auto\n  ControlPersist yes\n  ControlPath {folder}/socket\n",
        folder = folder.display()
    )
}
