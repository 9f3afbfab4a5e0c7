# What `make` can do; CONTRIBUTING.md says when to use which.
CARGO ?= cargo
DENY_VERSION := 0.20.2
FUZZ_SECONDS ?= 60
TOOLS := target/tools/bin

.PHONY: all demo check test bless bench fuzz new-check walker

# The release binary.
all:
	$(CARGO) build --release --locked -p envdiff

# The main job on the bundled image archive and lock; needs nothing but Rust. Its verdict is "does not match", status 1.
demo:
	@$(CARGO) build --release --locked --quiet -p envdiff
	@target/release/envdiff fixtures/demo/serving.tar.gz fixtures/demo/train.lock; status=$$?; [ $$status -le 1 ] || exit $$status

# Format, lints, licences and bans, the walker's binaries against their source, advisories where their database can be had.
check: $(TOOLS)/cargo-deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	$(TOOLS)/cargo-deny --log-level error check licenses bans sources
	@$(TOOLS)/cargo-deny --log-level off check advisories >/dev/null 2>&1 && echo "advisories ok" || echo "advisories: not checked or not clean; run 'cargo deny check advisories' where its database can be fetched"
	crates/walker/build.sh --check

$(TOOLS)/cargo-deny:
	@command -v cargo-deny >/dev/null && { mkdir -p $(TOOLS) && ln -sf "$$(command -v cargo-deny)" $@; } \
		|| $(CARGO) install cargo-deny --version $(DENY_VERSION) --locked --quiet --no-default-features --root target/tools

# All tests. Those that need a Docker engine or the corpus say so when they skip; with CI=true they fail instead.
test:
	$(CARGO) build --locked --quiet -p envdiff
	$(CARGO) test --workspace --locked --no-fail-fast

# Renews snapshots and generated files: look at the diff afterwards.
bless:
	INSTA_UPDATE=always ENVDIFF_BLESS=1 $(CARGO) test --workspace --locked --quiet

# The tables of README's "How fast", side by side in one run (needs a Docker engine; see benches/README.md).
bench: all
	$(CARGO) build --release --locked --quiet -p envdiff --example added_reading --example lock_verdict
	benches/run.py

# Each fuzz target for FUZZ_SECONDS.
fuzz:
	fuzz/run.sh $(FUZZ_SECONDS)

# make new-check ID=package-missing FAMILY=packages
new-check:
	crates/judge/new_check.sh "$(ID)" "$(FAMILY)"

# Rebuilds the committed binaries of the walker with the compilers that SHA256SUMS names.
walker:
	crates/walker/build.sh
