#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# output.bats - where the report and the trace go, and what happens if they cannot.

load helper

setup() {
	common_setup
	need_root
}

teardown() { common_teardown; }

# small SIZE: a file system that is full soon, at $DIR/small, with an old trace on it
small() {
	mkdir small
	mount -t tmpfs -o "size=$1" parascope-cli small || skip "cannot mount"
	echo old >small/trace
	echo old >small/report
}

@test "stdout on a full disk" {
	background sleep 60
	code=0
	timeout 20 "$PARASCOPE" attach -q -d 100ms "$BG" >/dev/full 2>err || code=$?
	[ $code -eq 125 ]
	[ "$(cat err)" = "parascope: cannot write to stdout: No space left on device" ]
}

@test "help, version and schema on a full disk" {
	for word in --help --version --json-schema "run --help" "attach --help"; do
		code=0
		# shellcheck disable=SC2086 # words
		tool $word >/dev/full 2>err || code=$?
		[ $code -eq 125 ]
		contains "$(cat err)" "No space left"
	done
}

@test "--to and -o on a full device" {
	background sleep 60
	refused "/dev/full" attach -q -d 100ms --to /dev/full "$BG"
	refused "/dev/full" attach -q -d 100ms -o /dev/full "$BG"
}

@test "stderr on a full disk" {
	code=0
	timeout 20 "$PARASCOPE" run -- true 2>/dev/full || code=$?
	[ $code -eq 125 ]
	code=0
	timeout 20 "$PARASCOPE" run --to report -- sh -c 'exit 3' 2>/dev/full || code=$?
	[ $code -eq 3 ]
	grep -q QUALITY report
}

@test "the disk is full before the trace begins" {
	small 8k
	background sleep 60
	refused "No space left" attach -q -d 100ms -o small/trace "$BG"
	[ "$(cat small/trace)" = old ]
	no_temp_files small
}

@test "the disk fills while a trace is written: old trace intact, nothing left, attach ends" {
	small 128k
	background "$BUILD/workload" pingpong --time 20
	begin=$(now_ms)
	refused "No space left" attach -q -d 15s -o small/trace "$BG"
	[ $(($(now_ms) - begin)) -lt 14000 ]
	[ "$(cat small/trace)" = old ]
	no_temp_files small
}

@test "the disk fills while a trace is written: run does not leave its command behind" {
	small 128k
	cat >command.sh <<-'SH'
		#!/bin/sh
		echo $$ >pid
		exec "$BUILD/workload" pingpong --time 6
	SH
	chmod +x command.sh
	code=0
	# not with `run`: that would wait for whoever has the pipe, so for the command
	timeout 20 "$PARASCOPE" run -q -o small/trace -- ./command.sh >out 2>err || code=$?
	KILL+=("$(cat pid)")
	[ $code -eq 125 ]
	contains "$(cat err)" "No space left"
	# either ended with it, or waited for
	gone "$(cat pid)"
	[ "$(cat small/trace)" = old ]
	no_temp_files small
}

@test "the disk is too full for the report: the old one stays" {
	small 8k
	background sleep 60
	refused "No space left" attach -q -f json -d 100ms --to small/report "$BG"
	[ "$(cat small/report)" = old ]
	no_temp_files small
}

@test "a limit on file sizes: one line, not a signal; nothing half" {
	echo old >trace
	background "$BUILD/workload" pingpong --time 20
	run --separate-stderr bash -c 'ulimit -f 64; exec timeout 20 "$PARASCOPE" attach -q -d 10s -o trace "$1"' \
		bash "$BG"
	one_clear_line
	contains "$stderr" "File too large"
	[ "$(cat trace)" = old ]
	no_temp_files .
	echo old >report
	run --separate-stderr bash -c 'ulimit -f 1; exec timeout 20 "$PARASCOPE" attach -q -f json -d 100ms --to report "$1"' \
		bash "$BG"
	one_clear_line
	[ "$(cat report)" = old ]
}

@test "a report that cannot be written is told before anything is measured" {
	background sleep 60
	begin=$(now_ms)
	refused "/no/such" attach -q -d 3s --to /no/such/folder/report "$BG"
	[ $(($(now_ms) - begin)) -lt 2500 ]
	begin=$(now_ms)
	refused "" attach -q -d 3s --to "$DIR" "$BG"
	[ $(($(now_ms) - begin)) -lt 2500 ]
}

@test "a trace that cannot be written is told before anything is measured" {
	background sleep 60
	begin=$(now_ms)
	refused "/no/such/folder" attach -q -d 5s -o /no/such/folder/trace "$BG"
	refused "Is a directory" attach -q -d 5s -o "$DIR" "$BG"
	refused "name is empty" attach -q -d 5s -o "" "$BG"
	ln -s elsewhere link
	: >elsewhere
	refused "symbolic link" attach -q -d 5s -o link "$BG"
	[ ! -s elsewhere ]
	[ $(($(now_ms) - begin)) -lt 5000 ]
}

@test "an empty name for the report is refused" {
	background sleep 60
	refused "" attach -q -d 100ms --to "" "$BG"
}

@test "--to follows no link and makes the file private" {
	background sleep 60
	: >precious
	ln -s precious link
	refused "link" attach -q -d 100ms --to link "$BG"
	[ ! -s precious ]
	tool attach -q -d 100ms --to report "$BG"
	[ "$(stat -c %a report)" = 600 ]
}

