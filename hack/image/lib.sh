# shellcheck shell=bash
# Puts a folder tree together that holds programs with just the libraries they
# load, and writes it as a docker-archive (the format of `docker save`) without
# a container engine. The same tree gives the same bytes.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# Platform of this machine as OCI names it.
oci_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) die "no OCI name is known for the machine type $(uname -m)" ;;
  esac
}

# new_tree TREE: an empty root with merged /usr, as Debian has it, and what
# name resolution, TLS and temporary files need.
new_tree() {
  local tree=$1 name
  rm -rf "$tree"
  mkdir -p "$tree"/{etc/ssl/certs,tmp,usr/bin,usr/lib,usr/lib64,var}
  for name in bin lib lib64; do ln -s "usr/$name" "$tree/$name"; done
  chmod 1777 "$tree/tmp"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$tree/etc/nsswitch.conf"
  [[ -r /etc/ssl/certs/ca-certificates.crt ]] ||
    die "/etc/ssl/certs/ca-certificates.crt is missing (package ca-certificates)"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
}

# add_user TREE NAME ID HOME: the one user of the image besides root.
add_user() {
  printf 'root:x:0:0:root:/root:/sbin/nologin\n%s:x:%s:%s:%s:%s:/sbin/nologin\n' "$2" "$3" "$3" "$2" "$4" \
    >"$1/etc/passwd"
  printf 'root:x:0:\n%s:x:%s:\n' "$2" "$3" >"$1/etc/group"
}

# copy_libraries TREE FILE...: copies every shared library that the files load,
# the loader included, to where they look for it.
copy_libraries() {
  local tree=$1 listing library
  shift
  listing=$(ldd "$@") || die "ldd cannot read one of: $*"
  if grep -q 'not found' <<<"$listing"; then
    die "a library is missing on this machine: $(grep -m 1 'not found' <<<"$listing")"
  fi
  while read -r library; do
    [[ -e $tree$library ]] || install -D -m 755 "$library" "$tree$library"
  done < <(sed -nE 's/^\t(.* => )?(\/[^ ]+) \(0x.*/\2/p' <<<"$listing" | sort -u)
}

# write_archive TREE ARCHIVE TAG RUN: the tree as an image of one layer; RUN is
# the "config" object of the OCI image specification (user, entrypoint, ...).
write_archive() {
  local tree=$1 archive=$2 tag=$3 run=$4 work digest config
  work=$(mktemp -d "$archive.XXXXXX")
  # shellcheck disable=SC2064 # the value now
  trap "rm -rf '$work'" EXIT
  tar --sort=name --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -cf "$work/layer.tar" .
  digest=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z"}]}' \
    "$(oci_architecture)" "$run" "$digest" >"$work/config.json"
  config=$(sha256sum "$work/config.json" | cut -d ' ' -f 1).json
  mv "$work/config.json" "$work/$config"
  mkdir "$work/$digest"
  mv "$work/layer.tar" "$work/$digest/layer.tar"
  printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["%s/layer.tar"]}]' "$config" "$tag" "$digest" \
    >"$work/manifest.json"
  tar --sort=name --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "$work" \
    -cf "$work.tar" "$digest" "$config" manifest.json
  mv "$work.tar" "$archive"
  rm -rf "$work"
  trap - EXIT
}

# Bytes of a file as "12.3 MB".
megabytes() { awk -v bytes="$(stat -c %s "$1")" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
