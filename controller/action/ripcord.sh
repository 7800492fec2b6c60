#!/usr/bin/env bash
# One step of a workflow: finds the controller, gives it the action's inputs, and ends as it ends.
# Inputs arrive as INPUT_* variables and are only ever one word each: nothing in them is run, and
# only `args` can add options. Credentials stay in the environment.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=install.sh
source "$here/install.sh"

# fail WHY: for what goes wrong before the controller runs; it tells everything else itself.
fail() {
    local why=${1//'%'/%25}
    why=${why//$'\r'/%0D}
    printf '::error title=ripcord::%s\n' "${why//$'\n'/%0A}"
    printf 'outcome=error\n' >>"$GITHUB_OUTPUT"
    exit 2
}

# flag NAME VALUE: an option in one word, so that a value that begins with a dash stays a value.
flag() {
    [[ -z $2 ]] || words+=("--$1=$2")
}

# give NAME VALUE: a variable for the controller; an input that is empty leaves what is set already.
give() {
    [[ -z $2 ]] || export "$1=$2"
}

[[ $INPUT_COMMAND =~ ^[a-z][a-z-]*$ ]] || fail "the input command names no command of ripcord"
[[ $INPUT_ENVIRONMENT != -* ]] || fail "the input environment begins with a dash: options belong into args"
words=("$INPUT_COMMAND")
[[ -z $INPUT_ENVIRONMENT ]] || words+=("$INPUT_ENVIRONMENT")
flag sha "$INPUT_SHA"
flag wait "$INPUT_WAIT"
flag timeout "$INPUT_TIMEOUT"
flag confirm "$INPUT_CONFIRM"
flag reason "$INPUT_REASON"
# xargs knows quotes and backslashes as a shell does, and expands nothing.
split=$(xargs -r printf '%s\n' <<<"$INPUT_ARGS" 2>/dev/null) || fail "the input args has a quote that does not end on its line"
[[ -z $split ]] || mapfile -t -O "${#words[@]}" words <<<"$split"

give RIPCORD_AGENT "$INPUT_AGENT"
# Jobs of `check` are the application's own code: they have no business with the key.
if [[ $INPUT_COMMAND != check ]]; then
    give RIPCORD_CA_PEM "$INPUT_CA"
    give RIPCORD_CERT_PEM "$INPUT_CERT"
    give RIPCORD_KEY_PEM "$INPUT_KEY"
fi
if [[ -n $INPUT_NOTIFY_URL ]]; then
    exec {notify}< <(printf '%s' "$INPUT_NOTIFY_URL")
    flag notify-url-file "/dev/fd/$notify"
fi
find_ripcord "$INPUT_VERSION"
unset "${!INPUT_@}"
exec "$ripcord" "${words[@]}"
