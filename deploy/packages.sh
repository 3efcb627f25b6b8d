#!/usr/bin/env bash
# The Debian packages that roomd needs, and how they get onto a machine. Sourced by deploy/run,
# tests/run and tests/bench/run:
#
#     . deploy/packages.sh
#     need_packages build run
#
# Kinds: to build, to run from a build, to run from an image (what the programs link), to test, Node.
# Installs what is missing and nothing else. Root is asked for (sudo) only then.

# Kind, then the package, or several of which one is enough: Debian 12's name first.
package_list='
build gcc
build g++
build meson
build ninja-build
build pkg-config|pkgconf
build libevent-dev
build libmsgpack-dev|libmsgpack-c-dev
build libhiredis-dev
build libdouble-conversion-dev
build libzstd-dev
build liburing-dev
build libxxhash-dev
build libssl-dev
build libhttp-parser-dev
build duktape-dev
build libicu-dev
build libsystemd-dev
run   redis-server
image libevent-core-2.1-7|libevent-core-2.1-7t64
image libevent-extra-2.1-7|libevent-extra-2.1-7t64
image libevent-openssl-2.1-7|libevent-openssl-2.1-7t64
image libmsgpackc2|libmsgpack-c2
image libhiredis0.14|libhiredis1.1.0
image libdouble-conversion3
image libzstd1
image liburing2
image libxxhash0
image libssl3|libssl3t64
image libhttp-parser2.9
image libduktape207
image libicu72|libicu76
image libsystemd0
test  libcriterion-dev
test  liblua5.1-0-dev
test  chromium
test  openssl
test  duktape
test  clang
test  libclang-rt-14-dev|libclang-rt-dev
test  haproxy
test  iproute2
test  nftables
test  util-linux
test  nginx-light
test  prometheus
test  docker-compose
test  systemd
test  python3-seccomp
node  nodejs
node  npm
bench gnuplot-nox
bench valgrind
'

# Prints the wanted packages that are not installed, one choice a line: "a" or "a|b".
missing_packages() {
    local kinds=" $* " kind choice name installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
        sed -n 's/^installed //p')
    while read -r kind choice; do
        [[ -n $kind && $kinds == *" $kind "* ]] || continue
        for name in ${choice//|/ }; do
            grep -qxF -- "$name" <<<"$installed" && continue 2
        done
        printf '%s\n' "$choice"
    done <<<"$package_list"
}

# The first of "a|b" that apt can install, else the first.
choose_package() {
    local name
    for name in ${1//|/ }; do
        if [[ $(apt-cache policy "$name" 2>/dev/null) == *'Candidate: '[!\(]* ]]; then
            printf '%s\n' "$name"
            return
        fi
    done
    printf '%s\n' "${1%%|*}"
}

# As root: installs choices. A service that comes along is not started, now or at boot: roomd runs
# a redis-server of its own and leaves port 6379 alone.
install_packages() {
    local choice name names=() policy=/usr/sbin/policy-rc.d
    export DEBIAN_FRONTEND=noninteractive
    for choice in "$@"; do
        names+=("$(choose_package "$choice")")
    done
    if [[ ! -e $policy ]]; then
        # What Debian asks before it starts a service; 101 is "not allowed".
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    if ! apt-get install -qq -y --no-install-recommends "${names[@]}"; then
        echo 'roomd: refreshing the list of packages' >&2
        apt-get update -qq
        names=()
        for choice in "$@"; do
            names+=("$(choose_package "$choice")")
        done
        apt-get install -qq -y --no-install-recommends "${names[@]}"
    fi
    for name in "${names[@]}"; do
        if [[ $name == redis-server && -d /run/systemd/system ]]; then
            systemctl disable --quiet redis-server
        fi
    done
}

# Makes sure that the packages of these kinds are installed, or says what is to be done and fails.
need_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        echo 'roomd: not a Debian system: deploy/packages.sh lists what has to be installed' >&2
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    echo "roomd: installing ${missing[*]}" >&2
    if ((EUID == 0)); then
        bash "${BASH_SOURCE[0]}" install "${missing[@]}" >&2
    elif command -v sudo >/dev/null; then
        sudo bash "${BASH_SOURCE[0]}" install "${missing[@]}" >&2
    else
        echo "roomd: that takes root, and there is no sudo. As root run: apt-get install" \
            "${missing[*]%%|*}" >&2
        return 1
    fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    [[ ${1-} == install ]] || { echo 'usage: packages.sh install PACKAGE...' >&2; exit 2; }
    shift
    install_packages "$@"
fi
