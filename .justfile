# The usual jobs. `just` lists them.

_list:
    @just --justfile {{justfile()}} --list

# The main job on this machine, embedded defaults: no Docker, no GitHub
demo *options:
    cargo demo -- {{options}}

# All tests; those with containers are skipped, with a line that says so, where no engine answers
test *options:
    cargo test --workspace {{options}}

# Everything that must hold before a change goes in
ci:
    .ci/run

# How fast: deployments beside the floor and the script, cold starts, an idle agent, log lines
bench:
    cargo build --release --bins
    cargo bench --package ripcord-agent --bench deploy
    cargo bench --package ripcord-agent --bench log_hub
