#!/usr/bin/env bash
# Builds what a script runs, where tests/run builds it. Sourced, with $root set:
#
#     . "$root/tests/lib/build.sh"
#     build_target tests/simulator/sim
#
# leaves the folder in $build; what is said goes to stderr.
. "$root/deploy/packages.sh"
build=$root/build/test

build_target() {
    need_packages build run test
    if [[ ! -f $build/build.ninja || $(cat "$build/source-root" 2>/dev/null) != "$root" ]]; then
        rm -rf "$build"
        meson setup --buildtype=debugoptimized -Dwerror=true -Dtests=enabled "$build" "$root" >&2
        printf '%s\n' "$root" >"$build/source-root"
    fi
    ninja -C "$build" "$1" >&2
}
