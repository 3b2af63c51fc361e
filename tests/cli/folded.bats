#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# folded.bats - folded stacks: what flamegraph.pl can read, with sums that are those of the report.

load helper

setup() {
	common_setup
	FIXTURES=$HERE/../fixtures
}

teardown() { common_teardown; }

# folded PROFILE ARGUMENT...: the lines are in the file `out`, and well formed; nothing on stderr.
folded() {
	local profile=$1

	shift
	tool report -f folded --profile "$profile" "$@" >out 2>err
	[ ! -s err ]
	"$PYTHON" "$CHECK" folded out
}

@test "CPU time: the threads' own, stack by stack" {
	folded on-cpu --text-trace "$FIXTURES/samples_cpu.trace"
	tool report -f json --text-trace "$FIXTURES/samples_cpu.trace" >json
	cpu=$("$PYTHON" -c 'import json; print(json.load(open("json"))["par"]["on_cpu_ns"] // 1000)')
	"$PYTHON" "$CHECK" folded out "abs(total - $cpu) <= len(threads)"
	"$PYTHON" "$CHECK" folded out 'set(threads) == {"t10-10/10", "t11-10/11"} and depth == 2'
	"$PYTHON" "$CHECK" folded out 'any(f.startswith("worker (app.py") for f in frames)'
	tool report -f folded --text-trace "$FIXTURES/samples_cpu.trace" >default
	same out default
}

@test "waiting: all of it" {
	folded waiting --text-trace "$FIXTURES/sites_add_up.trace"
	tool report -f json --text-trace "$FIXTURES/sites_add_up.trace" >json
	ns=$("$PYTHON" -c 'import json
print(sum(l["wait_ns"] for l in json.load(open("json"))["locks"]))')
	"$PYTHON" "$CHECK" folded out "abs(total - $ns // 1000) <= len(threads)"
}

@test "holding: what holders are charged with" {
	folded holding --text-trace "$FIXTURES/holding_sites.trace"
	"$PYTHON" "$CHECK" folded out 'total > 0 and depth >= 1'
}

@test "no stacks: an empty result, and one line that says why" {
	run --separate-stderr tool report -f folded --text-trace "$FIXTURES/mutex_owner.trace"
	status_is 0
	[ -z "$output" ]
	[ "$stderr" = "parascope: no stacks in profile 'on-cpu': no stacks were taken" ]
	tool report -f folded --profile holding --to file --text-trace "$FIXTURES/mutex_owner.trace" 2>err
	[ -e file ]
	[ ! -s file ]
	[ "$(cat err)" = "parascope: no stacks in profile 'holding': no stacks were taken" ]
}

@test "--to writes the same" {
	folded on-cpu --text-trace "$FIXTURES/samples_cpu.trace"
	tool report -f folded --to file --text-trace "$FIXTURES/samples_cpu.trace"
	same out file
}

@test "run and attach, and their trace" {
	need_root
	tool run -q -f folded --to live -o trace -- "$BUILD/workload" mutex --time 0.5 >/dev/null
	"$PYTHON" "$CHECK" folded live 'total > 0'
	folded on-cpu trace
	same live out
	folded waiting trace
	start_target
	tool attach -q -f folded --profile waiting -d 500ms "$TARGET" >out
	"$PYTHON" "$CHECK" folded out
}

@test "-q: not a word about an empty profile" {
	need_root
	background sleep 60
	run --separate-stderr tool attach -q -f folded --profile holding -d 100ms "$BG"
	status_is 0
	[ -z "$output$stderr" ]
}

@test "hostile names stay one line each" {
	need_root
	background "$PYTHON" -c '
import threading, time
def work(name):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "wb") as f:
        f.write(name)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass
for name in [b"a;b\n 12", b"\x1b[31m", b"\xff\xfe 3", b";", b" 1 2", b"", b"\xe2\x80\xae"]:
    threading.Thread(target=work, args=(name,), daemon=True).start()
exec(compile("def f():\n x = sum(range(10**6))\nwhile True: f()", "a;b\n 7", "exec"))'
	sleep 0.5
	tool attach -q -f folded -d 1s "$BG" >out
	"$PYTHON" "$CHECK" folded out 'total > 0'
}
