//! A configuration is refused with its file, its line and what to write instead, or it is right.

#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod small_config;
}

use std::{path::Path, time::Duration};

use proptest::prelude::*;
use ripcord_agent::config::{
    Config, EnvironmentConfig, EnvironmentSelector, GitCredentials, IdentityPattern, Monitor,
    NotifyEvent, RightName, RuntimeConfig, VerdictSource, render_check,
};
use ripcord_core::{OnDeadline, VerifyWhen};
use support::small_config::{SMALL, parse, refused, refused_with};

const EXAMPLE: &str = include_str!("../packaging/agent.example.toml");

fn lab(more: &str) -> EnvironmentConfig {
    let mut config = parse(&format!("{SMALL}{more}\n")).unwrap();
    config.environments.remove(&"lab".parse().unwrap()).unwrap()
}

#[test]
fn the_example_that_is_shipped_parses_into_what_it_says() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.listen.port(), 7443);
    assert_eq!(config.tls.crl.as_deref(), Some(Path::new("/etc/ripcord/tls/crl.pem")));
    assert_eq!(config.access.len(), 3);
    assert_eq!(config.access[1].allow[&EnvironmentSelector::All].len(), RightName::ALL.len());
    assert!(config.notify[0].events[&EnvironmentSelector::All].contains(&NotifyEvent::CiFailures));
    assert_eq!(config.github.as_ref().unwrap().api.as_str(), "https://api.github.com/");

    assert_eq!(config.journal.keep_days, 365);

    let preprod = &config.environments[&"preprod".parse().unwrap()];
    let credentials = preprod.repository.as_ref().unwrap().credentials.as_ref();
    assert!(matches!(credentials, Some(GitCredentials::Password { .. })));
    assert!(matches!(preprod.health.monitor, Some(Monitor::Cron(_))));
    assert!(matches!(&preprod.verify.source, VerdictSource::Github(github)
        if github.workflows == ["ci.yml"] && github.start_delay == Duration::from_secs(30)));
    assert_eq!(preprod.policy().notice_after_ms, 300_000);

    let prod = &config.environments[&"prod".parse().unwrap()];
    assert_eq!(prod.confirm.as_deref(), Some("DEPLOY"));
    assert_eq!((prod.health.attempts, prod.health.grace), (5, Duration::from_secs(90)));
    assert_eq!(prod.health.url.as_str(), "https://backtothefuturekitchen.lafrance.io/");
    assert!(prod.policy().hold_after_manual_rollback);

    let lab = &config.environments[&"lab".parse().unwrap()];
    assert!(matches!(&lab.runtime, RuntimeConfig::Process(process)
        if process.env["APP_ENV"] == "LAB" && process.cwd == Path::new(".")));
    assert!(matches!(&lab.verify.source, VerdictSource::Command(command)
        if command.timeout == Duration::from_secs(600)));
}

#[test]
fn stories_are_kept_for_a_year_for_as_many_days_as_asked_or_for_ever() {
    let days = |more: &str| parse(&format!("{SMALL}{more}\n")).unwrap().journal.keep_days;
    assert_eq!(days(""), 365);
    assert_eq!(days("[journal]\nkeep_days = 30"), 30);
    assert_eq!(days("[journal]\nkeep_days = 0"), 0, "for ever");
    for wrong in ["keep_days = -1", "keep_days = 70000", "keep_days = \"30d\"", "keep = 30"] {
        let said = refused(&format!("[journal]\n{wrong}"));
        assert!(said.contains("agent.toml:"), "{said}");
    }
}

#[test]
fn what_is_not_said_is_as_the_documentation_promises() {
    let lab = lab("");
    let repository = lab.repository.as_ref().unwrap();
    assert_eq!((repository.remote.as_str(), repository.branch.as_str()), ("origin", "main"));
    assert_eq!(lab.title, "lab");
    assert_eq!((lab.health.status, lab.health.attempts, lab.health.successes), (200, 3, 1));
    assert_eq!(lab.health.interval, Duration::from_secs(10));
    assert_eq!(lab.health.grace, Duration::ZERO);
    assert_eq!((lab.verify.when, &lab.verify.source), (VerifyWhen::None, &VerdictSource::Probe));
    assert_eq!(lab.verify.deadline, Duration::from_secs(3600));
    assert_eq!(lab.verify.on_deadline, OnDeadline::Rollback);
}

