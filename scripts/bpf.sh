#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds sockmap/bpf/*.bpf.c to the committed objects, or checks that the committed ones are what the sources give.
# Usage: scripts/bpf.sh build|check
set -euo pipefail
cd "$(dirname "$0")/.."

# Objects of different compilers differ in bytes though not in meaning: the committed ones are of this one.
readonly CLANG_MAJOR=14

say() { echo "bpf: $*" >&2; }

compile() { # SOURCE OBJECT
  # The maps of folders keep the builder's own folders out of the line information.
  clang -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -I/usr/include/x86_64-linux-gnu -Wall -Wextra -Werror \
    -fdebug-compilation-dir=. -ffile-prefix-map="$PWD"=. -c "$1" -o "$2"
  llvm-strip -g "$2"
}

installed_major() { clang -dumpversion 2>/dev/null | cut -d. -f1; }

# A compare that cannot be made fails where all must be checked, and is said elsewhere.
cannot() {
  say "$*; the committed objects were not checked"
  [[ ${REQUIRE_KERNEL:-} != 1 ]] || exit 1
  exit 0
}

shopt -s nullglob
sources=(sockmap/bpf/*.bpf.c)
((${#sources[@]})) || { say "no sockmap/bpf/*.bpf.c"; exit 1; }

case ${1:-} in
  build)
    command -v clang >/dev/null || { say "clang is not installed"; exit 1; }
    [[ $(installed_major) == "$CLANG_MAJOR" ]] ||
      say "clang $(installed_major) here; commit only objects of clang $CLANG_MAJOR (Debian 12)"
    for source in "${sources[@]}"; do
      compile "$source" "${source%.c}.o"
      say "built ${source%.c}.o"
    done
    ;;
  check)
    command -v clang >/dev/null && command -v llvm-strip >/dev/null || cannot "clang or llvm-strip is not installed"
    [[ $(installed_major) == "$CLANG_MAJOR" ]] || cannot "clang $(installed_major) is not clang $CLANG_MAJOR"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    status=0
    for source in "${sources[@]}"; do
      object=${source%.c}.o
      compile "$source" "$folder/$(basename "$object")"
      cmp "$folder/$(basename "$object")" "$object" || { say "$object is not what $source gives: run make bpf"; status=1; }
    done
    for object in sockmap/bpf/*.o; do
      [[ -e ${object%.o}.c ]] || { say "$object has no source"; status=1; }
    done
    ((status)) || say "${#sources[@]} objects equal their sources"
    exit "$status"
    ;;
  *)
    say "usage: scripts/bpf.sh build|check"
    exit 2
    ;;
esac
