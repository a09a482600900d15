# shellcheck shell=bash
# What a node could leave on the machine. Other clusters may run meanwhile, so the
# nodes' own things are looked for by the names, addresses and namespaces they had.

NODE_NAMESPACES=()
NODE_INDEXES=()

# Records the namespaces and the index of the running nodes of the work folders.
remember_nodes() {
  local work kind
  for work in "$@"; do
    NODE_INDEXES+=("$(cat "$work/state/index")")
    for kind in net mnt pid ipc uts; do
      NODE_NAMESPACES+=("$(readlink "/proc/$(cat "$work/state/init_pid")/ns/$kind")")
    done
  done
}

# Folders, firewall rules and kernel settings that Kubernetes usually changes.
machine_snapshot() {
  local folder
  for folder in /etc/cni /opt/cni /var/lib/cni /var/lib/kubelet /var/lib/containerd /run/containerd \
    /run/netns /run/runc /run/flannel /var/log/pods /var/log/containers /usr/libexec/kubernetes; do
    [[ ! -e $folder ]] || find "$folder" | LC_ALL=C sort
  done
  nft list ruleset
  sysctl kernel.panic kernel.panic_on_oops vm.overcommit_memory vm.panic_on_oom \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes net.ipv4.ip_forward
}

nothing_runs() {
  local process found=0 names
  names=$(printf '%s\n' "${NODE_NAMESPACES[@]}")
  ((${#NODE_NAMESPACES[@]} > 0)) || return 1
  for process in /proc/[0-9]*; do
    # Processes end while this looks at them; one that ended is not left.
    if readlink "$process"/ns/* 2>/dev/null | grep -qxF "$names"; then
      echo "process in a node's namespace: $process $(tr '\0' ' ' <"$process/cmdline")"
      found=1
    fi
  done
  if grep -H "$SCRATCH" /proc/[0-9]*/mounts 2>/dev/null; then
    found=1
  fi
  return "$found"
}

nothing_in_kernel() {
  local index found=0
  ((${#NODE_INDEXES[@]} > 0)) || return 1
  if losetup --list --noheadings --output BACK-FILE | grep "$SCRATCH"; then found=1; fi
  for index in "${NODE_INDEXES[@]}"; do
    if ip link show "storagepool-$index" 2>/dev/null; then found=1; fi
    if ip -4 route show table all root "10.231.$((4 * index)).0/22" | grep .; then found=1; fi
    if find /sys/fs/cgroup -type d -name "storagepool-$index" | grep .; then found=1; fi
  done
  return "$found"
}
