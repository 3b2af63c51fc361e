# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # bats and the tests set and use these
# helper.bash - common to all command line tests: `load helper` and call common_setup in setup().
#
#	PARASCOPE_BUILD   folder with parascope and workload (default: .output of this tree)
#	UPDATE_GOLDEN=1   write golden/ anew instead of comparing with it

bats_require_minimum_version 1.5.0

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${PARASCOPE_BUILD:-$HERE/../../.output}
BUILD=$(cd "$BUILD" && pwd)
PARASCOPE=$BUILD/parascope
CHECK=$HERE/check.py
export HERE BUILD PARASCOPE CHECK
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
unset NO_COLOR COLUMNS SUDO_UID SUDO_GID SUDO_USER

# pyenv and the like put a slow script in between
PYTHON=/usr/bin/python3
[ -x $PYTHON ] || PYTHON=$(command -v python3)
export PYTHON

# A folder that other users may enter, unlike the one of bats, and a list of processes to end.
common_setup() {
	DIR=$(mktemp -d /tmp/parascope-cli.XXXXXX)
	chmod 755 "$DIR"
	cd "$DIR" || return 1
	KILL=()
	[ -x "$PARASCOPE" ] || skip "no $PARASCOPE: build first"
}

common_teardown() {
	local pid

	for pid in "${KILL[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for pid in "${KILL[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	if mountpoint -q "$DIR/small" 2>/dev/null; then
		umount "$DIR/small"
	fi
	cd /
	rm -rf "$DIR"
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root: loads BPF programs"
}

# parascope under a limit of 30 s that no test should reach (124 or 137 if it does).
tool() {
	timeout -k 2 30 "$PARASCOPE" "$@"
}

# Start a command in the background; its PID is in $BG.  It is killed when the test ends.
background() {
	"$@" 3>&- &
	BG=$!
	KILL+=("$BG")
}

# A process with a few threads that sleep and compute a little, for at most a minute.
start_target() {
	background "$PYTHON" -c '
import threading, time
def work():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        sum(range(1000)); time.sleep(0.005)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
open("ready", "w").close()
time.sleep(60)' </dev/null >/dev/null 2>&1
	TARGET=$BG
	wait_for test -e ready
}

# Until a command succeeds, 10 s at most.
wait_for() {
	local i

	for ((i = 0; i < 500; i++)); do
		"$@" && return 0
		sleep 0.02
	done
	echo "waited in vain for: $*" >&2
	return 1
}

gone() {
	! kill -0 "$1" 2>/dev/null || [ "$(state_of "$1")" = Z ]
}

state_of() {
	sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null
}

# PID dead or zombie within so many seconds?
ends_within() {
	local i

	for ((i = 0; i < $2 * 50; i++)); do
		gone "$1" && return 0
		sleep 0.02
	done
	echo "process $1 still lives after $2 s" >&2
	return 1
}

now_ms() {
	echo $((${EPOCHREALTIME/[^0-9]/} / 1000))
}

# --- assertions --------------------------------------------------------------------------------
status_is() {
	[ "$status" -eq "$1" ] && return 0
	printf 'exit code %s, wanted %s\n--- stdout\n%s\n--- stderr\n%s\n' \
		"$status" "$1" "${output-}" "${stderr-}" >&2
	return 1
}

contains() {
	[[ $1 == *"$2"* ]] && return 0
	printf 'not found: %s\n--- in\n%s\n' "$2" "$1" >&2
	return 1
}

lacks() {
	[[ $1 != *"$2"* ]] && return 0
	printf 'found: %s\n--- in\n%s\n' "$2" "$1" >&2
	return 1
}

# After `run --separate-stderr`: own failure, one line that begins "parascope: ", nothing else.
one_clear_line() {
	status_is 125 || return 1
	# shellcheck disable=SC2154 # bats sets it
	if [ -n "$output" ] || [ "${#stderr_lines[@]}" -ne 1 ] ||
		[[ $stderr != "parascope: "?* ]] || [[ $stderr == *libbpf:* ]]; then
		printf -- '--- stdout, wanted none\n%s\n--- stderr, wanted one line\n%s\n' \
			"$output" "$stderr" >&2
		return 1
	fi
}

# refused WORDS ARGUMENT...: parascope with these arguments says one line with these words, 125.
refused() {
	local words=$1

	shift
	run --separate-stderr tool "$@"
	one_clear_line && contains "$stderr" "$words" && return 0
	echo "arguments: $*" >&2
	return 1
}

same() {
	cmp -s "$1" "$2" && return 0
	diff -u "$1" "$2" | head -40 >&2
	return 1
}

# Names of files in a folder that parascope should have taken away.
temp_files() {
	find "$1" -name '.parascope-*' -o -name '*.tmp'
}

no_temp_files() {
	[ -z "$(temp_files "$1")" ] && return 0
	ls -la "$1" >&2
	return 1
}
