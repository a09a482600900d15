# shellcheck shell=bash
# What hack/release/build and hack/release/publish share: the version, and the names of the files.

say() { printf '%s: %s\n' "${PROGRAM:?}" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

VERSION=$(sed -nE 's/^project\(storagepool VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)
OUT=build/release-files
CHART_FILE=storagepool-$VERSION.tgz # as Helm names it
# shellcheck disable=SC2034 # used by the scripts that include this
IMAGE_FILE=storagepool-image-$VERSION-linux-amd64.tar
# shellcheck disable=SC2034
PLUGIN_FILE=kubectl-storagepool-$VERSION-linux-amd64.tar.gz

# helm is the one that the cluster's tests use.
helm() { "$(hack/cluster/cluster clients)/helm" "$@"; }
