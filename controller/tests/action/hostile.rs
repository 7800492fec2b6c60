//! Inputs that want to be more than values, and credentials that must stay where they are.

use crate::site::Site;

/// What somebody might type into a form, or call a branch.
const HOSTILE: [&str; 8] = [
    "\"; touch pwned; \"",
    "$(touch pwned)",
    "`touch pwned`",
    "x\n::set-output name=outcome::validated\n::error::forged",
    "x\noutcome=validated\nEOF\noutcome=validated",
    "--dry-run",
    "-h",
    "${{ secrets.RIPCORD_KEY }}",
];

#[test]
fn an_input_is_one_word_whatever_it_says() {
    let site = Site::initialized();
    let sha = site.pushed("a green page");
    let before = site.live("preprod");
    for text in HOSTILE {
        for input in ["command", "environment", "sha", "wait", "timeout", "agent", "version"] {
            let mut inputs = vec![("command", "deploy"), ("environment", "preprod")];
            inputs.retain(|(name, _)| *name != input);
            inputs.push((input, text));
            let step = site.action(&sha, &inputs);
            assert_ne!(step.code, 0, "{input} {text:?}: {}", step.log);
            assert_ne!(step.outputs["outcome"], "validated", "{input} {text:?}");
            step.assert_one_error();
            let ours = |line: &&str| line.starts_with("::error title=ripcord::");
            let group = ["::group::", "::endgroup::", "::stop-commands::"];
            let is_strange =
                |line: &&str| !ours(line) && !group.iter().any(|it| line.starts_with(it));
            assert_eq!(step.commands().into_iter().find(is_strange), None, "{input} {text:?}");
        }
        assert!(!site.work().join("pwned").exists(), "{text:?} was run");
    }
    assert_eq!(site.live("preprod"), before, "something was deployed");
}

#[test]
fn a_reason_with_everything_in_it_is_a_reason() {
    let site = Site::initialized();
    let mut sha = site.pushed("0");
    for (at, text) in HOSTILE.into_iter().enumerate() {
        let inputs =
            [("command", "deploy"), ("environment", "preprod"), ("reason", text), ("wait", "live")];
        let step = site.action(&sha, &inputs);
        assert_eq!((step.code, site.live("preprod")), (0, sha), "{text:?}: {}", step.log);
        sha = site.pushed(&format!("page {at}"));
    }
    assert!(!site.work().join("pwned").exists());
}

#[test]
fn args_are_words_as_a_shell_reads_them_and_nothing_in_them_is_expanded() {
    let site = Site::initialized();
    let sha = site.pushed("a green page");
    let deploy = |args: &str| {
        let inputs = [("command", "deploy"), ("environment", "preprod"), ("args", args)];
        site.action(&sha, &inputs)
    };
    let before = site.live("preprod");
    let step = deploy("--dry-run --reason 'two words; $(touch pwned) *'\n--no-input");
    assert_eq!((step.code, site.live("preprod")), (0, before.clone()), "{}", step.log);
    let torn = deploy("--reason 'no end");
    assert_eq!((torn.code, site.live("preprod")), (2, before), "{}", torn.log);
    torn.assert_one_error();
    assert!(!site.work().join("pwned").exists());
}

#[test]
fn a_key_that_was_pasted_wrongly_is_refused_and_shown_nowhere() {
    let site = Site::initialized();
    let sha = site.pushed("a green page");
    let key = site.pem("operator.key").replace('\n', " ");
    let secret = site.pem("operator.key").lines().nth(1).unwrap().to_owned();
    let step =
        site.action(&sha, &[("command", "deploy"), ("environment", "preprod"), ("key", &key)]);
    assert_eq!(step.code, 4, "{}", step.log);
    assert!(step.log.contains("cannot use $RIPCORD_KEY_PEM"), "{}", step.log);
    let shown = format!("{}{}{:?}", step.log, step.summary, step.outputs);
    assert!(!shown.contains(&secret[..16]), "{shown}");
    assert_eq!(site.places_of_the_key(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn credentials_that_a_browser_gave_other_line_ends_are_the_same_credentials() {
    let site = Site::initialized();
    let pasted = |file: &str| site.pem(file).replace('\n', "\r\n") + "\r\n";
    let (ca, cert, key) = (pasted("agent-ca.pem"), pasted("operator.pem"), pasted("operator.key"));
    let inputs = [("command", "status"), ("ca", &*ca), ("cert", &*cert), ("key", &*key)];
    let step = site.action(&site.live("preprod"), &inputs);
    assert_eq!(step.code, 0, "{}", step.log);
}
