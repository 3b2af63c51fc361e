#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# bench.bats - bench of workloads and commands: arguments, failures, signals, what is left behind.

load helper

setup() {
	common_setup
	mkdir tmp
	export TMPDIR=$DIR/tmp
}

teardown() { common_teardown; }

need_schema() {
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
}

# ledger FILE EXPRESSION: valid by its schema, and the expression over l (modes: of the first block) is true.
ledger() {
	"$PYTHON" -c 'import json, sys, jsonschema
l = json.load(open(sys.argv[1]))
try:
    jsonschema.validate(l, json.load(open(sys.argv[2])))
except jsonschema.ValidationError as e:
    sys.exit("against the schema: " + e.message[:300])
modes = {m["mode"]: m for m in l["experiments"][0]["modes"]} if l["experiments"] else {}
if not eval(sys.argv[3]):
    print(json.dumps(l, indent=1)[:6000], file=sys.stderr)
    sys.exit("not true: " + sys.argv[3])' "$1" "$HERE/../../user/render/ledger.schema.json" "$2"
}

# Nothing of a bench: no folder for results.
nothing_left() {
	[ -z "$(ls -A "$TMPDIR")" ] || { ls -lA "$TMPDIR" >&2; return 1; }
	no_temp_files "$DIR"
}

@test "arguments that make no sense" {
	refused "no workload 'nonsense': see parascope bench --list" bench --workload nonsense
	refused "no suite 'nonsense'" bench --suite nonsense
	refused "no format 'xml': there are text, json, svg" bench -f xml -- true
	refused "--suite and --workload exclude each other" bench --suite a --workload cpu
	refused "a command excludes" bench --workload cpu -- true
	refused "no mode 'nonsense' here: there are seq, threads" bench --workload cpu --modes seq,nonsense
	refused "--modes a,: an empty name" bench --modes a, -- echo '{mode}'
	refused "which modes shall {mode} be" bench -- echo '{mode}'
	refused "put {mode} into it" bench --modes a,b -- true
	refused "letters, digits" bench --modes ../../x -- echo '{mode}'
	refused "--workers is for {n}" bench --workers 2 -- true
	refused "must be 1 to 1000" bench --repeat 0 -- true
	refused "must be 1 to 1000" bench --workers 1001 --workload cpu
	refused "must be small, or a number above 0" bench --scale 0 --workload cpu
	refused "must be small, or a number above 0" bench --scale nan --workload cpu
	refused "must be small, or a number above 0" bench --scale 1x --workload cpu
	nothing_left
}

@test "the list needs no rights" {
	run --separate-stderr tool bench --list
	status_is 0
	for name in cpu io gil countdown sleep; do
		grep -q "^\* $name " <<<"$output"
	done
	contains "$output" "modes: seq, threads, fork, spawn, forkserver, pool, both"
}

@test "without rights: one line, before anything runs" {
	need_root
	chmod 777 tmp
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$PARASCOPE" bench -- touch "$DIR/tmp/ran"
	one_clear_line
	contains "$stderr" "root"
	nothing_left
}

@test "workloads that are not there: where they were looked for" {
	PARASCOPE_WORKLOADS=/nonexistent refused "PARASCOPE_WORKLOADS" bench --workload cpu
	PARASCOPE_WORKLOADS=/nonexistent refused "the Python workloads" bench --workload sleep
	cp "$PARASCOPE" alone
	run --separate-stderr ./alone bench --workload cpu
	status_is 125
	contains "$stderr" "make install"
}

@test "a placeholder without a value" {
	need_root
	refused "no value for '{threads}'" bench --workers 3 -- echo '{n}' '{threads}'
	nothing_left
}

