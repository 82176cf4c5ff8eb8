# shellcheck shell=bash disable=SC2154 # whoever sources this sets `log` and `packages` and defines fail()
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's packages as files: downloaded into the directory $packages, not installed. Needs progress.sh.

# The package of the cloud kernel that is current now: linux-image-VERSION-cloud-amd64.
kernel_package() {
	local kernel
	kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
	[[ $kernel = linux-image-* ]] || return 1
	echo "$kernel"
}

# packages_list NAMES WHAT: sets `wanted`, one line "URI FILE SIZE HASH" for each package that the
# function NAMES prints. WHAT is made of them.
packages_list() {
	list() {
		local all
		all=$("$1") && mapfile -t all <<<"$all" &&
			apt-get download --print-uris "${all[@]}" | tr -d "'" | sort -u
	}
	command -v apt-get >/dev/null ||
		fail "this is not Debian (there is no apt-get), and $2 is made of its packages"
	if ! wanted=$(list "$1" 2>>"$log"); then
		boot/setup.sh lists || :
		wanted=$(list "$1" 2>>"$log") ||
			fail "Debian's lists lack a package: $(grep '^[EW]:' "$log" | tail -n 1)"
	fi
}

# packages_missing: those of `wanted` that are not there, or not whole.
packages_missing() {
	local file hash
	while read -r _ file _ hash; do
		[ "$(sha256sum 2>/dev/null <"$packages/$file")" = "${hash#*:}  -" ] || echo "$file"
	done <<<"$wanted"
}

packages_download() {
	local lost
	mapfile -t lost < <(packages_missing)
	[ ${#lost[@]} = 0 ] ||
		(cd "$packages" && logged "downloading packages" apt-get download -q "${lost[@]%%_*}")
}

# packages_fetch NAMES WHAT: downloads them, and sets `files` to their names.
packages_fetch() {
	local lost
	if ! packages_download; then
		# Old lists can name versions that the archive no longer has.
		boot/setup.sh lists || :
		packages_list "$@"
		packages_download || :
	fi
	mapfile -t lost < <(packages_missing)
	[ ${#lost[@]} = 0 ] || fail "cannot be downloaded: ${lost[*]%%_*}; apt-get says:" \
		"$(grep -E '^(E|Err)' "$log" | tail -n 1)"
	mapfile -t files < <(cut -d ' ' -f 2 <<<"$wanted")
}
