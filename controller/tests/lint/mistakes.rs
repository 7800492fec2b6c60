//! Every code: the mistake is made and found at its line; what the repository had before is the fix.

use std::{collections::BTreeSet, process::Command};

use crate::repository::{Repository, said};

const CI: &str = ".github/workflows/ci.yml";
const CD: &str = ".github/workflows/cd-preprod.yml";
const LABELS: &str = ".github/workflows/labels.yml";
const NIGHTLY: &str = ".github/workflows/nightly.yml";
const PREPROD: &str = "30_docker/docker-compose-preprod.yml";
const PROD: &str = "30_docker/docker-compose-prod.yml";
const ACTION: &str = "controller/action@08c6903cd8c0fde910a37f88322edcfb5dd907a8";

/// File, what it has, what is written instead, what is found.
type Mistake = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const PROJECT: [Mistake; 5] = [
    ("ripcord.toml", "contains", "contain", &["RC003 ripcord.toml:4", "RC001 ripcord.toml:6"]),
    ("ripcord.toml", "run = \"black --check src/\"", "run = \"x\"\nneeds = [\"Tests\"]", &["RC001 ripcord.toml:13"]),
    ("ripcord.toml", "url = \"https://www.example/\"\n", "", &["RC002 ripcord.toml:7"]),
    ("ripcord.toml", "\ncontains = \"Kitchen\"\n[environments.prod]", "\n[environments.prod]", &["RC003 ripcord.toml:4"]),
    ("agent.toml", "branch = \"main\"", "branch = ", &["RC004 agent.toml:3"]),
];

#[rustfmt::skip]
const VERDICT: [Mistake; 15] = [
    (CI, "jobs:", "jobs: [", &["RC004 .github/workflows/ci.yml:12"]),
    ("agent.toml", "\"ci.yml\"", "\"ci.yml\", \"CI Pipeline\"", &["RC010 agent.toml:9"]),
    (NIGHTLY, "  schedule:\n    - cron: \"0 2 * * *\"", "  push:", &["RC011 .github/workflows/nightly.yml:1"]),
    (CI, "  push:\n    branches: [main]\n", "", &["RC012 .github/workflows/ci.yml:2"]),
    (CI, "branches: [main]", "branches: ['release/**', master]", &["RC012 .github/workflows/ci.yml:4"]),
    (CI, "branches: [main]", "branches-ignore: ['ma*']", &["RC012 .github/workflows/ci.yml:4"]),
    (CI, "branches: [main]", "branches: ['**', '!main']", &["RC012 .github/workflows/ci.yml:4"]),
    (CI, "branches: [main]", "tags: ['v*']", &["RC012 .github/workflows/ci.yml:4"]),
    (CI, "branches: [main]\n", "branches: [main]\n    paths: [src/**]\n", &["RC013 .github/workflows/ci.yml:5"]),
    (CI, "branches: [main]\n", "branches: [main]\n    paths-ignore:\n      - docs/**\n", &["RC013 .github/workflows/ci.yml:5"]),
    (CI, "github.sha }}\n  cancel-in-progress: ${{ github.event_name == 'pull_request' }}", "github.ref }}\n  cancel-in-progress: true", &["RC014 .github/workflows/ci.yml:9"]),
    (CI, "    runs-on: ubuntu-24.04", "    runs-on: ubuntu-24.04\n    concurrency: { group: c, cancel-in-progress: true }", &["RC014 .github/workflows/ci.yml:13"]),
    (CI, "  checks:\n", "  checks:\n    continue-on-error: true\n", &["RC015 .github/workflows/ci.yml:12"]),
    (CI, "          environment: preprod\n", "          environment: preprod\n        continue-on-error: true\n", &["RC015 .github/workflows/ci.yml:19"]),
    (NIGHTLY, "pytest --soak", "|\n          touch report\n          git commit -m 'report [skip ci]'", &["RC016 .github/workflows/nightly.yml:11"]),
];

#[rustfmt::skip]
const DELIVERY: [Mistake; 12] = [
    (CD, "  push:\n    branches: [main]", "  workflow_run:\n    workflows: [CI]\n    types: [completed]", &["RC020 .github/workflows/cd-preprod.yml:3"]),
    (CD, "  deploy:\n", "  ci:\n    uses: ./.github/workflows/ci.yml\n  deploy:\n    needs: ci\n", &["RC020 .github/workflows/cd-preprod.yml:12"]),
    (CD, "      - name: Deploy", "      - run: gh run watch\n      - name: Deploy", &["RC020 .github/workflows/cd-preprod.yml:9"]),
    (CD, "concurrency:\n  group: cd-preprod\n  cancel-in-progress: false\n", "", &["RC021 .github/workflows/cd-preprod.yml:6"]),
    (NIGHTLY, "  soak:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: pytest --soak", "  reset:\n    runs-on: self-hosted\n    steps:\n      - run: git reset --hard origin/main", &["RC021 .github/workflows/nightly.yml:6"]),
    (CD, "cancel-in-progress: false", "cancel-in-progress: true", &["RC022 .github/workflows/cd-preprod.yml:7"]),
    (LABELS, "      - run:", "        with:\n          ref: ${{ github.event.pull_request.head.sha }}\n      - run:", &["RC030 .github/workflows/labels.yml:9"]),
    (LABELS, "./label.sh", "gh pr checkout 7 && ./label.sh", &["RC030 .github/workflows/labels.yml:8"]),
    (CD, ACTION, "controller/action@v1", &["RC031 .github/workflows/cd-preprod.yml:14"]),
    (CD, "\"$WEBHOOK\"", "\"${{ secrets.DISCORD_WEBHOOK_URL }}\"", &["RC032 .github/workflows/cd-preprod.yml:25"]),
    (CD, "is live: $TITLE", "is live: ${{ github.event.head_commit.message }}", &["RC033 .github/workflows/cd-preprod.yml:24"]),
    (NIGHTLY, "--soak", "${{ inputs.arguments }}", &["RC033 .github/workflows/nightly.yml:9"]),
];