#[test]
fn commands_that_verify_are_enough_to_verify_after_the_deployment() {
    let lab = lab("[environments.lab.verify]\nrun = [[\"./check\", \"lab\"]]");
    assert_eq!(lab.verify.when, VerifyWhen::After);
    assert!(matches!(lab.verify.source, VerdictSource::Command(_)));
}

#[test]
fn a_misspelt_key_is_refused_with_its_line_and_the_key_that_was_meant() {
    let message = refused("[environments.lab.health]\ncontans = \"Welcome\"");
    insta::assert_snapshot!(message, @"agent.toml:15: environments.lab.health.contans: unknown key `contans`; did you mean `contains`?");
}

#[test]
fn a_key_like_no_other_is_refused_with_those_that_are_known() {
    let message = refused("[environments.lab.hooks]\nzzz = 1");
    insta::assert_snapshot!(message, @"agent.toml:15: environments.lab.hooks.zzz: unknown key `zzz`; known are `pre_restart`, `post_restart`, `timeout`");
}

#[test]
fn every_ill_written_value_is_refused_with_its_line() {
    let cases = [
        refused("[environments.lab.health]\nstatus = \"200\""),
        refused("[environments.lab.health]\ninterval = \"10\""),
        refused("[environments.lab.health]\nmonitor = \"61 * * * *\""),
        refused("[environments.lab.health]\nurl = \"ftp://x/\""),
        refused("[environments.lab.verify]\nwhen = \"affter\""),
        refused("[environments.lab.verify]\nrun = [\"./check\"]"),
        refused("[environments.Lab2]"),
        refused(
            "[environments.agent]\nrepository = \"/srv\"\nurl = \"http://x/\"\nruntime = { kind = \"process\", run = [\"x\"] }",
        ),
        refused("[environments.lab.health]\nmonitor = \"0 0 30 2 *\""),
        refused("[environments.lab2]"),
        refused_with("127.0.0.1:0", "localhost"),
        refused_with("\"/etc/agent.key\"", "\"agent.key\""),
        refused_with("run = [\"./serve\"]", "run = []"),
        refused_with("key = ", "k3y = "),
        refused_with("\"/srv/lab\"", "\"/srv/lab"),
        refused("[[access]]\nidentity = \"spiffe://lab/op*\"\nallow = {}"),
        refused("[[access]]\nidentity = \"spiffe://lab/op/a\"\nallow = { lab = [\"depoy\"] }"),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn keys_that_contradict_each_other_are_refused_with_their_lines() {
    let cases = [
        refused("[environments.lab.health]\nstatus = 42\nsuccesses = 9"),
        refused("[environments.lab.verify]\nwhen = \"after\""),
        refused("[environments.lab.verify]\nsource = \"command\""),
        refused("[environments.lab.verify]\nsource = \"github\"\nworkflows = [\"ci.yml\"]"),
        refused("[github]\nrepository = \"o/r\""),
        refused("[[notify]]\nkind = \"webhook\"\nurl_file = \"/u\""),
        refused("[[notify]]\nkind = \"discord\"\nurl_file = \"/u\"\nsecret_file = \"/s\""),
        refused(
            "[[notify]]\nkind = \"discord\"\nurl_file = \"/u\"\n[[notify]]\nkind = \"discord\"\nurl_file = \"/u\"",
        ),
        refused(
            "[github]\nrepository = \"o/r\"\ntoken_file = \"/t\"\napp = { id = 1, installation = 2, key_file = \"/k\" }",
        ),
        refused("[environments.lab.promote]\nrun = [\"./promote\"]"),
        refused("[environments.lab.backup]\npaths = []\ndir = \"backups\""),
        refused("[[access]]\nidentity = \"spiffe://lab/op/a\"\nallow = { lap = [\"deploy\"] }"),
        refused_with("url = ", "promotes = \"preprod\"\n# url = "),
        refused_with("repository = \"/srv/lab\"", "branch = \"-main\""),
        refused_with(
            "run = [\"./serve\"]",
            "run = [\"./serve\"]\ncwd = \"../prod\"\nfile = \"/f\"",
        ),
        refused_with("kind = \"process\"", "kind = \"container\""),
        refused_with("repository = ", "git_credentials = { username = \"x\" }\nrepository = "),
        parse(SMALL.split("[environments").next().unwrap()).unwrap_err(),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn a_second_proof_that_anybody_could_bring_is_refused() {
    let written = |issuer: &str, audience: &str, claims: &str| {
        let table = "[environments.lab]";
        let place = format!("issuer = \"{issuer}\", audience = \"{audience}\"");
        let key = format!("{table}\noidc = {{ {place}, claims = {{ {claims} }} }}");
        parse(&SMALL.replace(table, &key))
    };
    let good = written("https://token.example", "ripcord", "repository_id = \"74\"").unwrap();
    let oidc = good.environments.values().find_map(|each| each.oidc.clone()).unwrap();
    assert_eq!(
        (oidc.issuer.as_str(), oidc.claims["repository_id"].as_str()),
        ("https://token.example", "74")
    );
    for (issuer, audience, claims, key) in [
        ("http://token.example", "ripcord", "sub = \"x\"", "oidc.issuer"),
        ("https://token.example/?x", "ripcord", "sub = \"x\"", "oidc.issuer"),
        ("https://ann:secret@token.example", "ripcord", "sub = \"x\"", "oidc.issuer"),
        ("token.example", "ripcord", "sub = \"x\"", "oidc.issuer"),
        ("https://token.example", "", "sub = \"x\"", "oidc.audience"),
        ("https://token.example", "ripcord", "", "oidc.claims"),
    ] {
        let refused = written(issuer, audience, claims).unwrap_err().to_string();
        assert!(refused.contains(key) && !refused.contains("secret"), "{refused}");
    }
}

#[test]
fn check_config_says_what_is_served_what_has_no_effect_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let writable = folder.path().display().to_string();
    let text = EXAMPLE.replace("/var/lib", &writable).replace("/var/app-state", &writable);
    let config = parse(&text).unwrap();
    insta::assert_snapshot!(render_check(&config, &config.check_files()));
}

#[test]
fn check_config_has_no_complaint_about_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["agent.pem", "agent.key", "ca.pem"] {
        std::fs::write(path(name), "x").unwrap();
    }
    let text = SMALL
        .replace("/etc/", &path(""))
        .replace("/var/lib/ripcord", &path("state/of/agent"))
        .replace("/srv/lab", &path(""));
    let config = parse(&text).unwrap();
    assert_eq!(config.check_files(), []);
    let report = render_check(&config, &[]);
    assert!(report.contains("lab ok:") && report.ends_with("can be used\n"), "{report}");
    assert!(report.contains("no [[access]] rule"), "{report}");
}

#[test]
fn two_environments_that_would_overwrite_each_others_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (clone, state) = (folder.path().join("clone"), folder.path().join("state"));
    let repository = git2::Repository::init(&clone).unwrap();
    repository.remote("origin", "/srv/origin.git").unwrap();
    let text = SMALL
        .replace("/srv/lab", &clone.display().to_string())
        .replace("/var/lib/ripcord", &state.display().to_string());
    let (general, lab) = text.split_once("[environments.lab").unwrap();
    let twin = format!("[environments.lab{lab}").replace("environments.lab", "environments.twin");
    let config = parse(&format!("{general}[environments.lab{lab}\n{twin}")).unwrap();
    let problems: Vec<String> =
        ripcord_agent::assembly::check(&config).iter().map(ToString::to_string).collect();
    let shared =
        |problem: &&String| problem.contains("lab and twin deploy into the same work tree");
    assert!(problems.iter().any(|problem| shared(&problem)), "{problems:?}");
}

#[test]
fn a_secret_is_read_without_its_line_end_and_an_empty_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "abc\n").unwrap();
    let secret = ripcord_agent::config::SecretFile::try_from(path.clone()).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&secret.read().unwrap()), "abc");
    std::fs::write(&path, "\n").unwrap();
    assert!(secret.read().is_err());
}

