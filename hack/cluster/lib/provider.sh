# shellcheck shell=bash
# Which cluster a work folder gets, recorded as state/provider:
#   external  the one that $KUBECONFIG names, used as it is and never changed
#   kind      made by kind, where a Docker engine answers
#   node      a node of its own on this machine (lib/node.sh)

# Whether $KUBECONFIG names a cluster that this command made, which must not
# pass for somebody else's when a second work folder is brought up.
kubeconfig_is_ours() {
  [[ $(basename -- "$KUBECONFIG") == kubeconfig && -e $(dirname -- "$KUBECONFIG")/state/provider ]]
}

choose_provider() {
  if [[ -n ${KUBECONFIG:-} ]] && ! kubeconfig_is_ours; then
    if api_answers "$KUBECONFIG"; then
      echo external
      return
    fi
    say "KUBECONFIG=$KUBECONFIG does not answer: not using it"
  fi
  if ! docker info >/dev/null 2>&1; then
    echo node
  elif command -v kind >/dev/null; then
    echo kind
  else
    say "a Docker engine answers, but kind is not installed: a node of its own instead"
    echo node
  fi
}

kind_name() { printf 'storagepool-%s\n' "$(sha256sum <<<"$WORK" | cut -c1-8)"; }

provider_up() {
  case $1 in
    external)
      "$BIN/kubectl" config view --raw --flatten --minify >"$KUBECONFIG_FILE"
      say "using the cluster of KUBECONFIG=$KUBECONFIG as it is"
      ;;
    kind) kind create cluster --name "$(kind_name)" --kubeconfig "$KUBECONFIG_FILE" --wait 180s >&2 ;;
    node) node_up ;;
  esac
}

# Whether the cluster of the work folder runs and answers.
provider_running() {
  [[ -e $KUBECONFIG_FILE ]] || return 1
  [[ $1 != node ]] || node_alive || return 1
  api_answers "$KUBECONFIG_FILE"
}

provider_down() {
  case $1 in
    external) say "leaving the cluster of KUBECONFIG as it is" ;;
    kind) kind delete cluster --name "$(kind_name)" --kubeconfig "$KUBECONFIG_FILE" >&2 ;;
    node) node_down ;;
  esac
}

provider_load_image() {
  case $1 in
    external)
      die "the cluster is the one of your own KUBECONFIG: push the image to a registry that it pulls from, and name it there"
      ;;
    kind) kind load image-archive "$2" --name "$(kind_name)" ;;
    node)
      use_index "$(state_get index)"
      node_settings
      import_image "$2"
      ;;
  esac
}
