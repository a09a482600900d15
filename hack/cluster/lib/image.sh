# shellcheck shell=bash
# Images of the node: the pause image, made here, and import of archives.

PAUSE_IMAGE=storagepool.local/pause:1

image_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) die "no image architecture is known for $(uname -m); x86_64 and aarch64 are" ;;
  esac
}

# write_pause_image FILE: a docker-archive with one static program.
write_pause_image() {
  local folder=$WORK/pause layer
  mkdir -p "$folder"
  tar -C "$BIN" --owner=0 --group=0 --mtime=@0 -cf "$folder/layer.tar" pause
  layer=$(sha256sum "$folder/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"],"User":"65535:65535"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}\n' \
    "$(image_architecture)" "$layer" >"$folder/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]\n' "$PAUSE_IMAGE" >"$folder/manifest.json"
  tar -C "$folder" --owner=0 --group=0 --mtime=@0 -cf "$1" manifest.json config.json layer.tar
  rm -r "$folder"
}

node_ctr() { ctr --address "$CRI_SOCKET" --namespace k8s.io "$@"; }

# Whether image $1 is whole, unpacked and known to the kubelet's side of containerd.
image_usable() {
  node_ctr images check "name==$1" | grep -q ' complete .* true *$' &&
    node_ctr images ls "name==$1" | grep -q io.cri-containerd.image=managed
}

# import_image FILE: imports a docker-archive and prints the names it now has.
# containerd ends well even when it left out what does not fit the platform, so
# each name is looked at.
import_image() {
  local output name names
  output=$(node_ctr images import "$1" 2>&1) || {
    say "$output"
    say "cluster: containerd could not import $1"
    return 1
  }
  names=$(sed -n 's/^unpacking \([^ ]*\) .*/\1/p' <<<"$output")
  if [[ -z $names ]]; then
    say "$output"
    say "cluster: $1 holds no image for this machine's platform (linux/$(image_architecture))"
    return 1
  fi
  for name in $names; do
    wait_for 30 "image $name unpacked" image_usable "$name" || return 1
    printf '%s\n' "$name"
  done
}
