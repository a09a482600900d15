# shellcheck shell=bash
# What every part of hack/cluster uses: messages, deadlines, the work folder's
# state, and how a recorded process is told from another with the same id.

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'cluster: error: %s\n' "$*" >&2
  exit 1
}

# Milliseconds of the monotonic clock.
now_ms() {
  local up
  read -r up _ </proc/uptime
  printf '%s\n' "$((10#${up/./} * 10))"
}

# wait_for SECONDS WHAT COMMAND...: runs COMMAND until it succeeds; after
# SECONDS says what was waited for and fails.
wait_for() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$(($(now_ms) + seconds * 1000))
  until "$@"; do
    if (($(now_ms) >= deadline)); then
      say "cluster: $what: not so within $seconds s"
      return 1
    fi
    sleep 0.1
  done
}

# Start time of process $1 in clock ticks since boot (proc(5), field 22).
# Fails for a process that is gone or a zombie.
process_start() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -r -a fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] || return 1
  printf '%s\n' "${fields[19]}"
}

# process_alive PID START: whether PID still is the process that started at START.
process_alive() {
  local start
  start=$(process_start "$1") && [[ $start == "$2" ]]
}

# The value that the work folder records under name $1; empty when there is none.
state_get() { cat "$WORK/state/$1" 2>/dev/null || true; }

state_set() {
  mkdir -p "$WORK/state"
  printf '%s\n' "$2" >"$WORK/state/$1"
}

# Makes WORK an absolute path that the cluster's parts can live under.
use_work_folder() {
  declare -g WORK KUBECONFIG_FILE
  WORK=$(realpath -m -- "$1")
  KUBECONFIG_FILE=$WORK/kubeconfig
  [[ $WORK != / ]] || die "--work: / cannot be a work folder"
  # containerd's longest socket path is the folder's plus 30 characters; Linux
  # allows 107 (unix(7)).
  ((${#WORK} <= 70)) || die "--work: $WORK has ${#WORK} characters; at most 70 fit a socket's path"
  [[ $WORK =~ ^[A-Za-z0-9/._+-]+$ ]] ||
    die "--work: $WORK: only letters, digits and / . _ + - can be in the path"
  local hidden
  for hidden in /run /var/run /var/lib /var/log /proc /sys /dev; do
    [[ $WORK/ != "$hidden"/* ]] || die "--work: $WORK is below $hidden, which the node replaces with its own"
  done
}

# Runs kubectl against the cluster of the work folder.
cluster_kubectl() {
  KUBECONFIG=$KUBECONFIG_FILE KUBECACHEDIR=$WORK/kubecache "$BIN/kubectl" "$@"
}

# Whether the cluster of kubeconfig $1 (a path, or several with colons) answers.
api_answers() {
  KUBECONFIG=$1 "$BIN/kubectl" --request-timeout=5s get --raw /readyz >/dev/null 2>&1
}
