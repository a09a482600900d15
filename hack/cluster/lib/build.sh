# shellcheck shell=bash
# Builds the cluster's programs from the Go modules in go/ into a cache outside
# the checkout. The folder's name is a hash of all pins, so a changed pin makes
# a new folder, and a program that is there is complete.

# shellcheck source=hack/lib/go.sh
. "$HERE/../lib/go.sh"

# Version of module $2 as go/$1/go.mod pins it.
pinned_version() {
  awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$HERE/go/$1/go.mod"
}

link_flags() {
  local kubernetes helm major minor
  kubernetes=$(pinned_version kubernetes k8s.io/kubernetes)
  helm=$(pinned_version helm helm.sh/helm/v3)
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
      printf '%s\n' "${GO_BUILD_FLAGS[@]}" "$(link_flags)" "$(uname -m)"
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

# build_program MODULE PACKAGE NAME: builds PACKAGE of go/MODULE as $BIN/NAME.
build_program() {
  local module=$1 package=$2 name=$3
  [[ ! -x $BIN/$name ]] || return 0
  go_build "$name" "$HERE/go/$module" -ldflags "$(link_flags)" -o "$SCRATCH/$name" "$package"
  mv "$SCRATCH/$name" "$BIN/$name"
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
  require_go "the cluster's programs"
  build_program kubernetes k8s.io/kubernetes/cmd/kubectl kubectl
  build_program helm helm.sh/helm/v3/cmd/helm helm
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