@test "--to -: stdout" {
	background sleep 60
	run --separate-stderr tool attach -q -d 100ms --to - "$BG"
	status_is 0
	contains "$output" QUALITY
	[ ! -e ./- ]
	# whatever it is, and behind what is there already
	echo before >file
	tool attach -q -d 100ms --to /dev/stdout "$BG" >>file
	[ "$(head -1 file)" = before ]
	grep -q QUALITY file
	tool attach -q -d 100ms --to /dev/stdout "$BG" | grep -q QUALITY
	refused "both be file" attach -q -d 100ms -o file --to file "$BG"
}

@test "closed stdout, stderr and stdin: no crash, the trace holds nothing foreign" {
	background sleep 60
	for closed in '>&-' '2>&-' '<&-' '>&- 2>&- <&-' '>&- <&-'; do
		(
			code=0
			eval "timeout 20 \"\$PARASCOPE\" attach -d 100ms -o \"trace.\${#closed}\" $BG $closed" || code=$?
			echo $code >"code.${#closed}"
		) >/dev/null 2>&1 3>&- &
		jobs="${jobs-} $!"
	done
	for job in $jobs; do
		wait "$job"
	done
	for closed in '>&-' '2>&-' '>&- 2>&- <&-' '>&- <&-'; do
		code=$(cat "code.${#closed}")
		[ "$code" -eq 0 ] || [ "$code" -eq 125 ]
		run --separate-stderr tool report "trace.${#closed}"
		status_is 0
		contains "$output" QUALITY
	done
}

@test "a reader that goes away: ends at once, does not spin" {
	background sleep 60
	begin=$(now_ms)
	for reader in 'head -1' true; do
		set +o pipefail
		# shellcheck disable=SC2086 # words
		timeout 20 /usr/bin/env bash -c 'time "$PARASCOPE" attach -q -d 200ms "$1"; echo $? >code' bash "$BG" \
			2>spent | $reader >line
		cpu=$(sed -n 's/^\(user\|sys\)\s*0m\([0-9.]*\)s/\2/p' spent | "$PYTHON" -c \
			'import sys; print(sum(map(float, sys.stdin)))')
		"$PYTHON" -c "import sys; sys.exit(not $cpu < 2)"
	done
	[ $(($(now_ms) - begin)) -lt 12000 ]
	code=$(cat code)
	[ "$code" -eq 125 ] || [ "$code" -eq 141 ] || [ "$code" -eq 0 ]
}

@test "both streams into a reader that goes away" {
	background sleep 60
	begin=$(now_ms)
	set +o pipefail
	timeout 20 "$PARASCOPE" attach -d 200ms "$BG" 2>&1 | head -1 >line
	[ $(($(now_ms) - begin)) -lt 6000 ]
	grep -q 'watching 1 process' line
}

@test "a reader that stopped reading does not make parascope unkillable" {
	background sleep 60
	mkfifo pipe
	"$PYTHON" -c '
import fcntl, os, time
fd = os.open("pipe", os.O_RDONLY)
fcntl.fcntl(fd, 1031, 4096)  # F_SETPIPE_SZ
open("open", "w").close()
time.sleep(60)' 3>&- &
	KILL+=("$!")
	background "$PARASCOPE" attach -q -f json -d 200ms "$BG" >pipe 2>err
	tool=$BG
	wait_for test -e open
	sleep 2.5 # the report is larger than the pipe now
	kill -TERM "$tool"
	ends_within "$tool" 3
}

@test "no colour and no escape when the report goes to no terminal" {
	background sleep 60
	TERM=xterm-256color tool attach -q -d 100ms "$BG" >out
	"$PYTHON" "$CHECK" clean out
	LC_ALL=C TERM=xterm tool attach -q -d 100ms "$BG" >out
	"$PYTHON" "$CHECK" ascii out
	tool attach -q -d 100ms --ascii "$BG" >out
	"$PYTHON" "$CHECK" ascii out
}

@test "colour on a terminal, not with NO_COLOR, --no-color, TERM=dumb or --to" {
	command -v script >/dev/null || skip "no script"
	background sleep 60
	tool attach -q -d 100ms -o trace "$BG" >/dev/null
	on_terminal() { # ENVIRONMENT OPTION
		env TERM=xterm $1 script -qec "'$PARASCOPE' report $2 trace" typescript </dev/null >/dev/null
		tr -d '\r' <typescript | sed '1d;$d'
	}
	on_terminal "" "" | grep -q $'\e\['
	on_terminal NO_COLOR= "" | grep -q $'\e\['
	lacks "$(on_terminal NO_COLOR=1 "")" $'\e'
	lacks "$(on_terminal "" --no-color)" $'\e'
	lacks "$(on_terminal TERM=dumb "")" $'\e'
	on_terminal "" "--to file" >/dev/null
	"$PYTHON" "$CHECK" clean file
	grep -q QUALITY file
}

@test "no line is wider than --width" {
	start_target
	tool attach -q -d 300ms -o trace "$TARGET" >/dev/null
	for width in 80 100 133 200; do
		tool report --width $width trace >out
		[ "$(wc -L <out)" -le $width ]
		tool report --ascii --all-threads --width $width trace >out
		[ "$(wc -L <out)" -le $width ]
	done
}
