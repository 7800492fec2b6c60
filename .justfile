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

# How fast, beside what people use; `BENCH_QUICK=1` tries it, `BENCH_PUBLISH=1` writes picture and table
bench:
    cargo build --release --bins
    install -D -t target/side_by_side/bin target/release/ripcord target/release/ripcord-agent
    cargo bench --package ripcord-agent --bench side_by_side
