# shellcheck shell=bash disable=SC2154 # CACHE and BIN are the including script's
# Builds programs of pinned Go modules into a cache outside the checkout: what hack/cluster and hack/tools share. The
# including script has hack/cluster/lib/common.sh, and sets CACHE, a folder named by a hash of all pins, and BIN in it.

GO_NEEDED=1.26
GO_BUILD_FLAGS=(-mod=readonly -trimpath -buildvcs=false)

require_go() { # what for
  local found
  command -v go >/dev/null || die "go is not installed; go $GO_NEEDED or newer is needed to build $1"
  found=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
  if [[ $(printf '%s\n' "$GO_NEEDED" "${found#go}" | sort -V | head -n 1) != "$GO_NEEDED" ]]; then
    die "$(command -v go) is ${found#go}; go $GO_NEEDED or newer is needed to build $1"
  fi
}

# go_build NAME FOLDER ARGUMENT...: runs `go build ARGUMENT...` in FOLDER, saying every ten seconds how far it is.
go_build() {
  local name=$1 folder=$2 log=$SCRATCH/$1.log start last=0 seconds
  shift 2
  say "building $name"
  start=$(now_ms)
  (
    cd "$folder" || exit
    export CGO_ENABLED=0 GOWORK=off GOFLAGS='' GOTMPDIR=$SCRATCH
    exec setsid go build "${GO_BUILD_FLAGS[@]}" -v "$@"
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
    die "go could not build $name from $folder (the last lines above)"
  fi
  COMPILER=
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

# with_scratch COMMAND...: runs the command alone on the cache, with a scratch folder that is gone afterwards. (What is
# compiled stays in Go's own build cache, which the modules share and Go trims.)
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
  "$@"
  end_scratch
  exec {lock}>&-
}
