# shellcheck shell=bash
# Builds the cluster's programs from the Go modules in go/ into a cache outside
# the checkout. The folder's name is a hash of all pins, so a changed pin makes
# a new folder, and a program that is there is complete.

BUILD_FLAGS=(-mod=readonly -trimpath -buildvcs=false)
GO_NEEDED=1.25

# Version of module $2 as go/$1/go.mod pins it.
pinned_version() {
  awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$HERE/go/$1/go.mod"
}

link_flags() {
  local kubernetes helm major minor
  kubernetes=$(pinned_version kubernetes k8s.io/kubernetes)
  helm=$(pinned_version kubernetes helm.sh/helm/v3)
  IFS=. read -r major minor _ <<<"${kubernetes#v}"
  printf '%s ' -s -w \
    "-X k8s.io/component-base/version.gitVersion=$kubernetes" \
    "-X k8s.io/component-base/version.gitMajor=$major" \
    "-X k8s.io/component-base/version.gitMinor=$minor" \
    "-X helm.sh/helm/v3/internal/version.version=$helm" \
    "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=$major" \
    "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor" \
    "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=$major" \
    "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=$minor"
}

pins_hash() {
  (
    cd "$HERE/go" || exit
    {
      printf '%s\n' "${BUILD_FLAGS[@]}" "$(link_flags)" "$(uname -m)"
      find . -name '*.go' -o -name go.mod -o -name go.sum | LC_ALL=C sort | xargs sha256sum
    } | sha256sum | cut -c1-16
  )
}

# Sets BIN, the folder of the programs that fit this checkout.
find_cache() {
  local root=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/storagepool
  CACHE=$root/$(pins_hash)
  BIN=$CACHE/bin
}

require_go() {
  local found
  command -v go >/dev/null ||
    die "go is not installed; go $GO_NEEDED or newer is needed to build the cluster's programs"
  found=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
  if [[ $(printf '%s\n' "$GO_NEEDED" "${found#go}" | sort -V | head -n 1) != "$GO_NEEDED" ]]; then
    die "$(command -v go) is ${found#go}; go $GO_NEEDED or newer is needed to build the cluster's programs"
  fi
}

# build_program MODULE PACKAGE NAME: builds PACKAGE of go/MODULE as $BIN/NAME,
# saying every ten seconds how far it is.
build_program() {
  local module=$1 package=$2 name=$3 log=$SCRATCH/$3.log start last=0 seconds
  [[ ! -x $BIN/$name ]] || return 0
  say "building $name"
  start=$(now_ms)
  (
    cd "$HERE/go/$module" || exit
    export CGO_ENABLED=0 GOWORK=off GOFLAGS='' GOCACHE=$SCRATCH/gocache GOTMPDIR=$SCRATCH
    exec setsid go build "${BUILD_FLAGS[@]}" -v -ldflags "$(link_flags)" -o "$SCRATCH/$name" "$package"
  ) >"$log" 2>&1 &
  COMPILER=$!
  while process_start "$COMPILER" >/dev/null; do
    sleep 0.2
    seconds=$((($(now_ms) - start) / 1000))
    if ((seconds >= last + 10)); then
      last=$seconds
      say "building $name: $seconds s, $(grep -vc '^go: ' "$log") packages compiled"
    fi
  done
  if ! wait "$COMPILER"; then
    tail -n 20 "$log" >&2
    die "go could not build $name from $HERE/go/$module (the last lines above)"
  fi
  COMPILER=
  mv "$SCRATCH/$name" "$BIN/$name"
  say "built $name in $((($(now_ms) - start) / 1000)) s"
}

end_scratch() {
  trap - EXIT INT TERM
  if [[ -n ${COMPILER:-} ]]; then
    kill -- -"$COMPILER" 2>/dev/null || true
    wait "$COMPILER" 2>/dev/null || true
  fi
  rm -rf "${SCRATCH:-}"
}

# with_scratch FUNCTION: runs FUNCTION alone on the cache, with a scratch folder
# that is gone afterwards (Go's build cache of some 4 GB is in it).
with_scratch() {
  local lock
  mkdir -p "$BIN"
  exec {lock}>"$CACHE/lock"
  if ! flock -n "$lock"; then
    say "another build is at work on $CACHE: waiting for it"
    flock "$lock"
  fi
  rm -rf "$CACHE"/scratch.* # of a build that was killed
  trap end_scratch EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  SCRATCH=$(mktemp -d "$CACHE/scratch.XXXXXX")
  "$1"
  end_scratch
  exec {lock}>&-
}

have_programs() {
  local name
  for name in "$@"; do
    [[ -e $BIN/$name ]] || return 1
  done
}

CLIENTS=(kubectl helm)
COMPONENTS=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet)

compile_clients() {
  require_go
  build_program kubernetes k8s.io/kubernetes/cmd/kubectl kubectl
  build_program kubernetes helm.sh/helm/v3/cmd/helm helm
}

compile_all() {
  local component
  compile_clients
  build_program pause . pause
  build_program etcd go.etcd.io/etcd/server/v3 etcd
  build_program dns . dns
  build_program kubernetes ./kube kube
  for component in "${COMPONENTS[@]}"; do
    ln -sfn kube "$BIN/$component"
  done
}

build_clients() {
  have_programs "${CLIENTS[@]}" || with_scratch compile_clients
}

build_all() {
  have_programs "${CLIENTS[@]}" pause etcd dns kube "${COMPONENTS[@]}" || with_scratch compile_all
}
