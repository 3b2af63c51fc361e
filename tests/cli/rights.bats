#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# rights.bats - without the rights to load BPF programs: one clear line, and nothing else.

load helper

setup() {
	common_setup
	need_root # to become somebody else
	id nobody >/dev/null 2>&1 || skip "no user nobody"
	chmod 777 .
}

teardown() { common_teardown; }

as_nobody() {
	timeout -k 2 20 setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

@test "attach as nobody" {
	background setpriv --reuid 65534 --regid 65534 --clear-groups sleep 60
	wait_for grep -q '^Uid:.65534' "/proc/$BG/status"
	run --separate-stderr as_nobody "$PARASCOPE" attach -d 100ms "$BG"
	one_clear_line
	contains "$stderr" "run as root"
	lacks "$stderr" "libbpf"
}

@test "attach to a process of root as nobody" {
	run --separate-stderr as_nobody "$PARASCOPE" attach -d 100ms $$
	one_clear_line
	contains "$stderr" "run as root"
}

@test "run as nobody: the command has not run, no trace is left" {
	run --separate-stderr as_nobody "$PARASCOPE" run -o trace -- touch ran
	one_clear_line
	contains "$stderr" "run as root"
	[ ! -e ran ]
	[ ! -e trace ]
	no_temp_files .
}

@test "root without capabilities, and with only some" {
	while read -r caps missing; do
		run --separate-stderr timeout 20 setpriv --bounding-set "$caps" --inh-caps "$caps" \
			"$PARASCOPE" attach -d 100ms $$
		one_clear_line
		contains "$stderr" "$missing"
		contains "$stderr" ": not permitted: this root lacks it"
	done <<-END
		-all CAP_BPF, CAP_PERFMON
		-sys_admin,-bpf CAP_BPF
		-perfmon,-sys_admin CAP_PERFMON
	END
}

@test "-v shows more but the last line is still ours" {
	run --separate-stderr as_nobody "$PARASCOPE" attach -v -d 100ms $$
	status_is 125
	[[ ${stderr_lines[-1]} == "parascope: "*"run as root"* ]]
}

@test "no memory for maps, no descriptors: one clear line" {
	background sleep 60
	for limit in "-n 8" "-n 20" "-v 8000"; do
		run --separate-stderr timeout 20 bash -c "ulimit $limit; exec \"\$PARASCOPE\" attach -q -d 100ms $BG"
		[ "$status" -ne 0 ]
		[ "$status" -lt 128 ]
		[ -n "$stderr" ]
		lacks "$stderr" "libbpf:"
	done
}

@test "SUDO variables of a user who is not root mean nothing" {
	export SUDO_UID=0 SUDO_GID=0
	run --separate-stderr as_nobody "$PARASCOPE" run -- id -u
	one_clear_line
	contains "$stderr" "run as root"
}
