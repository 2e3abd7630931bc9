#!/bin/sh
# Builds the images: images/build.sh [NAME...], all of them unless named, with docker, podman or
# buildah, whichever is there. Works without an account and pushes nothing.
#
#   REGISTRY=example.com/kaito   in front of the names; `localhost` unless given
#   VERSION=1.2.3                the tag; appVersion of the chart unless given
#   BUILD_OPTIONS="..."          passed on, such as --build-arg PYTHON_IMAGE=...@sha256:...
set -eu
cd "$(dirname "$0")/.."
registry=${REGISTRY:-localhost}
version=${VERSION:-$(sed -n 's/^appVersion: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' charts/kaito/Chart.yaml)}

engine=""
for candidate in docker podman buildah; do
    if command -v "$candidate" > /dev/null; then
        engine=$candidate
        break
    fi
done
if [ -z "$engine" ]; then
    echo "error: no docker, podman or buildah on PATH; install one, such as: apt-get install buildah" >&2
    exit 1
fi

[ "$#" -gt 0 ] || set -- operator provisioner runtime
for name in "$@"; do
    file=images/$name/Containerfile
    if [ ! -f "$file" ]; then
        echo "error: no image $name; there are: $(cd images && echo */)" >&2
        exit 2
    fi
    image=$(sed -n 's/^LABEL org.opencontainers.image.title="\([^"]*\)".*/\1/p' "$file")
    echo "$registry/$image:$version"
    # BUILD_OPTIONS is several words on purpose.
    # shellcheck disable=SC2086
    "$engine" build ${BUILD_OPTIONS:-} -f "$file" -t "$registry/$image:$version" .
done