@test "a command in two modes, as text, JSON and SVG" {
	need_root
	need_schema
	run --separate-stderr tool bench -r 2 -w 2 --modes seq,threads -f json -- \
		"$BUILD/workload" cpu --mode '{mode}' --workers '{n}' --count 50
	status_is 0
	[ -z "$stderr" ]
	printf '%s' "$output" >json
	ledger json 'l["complete"] and l["failed"] == 0 and l["repeats"] == 2 and l["cpus_online"] > 0'
	ledger json 'list(modes) == ["seq", "threads"] and all(m["done"] == 2 for m in modes.values())'
	ledger json 'modes["seq"]["figures"]["speedup"]["value"] == 1'
	ledger json 'all(m["figures"]["wall_ns"]["value"] > 0 for m in modes.values())'
	ledger json 'l["costs"]["fork_ns"] > 0 and l["experiments"][0]["tasks"] == 2'
	tool bench -r 2 --to text -- "$BUILD/workload" cpu --count 50
	grep -q "^COMMAND  .*workload cpu --count 50" text
	[ "$(wc -L <text)" -le 100 ]
	"$PYTHON" "$CHECK" clean text
	tool bench -r 2 --modes 'a,b' -f svg --to svg -- sh -c 'true "<{mode}>&"'
	"$PYTHON" -c 'import xml.etree.ElementTree as e
root = e.parse("svg").getroot()
assert root.tag.endswith("svg") and not list(root.iter("{http://www.w3.org/2000/svg}script"))
texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
assert "a" in texts and "b" in texts and any("<{mode}>&" in t for t in texts), texts'
	nothing_left
}

@test "built-in workloads in every mode they have" {
	need_root
	need_schema
	tool bench -r 1 --time 20ms --workload cpu,sleep -f json --to json
	ledger json 'list(modes) == ["seq", "threads", "procs", "both"]'
	ledger json 'l["experiments"][1]["python"][0] == "3" and l["experiments"][1]["gil"] is not None'
	ledger json 'all(m["done"] == 1 for e in l["experiments"] for m in e["modes"])'
	ledger json '[m["mode"] for m in l["experiments"][1]["modes"]] == ["seq", "threads", "fork", "spawn", "forkserver", "pool", "both"]'
	ledger json 'all(m["figures"]["first_work_ns"]["value"] > 0 for e in l["experiments"] for m in e["modes"][1:])'
	ledger json 'all(m["figures"]["first_work_ns"] is None for e in l["experiments"] for m in e["modes"][:1])'
	nothing_left
}

@test "a number of tasks that cannot be split has no mode both" {
	need_root
	need_schema
	tool bench -r 1 -w 3 --time 20ms --workload cpu -f json --to json
	ledger json 'list(modes) == ["seq", "threads", "procs"]'
	refused "nothing to run: 3 tasks cannot be split" bench -w 3 --modes both --workload cpu
}

@test "runs that fail: shown with their reason, not counted, 125" {
	need_root
	need_schema
	run --separate-stderr tool bench -r 3 --modes good,bad,killed -f json -- \
		sh -c 'case {mode} in good) exit 0;; bad) echo first >&2; echo "it is \"bad\"" >&2; exit 7;; killed) kill -9 $$;; esac'
	status_is 125
	printf '%s' "$output" >json
	ledger json 'modes["good"]["done"] == 3 and modes["good"]["failed"] == 0'
	ledger json 'modes["bad"]["done"] == 0 and modes["bad"]["failed"] == 3'
	ledger json 'modes["bad"]["runs"][0]["why"] == "exit code 7: it is \"bad\""'
	ledger json 'modes["killed"]["runs"][2]["why"] == "killed by signal 9"'
	ledger json 'modes["bad"]["figures"]["wall_ns"] is None and modes["bad"]["runs"][0]["figures"] == {}'
	ledger json 'l["failed"] == 6 and l["complete"]'
	nothing_left
}

@test "one run of three fails: the others count" {
	need_root
	need_schema
	run --separate-stderr tool bench -r 3 -f json -- sh -c "echo x >>$DIR/n; [ \$(wc -l <$DIR/n) != 2 ]"
	status_is 125
	printf '%s' "$output" >json
	ledger json 'modes["command"]["done"] == 2 and modes["command"]["failed"] == 1'
	ledger json 'modes["command"]["figures"]["wall_ns"]["n"] == 2'
}

@test "a command that cannot be run" {
	need_root
	run --separate-stderr tool bench -r 1 -- /nonexistent/program
	status_is 125
	contains "$output" "cannot run '/nonexistent/program': no such command"
	run --separate-stderr tool bench -r 1 -- "$DIR"
	status_is 125
	contains "$output" "Permission denied"
}

@test "an interpreter that cannot be run does not spoil the other" {
	need_root
	need_schema
	run --separate-stderr tool bench -r 1 --time 20ms --modes seq --workload sleep -f json \
		--python "$PYTHON,/nonexistent/python"
	status_is 125
	printf '%s' "$output" >json
	ledger json 'l["experiments"][0]["modes"][0]["done"] == 1 and l["experiments"][1]["modes"][0]["failed"] == 1'
	ledger json '"no such command" in l["experiments"][1]["modes"][0]["runs"][0]["why"]'
}

