#!/bin/bash
# Prints where the export of a container of IMAGE lies, and makes it if it is not there: one for each image id, under
# target/exports. `all` stands for every image that the engine tests read, and clears away what is no image's any more.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p target/exports
export_of() { # IMAGE
    local id file container
    id=$(docker image inspect -f '{{.Id}}' "$1")
    file=$PWD/target/exports/${id#sha256:}.tar
    if [ ! -e "$file" ]; then
        container=$(docker create --network none "$1" none)
        docker export -o "$file.part$$" "$container" || { docker rm -v "$container" >/dev/null; rm -f "$file.part$$"; return 1; }
        docker rm -v "$container" >/dev/null
        mv "$file.part$$" "$file"
    fi
    echo "$file"
}
if [ "${1:?an image, or all}" != all ]; then
    export_of "$1"
    exit
fi
kept=$(docker images --format '{{.Repository}}' | grep -E '^envdiff-(corpus|fixtures)/' | grep -vE '/(base|big)$' | sort -u \
    | while read -r image; do export_of "$image"; done)
for file in target/exports/*; do
    grep -qxF "$PWD/$file" <<<"$kept" || rm -f "$file"
done
