#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# trace.bats - saved traces: private, whole or not at all, and bad ones are told as such.

load helper

# One trace for all tests here, as live text and JSON reports saw it.
setup_file() {
	load helper
	export MADE=$BATS_FILE_TMPDIR
	if [ -x "$PARASCOPE" ] && [ "$(id -u)" = 0 ]; then
		cd "$MADE" || return 1
		timeout 30 "$PARASCOPE" run -q -o trace --to live -- \
			"$PYTHON" -c 'import threading, time
lock = threading.Lock()
def work():
    for _ in range(100):
        with lock:
            time.sleep(0.001)
crew = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in crew]
[t.join() for t in crew]' 3>&-
	fi
}

setup() {
	common_setup
	need_root
	[ -s "$MADE/trace" ]
	cp -p "$MADE/trace" "$MADE/live" .
}

teardown() { common_teardown; }

# bad WORDS ARGUMENT...: 125, a last line with these words, and never a crash or a hang.
bad() {
	local words=$1

	shift
	run --separate-stderr timeout -k 1 10 "$PARASCOPE" "$@"
	status_is 125
	contains "$stderr" "$words"
	[[ ${stderr_lines[-1]} == "parascope: "* ]]
}

@test "a trace is private" {
	[ "$(stat -c %a trace)" = 600 ]
	umask 0
	background sleep 60
	tool attach -q -d 100ms -o other "$BG" >/dev/null
	[ "$(stat -c %a other)" = 600 ]
	no_temp_files .
}

@test "an old trace is replaced, whatever its rights and links were" {
	background sleep 60
	echo old >other
	chmod 666 other
	ln other linked
	tool attach -q -d 100ms -o other "$BG" >/dev/null
	[ "$(stat -c %a other)" = 600 ]
	[ "$(cat linked)" = old ]
	tool report other >report
	grep -q QUALITY report
}

@test "the report of a trace is that of the live run, byte for byte" {
	tool report trace >again
	same live again
	tool report trace >twice
	same again twice
}

@test "attach: the report of a trace is the live one, text and JSON" {
	start_target
	tool attach -q -d 500ms -o t1 "$TARGET" >live1 &
	first=$!
	tool attach -q -d 500ms -f json -o t2 "$TARGET" >live2
	wait $first
	tool report t1 >again1
	same live1 again1
	tool report -f json t2 >again2
	same live2 again2
}

@test "a trace from stdin" {
	tool report - <trace >again
	same live again
	# shellcheck disable=SC2002 # a pipe is what is tested
	cat trace | timeout 20 "$PARASCOPE" report - >again
	same live again
	tool dump trace >a
	tool dump - <trace >b
	same a b
	[ "$(wc -l <a)" -gt 100 ]
}

@test "a trace to stdout" {
	background sleep 60
	timeout 20 "$PARASCOPE" attach -q -d 100ms --to report -o - "$BG" | cat >other
	tool report other >again
	same report again
}

@test "a trace and a report cannot both go to stdout" {
	background sleep 60
	refused "stdout" attach -q -d 100ms -o - "$BG"
}

@test "text form and back" {
	tool dump trace >text
	tool report --text-trace text >again
	same live again
	tool report --text-trace - <text >again
	same live again
	"$PYTHON" "$CHECK" clean text
}

@test "JSON is valid by the schema" {
	tool report -f json trace >json
	"$PYTHON" "$CHECK" json json 'not r["truncated"] and r["quality"]["complete"]'
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	tool --json-schema >schema
	"$PYTHON" -c 'import json, jsonschema
jsonschema.Draft7Validator(json.load(open("schema"))).validate(json.load(open("json")))'
}

@test "report needs no rights" {
	chmod 644 trace
	timeout 20 setpriv --reuid 65534 --regid 65534 --clear-groups "$PARASCOPE" report trace >again
	same live again
	chmod 600 trace
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$PARASCOPE" report trace
	one_clear_line
	contains "$stderr" "Permission denied"
}

@test "options of the report" {
	tool report --top 1 --width 80 trace >narrow
	[ "$(wc -L <narrow)" -le 80 ]
	tool report --all-threads trace >all
	[ "$(wc -l <all)" -ge "$(wc -l <narrow)" ]
	tool report --to file trace >out
	[ ! -s out ]
	same live file
}

@test "a truncated trace: told, what is there is shown, 125" {
	size=$(stat -c %s trace)
	for cut in 1 7 8 15 16 24 40 100 1000 $((size / 2)) $((size - 100)) $((size - 1)); do
		[ "$cut" -lt "$size" ] || continue
		head -c "$cut" trace >short
		run --separate-stderr timeout -k 1 10 "$PARASCOPE" report short
		status_is 125
		[[ $stderr == *truncated* || $stderr == *incomplete* ]]
		lacks "$stderr" "corrupt"
		run --separate-stderr timeout -k 1 10 "$PARASCOPE" dump short
		status_is 125
	done
}

