# shellcheck shell=bash
# Starts and stops the bare node. All of it lives in namespaces of its own whose
# first process is lib/init: ending that process ends the node. What outlives it
# is taken away by name: the veth pair, two routes, the control groups and the
# work folder.

# Each needed program and the Debian package that has it.
NEEDED_PROGRAMS=(
  containerd:containerd ctr:containerd runc:runc ip:iproute2 nft:nftables sysctl:procps
  openssl:openssl curl:curl unshare:util-linux nsenter:util-linux mount:mount mkfs.ext4:e2fsprogs
)

require_node_programs() {
  local pair missing=()
  ((EUID == 0)) || die "a node of its own needs root; or point KUBECONFIG at a cluster that answers"
  for pair in "${NEEDED_PROGRAMS[@]}"; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair%:*} (package ${pair#*:})")
  done
  [[ -x $CNI_PLUGINS/bridge ]] || missing+=("$CNI_PLUGINS/bridge (package containernetworking-plugins)")
  ((${#missing[@]} == 0)) || die "missing programs: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')"
}

# The folders of this cluster's control groups: one per hierarchy, of which cgroup
# v1 has several and v2 one.
cgroup_folders() {
  awk -v group="$CGROUP" '$3 ~ /^cgroup2?$/ { print $2 "/" group }' /proc/self/mounts
}

make_cgroups() {
  local folder setting
  for folder in $(cgroup_folders); do
    mkdir -p "$folder"
    # A cpuset without processors and memory nodes takes no process.
    for setting in cpuset.cpus cpuset.mems; do
      [[ ! -e $folder/$setting || -n $(<"$folder/$setting") ]] ||
        cat "$folder/../$setting" >"$folder/$setting"
    done
  done
}

cgroups_removed() {
  local folder left=0
  for folder in $(cgroup_folders); do
    [[ ! -d $folder ]] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
  done
  return "$left"
}

node_alive() {
  local pid
  pid=$(state_get init_pid)
  [[ -n $pid ]] && process_alive "$pid" "$(state_get init_start)"
}

# Starts lib/init in new namespaces and records it. The parent, unshare, only
# waits for it, and the kernel ends init should unshare be killed.
start_init() {
  local init index
  # Not expanded below, where it would be another child to be taken for the node's first process.
  index=$(state_get index)
  setsid unshare --net --mount --pid --ipc --uts --fork --kill-child --mount-proc \
    "$HERE/lib/init" "$HERE" "$BIN" "$WORK" "$index" \
    >"$WORK/log/init.log" 2>&1 </dev/null {LOCK}>&- &
  wait_for 10 "first process of the node started" pgrep -P "$!" >/dev/null || return 1
  init=$(pgrep -P "$!") || return 1
  state_set init_start "$(process_start "$init")"
  state_set init_pid "$init"
}

# Whether pods can run, or never will because the node ended.
node_settled() {
  node_alive || return 0
  [[ $(cluster_kubectl get node "$NODE_NAME" --request-timeout=5s \
    -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]] &&
    cluster_kubectl get serviceaccount default --request-timeout=5s >/dev/null 2>&1
}

node_failed() {
  tail -n 20 "$WORK/log/init.log" >&2
  local name log
  name=$(sed -n 's/.*its log is .*\/\(.*\)\.log$/\1/p' "$WORK/log/init.log")
  [[ -z $name ]] || tail -n 20 "$WORK/log/$name.log" >&2
  log=$(mktemp -d /tmp/storagepool-cluster-log.XXXXXX)
  cp "$WORK"/log/* "$log"
  node_down || true
  die "the node did not start (the last lines above); all of its logs are kept in $log"
}

node_up() {
  local start
  start=$(now_ms)
  require_node_programs
  mkdir -p "$WORK/log" "$WORK/pod-logs" "$WORK/volume-plugins"
  claim_index
  node_settings
  say "starting a node: range $RANGE, work folder $WORK"
  make_certificates
  write_configs
  make_cgroups
  start_init || node_failed
  connect_host "$(state_get init_pid)" || node_failed
  wait_for 180 "node Ready" node_settled || node_failed
  node_alive || node_failed
  say "node Ready after $((($(now_ms) - start) / 1000)) s"
}

node_down() {
  local index pid
  index=$(state_get index)
  [[ -n $index ]] || return 0
  use_index "$index"
  rm -f "$KUBECONFIG_FILE"
  if node_alive; then
    pid=$(state_get init_pid)
    kill -KILL "$pid"
    wait_for 30 "node's processes ended" node_dead || return 1
  fi
  disconnect_host || return 1
  wait_for 30 "control groups $CGROUP removed" cgroups_removed
}

node_dead() { ! node_alive; }

node_status() {
  local index
  index=$(state_get index)
  use_index "$index"
  node_settings
  if ! node_alive; then
    printf 'state: stopped by itself (%s)\n' "$(tail -n 1 "$WORK/log/init.log")"
    return 1
  fi
  printf 'pods: %s, Services: %s, host: %s\n' "$PODS" "$SERVICES" "$LINK_HOST"
}
