//! The smart protocol through the `ssh` program, which is killed when it says nothing.

use std::{
    io::{self, Read, Write},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use ripcord_core::Failure;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
};

use super::{
    address::SshTarget,
    session::{Login, Session},
};
use crate::adapters::git::errors::remote;

/// How much of ssh's complaint is kept for the message.
const COMPLAINT_BYTES: u64 = 2_000;

/// How long ssh has to finish its complaint after it closed the connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// The transport of one fetch.
pub(super) struct Ssh {
    session: Arc<Session>,
}

impl Ssh {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn connect(&self, address: &str) -> Result<Connection, Failure> {
        let shown = &self.session.shown;
        let target = SshTarget::parse(address)
            .ok_or_else(|| remote(format!("{shown} is not a valid ssh address")))?;
        let mut command = self.command(&target);
        let _runtime = self.session.handle.enter();
        let mut child = command.spawn().map_err(|error| {
            remote(format!("cannot run {}: {error}", self.session.ssh_program.display()))
        })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(remote("ssh was started without pipes"));
        };
        let complaint = self.session.handle.spawn(read_complaint(stderr));
        let session = Arc::clone(&self.session);
        Ok(Connection { session, child, stdin, stdout, complaint })
    }

    fn command(&self, target: &SshTarget) -> Command {
        let mut command = Command::new(&self.session.ssh_program);
        command.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        if let Login::Key(key_file) = &self.session.login {
            command.arg("-i").arg(key_file).args(["-o", "IdentitiesOnly=yes"]);
        }
        if let Some(port) = target.port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", &target.destination, &target.command()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

impl SmartSubtransport for Ssh {
    fn action(
        &self,
        url: &str,
        action: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        match action {
            Service::UploadPackLs | Service::UploadPack => {
                let connection = self.connect(url);
                Ok(Box::new(connection.map_err(|failure| self.session.fail(failure))?))
            }
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(git2::Error::from_str("the agent never pushes"))
            }
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

async fn read_complaint(stderr: ChildStderr) -> Vec<u8> {
    let mut complaint = Vec::new();
    let mut stderr = stderr.take(COMPLAINT_BYTES);
    // Half a complaint is better than none.
    let _ = stderr.read_to_end(&mut complaint).await;
    let mut rest = stderr.into_inner();
    let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    complaint
}

/// A running ssh.
struct Connection {
    session: Arc<Session>,
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    complaint: JoinHandle<Vec<u8>>,
}

impl Connection {
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        match self.session.wait(self.stdout.read(buffer))? {
            Ok(0) => Err(self.hung_up()),
            Ok(count) => Ok(count),
            Err(error) => Err(remote(format!("lost the remote {}: {error}", self.session.shown))),
        }
    }

    /// libgit2 never reads past the end of what it wants: an end is always too early.
    fn hung_up(&mut self) -> Failure {
        let farewell = async { tokio::time::timeout(FAREWELL, &mut self.complaint).await };
        let complaint = match self.session.handle.block_on(farewell) {
            Ok(Ok(complaint)) => readable(&complaint),
            Ok(Err(_)) | Err(_) => String::new(),
        };
        let shown = &self.session.shown;
        if complaint.is_empty() {
            return remote(format!("the remote {shown} ended the ssh connection without a word"));
        }
        remote(format!("ssh cannot fetch from {shown}: {complaint}"))
    }
}

/// One line without control characters.
fn readable(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ").replace(char::is_control, " ")
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let session = Arc::clone(&self.session);
        self.read_some(buffer).map_err(|failure| session.fail_io(failure))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.session.wait(self.stdin.write(bytes));
        written.map_err(|failure| self.session.fail_io(failure))?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Connection {
    /// Ends ssh with whatever it started; a proxy command would outlive it otherwise.
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = pid {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