@test "processes that a run leaves behind are ended, and it says so" {
	need_root
	run --separate-stderr tool bench -r 1 -- sh -c "setsid sleep 61.5 & echo \$! >$DIR/pid"
	status_is 125
	contains "$output" "it left processes behind"
	ends_within "$(cat pid)" 1
	# one that goes on for a moment only is waited for, and belongs to the run
	tool bench -r 1 -f json --to json -- sh -c 'sleep 0.4 &'
	"$PYTHON" -c 'import json
life = json.load(open("json"))["experiments"][0]["modes"][0]["figures"]["life_ns"]["value"]
assert 0.4e9 <= life < 2e9, life'
}

@test "what programs say is not mixed into the ledger" {
	need_root
	run --separate-stderr tool bench -r 1 -- sh -c 'echo to stdout; echo to stderr >&2; cat; head -c 300000 /dev/zero >&2'
	status_is 0
	[ -z "$stderr" ]
	lacks "${output#*COMMAND*$'\n'}" "to stdout"
}

@test "progress only on a terminal" {
	need_root
	command -v script >/dev/null || skip "no script"
	script -qec "timeout 30 $PARASCOPE bench -r 2 --to ledger -- sleep 0.1" typescript >/dev/null </dev/null
	grep -q "\[1/2\] command: command, run 1 of 2" typescript
	grep -q "\[2/2\] .* left" typescript
	script -qec "timeout 30 $PARASCOPE bench -q -r 1 --to ledger -- true" typescript >/dev/null </dev/null
	lacks "$(cat typescript)" "[1/1]"
}

