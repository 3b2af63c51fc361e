#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets variables and makes subshells
# whatif.bats - predictions on the command line: questions, exit codes, what is shown.

load helper

setup() {
	common_setup
	FIXTURES=$HERE/../fixtures
}

teardown() { common_teardown; }

@test "a question that is none" {
	for q in process no-lock: cpus:0 cpus:x; do
		run --separate-stderr tool report --what-if "$q" nothing
		[ "$status" -eq 125 ]
		[ -z "$output" ]
		[[ $stderr == *"$q"* ]]
	done
	run --separate-stderr tool report --what-if fast nothing
	[[ $stderr == *"there are processes, no-gil, no-lock:NAME, cpus:N, all" ]]
}

@test "a lock that is not there: the report, then the error with those that are" {
	run --separate-stderr tool report --text-trace --what-if no-lock:registry --what-if no-lock:L1 \
		"$FIXTURES/whatif_shared.trace"
	[ "$status" -eq 125 ]
	[[ $stderr == *"no-lock:registry: no such lock; there are L1 low-level lock 0x5000" ]]
	[[ $output == *"no-lock:L1"*"50.0 ms"*"2.00x"* ]]
	[[ $output == *"no-lock:registry: cannot be told, no such lock"* ]]
}

@test "what is refused is no error" {
	run --separate-stderr tool report --text-trace --what-if processes "$FIXTURES/whatif_shared.trace"
	[ "$status" -eq 0 ]
	[[ $output == *"processes: cannot be told, threads share data"* ]]
}

@test "sections, in 80 columns" {
	tool report --text-trace --what-if all --width 80 "$FIXTURES/whatif_gil.trace" >out
	for heading in "WHAT IF" "SERIALISES MOST" "CRITICAL PATH"; do
		grep -q "^$heading  " out
	done
	[ "$(wc -L <out)" -le 80 ]
	grep -q "^  running 100.0 % (100 ms)" out
}

@test "not asked: nothing" {
	tool report --text-trace "$FIXTURES/whatif_gil.trace" >out
	run grep -E "WHAT IF|SERIALISES|CRITICAL" out
	[ "$status" -eq 1 ]
	tool report --text-trace -f json "$FIXTURES/whatif_gil.trace" >json
	"$PYTHON" -c 'import json; assert json.load(open("json"))["prediction"] is None'
}
