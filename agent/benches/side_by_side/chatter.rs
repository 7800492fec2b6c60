//! An application that writes lines at a steady rate, in a container: this program itself, started with
//! `chatter`. Each line has its number, and when it was written.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

/// What fills a line up.
pub(crate) const FILL: &str =
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz012345678901";

/// Lines a second.
pub(crate) const RATE: u32 = 10_000;

/// How often it writes what is due.
const TICK: Duration = Duration::from_millis(2);

/// Where it finds its files, in the container.
const HERE: &str = "/www";

/// The service, whose files [`install`] brings.
pub(crate) fn service(lines: usize) -> String {
    format!(
        "command: [{HERE}/lib/loader, --library-path, {HERE}/lib, {HERE}/lib/program, chatter, \"{lines}\"]"
    )
}

/// Copies this program and the libraries that it needs, so that it runs where there are none.
pub(crate) fn install(folder: &Path) {
    let program = env::current_exe().unwrap();
    let lib = folder.join("lib");
    fs::create_dir(&lib).unwrap();
    fs::copy(&program, lib.join("program")).unwrap();
    let said = Command::new("ldd").arg(&program).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    for path in said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = if name.starts_with("ld-") { "loader" } else { name };
        fs::copy(&path, lib.join(name)).unwrap();
    }
}

/// Lets it begin.
pub(crate) fn go(folder: &Path) {
    fs::write(folder.join("go"), "").unwrap();
}

/// Waits for `go`, and writes so many lines. Whoever does not take them in time holds it up.
pub(crate) fn run(lines: usize) -> io::Result<()> {
    while !Path::new(HERE).join("go").exists() {
        sleep(Duration::from_millis(20));
    }
    let began = Instant::now();
    let mut written = 0;
    let mut out = io::stdout().lock();
    while written < lines {
        let due = (began.elapsed().as_secs_f64() * f64::from(RATE)) as usize;
        while written < due.min(lines) {
            writeln!(out, "{written:08} {:020} {FILL}", now())?;
            written += 1;
        }
        sleep(TICK);
    }
    // It has no other end: a container that ends would end its log.
    sleep(Duration::from_secs(1_000_000));
    Ok(())
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos()
}
