# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Debian's archives of kernel sources, of both releases, through lists of the lab's own: the machine's packages and
# lists stay as they are. Where the archives are, the machine's apt says. Sourced.

apt_dir=$BUILD/apt
releases=(trixie bookworm)

own_apt() { # COMMAND ARGUMENT...
	local command=$1

	shift
	"$command" -q -o Dir::Etc::SourceList="$apt_dir/sources.list" -o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$apt_dir/lists" -o Dir::Cache="$apt_dir/cache" \
		-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# Where the machine gets suites from whose name is like $1.
archive_uri() {
	# shellcheck disable=SC2016  # apt replaces them
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed -nE "s/^($1) main //p" | head -n 1
}

# Fetches the lists; fails with a line in $apt_dir/log.
update_lists() {
	local release keyring main security

	mkdir -p "$apt_dir"/lists/partial "$apt_dir"/cache/archives/partial
	main=$(archive_uri 'bookworm|trixie|oldstable|stable')
	security=$(archive_uri '(bookworm|trixie|oldstable|stable)-security')
	for keyring in /usr/share/keyrings/debian-archive-keyring.*; do break; done
	if [ -z "$main" ] || [ -z "$security" ]; then
		echo "apt is not configured for Debian's archive and its security archive" >"$apt_dir/log"
		return 1
	fi
	for release in "${releases[@]}"; do
		printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$main" "$release" "$keyring" "$security" "$release-security"
	done >"$apt_dir/sources.list"
	own_apt apt-get -o APT::Update::Error-Mode=any update >"$apt_dir/log" 2>&1 </dev/null
}

# Lines "VERSION RELEASE", newest first.
archive_versions() {
	own_apt apt-cache madison "$LINUX_PACKAGE" 2>/dev/null |
		sed -nE 's/^[^|]*\| *([^ ]+) *\| [^ ]+ ([a-z]+)[^ ]*\/main .*/\1 \2/p' | sort -u | sort -s -r -V -k 1,1
}

upstream() { echo "${1%%-*}"; }

# Puts the package of a version into a directory, and says where.
download_deb() { # VERSION DIR
	mkdir -p "$2"
	(cd "$2" && own_apt apt-get download "$LINUX_PACKAGE=$1") >"$2/log" 2>&1 </dev/null || return
	printf '%s\n' "$2"/*.deb
}

# The source in a package, as a tarball.
tarball_of() { dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$LINUX_PACKAGE.tar.xz"; }
