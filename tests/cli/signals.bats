#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# signals.bats - however parascope is ended, it ends soon, reports, and leaves nothing behind.

load helper

setup() {
	common_setup
	need_root
	command -v bpftool >/dev/null || skip "no bpftool"
}

teardown() { common_teardown; }

# From Python: bash starts background jobs with SIGINT and SIGQUIT ignored, a terminal does not.
# on_terminal COMMAND...: in the background, a process group of its own, default signals.
on_terminal() {
	background "$PYTHON" -c '
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(s, signal.SIG_DFL)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
	KILL+=("-$BG") # its group, too
}

# Seconds needed to attach on a busy machine; the message tells when that is done.
watching() {
	wait_for grep -q "watching" "$1"
}

@test "SIGINT, SIGTERM, SIGHUP, SIGQUIT at random moments" {
	start_target
	mkdir out
	"$PYTHON" "$CHECK" kills "$PARASCOPE" "$TARGET" out end 48 "${SEED-$RANDOM}"
	"$PYTHON" "$CHECK" leftovers
	no_temp_files out
	kill -0 "$TARGET"
}

@test "SIGKILL at random moments leaves nothing in the kernel" {
	start_target
	mkdir out
	"$PYTHON" "$CHECK" kills "$PARASCOPE" "$TARGET" out kill 24 "${SEED-$RANDOM}"
	"$PYTHON" "$CHECK" leftovers
	kill -0 "$TARGET"
}

@test "after an ordinary end nothing is left in the kernel" {
	background sleep 60
	tool attach -q -d 100ms "$BG" >out
	grep -q QUALITY out
	"$PYTHON" "$CHECK" leftovers
	if [ -d /sys/fs/bpf ]; then
		[ -z "$(find /sys/fs/bpf -name '*parascope*' -o -name 'on_*')" ]
	fi
}

@test "a signal ends attach with a full report" {
	start_target
	for sig in INT TERM HUP QUIT; do
		on_terminal "$PARASCOPE" attach -f json "$TARGET" >"out.$sig" 2>"err.$sig"
		tools="${tools-} $BG:$sig"
	done
	for sig in INT TERM HUP QUIT; do
		watching "err.$sig"
	done
	sleep 0.5
	for tool in $tools; do
		kill -"${tool#*:}" "${tool%:*}"
	done
	for tool in $tools; do
		code=0
		wait "${tool%:*}" || code=$?
		[ $code -eq 0 ]
		"$PYTHON" "$CHECK" json "out.${tool#*:}" \
			'0.4e9 < r["window_ns"] < 8e9 and not r["truncated"] and len(r["threads"]) == 3'
		"$PYTHON" "$CHECK" json "out.${tool#*:}" 'r["quality"]["complete"]'
	done
}

@test "Ctrl-C twice in a row: still a report or an end, at once" {
	start_target
	on_terminal "$PARASCOPE" attach -f json "$TARGET" >out 2>err
	watching err
	kill -INT "$BG"
	kill -INT "$BG"
	ends_within "$BG" 5
	code=0
	wait "$BG" || code=$?
	[ $code -eq 0 ] || [ $code -eq 130 ]
	[ $code -ne 0 ] || "$PYTHON" "$CHECK" json out
}

@test "Ctrl-C reaches the command of run as well: report, and its code" {
	on_terminal "$PARASCOPE" run -f json --to report -- sh -c 'trap "exit 7" INT; : >ready; while :; do sleep 0.1; done'
	wait_for test -e ready
	kill -INT "-$BG"
	ends_within "$BG" 5
	code=0
	wait "$BG" || code=$?
	[ $code -eq 7 ]
	"$PYTHON" "$CHECK" json report 'r["processes"][0]["ended"]'
}

