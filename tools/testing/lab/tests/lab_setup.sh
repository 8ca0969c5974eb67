#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What setup.sh says when it cannot do its work. The commands that it calls are stood in for; nothing is installed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/tools/testing" "$scratch/bin"
cp -r "$LAB" "$scratch/tools/testing/"

stand_in() { # COMMAND SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
	chmod +x "$scratch/bin/$1"
}

# A machine on which all is well but that everything is missing.
fresh() {
	rm -f "$scratch"/bin/*
	printf 'ID=debian\nVERSION_ID=12\nPRETTY_NAME="Debian 12"\n' >"$scratch/os-release"
	stand_in dpkg-query 'exit 1'
	stand_in apt-get "echo apt-get \"\$@\" >>$scratch/called"
	stand_in id 'echo 0'
	stand_in df 'echo Avail; echo 99999'
}

setup() {
	# shellcheck disable=SC2016  # for the inner shell
	try env PATH="$scratch/bin:$PATH" "${namespace[@]}" sh -c \
		'mount --bind "$1/os-release" "$(realpath /etc/os-release)" && exec "$1/tools/testing/lab/setup.sh"' - "$scratch"
}

namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || namespace+=(--map-root-user)
"${namespace[@]}" true 2>/dev/null || {
	echo "1..0 # SKIP mount namespaces are not to be had here"
	exit 4
}

fresh
setup
check "a fresh machine: it names what it installs" says "installing: bash bc"
check "... and asks apt for it" grep -q "install --no-install-recommends bash bc .*linux-source-6.12" "$scratch/called"

everything_there() {
	fresh
	# shellcheck disable=SC2016  # for the stand-in
	stand_in dpkg-query 'shift 2; for p; do echo "installed $p"; done'
	stand_in apt-get 'echo called; exit 1'
	setup
	ended_with 0 && [ -z "$said" ]
}
check "nothing is missing: silent" everything_there

fresh
rm -f "$scratch/called"
LINUX=/some/where setup
not_its_source() { ended_with 0 && grep -q "install --no-install-recommends bash bc" "$scratch/called" && ! grep -q linux-source "$scratch/called"; }
check "LINUX=: all but Debian's kernel source" not_its_source

fresh
printf 'ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora 41"\n' >"$scratch/os-release"
setup
check "another distribution" one_sentence "this is Fedora 41, but the lab needs Debian 12 or 13"

fresh
stand_in id 'echo 1000'
stand_in sudo 'exit 1'
setup
check "no root" one_sentence "needs root"

fresh
stand_in df 'echo Avail; echo 12'
setup
check "too little disk" one_sentence "only 12 MB are free"

fresh
stand_in apt-get 'echo "E: Failed to fetch http://x/ Could not resolve host"; exit 100'
setup
check "no network" one_sentence "cannot be reached: check the network"

fresh
# shellcheck disable=SC2016  # for the stand-in
stand_in apt-get 'case "$*" in *install*) echo "E: Unable to locate package linux-source-6.12"; exit 100 ;; esac'
setup
check "no kernel source" one_sentence "add Debian's security archive"

fresh
stand_in apt-get 'echo "E: Could not get lock /var/lib/dpkg/lock"; exit 100'
setup
check "another apt is running" one_sentence "wait for it"

fresh
stand_in apt-get 'echo "E: something else"; exit 100'
setup
check "anything else: apt's own words, and where all of them are" one_sentence "setup.log"

done_testing
