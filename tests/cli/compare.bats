#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets variables and makes subshells
# compare.bats - compare, and --expect of all commands: syntax, files, exit codes, what is said.

load helper

# Recordings for all tests here: two of the same program, one with more CPU time.
setup_file() {
	load helper
	export MADE=$BATS_FILE_TMPDIR
	if [ -x "$PARASCOPE" ] && [ "$(id -u)" = 0 ]; then
		cd "$MADE" || return 1
		for name in a1 a2; do
			timeout 30 "$PARASCOPE" run -q -f json --to $name.json -o $name -- \
				"$BUILD/workload" mutex --count 300 3>&-
		done
		timeout 30 "$PARASCOPE" run -q -f json --to b.json -o b -- \
			"$BUILD/workload" mutex --count 300 --hold-us 2000 3>&-
	fi
}

setup() {
	common_setup
	need_root
	[ -s "$MADE/b.json" ]
	cp "$MADE"/* .
}

teardown() { common_teardown; }

valid() { # file
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	"$PYTHON" -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' \
		"$1" "$HERE/../../user/render/compare.schema.json"
}

# says CODE WORDS ARGUMENT...: this exit code, and one line on stderr with these words.
says() {
	local code=$1 words=$2

	shift 2
	run --separate-stderr tool "$@"
	status_is "$code" && contains "$stderr" "$words" && [ "${#stderr_lines[@]}" -eq 1 ]
}

# --- compare -----------------------------------------------------------------------------------
@test "two recordings: traces, JSON, one of each: the same answer" {
	tool compare -f json a1 b >1
	tool compare -f json a1.json b.json >2
	tool compare -f json a1 b.json >3
	sed -i 's/\.json)/)/g' 2 3 # names in doubts
	same 1 2
	same 1 3
	valid 1
	"$PYTHON" "$CHECK" json 1 'r["schema"] == "parascope-compare" and r["a"]["recordings"] == 1'
	tool compare a1 b >text
	"$PYTHON" "$CHECK" clean text
	contains "$(cat text)" "METRICS"
	contains "$(cat text)" "cpu"
	tool compare --ascii --width 80 a1 b >ascii
	"$PYTHON" "$CHECK" ascii ascii
	[ "$(wc -L <ascii)" -le 80 ]
}

@test "a recording and itself: nothing differs" {
	tool compare -f json a1 a1 >out
	valid out
	"$PYTHON" "$CHECK" json out \
		'all(m["found"] in ("same", "unknown") for m in r["metrics"]) and not r["verdict_changed"]'
}

@test "several of a side" {
	tool compare -f json a1 a2 -- a1.json a2.json b.json >out
	valid out
	"$PYTHON" "$CHECK" json out 'r["a"]["recordings"] == 2 and r["b"]["recordings"] == 3'
	"$PYTHON" "$CHECK" json out '[m["b"]["n"] for m in r["metrics"] if m["key"] == "cpu"] == [3]'
	tool compare -- a1 a2 >/dev/null
}

@test "JSON may come through a pipe, a trace may not" {
	tool compare <(cat a1.json) a1 >/dev/null
	refused "must be a file" compare <(cat a1) a1
}

@test "arguments that make no sense" {
	refused "compare A B" compare
	refused "compare A B" compare a1
	refused "compare A B" compare a1 a2 b
	refused "compare A B" compare a1 --
	refused "compare A B" compare -- -- a1
	refused "options go before them" compare a1 b --expect 'wall<+1%'
	refused "no format 'xml'" compare -f xml a1 b
	refused "unknown option" compare --pid 1 a1 b
	refused "about the change" compare --expect 'wall<1s' a1 b
	refused "no metric 'wal'" compare --expect 'wal<+1%' a1 b
}

@test "files that are none of ours" {
	refused "No such file" compare nothing a1
	refused "folder" compare . a1
	: >empty
	refused "empty is empty" compare empty a1
	echo hello >hello
	refused "not a parascope trace" compare hello a1
	echo '{}' >object
	refused "no report of parascope" compare a1 object
	echo '{"schema":' >cut
	refused "no JSON" compare a1 cut
	"$PYTHON" -c 'import json
r = json.load(open("a1.json")); del r["metrics"]; json.dump(r, open("old", "w"))'
	refused "older parascope" compare old a1
	head -c 3000 a1 >short
	run --separate-stderr tool compare short a1
	[ "$status" -eq 0 ] || [ "$status" -eq 125 ]
	printf '{"schema":"parascope-report","version":"1.3","kernel":"\033[2J"}' >evil
	refused "no JSON" compare a1 evil
}

@test "what makes a comparison doubtful is named" {
	"$PYTHON" -c 'import json
r = json.load(open("a1.json"))
r["kernel"] = "6.1-other\u202e"; r["cpus_online"] = 64; r["target"] = "evil\u001b[2J"
json.dump(r, open("other", "w"))'
	tool compare a1.json other >out
	"$PYTHON" "$CHECK" clean out
	tr -s ' \n' ' ' <out >line
	contains "$(cat line)" "not the same target"
	contains "$(cat line)" "not the same kernel"
	contains "$(cat line)" "not the same CPUs"
}

@test "windows of different length: rates and shares, no sums" {
	start_target
	tool attach -q -d 200ms --to /dev/null -o short "$TARGET"
	tool attach -q -d 800ms --to /dev/null -o long "$TARGET"
	tool compare -f json short long >out
	valid out
	"$PYTHON" "$CHECK" json out 'any("windows of different length" in d for d in r["doubts"])'
	"$PYTHON" "$CHECK" json out \
		'{m["key"] for m in r["metrics"] if m["found"] == "unknown"} >= {"wall", "cpu"}'
	"$PYTHON" "$CHECK" json out \
		'not any(m["key"].endswith((".wait", ".cpu")) for m in r["metrics"])'
}

@test "expectations about a change" {
	tool compare --expect 'cpu<=+500s' --expect 'threads<=+0' a1 b >/dev/null
	says 2 "expectation 'cpu<=+20%' failed: " compare --expect 'cpu<=+20%' a1 a2 -- b b
	says 2 "expectation 'cpu<=+20%' failed: " compare -f json --expect 'cpu<=+20%' --expect 'threads<=+0' a1 b
	printf '%s\n' "$output" >out
	valid out
	"$PYTHON" "$CHECK" json out '[e["result"] for e in r["expectations"]] == ["failed", "met"]'
	tool compare --expect 'verdict==same' a1 a1 >/dev/null
}

# --- --expect ----------------------------------------------------------------------------------
@test "run: the command's code, else 2" {
	tool run -q --to /dev/null --expect 'threads<=1' -- true
	says 2 "expectation 'threads<1' failed: 1" run -q --to /dev/null --expect 'threads<1' -- true
	says 7 "expectation 'threads<1' failed: 1" run -q --to /dev/null --expect 'threads<1' -- sh -c 'exit 7'
	run --separate-stderr tool run -q --to /dev/null --expect 'threads<1' --expect 'cpu>1h' -- true
	status_is 2
	[ "${#stderr_lines[@]}" -eq 2 ]
	# the report is made all the same
	says 2 "failed" run -q -f json --to report --expect 'wall>1h' -- true
	"$PYTHON" "$CHECK" json report 'r["schema"] == "parascope-report"'
}

@test "nothing runs if an expectation makes no sense" {
	refused "no metric 'paralelism'" run --expect 'paralelism>1' -- touch ran
	refused "no + or -" run --expect 'wall<+1s' -- touch ran
	refused "no verdict 'fast'" run --expect 'verdict==fast' -- touch ran
	[ ! -e ran ]
}

@test "attach" {
	start_target
	says 2 "expectation 'threads>1000' failed: " attach -q -d 200ms --to /dev/null --expect 'threads>1000' "$TARGET"
	tool attach -q -d 200ms --to /dev/null --expect 'threads>=3' "$TARGET"
}

@test "report: what cannot be judged counts as met, but not with --strict" {
	tool report --to /dev/null --expect 'wall<100s' --expect 'lock.share<=100%' a1
	says 2 "expectation 'cpu<1ms' failed: " report --to /dev/null --expect 'cpu<1ms' a1
	says 0 "nobody waited" report --to /dev/null --expect 'lock[nothing].p99<1ms' a1
	"$PARASCOPE" dump a1 | sed '/ window /s/ flags=0x1$//' >text # as if it had been attached to
	says 0 "cannot be judged: not known: only a part" report --text-trace --to /dev/null --expect 'wall<100s' text
	says 2 "cannot be judged: not known: only a part" report --text-trace --strict --to /dev/null --expect 'wall<100s' text
}
