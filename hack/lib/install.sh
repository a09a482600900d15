# shellcheck shell=bash
# What hack/demo and hack/e2e share: a cluster from hack/cluster, the images in
# it, the operator installed by Helm. The including script sets PROGRAM (for
# messages) and runs in the checkout's root.

CLUSTER=hack/cluster/cluster
SYSTEM=storagepool-system
IMAGES=(build/image/storagepool.tar build/image/postgres.tar)
IMAGE_NOTE=storagepool.dev/demo-images

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# start_cluster WORK: brings the cluster of that work folder up and points
# kubectl and helm at it; sets PROVIDER (node, kind or external).
start_cluster() {
  local settings
  "$CLUSTER" up --work "$1" >/dev/null
  settings=$("$CLUSTER" env --work "$1")
  eval "$settings"
  PROVIDER=$("$CLUSTER" status --work "$1" | sed -n 's/^kind: //p')
}

# Names the images by their content.
images_id() {
  local archive
  for archive in "${IMAGES[@]}"; do
    tar -xOf "$archive" manifest.json | sed -E 's/.*"Config":"([0-9a-f]{12}).*/\1\n/'
  done | paste -sd -
}

# load_images WORK: gives the images to the cluster, unless it has just these.
load_images() {
  local archive
  for archive in "${IMAGES[@]}"; do
    [[ -r $archive ]] || die "$archive is missing: run 'make build', hack/image/build and hack/image/postgres"
  done
  if [[ $PROVIDER == external ]]; then
    say "your own cluster: its nodes need the images of ${IMAGES[*]} already"
    return
  fi
  if [[ $(loaded_images) == "$(images_id)" ]]; then
    say "the images are loaded already"
    return
  fi
  for archive in "${IMAGES[@]}"; do
    say "loading $archive"
    "$CLUSTER" load-image "$archive" --work "$1" >/dev/null
  done
}

# What the cluster's note says about the images that its pods run.
loaded_images() {
  kubectl get namespace "$SYSTEM" -o \
    "go-template={{with .metadata.annotations}}{{with index . \"$IMAGE_NOTE\"}}{{.}}{{end}}{{end}}" 2>/dev/null || true
}

# Installs or upgrades CRD and operator, and waits until it is available. Pods
# that run an older build under the same tag are started again.
install_operator() {
  local before after
  before=$(loaded_images)
  after=$(images_id)
  say "installing the operator"
  kubectl create namespace "$SYSTEM" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  kubectl label --overwrite namespace "$SYSTEM" pod-security.kubernetes.io/enforce=restricted >/dev/null
  # A CRD may be there that no release owns.
  helm upgrade --install --take-ownership storagepool charts/storagepool --namespace "$SYSTEM" --create-namespace \
    --wait --timeout 120s >/dev/null
  kubectl wait --for=condition=Established crd/storagepools.storagepool.dev --timeout=30s >/dev/null
  if [[ -n $before && $before != "$after" ]]; then
    say "the images changed: starting the pods again"
    kubectl -n "$SYSTEM" rollout restart deployment/storagepool-operator >/dev/null
    kubectl -n "$SYSTEM" rollout status deployment/storagepool-operator --timeout=120s >/dev/null
    kubectl get statefulset -A -l app.kubernetes.io/managed-by=storagepool-operator \
      -o 'go-template={{range .items}}{{.metadata.namespace}} {{.metadata.name}}{{"\n"}}{{end}}' |
      while read -r namespace name; do
        kubectl -n "$namespace" rollout restart "statefulset/$name" >/dev/null
      done
  fi
  kubectl annotate --overwrite namespace "$SYSTEM" "$IMAGE_NOTE=$after" >/dev/null
}

# show_problem NAMESPACE: what a person would look at next, on standard error.
show_problem() {
  local pod
  {
    printf '\n--- objects\n'
    kubectl get storagepools,statefulsets,deployments,pods -A -o wide || true
    printf '\n--- StoragePools in %s\n' "$1"
    kubectl -n "$1" describe storagepools || true
    printf '\n--- newest events\n'
    kubectl get events -A --sort-by=.lastTimestamp | tail -n 25 || true
    printf '\n--- operator, newest log lines\n'
    kubectl -n "$SYSTEM" logs deployment/storagepool-operator --tail=30 || true
    for pod in $(kubectl -n "$1" get pods -o name); do
      printf '\n--- %s in %s, newest log lines\n' "$pod" "$1"
      kubectl -n "$1" logs "$pod" --all-containers --tail=20 || true
    done
  } >&2
}
