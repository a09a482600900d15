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
  trust "$tree" /usr/share/ca-certificates
  install -m 644 /etc/os-release "$tree/usr/lib/os-release" # by which scanners know whose packages these are
  ln -s ../usr/lib/os-release "$tree/etc/os-release"
}

# trust TREE FOLDER: the bundle of what Debian trusts, and of nothing that only this machine does.
trust() {
  local -a certificates
  mapfile -t certificates < <(find "$2" -name '*.crt' 2>/dev/null | LC_ALL=C sort)
  ((${#certificates[@]})) || die "$2 has no certificates (package ca-certificates)"
  cat "${certificates[@]}" >"$1/etc/ssl/certs/ca-certificates.crt"
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

# newest_of PACKAGE...: of each that apt knows of, its name and newest version. One call, for apt reads its lists each time.
newest_of() { apt-cache policy "$@" | awk '/^[^ ]/ { sub(/:.*/, ""); package = $0 } /^  Candidate: / { print package, $2 }'; }

# mended PACKAGE NEWEST STORE: a folder with what Debian has of the package in a newer version than this machine; nothing
# where it has none that apt knows of (its lists are as old as the last 'apt-get update').
mended() {
  local package=$1 newest=$2 there folder
  there=$(dpkg-query -W -f '${Version}\n' "$package" | head -n 1)
  dpkg --compare-versions "$newest" gt "$there" || return 0
  folder=$3/${package}_${newest//:/%3a}
  if [[ ! -d $folder ]]; then
    rm -rf "$folder".new
    mkdir -p "$folder".new/files
    if ! (cd "$folder".new && apt-get -qq -o APT::Sandbox::User=root download "$package=$newest") >/dev/null; then
      say "warning: $package $newest is not to be had, the image gets this machine's $there"
      return 0
    fi
    dpkg-deb -x "$folder".new/*.deb "$folder".new/files
    dpkg-deb -f "$folder".new/*.deb Package Version Architecture Source Homepage Maintainer >"$folder".new/control
    rm "$folder".new/*.deb
    mv "$folder".new "$folder"
  fi
  echo "$folder"
}

# record_package TREE PACKAGE CONTROL FILE...: what scanners look for in an image that has no package manager.
record_package() {
  local tree=$1 package=$2 control=$3
  local folder=$1/var/lib/dpkg/status.d
  shift 3
  mkdir -p "$folder"
  cat "$control" >"$folder/$package"
  (cd "$tree" && md5sum "$@") >"$folder/$package.md5sums"
}

# renew_libraries TREE STORE: puts the newest version that Debian has in the place of each library of the tree, whatever
# this machine has, and records which package in which version it is of. STORE keeps what was downloaded.
renew_libraries() {
  local tree=$1 store=$2 line library package version folder control
  local -a there
  local -A owners=() files=() newest=()
  mapfile -t there < <(cd "$tree" && find usr/lib usr/lib64 -type f -printf '/%p\n' | sort)
  # Debian has some below /lib, which is /usr/lib; names of which it knows only one are an error to dpkg.
  while IFS= read -r line; do
    library=${line#*: }
    owners[/usr${library#/usr}]=${line%%[:,]*}
  done < <(dpkg -S "${there[@]}" "${there[@]#/usr}" 2>/dev/null || true)
  for library in "${there[@]}"; do
    package=${owners[$library]-}
    [[ -n $package ]] || die "$library is of no Debian package"
    files[$package]+=" ${library#/}"
  done
  files[ca-certificates]=" etc/ssl/certs/ca-certificates.crt"
  while read -r package version; do newest[$package]=$version; done < <(newest_of "${!files[@]}")
  control=$(mktemp)
  for package in "${!files[@]}"; do
    # shellcheck disable=SC2016 # fields of dpkg's
    dpkg-query -W -f 'Package: ${Package}\nVersion: ${Version}\nArchitecture: ${Architecture}\nSource: ${source:Package} (${source:Version})\nHomepage: ${Homepage}\nMaintainer: ${Maintainer}\n' \
      "$package" | sed '/: $/d' >"$control"
    folder=$(mended "$package" "${newest[$package]-}" "$store")
    if [[ -n $folder ]]; then
      cp "$folder/control" "$control"
      if [[ $package == ca-certificates ]]; then
        trust "$tree" "$folder/files/usr/share/ca-certificates"
      else
        for library in ${files[$package]}; do
          install -m 755 "$(of_package "$folder/files" "$library")" "$tree/$library"
        done
      fi
    fi
    # shellcheck disable=SC2086 # paths of libraries, in which are no blanks
    record_package "$tree" "$package" "$control" ${files[$package]}
  done
  rm "$control"
}

# of_package FILES PATH: where an unpacked package has what is at this path of a merged /usr.
of_package() {
  local path
  for path in "$1/$2" "$1/${2#usr/}"; do
    [[ ! -e $path ]] || { echo "$path" && return; }
  done
  die "${1%/files} has no $2"
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