@test "a command that ignores Ctrl-C: the second one ends the watching" {
	on_terminal "$PARASCOPE" run -f json --to report -- sh -c 'trap "" INT; : >ready; sleep 3; exit 6'
	wait_for test -e ready
	kill -INT "-$BG"
	sleep 0.5
	kill -0 "$BG"
	[ ! -s report ]
	kill -INT "-$BG"
	wait_for test -s report
	# the command goes on and its code is passed on
	code=0
	wait "$BG" || code=$?
	[ $code -eq 6 ]
	"$PYTHON" "$CHECK" json report 'not r["processes"][0]["ended"]'
}

@test "SIGTERM to run reaches the command" {
	on_terminal "$PARASCOPE" run -f json --to report -- sh -c 'trap "exit 5" TERM; : >ready; while :; do sleep 0.1; done'
	wait_for test -e ready
	kill -TERM "$BG"
	ends_within "$BG" 5
	code=0
	wait "$BG" || code=$?
	[ $code -eq 5 ]
	"$PYTHON" "$CHECK" json report
}

@test "SIGTERM while run waits for a command whose window is over" {
	on_terminal "$PARASCOPE" run -d 200ms --to report -- sleep 30
	wait_for test -s report
	kill -TERM "$BG"
	ends_within "$BG" 3
	run ! pgrep -r R,S,D -g "$BG"
}

@test "Ctrl-C while run waits for a command whose window is over" {
	on_terminal "$PARASCOPE" run -d 200ms --to report -- sleep 30
	wait_for test -s report
	kill -INT "-$BG"
	ends_within "$BG" 3
	code=0
	wait "$BG" || code=$?
	[ $code -eq 130 ]
}

@test "SIGKILL before the command began takes the command along" {
	on_terminal "$PARASCOPE" run --to report -- touch "$DIR/ran"
	tool=$BG
	# the child is corked until everything is loaded
	wait_for pgrep -P "$tool" >/dev/null
	child=$(pgrep -P "$tool" | head -1)
	kill -KILL "$tool"
	ends_within "$child" 3
	run ! pgrep -r R,S,D -g "$tool"
}

@test "SIGSTOP and SIGCONT: the duration stays wall time" {
	background sleep 60
	target=$BG
	begin=$(now_ms)
	background "$PARASCOPE" attach -f json -d 1500ms "$target" >out 2>err
	tool=$BG
	watching err
	kill -STOP "$tool"
	sleep 0.7
	kill -CONT "$tool"
	ends_within "$tool" 5
	[ $(($(now_ms) - begin)) -lt 6000 ]
	"$PYTHON" "$CHECK" json out '1.49e9 <= r["window_ns"] <= 1.6e9'
}

@test "a signal before the command began: 128 + its number, no message, nothing left" {
	for sig in INT TERM; do
		on_terminal "$PARASCOPE" run -o trace --to report -- touch ran 2>err
		tool=$BG
		wait_for pgrep -P "$tool" >/dev/null # corked: loading takes longer than to find this out
		kill -"$sig" "-$tool"
		code=0
		wait "$tool" || code=$?
		[ $code -eq $((128 + $(kill -l $sig))) ]
		[ ! -s err ]
		# unless it had begun just then
		[ ! -e trace ] || [ -e report ]
		no_temp_files .
		rm -f trace report ran
	done
}

@test "SIGTERM while the report of run waits for its reader takes the command along" {
	mkfifo pipe
	"$PYTHON" -c '
import fcntl, os, time
fd = os.open("pipe", os.O_RDONLY)
fcntl.fcntl(fd, 1031, 4096)  # F_SETPIPE_SZ
time.sleep(60)' 3>&- &
	KILL+=("$!")
	on_terminal "$PARASCOPE" run -q -f json -d 200ms --to pipe -- sleep 30
	tool=$BG
	wait_for pgrep -P "$tool" -x sleep >/dev/null
	sleep 2
	kill -TERM "$tool"
	ends_within "$tool" 3
	sleep 0.1
	run ! pgrep -r R,S,D -g "$tool"
}
