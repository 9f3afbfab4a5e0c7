#!/bin/sh
# Makes the three parts of a new check: its rule, its page with an example that fails until the rule is written, and its
# line in the registry.
#
#     crates/judge/new_check.sh ID FAMILY          (make new-check ID=package-missing FAMILY=packages)
set -eu

fail() {
    echo "new_check.sh: $1" >&2
    exit 2
}

[ $# -eq 2 ] || fail "give an id in kebab case and a family: new_check.sh package-missing packages"
id=$1
family=$2
here=$(cd "$(dirname "$0")" && pwd)
checks=$here/src/checks
file=$(printf %s "$id" | tr - _)

printf %s "$id" | grep -Eq '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' || fail "$id is not in kebab case"
if printf %s "$id" | grep -Eq '^(avoid|use|no|check|prefer|missing|invalid|should)-'; then
    fail "$id names an advice; name the fault, such as package-missing"
fi
[ -d "$checks/$family" ] || fail "there is no family $family; there are: $(cd "$checks" && ls -d */ | tr -d / | tr '\n' ' ')"
[ ! -e "$checks/$family/$file.rs" ] || fail "$checks/$family/$file.rs is there already"
if grep -q "\"$id\"" "$here/src/registry.rs"; then
    fail "$id is in the registry already"
fi

cat > "$checks/$family/$file.rs" <<RULE
//! What comes in; what comes out.

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    let _ = case;
    Vec::new()
}
RULE

cat > "$checks/$family/$file.md" <<PAGE
# $id

What is so when it speaks.

## Why it matters

What breaks, and what the user sees then.

## How to fix

What to do.

## Sources

- The documents that the rule rests on

## Examples

\`\`\`envdiff example="fires"
--- image
python 3.11.7
package torch 2.1.2
--- lock train.lock
torch==2.1.2
--- finds
error $id torch
\`\`\`

\`\`\`envdiff example="silent"
--- image
python 3.11.7
package torch 2.1.2
--- lock train.lock
torch==2.1.2
--- finds
\`\`\`
PAGE

# The family's list of modules stays sorted.
list=$checks/$family.rs
{
    grep -v '^pub(crate) mod ' "$list"
    { grep '^pub(crate) mod ' "$list"; echo "pub(crate) mod $file;"; } | LC_ALL=C sort
} > "$list.new"
mv "$list.new" "$list"

# Before the end of the list.
sed "s|^\];\$|    check!($family::$file, \"$id\", Warning, \"What is so when it speaks\"),\n];|" "$here/src/registry.rs" > "$here/src/registry.rs.new"
mv "$here/src/registry.rs.new" "$here/src/registry.rs"

echo "made $checks/$family/$file.rs, $file.md and the line in registry.rs"
echo "write the rule, the page and the title; cargo test -p envdiff-judge fails until the example fires"