#[test]
fn a_missing_file_is_told_with_its_name() {
    let error = Config::load(Path::new("/nowhere/agent.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/agent.toml: cannot be read"), "{error}");
}

#[test]
fn metrics_are_not_served_to_other_machines() {
    let listen = "listen = \"127.0.0.1:0\"";
    for address in ["0.0.0.0:9464", "192.0.2.7:9464", "[::]:9464"] {
        let message = refused_with(listen, &format!("{listen}\nmetrics = \"{address}\""));
        let advice = "can be reached from other machines";
        assert!(
            message.starts_with("agent.toml:3: metrics:") && message.contains(advice),
            "{message}"
        );
        assert!(message.ends_with("write it as \"127.0.0.1:9464\""), "{message}");
    }
    for address in ["127.0.0.1:9464", "[::1]:9464"] {
        let text = SMALL.replace(listen, &format!("{listen}\nmetrics = \"{address}\""));
        assert_eq!(parse(&text).unwrap().metrics.unwrap().to_string(), address);
    }
}

#[test]
fn an_address_never_carries_a_password() {
    let message = refused("[environments.lab.health]\nurl = \"http://me:hunter2@x/\"");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_pattern_speaks_of_whole_segments_and_never_of_everybody() {
    let pattern = |text: &str| IdentityPattern::try_from(text.to_owned());
    let operators = pattern("spiffe://lab/operator/*").unwrap();
    assert!(operators.matches(&"spiffe://lab/operator/ann".parse().unwrap()));
    assert!(!operators.matches(&"spiffe://lab/operators/ann".parse().unwrap()));
    assert!(!operators.matches(&"spiffe://lab2/operator/ann".parse().unwrap()));
    for text in [
        "*",
        "spiffe://*",
        "spiffe://lab*",
        "spiffe://lab/*/ann",
        "spiffe://lab/operator*",
        "spiffe://lab/operator/**",
        "spiffe://Lab/*",
        "ripcord",
        "",
    ] {
        assert!(pattern(text).is_err(), "{text}");
    }
}

/// The keys that the parser knows in the table that `more` opens.
fn known_keys(more: &str) -> Vec<String> {
    let message = refused(&format!("{more}\nzzzzzzzzzzzz = 1"));
    let (_, known) = message.split_once("known are ").expect(&message);
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_that_may_be_written_is_in_the_reference() {
    let reference = include_str!("../packaging/configuration.md");
    let documented = |table: &str, key: &str| {
        let section = reference.split("\n## ").find(|section| section.starts_with(table));
        section.expect(table).contains(&format!("\n| `{key}` |"))
    };
    let tables = [
        ("`[[access]]`", "[[access]]"),
        ("`[[notify]]`", "[[notify]]"),
        ("`[github]`", "[github]"),
        ("`[journal]`", "[journal]"),
        ("`[github.app]`", "[github.app]"),
        ("`[environments.NAME]`", "[environments.x]"),
        ("`[environments.NAME.runtime]`", "[environments.x.runtime]"),
        ("`[environments.NAME.health]`", "[environments.lab.health]"),
        ("`[environments.NAME.verify]`", "[environments.lab.verify]"),
        ("`[environments.NAME.hooks]`", "[environments.lab.hooks]"),
        ("`[environments.NAME.promote]`", "[environments.lab.promote]"),
        ("`[environments.NAME.backup]`", "[environments.lab.backup]"),
    ];
    for (table, header) in tables {
        for key in known_keys(header) {
            assert!(documented(table, &key), "{table} {key} is missing in configuration.md");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_slip_of_the_pen_in_a_good_file_makes_the_parser_panic(
        at in 0..EXAMPLE.len(), gone in 0..12usize, new in "[\\[\\]\"={}.a-z0-9é\n]{0,6}",
    ) {
        let start = (0..=at).rev().find(|i| EXAMPLE.is_char_boundary(*i)).unwrap();
        let end = (start + gone..=EXAMPLE.len()).find(|i| EXAMPLE.is_char_boundary(*i));
        let rest = end.map_or("", |end| &EXAMPLE[end..]);
        let text = format!("{}{new}{rest}", &EXAMPLE[..start]);
        if let Err(message) = parse(&text) {
            prop_assert!(message.starts_with("agent.toml:"), "{}", message);
        }
    }
}