@test "--keep: traces that can be reported, results as they were told" {
	need_root
	tool bench -r 2 --modes seq,threads --time 30ms --workload cpu --keep kept --to ledger
	[ "$(ls kept)" = "$(printf 'cpu-%s-%s\n' seq 1.json seq 1.trace seq 2.json seq 2.trace threads 1.json \
		threads 1.trace threads 2.json threads 2.trace)" ]
	for trace in kept/*.trace; do
		tool report "$trace" >report
		grep -q "workload cpu --tasks 4" report
	done
	"$PYTHON" -c 'import json; assert json.load(open("kept/cpu-threads-2.json"))["mode"] == "threads"'
	touch file
	refused "cannot make the folder" bench --keep file/x -- true
}

@test "under sudo programs run as the user, who owns what they tell" {
	need_root
	chmod 777 tmp
	run --separate-stderr env SUDO_UID="$(id -u nobody)" SUDO_GID="$(id -g nobody)" SUDO_USER=nobody \
		timeout 30 "$PARASCOPE" bench -r 1 -- sh -c 'id -u >&2; exit 1'
	contains "$output" "exit code 1: $(id -u nobody)"
	# the build may lie where nobody cannot go: only its own files are looked at then
	cp -r "$BUILD/workload" "$HERE/../../workloads/py" "$DIR"
	env SUDO_UID="$(id -u nobody)" SUDO_GID="$(id -g nobody)" SUDO_USER=nobody PARASCOPE_WORKLOADS="$DIR" \
		timeout 30 "$PARASCOPE" bench -r 1 --time 20ms --modes seq --workload cpu,sleep --keep "$DIR/kept" --to ledger
	[ "$(stat -c %U kept/cpu-seq-1.json)" = nobody ]
	run --separate-stderr env SUDO_UID="$(id -u nobody)" SUDO_GID="$(id -g nobody)" SUDO_USER=nobody \
		timeout 30 "$PARASCOPE" bench --as-root -r 1 -- sh -c 'id -u >&2; exit 1'
	contains "$output" "exit code 1: 0"
	nothing_left
}

@test "--to a folder that is not there, before anything runs" {
	need_root
	refused "nowhere" bench --to nowhere/x -- touch ran
	[ ! -e ran ]
	nothing_left
}

# on_terminal COMMAND...: in the background, a process group of its own, default signals.
on_terminal() {
	background "$PYTHON" -c '
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(s, signal.SIG_DFL)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
	KILL+=("-$BG")
}

bench_on_terminal() {
	rm -f pids
	on_terminal "$PARASCOPE" bench -r 3 --to ledger -- \
		sh -c "echo \$\$ >>$DIR/pids; sleep 0.3; [ \$(wc -l <$DIR/pids) = 1 ] || { sleep 61.25 & echo \$! >>$DIR/pids; wait; }"
	wait_for eval '[ -e pids ] && [ "$(wc -l <pids)" = 3 ]'
}

# The ledger has the first run and says that it is not whole; no process, no file is left.
ended_in_order() { # exit code
	ends_within "$BG" 5
	status=0
	wait "$BG" || status=$?
	status_is "$1"
	grep -q "INCOMPLETE" ledger
	grep -q "1 of 3" ledger
	while read -r pid; do ends_within "$pid" 1; done <pids
	nothing_left
}

@test "Ctrl-C: the run and its children end, what is there is shown" {
	need_root
	bench_on_terminal
	kill -INT "-$BG"
	ended_in_order 130
	"$PYTHON" "$CHECK" leftovers
}

@test "SIGTERM to parascope alone does the same" {
	need_root
	bench_on_terminal
	kill -TERM "$BG"
	ended_in_order 143
}

@test "a run that ignores signals is killed" {
	need_root
	on_terminal "$PARASCOPE" bench -r 1 --to ledger -- "$PYTHON" -c "
import signal, time
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
open('$DIR/pids', 'w').write(str(__import__('os').getpid()) + '\n')
time.sleep(61)"
	wait_for test -s pids
	kill -INT "-$BG"
	ends_within "$BG" 8
	ends_within "$(cat pids)" 1
	grep -q INCOMPLETE ledger
	nothing_left
}

@test "Ctrl-C while a workload is measured out: no process is left" {
	need_root
	mkdir -p own/py
	cat >own/workload <<END
#!/bin/sh
sleep 61.75 &
echo \$! >>$DIR/pids
setsid sh -c 'sleep 61.75 & echo \$! >>$DIR/pids; wait' &
wait
END
	chmod +x own/workload
	touch own/py/countdown.py
	export PARASCOPE_WORKLOADS=$DIR/own
	on_terminal "$PARASCOPE" bench -r 1 --workload cpu --to ledger
	wait_for eval '[ -e pids ] && [ "$(wc -l <pids)" = 2 ]'
	kill -TERM "$BG"
	ends_within "$BG" 5
	while read -r pid; do ends_within "$pid" 1; done <pids
	grep -q INCOMPLETE ledger
	nothing_left
}

@test "--expect: met, failed, unknown before anything runs" {
	need_root
	run "$PARASCOPE" bench -q -r 3 --modes 1,3 --expect '1.life<60s' --expect '3.life>=0.3s' --to /dev/null -- sleep 0.{mode}
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run "$PARASCOPE" bench -q -r 3 --modes 1,3 --expect '1.speedup>=1' --expect '3.speedup>=0.9' --to /dev/null -- sleep 0.{mode}
	[ "$status" -eq 2 ]
	[[ $output == "parascope: expectation '3.speedup>=0.9' failed: 0."* ]]
	run "$PARASCOPE" bench -q --modes 1,3 --expect '2.wall<1s' --to /dev/null -- sleep 0.{mode}
	[ "$status" -eq 125 ]
	[[ $output == *"no metric '2.wall'"*"modes 1, 3; figures wall, "* ]]
	run "$PARASCOPE" bench -q -r 1 --expect 'command.life<60s' --to /dev/null -- false
	[ "$status" -eq 125 ] # a run that failed goes first
	[[ $output == *"'command.life<60s' cannot be judged: not known: no run was done"* ]]
	nothing_left
}

@test "--validate: every case is recorded, predicted and run, or says why not" {
	need_root
	need_schema
	run "$PARASCOPE" bench --validate --workers 2
	[ "$status" -eq 125 ]
	[[ $output == *"--validate has its own programs"* ]]
	run "$PARASCOPE" bench --validate --python a,b
	[ "$status" -eq 125 ]
	[[ $output == *"--validate takes one interpreter: --python a" ]]
	run "$PARASCOPE" bench -q --validate -r 1 --time 0.1s --python "$PYTHON" --keep kept -f json --to out.json
	[ "$status" -eq 0 ]
	ledger out.json 'len(l["predictions"]) >= 12 and all(
		p["measured_ns"] and bool(p["predicted_ns"]) != bool(p["why_not"]) for p in l["predictions"])'
	ledger out.json '({p["experiment"] for p in l["predictions"]} == {e["name"] for e in l["experiments"]}
		and len({e["name"] for e in l["experiments"]}) == len(l["experiments"]))'
	[ "$(find kept -name '*.trace' | wc -l)" -eq "$("$PYTHON" -c 'import json
print(2 * len(json.load(open("out.json"))["predictions"]))')" ]
	nothing_left
}
