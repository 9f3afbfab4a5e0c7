#!/bin/bash
# Builds the images that the engine tests read: those of the corpus with their truth (into target/corpus-truth) and those of
# fixtures/; and exports all of them (into target/exports). Needs root, a Docker engine, debootstrap, Debian's packages, PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=${ENVDIFF_CORPUS:-../shared/corpus}
work=target/corpus-images
rm -rf "$work"
mkdir -p "$work"
cp -r "$corpus/images/." "$work/"
chmod -R u+w "$work"
(cd "$work" && ENVDIFF_CORPUS_TMP=$(pwd)/../corpus-tmp bash build.sh)
BASE=envdiff-corpus/base:bookworm-py fixtures/traps/build.sh
rm -rf target/corpus-truth
cp -r "$work/truth" target/corpus-truth
# What the tests hold the layer folders against: an export takes the engine seconds, so it is made once.
tests/export.sh all
echo "images are ready"
