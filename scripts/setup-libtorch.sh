#!/usr/bin/env bash
# Puts a CPU libtorch into the user's cache folder and links .libtorch in the checkout to it, where
# .cargo/config.toml finds it. Does nothing where that was done before, or where the user has set
# LIBTORCH or LIBTORCH_USE_PYTORCH. See docs/setup.md.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
wheels_list=$checkout/scripts/libtorch-wheels.txt
version=$(sed -n 's/^torch==\([^ ]*\).*/\1/p' "$wheels_list")

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    printf 'setup: error: %s\n' "$@" >&2
    exit 1
}

use_own_libtorch() {
    local library
    for library in libtorch.so libtorch_cpu.so; do
        [[ -e ${LIBTORCH_LIB:-$LIBTORCH}/lib/$library ]] ||
            fail "LIBTORCH is set to $LIBTORCH, where there is no lib/$library." \
                "Name a libtorch $version, or unset LIBTORCH to let this set-up fetch one."
    done
    say "using the libtorch in $LIBTORCH, as LIBTORCH says"
}

use_own_pytorch() {
    local python=python3 found
    [[ -z ${VIRTUAL_ENV:-} ]] || python=python
    found=$("$python" -c 'import torch; print(torch.__version__)') ||
        fail "LIBTORCH_USE_PYTORCH is set, but \`$python -c 'import torch'\` fails." \
            "Install torch $version there, or unset LIBTORCH_USE_PYTORCH to let this set-up fetch a libtorch."
    say "using the libtorch of $python's PyTorch $found, as LIBTORCH_USE_PYTORCH says"
}

check_platform() {
    [[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] ||
        fail "a libtorch can be fetched for Linux on x86_64 only, this is $(uname -s) on $(uname -m)." \
            "Install libtorch $version yourself and set LIBTORCH to its folder."
}

check_python() {
    command -v python3 >/dev/null ||
        fail "python3 is needed to fetch libtorch. On Debian: apt install python3 python3-pip"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "pip is needed to fetch libtorch, python3 has none. On Debian: apt install python3-pip"
}

# A folder is complete when its copy of the list of wheels is there, for that is written last.
is_complete() { cmp -s "$wheels_list" "$1/wheels.txt"; }

download() {
    local wheels=$1
    # pip's own temporary files go there too: /tmp is often small. The options name the wheels'
    # platform, so any Python does.
    PIP_REQUIRE_VIRTUALENV=0 TMPDIR=$wheels python3 -m pip download --quiet --no-cache-dir --no-deps \
        --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
        --platform manylinux2014_x86_64 --require-hashes --requirement "$wheels_list" \
        --dest "$wheels" >&2 ||
        fail "pip could not fetch the wheels of scripts/libtorch-wheels.txt; its message is above." \
            "Nothing was changed. Check the network and the disk space (1 GB while it runs), and run it again."
}

# Builds the folder $1 beside its place, then renames it there, so that it is whole or absent.
build() {
    local folder=$1
    partial=$(mktemp -d "$folder.partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir "$partial/wheels"
    say "fetching libtorch $version (about 450 MB of it are kept, in $folder)"
    download "$partial/wheels"
    python3 "$checkout/scripts/extract-libtorch.py" "$partial/wheels" "$partial/libtorch" ||
        fail "the wheels could not be unpacked; is the disk of $partial full?"
    printf '%s\n' "$version" >"$partial/libtorch/build-version"
    cp "$wheels_list" "$partial/libtorch/wheels.txt"
    rm -rf "$folder"
    mv -T "$partial/libtorch" "$folder"
}

# Renamed into place, so that a build at the same time always finds a link.
link_checkout() {
    local folder=$1 link=$checkout/.libtorch
    [[ $(readlink "$link" || true) == "$folder" ]] && return
    [[ ! -e $link || -L $link ]] || fail "$link is in the way: it is not a link. Remove it."
    ln -s "$folder" "$link.$$"
    mv -T "$link.$$" "$link"
}

fetch_libtorch() {
    check_platform
    # HOME may be unset (cron, containers): then ~ is what the system's user list says.
    local home cache folder
    home=${HOME:-$(echo ~)}
    cache=$home/.cache
    # The XDG specification tells to ignore a relative path.
    [[ ${XDG_CACHE_HOME:-} != /* ]] || cache=$XDG_CACHE_HOME
    folder=$cache/fieldscope/libtorch-$version-cpu
    if ! is_complete "$folder"; then
        check_python
        mkdir -p "$cache/fieldscope" || fail "no folder can be made in $cache; set XDG_CACHE_HOME to one that can."
        exec 9>"$cache/fieldscope/.setup.lock"
        flock --nonblock 9 || {
            say "waiting for another set-up that is fetching libtorch"
            flock 9
        }
        if ! is_complete "$folder"; then
            # Under the lock these can only be what an interrupted set-up left.
            rm -rf "$folder".partial.*
            build "$folder"
        fi
        exec 9>&-
    fi
    link_checkout "$folder"
    say "libtorch $version is in $folder"
}

if [[ -n ${LIBTORCH_USE_PYTORCH+set} ]]; then
    use_own_pytorch
elif [[ -n ${LIBTORCH+set} ]]; then
    use_own_libtorch
else
    fetch_libtorch
fi