@test "a trace without its end: a report that says so" {
	# whole blocks only, without the last one: what a full disk or SIGKILL leaves of a pipe
	start_target
	timeout -s KILL 2.5 "$PARASCOPE" attach -q --to report -o - "$TARGET" | cat >short || true
	[ -s short ]
	run --separate-stderr timeout -k 1 10 "$PARASCOPE" report short
	status_is 125
	[[ $stderr == *truncated* ]]
	if [ -n "$output" ]; then
		echo "$output" | grep -i -E 'truncated|incomplete|ended before'
	fi
	run --separate-stderr timeout -k 1 10 "$PARASCOPE" report -f json short
	status_is 125
	if [ -n "$output" ]; then
		echo "$output" >json
		"$PYTHON" "$CHECK" json json 'r["truncated"] is True'
	fi
}

@test "corrupt traces: told, 125, no crash" {
	"$PYTHON" - <<-'PY'
		import random
		rng, data = random.Random(1), open("trace", "rb").read()
		places = list(range(0, 64, 3)) + [rng.randrange(len(data)) for _ in range(20)]
		for n, at in enumerate(places):
		    bad = bytearray(data)
		    bad[at] ^= 1 << rng.randrange(8)
		    open(f"bad.{n}", "wb").write(bad)
	PY
	[ "$(find . -name 'bad.*' | wc -l)" -ge 40 ]
	for f in bad.*; do
		run --separate-stderr timeout -k 1 10 "$PARASCOPE" report "$f"
		status_is 125
		[ -n "$stderr" ]
		[[ ${stderr_lines[-1]} == "parascope: "* ]]
	done
}

@test "something added behind the end, or two traces in one" {
	cat trace trace >two
	bad "corrupt" report two
	(cat trace; echo) >longer
	bad "corrupt" report longer
}

@test "files that are no trace" {
	printf 'hello' >hello
	bad "not a parascope trace" report hello
	bad "not a parascope trace" report /bin/ls
	bad "not a parascope trace" report /dev/zero
	bad "empty" report /dev/null
	bad "Is a directory" report .
	bad "No such file" report no-such-file
	bad "not a parascope trace" report - <hello
	bad "empty" report - </dev/null
	bad "not a parascope trace" dump hello
	code=0
	"$PARASCOPE" report - <&- >out 2>err || code=$?
	[ $code -eq 125 ]
	grep -q 'standard input' err
}

@test "a text trace that is none" {
	printf 'hello\n' >hello
	bad "hello:1" report --text-trace hello
	bad "" report --text-trace /bin/ls
	bad "No such file" report --text-trace no-such-file
	bad "Is a directory" report --text-trace .
}

@test "an empty text trace is no report of nothing" {
	bad "empty" report --text-trace /dev/null
	tool dump trace | grep -v window >text
	bad "no window" report --text-trace text
}

@test "a text trace with a line without end does not take all memory" {
	truncate -s 1G endless
	run --separate-stderr bash -c 'ulimit -v 300000; exec timeout -k 1 10 "$PARASCOPE" report --text-trace endless'
	status_is 125
	contains "$stderr" "endless:1"
	(tool dump trace; printf '%070000d' 1) >text
	bad "more than 65536 bytes" report --text-trace text
}

@test "text traces with damaged lines: told with the line, no crash" {
	tool dump trace >text
	"$PYTHON" - <<-'PY'
		import random
		rng, lines = random.Random(2), open("text", "rb").read().split(b"\n")
		for n in range(30):
		    bad = [bytearray(l) for l in lines]
		    line = bad[rng.randrange(len(bad) - 1)]
		    for _ in range(3):
		        line[rng.randrange(len(line))] = rng.randrange(256)
		    open(f"bad.{n}", "wb").write(b"\n".join(bad))
	PY
	for f in bad.*; do
		run --separate-stderr timeout -k 1 10 "$PARASCOPE" report --text-trace "$f"
		# a digit for a digit is no damage that one could see
		[ "$status" -eq 0 ] || [ "$status" -eq 125 ]
		[ "$status" -eq 0 ] || contains "$stderr" "$f"
	done
}

@test "dump into a reader that goes away ends at once" {
	begin=$(now_ms)
	set +o pipefail
	timeout 10 "$PARASCOPE" dump trace | head -1 >line
	[ -s line ]
	[ $(($(now_ms) - begin)) -lt 2000 ]
	code=0
	timeout 10 "$PARASCOPE" dump trace >/dev/full 2>err || code=$?
	[ $code -eq 125 ]
	grep -q 'No space left' err
}
