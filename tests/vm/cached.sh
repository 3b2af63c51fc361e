# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# cached.sh - sourced by what keeps fetched packages: one user of a cache at a time, and one line of
# reason (on stdout, status 77) if something cannot be had.
packages=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

cache_open() { # FOLDER LOG
	log=$2
	mkdir -p "$1"
	exec 9>"$1/lock"
	flock 9
	trap 'rm -f "$log"' EXIT
}

give_up() { # REASON
	echo "$1"
	exit 77
}

fetch() { # FOLDER SUITE ARCH PATTERN PACKAGE...
	"$packages/fetch.sh" "$@" >"$log" 2>&1 && return
	give_up "cannot fetch packages of $2: $(grep -aiE '^E:|error|cannot|not found' "$log" | head -1)"
}
