#!/bin/bash
# Runs each fuzz target for SECONDS (default 60), two side by side. Needs cargo-fuzz and a nightly compiler; where there is
# no nightly, the stable one is told to behave as one.
#
#   fuzz/run.sh [SECONDS [TARGET...]]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for file in fuzz_targets/*.rs; do file=${file##*/}; targets+=("${file%.rs}"); done
fi
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --quiet
cargo=(cargo)
if cargo +nightly --version >/dev/null 2>&1; then cargo=(cargo +nightly); else export RUSTC_BOOTSTRAP=1; fi
"${cargo[@]}" fuzz build
one() {
    mkdir -p "corpus/$1" artifacts
    local seeds=()
    [ -d "seeds/$1" ] && seeds=("seeds/$1")
    # What tools wrote is where a reader of locks begins.
    case $1 in lock_*) seeds+=("../fixtures/locks") ;; esac
    if "${cargo[@]}" fuzz run "$1" "corpus/$1" "${seeds[@]}" -- -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 >"artifacts/$1.log" 2>&1; then
        printf '%-14s %s runs, no finding\n' "$1" "$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$1.log")"
    else
        printf '%-14s FINDING: fuzz/artifacts/%s.log\n' "$1" "$1"
        tail -n 15 "artifacts/$1.log"
        return 1
    fi
}
failed=0
running=0
for target in "${targets[@]}"; do
    one "$target" &
    running=$((running + 1))
    if [ $running -ge 2 ]; then wait -n || failed=1; running=$((running - 1)); fi
done
while [ $running -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
exit $failed
