# shellcheck shell=bash
# An image for the test from the cluster's own static programs.

TEST_IMAGE=docker.io/local/cluster-test:1

write_test_image() {
  local bin folder=$SCRATCH/image layer architecture=amd64
  bin=$("$CLUSTER" env --work "$A" | sed -n 's/^export PATH=\(.*\):.*/\1/p')
  [[ $(uname -m) != aarch64 ]] || architecture=arm64
  mkdir -p "$folder"
  tar -C "$bin" --owner=0 --group=0 -cf "$folder/layer.tar" etcd kubectl pause
  layer=$(sha256sum "$folder/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$architecture" "$layer" >"$folder/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$TEST_IMAGE" >"$folder/manifest.json"
  tar -C "$folder" -cf "$1" manifest.json config.json layer.tar
  rm -r "$folder"
}
