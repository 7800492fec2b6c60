#!/usr/bin/env bash
# Where the controller comes from: PATH, or a release whose SHA-256 is verified before it is unpacked.
# $RIPCORD_RELEASES names another place that is laid out like the project's releases: a mirror.

# find_ripcord VERSION: sets `ripcord` to the program; `fail` is the caller's.
# shellcheck disable=SC2034
find_ripcord() {
    if [[ $1 == local ]]; then
        ripcord=$(command -v ripcord) || fail "there is no ripcord on this runner's PATH: install it there, or name a release with the input version"
        return
    fi
    local pattern='^v?([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)(@sha256:([0-9a-f]{64}))?$'
    [[ $1 =~ $pattern ]] || fail "the input version is neither local nor a release such as 0.1.0 or 0.1.0@sha256:…"
    download "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}"
}

# download VERSION SHA256: sets `ripcord` too; without a digest, the one that the release itself publishes.
# shellcheck disable=SC2034
download() {
    local name digest=$2 from into
    name=ripcord-$1-$(uname -m)-unknown-linux-gnu
    from=${RIPCORD_RELEASES:-https://github.com/ripcord-deploy/ripcord/releases/download}/v$1/$name.tar.gz
    into=$(mktemp -d "${RUNNER_TEMP:-/tmp}/ripcord-XXXXXX")
    fetch "$from" "$into/archive"
    if [[ -z $digest ]]; then
        fetch "$from.sha256" "$into/digest"
        digest=$(cut -d ' ' -f 1 "$into/digest")
    fi
    sha256sum --check --status <<<"$digest  $into/archive" ||
        fail "$from is not what its SHA-256 $digest says: nothing of it was run"
    tar -xzf "$into/archive" --no-same-owner -C "$into" "$name/ripcord" || fail "$from holds no $name/ripcord"
    ripcord=$into/$name/ripcord
}

# fetch URL FILE
fetch() {
    curl --fail --silent --show-error --location --retry 3 --max-time 300 --output "$2" "$1" ||
        fail "$1 cannot be downloaded"
}