#[rustfmt::skip]
const COMPOSE: [Mistake; 17] = [
    (PREPROD, "command: streamlit", "command: >\n      bash -c \"uv pip install -e . &&\n      pip install x; exec streamlit\n      \"", &["RC040 30_docker/docker-compose-preprod.yml:10"]),
    (PREPROD, "command: streamlit run src/main.py", "entrypoint: [bash, -c, \"apt-get update; exec x\"]", &["RC040 30_docker/docker-compose-preprod.yml:9"]),
    (PREPROD, "exec caddy", "caddy", &["RC041 30_docker/docker-compose-preprod.yml:18"]),
    (PREPROD, "    command: bash -c \"prepare && exec caddy run\"", "    command: [\"/bin/sh\", \"-c\", \"caddy run\"]", &["RC041 30_docker/docker-compose-preprod.yml:18"]),
    (PREPROD, "\n    restart: unless-stopped", "", &["RC042 30_docker/docker-compose-preprod.yml:16"]),
    (PREPROD, "restart: unless-stopped", "restart: on-failure", &["RC042 30_docker/docker-compose-preprod.yml:16"]),
    (PREPROD, "  restart: always\n", "", &["RC042 30_docker/docker-compose-preprod.yml:5"]),
    (PROD, "../20_prod:/app", "../10_preprod:/app", &["RC043 30_docker/docker-compose-prod.yml:13"]),
    (PROD, "../20_prod:/app", "..:/app", &["RC043 30_docker/docker-compose-prod.yml:13"]),
    (PROD, "../data:/data:ro", "{ type: bind, source: ../data, target: /data }", &["RC043 30_docker/docker-compose-prod.yml:14"]),
    (PROD, "name: kitchen-prod", "name: kitchen-preprod", &["RC044 30_docker/docker-compose-prod.yml:1"]),
    (PREPROD, "kitchen:1.4.2", "kitchen:latest", &["RC045 30_docker/docker-compose-preprod.yml:8"]),
    (PREPROD, "kitchen:1.4.2", "registry:5000/kitchen", &["RC045 30_docker/docker-compose-preprod.yml:8"]),
    (PROD, "127.0.0.1:8502:", "127.0.0.1:8501:", &["RC046 30_docker/docker-compose-prod.yml:11"]),
    (PROD, "\"127.0.0.1:8502:8501\"", "{ target: 8501, published: \"8500-8510\" }", &["RC046 30_docker/docker-compose-prod.yml:11"]),
    (PROD, "\"127.0.0.1:8502:8501\"", "8502:8501\n      - 8502:9000", &["RC046 30_docker/docker-compose-prod.yml:12"]),
    (PROD, "services:", "services: *nobody", &["RC004 30_docker/docker-compose-prod.yml:5"]),
];

fn all() -> impl Iterator<Item = Mistake> {
    PROJECT.into_iter().chain(VERDICT).chain(DELIVERY).chain(COMPOSE)
}

#[test]
fn a_repository_without_mistakes_has_no_findings() {
    let said = Repository::good().lint(&[]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "nothing was found\n"), "{}", said.stderr);
}

#[test]
fn every_mistake_is_found_at_its_line_and_nothing_else_is() {
    let mut differing = Vec::new();
    for (file, right, wrong, expected) in all() {
        let repository = Repository::good();
        let good = std::fs::read_to_string(repository.path(file)).unwrap();
        repository.edit(file, right, wrong);
        let found = repository.findings();
        if found != expected {
            differing.push(format!("{file}: {wrong:?}: {found:?}, not {expected:?}"));
        }
        repository.write(file, &good);
        assert_eq!(repository.findings(), [""; 0], "{file}: {wrong:?} was mended");
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_mistake_can_be_allowed_in_the_head_of_its_file() {
    for (file, right, wrong, expected) in all() {
        let repository = Repository::good();
        repository.edit(file, right, wrong);
        let codes: BTreeSet<&str> = expected.iter().map(|one| &one[..5]).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        let text = std::fs::read_to_string(repository.path(file)).unwrap();
        repository.write(file, &format!("# ripcord: allow {codes}\n{text}"));
        assert_eq!(repository.findings(), [""; 0], "{file}: {wrong}");
    }
}

#[test]
fn every_code_of_the_help_has_a_mistake_here_and_a_line_in_the_manual() {
    let made: BTreeSet<&str> = all().flat_map(|(.., found)| found).map(|one| &one[..5]).collect();
    let mut help = Command::new(env!("CARGO_BIN_EXE_ripcord"));
    help.args(["help", "lint"]);
    let help = said(help).stdout;
    let told = help.lines().filter(|line| line.starts_with("RC")).map(|line| &line[..5]);
    assert_eq!(told.collect::<BTreeSet<_>>(), made);
    let manual = include_str!("../../README.md");
    for code in made {
        assert!(manual.contains(code), "controller/README.md does not have {code}");
    }
}
