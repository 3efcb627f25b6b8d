# For tests/bench/run and tests/bench/counts, which set `root`: a release build, and a log of what
# made it.
# shellcheck shell=bash
build=$root/build/bench
log=$root/tests/artefacts/bench/build.log

begin_log() {
    mkdir -p "$(dirname "$log")"
    : >"$log"
}

# Runs a command with its words in the log, which is shown if it fails.
quietly() {
    if ! "$@" >>"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "tests/bench: failed: $*" >&2
        exit 1
    fi
}

# Builds the targets. Warnings of that level of optimisation are nobody's error.
build_targets() {
    if [[ ! -f $build/build.ninja || $(cat "$build/source-root" 2>/dev/null) != "$root" ]]; then
        echo 'tests/bench: setting up a release build' >&2
        rm -rf "$build"
        quietly meson setup --buildtype=release -Dtests=enabled "$build" "$root"
        printf '%s\n' "$root" >"$build/source-root"
    fi
    quietly ninja -C "$build" "$@"
}
