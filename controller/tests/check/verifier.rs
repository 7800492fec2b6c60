//! As the agent runs it for `verify.source = "command"`: in a check-out without a history, with no
//! terminal, no home and no user's file; the exit code is the verdict.

use std::{fs, process::Stdio};

use crate::project::{Project, said};

#[tokio::test]
async fn the_exit_code_is_the_verdict_in_a_check_out_of_the_agents() {
    let toml = "agent = 'https://vm.example:7443'\ndefault_environment = 'preprod'\n\
        [checks.preprod]\ndir = 'app'\n[[checks.preprod.jobs]]\nname = 'x'\nrun = 'test -e good'\n\
        [checks.prod]\n[[checks.prod.jobs]]\nname = 'x'\nrun = 'true'\n";
    let project = Project::new(toml);
    fs::remove_dir(project.path(".git")).unwrap();
    project.write("app/keep", "");
    let verdict = |arguments: &'static [&str]| {
        let mut command = project.command(arguments);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("RIPCORD_ENVIRONMENT", "preprod").env("RIPCORD_SHA", "acfdb42");
        command.stdin(Stdio::null()).process_group(0);
        said(command)
    };
    let red = verdict(&[]).await;
    assert_eq!(red.code, 7, "{}", red.stderr);
    assert!(red.stdout.contains("❌ preprod is RED"), "{}", red.stdout);
    project.write("app/good", "");
    assert_eq!(verdict(&["preprod"]).await.code, 0);
    assert_eq!(
        verdict(&["staging"]).await.code,
        2,
        "no verdict on the commit: a wrong configuration"
    );
}
