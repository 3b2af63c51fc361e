#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# hostile.bats - names that the target chose never reach a terminal raw, and JSON stays JSON.

load helper

setup() {
	common_setup
	need_root
}

teardown() { common_teardown; }

# A process with hostile names of its own, of its threads, and of its arguments.  15 bytes each.
start_hostile() {
	cat >hostile.py <<-'PY'
		import os, threading, time
		names = [b"\x1b[31mred\x1b[0m", b"a\nb", b"\xff\xfe\xc3", b"\xc2\x9b31m", b"\x9b31m",
		         b"\xe2\x80\xae rtl", b"%n%s%n%x", b"a;b 7)\nc) R 1 1", b"\"\\</script>", b"\t\r\x07\x08",
		         b"\x7fdel", b"\xe2\x80\x8bzero", b"\xed\xa0\x80surr", b"\xc0\xafover", b"\xf0\x9f\x98\x80",
		         b"aaaaaaaaaaaaa\xe2\x82", b"\x1b]0;t\x07", b" ", b"", b"\xe2\x81\xa6iso", b"\xcc\x81comb"]
		lock = threading.Lock()
		def work(name):
		    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "wb") as f:
		        f.write(name)
		    end = time.monotonic() + 60
		    while time.monotonic() < end:
		        with lock:
		            time.sleep(0.002)
		for name in names:
		    threading.Thread(target=work, args=(name,), daemon=True,
		                     name=name.decode("utf-8", "surrogateescape")).start()
		with open("/proc/self/comm", "wb") as f:
		    f.write(b"\x1b[2J\n\xff\xc2\x9b")
		time.sleep(0.3)
		open("ready", "w").close()
		time.sleep(60)
	PY
	background "$PYTHON" hostile.py $'\e]0;title\a' $'new\nline' $'\xff\xfe' $'\xc2\x9b31m' $'\u202e' '%n%s'
	HOSTILE=$BG
	wait_for test -e ready
}

@test "hostile names of threads, process and arguments" {
	start_hostile
	# a terminal in UTF-8, one in plain C, JSON; all of one trace, so that it is recorded once
	tool attach -d 700ms -o trace --all-threads --top 99 "$HOSTILE" >live 2>err
	"$PYTHON" "$CHECK" clean live err
	tool report -f json trace >json
	"$PYTHON" "$CHECK" json json 'len(r["threads"]) == 22'
	# only \u escapes for what a terminal would obey
	"$PYTHON" "$CHECK" clean <(tr -d '\n' <json)
	# nothing is lost: all bytes are there, in hex where they are not UTF-8
	"$PYTHON" "$CHECK" json json \
		'{b"\x1b[31mred\x1b[0m", b"a\nb", b"\xff\xfe\xc3", b"%n%s%n%x", b"\"\\</script>", b"\xc2\x9b31m"} <= {
		bytes.fromhex(t["comm_hex"]) if "comm_hex" in t else t["comm"].encode() for t in r["threads"]}'
	tool report --all-threads --top 99 trace >utf8
	"$PYTHON" "$CHECK" clean utf8
	same live utf8
	LC_ALL=C tool report --all-threads --top 99 trace >c
	"$PYTHON" "$CHECK" ascii c
	tool report --ascii --all-threads --top 99 trace >ascii
	"$PYTHON" "$CHECK" ascii ascii
	for width in 80 120; do
		tool report --width $width --all-threads --top 99 trace >out
		"$PYTHON" "$CHECK" clean out
		[ "$(wc -L <out)" -le $width ]
	done
	tool dump trace >dump
	"$PYTHON" "$CHECK" clean dump
	tool report --text-trace --all-threads --top 99 dump >again
	same utf8 again
	# they were there at all
	grep -q 'red' utf8
	grep -q '%n%s' utf8
}

@test "hostile names are valid by the schema, too" {
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	start_hostile
	tool attach -q -f json -d 300ms "$HOSTILE" >json
	tool --json-schema >schema
	"$PYTHON" -c 'import json, jsonschema
jsonschema.Draft7Validator(json.load(open("schema"))).validate(json.load(open("json")))'
}

@test "hostile names on a terminal with colour: only our own colours" {
	command -v script >/dev/null || skip "no script"
	start_hostile
	tool attach -q -d 300ms -o trace "$HOSTILE" >/dev/null
	TERM=xterm script -qec "'$PARASCOPE' report --all-threads --top 99 trace" typescript </dev/null >/dev/null
	"$PYTHON" - <<-'PY'
		import re
		data = b"\n".join(open("typescript", "rb").read().replace(b"\r\n", b"\n").split(b"\n")[1:-2])
		assert b"\x1b[" in data
		rest = re.sub(rb"\x1b\[[0-9;]*m", b"", data)
		open("rest", "wb").write(rest)
		assert b"\x1b[31mred" not in data
	PY
	"$PYTHON" "$CHECK" clean rest
}

@test "--comm finds a hostile name, and the message is clean" {
	start_hostile
	run --separate-stderr tool attach -q -d 100ms --comm $'\e\[2J*' -f json
	status_is 0
	echo "$output" >json
	"$PYTHON" "$CHECK" json json "[p['pid'] for p in r['processes']] == [$HOSTILE]"
	tool attach --comm $'\e[2Jnone' >out 2>err || true
	"$PYTHON" "$CHECK" clean out err
	[ "$(wc -l <err)" -eq 1 ]
}

@test "a command with a hostile name" {
	name=$'\e[7mx\n\xff'
	cp "$(type -P true)" "$name"
	tool run -o trace -- "./$name" $'\e[1m' 2>err
	"$PYTHON" "$CHECK" clean err
	grep -q QUALITY err
	tool report -f json trace >json
	"$PYTHON" "$CHECK" json json
}

@test "a name with brackets and newlines does not spoil what /proc says" {
	background "$PYTHON" -c '
import time
open("/proc/self/comm", "wb").write(b"x) Z 1 1 (\n)")
open("ready", "w").close()
time.sleep(60)'
	wait_for test -e ready
	tool attach -q -d 100ms -f json "$BG" >json
	"$PYTHON" "$CHECK" json json "r['processes'][0]['ppid'] == $$ and r['processes'][0]['pid'] == $BG"
	"$PYTHON" "$CHECK" json json "r['processes'][0]['comm'].startswith('x) Z 1 1 (')"
}

@test "a command line of 100 KB is cut, and the report stays small" {
	long=$(printf 'A%.0s' {1..100000})
	tool run --to report -- sh -c : "$long"
	grep -q QUALITY report
	[ "$(wc -c <report)" -lt 20000 ]
	[ "$(wc -L <report)" -le 100 ]
}
