#!/bin/sh
# Builds walker.rs for both architectures into the crate that embeds them (a package must hold what it embeds), and names
# compiler and checksums in SHA256SUMS there.
#
#   build.sh           writes ../image/programs/{walker-x86_64,walker-aarch64,SHA256SUMS}
#   build.sh --check   builds again elsewhere and compares, for each architecture whose core library is at hand with the
#                      compiler that SHA256SUMS names; x86_64 must be. Another compiler fails with CI=true alone
#
# Only rustc is needed: its own rust-lld links. The aarch64 core comes by `rustup target add aarch64-unknown-linux-gnu`.
set -eu
cd "$(dirname "$0")"
programs=../image/programs
host=$(rustc -vV | sed -n 's/^host: //p')
version=$(rustc --version)
sysroot=$(rustc --print sysroot)
linker=$sysroot/lib/rustlib/$host/bin/rust-lld

build() { # architecture, output
    rustc --edition 2021 --crate-name walker --target "$1-unknown-linux-gnu" \
        -C opt-level=s -C panic=abort -C lto=fat -C relocation-model=static -C strip=symbols \
        -C linker-flavor=ld.lld -C linker="$linker" -C link-self-contained=no -C default-linker-libraries=no \
        -C link-arg=-static -C link-arg=--build-id=none -C link-arg=--gc-sections \
        -C link-arg=-z -C link-arg=noseparate-code -C link-arg=-z -C link-arg=norelro \
        --remap-path-prefix "$PWD=walker" -o "$2" walker.rs
}
has_core() { ls "$sysroot/lib/rustlib/$1-unknown-linux-gnu/lib/"libcore-*.rlib >/dev/null 2>&1; }

if [ "${1:-}" = --check ]; then
    named=$(sed -n 's/^# //p' $programs/SHA256SUMS)
    (cd $programs && sha256sum --check --quiet SHA256SUMS 2>/dev/null) || { echo "walker: the binaries are not those of SHA256SUMS" >&2; exit 1; }
    if [ "$named" != "$version" ]; then
        echo "walker: built by $named, here is $version: not compared" >&2
        [ "${CI:-}" != true ]
        exit
    fi
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    for arch in x86_64 aarch64; do
        if ! has_core "$arch"; then
            echo "walker: no core library for $arch here: not compared" >&2
            [ "$arch" = aarch64 ] || exit 1
            continue
        fi
        build "$arch" "$out/walker-$arch"
        cmp "$out/walker-$arch" "$programs/walker-$arch" || { echo "walker: walker-$arch is not what walker.rs builds" >&2; exit 1; }
    done
    exit 0
fi

for arch in x86_64 aarch64; do
    build "$arch" "$programs/walker-$arch"
done
(
    echo "# $version"
    cd $programs
    sha256sum walker-x86_64 walker-aarch64
) > $programs/SHA256SUMS
