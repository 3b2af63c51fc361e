#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# target.bats - what attach can watch, what it cannot, and that the target does not notice.

load helper

setup() {
	common_setup
	need_root
}

teardown() {
	local group

	common_teardown
	for group in /sys/fs/cgroup/{unified,pids}/parascope-cli-$$ \
		/sys/fs/cgroup/parascope-cli-$$; do
		[ ! -d "$group" ] || rmdir "$group"/*/ "$group" 2>/dev/null || true
	done
}

# --- what cannot be watched --------------------------------------------------------------------
@test "no such process" {
	refused "no process 4194000" attach -d 1s 4194000
	refused "no process 4194000" attach -d 1s -p $$,4194000
	refused "no thread 4194000" attach -d 1s --tid 4194000
}

@test "a process that has ended" {
	sleep 0.01 &
	pid=$!
	wait $pid
	refused "no process $pid" attach -d 1s "$pid"
}

@test "a kernel thread" {
	[ "$(cat /proc/2/comm)" = kthreadd ] || skip "2 is no kernel thread here"
	refused "2 is a kernel thread" attach -d 1s 2
	refused "2 is a kernel thread" attach -d 1s --tid 2
	refused "no process is named 'kthreadd'" attach -d 1s --comm kthreadd
}

@test "a zombie" {
	background "$PYTHON" -c '
import os, time
pid = os.fork()
if not pid:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
open("pid.new", "w").write(str(pid))
os.rename("pid.new", "pid")
time.sleep(60)'
	wait_for test -e pid
	pid=$(cat pid)
	[ "$(state_of "$pid")" = Z ]
	refused "zombie" attach -d 1s "$pid"
}

@test "parascope itself" {
	run --separate-stderr timeout 20 sh -c 'exec "$PARASCOPE" attach -d 1s $$'
	one_clear_line
	contains "$stderr" "parascope itself"
}

@test "init can be watched" {
	readlink /proc/1/ns/pid >link || skip "this machine hides process 1"
	run --separate-stderr tool attach -d 100ms -p 1
	status_is 0
	contains "$output" "QUALITY"
}

@test "a target that ends while parascope begins: a report or one clear line" {
	for i in 0 1 2 3 4 5 6 7; do
		(
			sleep "0.$((i / 2))$((i % 2 * 5))" 3>&- &
			begin=$(now_ms)
			code=0
			timeout 20 "$PARASCOPE" attach -q -d 1s $! >"out.$i" 2>"err.$i" || code=$?
			echo "$code $(($(now_ms) - begin))" >"code.$i"
		) 3>&- &
	done
	wait
	for i in 0 1 2 3 4 5 6 7; do
		read -r code took <"code.$i"
		echo "$i: $code after $took ms: $(cat "err.$i")"
		if [ "$code" -eq 0 ]; then
			grep -q QUALITY "out.$i"
			[ ! -s "err.$i" ]
		else
			[ "$code" -eq 125 ]
			[ ! -s "out.$i" ]
			[ "$(wc -l <"err.$i")" -eq 1 ]
		fi
		[ "$took" -lt 10000 ]
	done
}

# --- selection ---------------------------------------------------------------------------------
@test "PIDs: with -p, in lists, repeated, bare, twice the same" {
	background sleep 60
	a=$BG
	background sleep 60
	b=$BG
	tool attach -q -f json -d 100ms -p "$a,$b" >r1 3>&- &
	jobs=$!
	tool attach -q -f json -d 100ms -p "$a" -p "$b" >r2 3>&- &
	jobs+=" $!"
	tool attach -q -f json -d 100ms "$a" "$b" >r3 3>&- &
	jobs+=" $!"
	tool attach -q -f json -d 100ms -p "$a,$a" "$a" >r4
	for job in $jobs; do
		wait "$job"
	done
	for r in r1 r2 r3; do
		"$PYTHON" "$CHECK" json $r "sorted(p['pid'] for p in r['processes']) == sorted([$a, $b])"
	done
	"$PYTHON" "$CHECK" json r4 "[p['pid'] for p in r['processes']] == [$a]"
}

@test "--tid watches only that thread" {
	start_target
	tid=$(find "/proc/$TARGET/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -1)
	[ "$tid" != "$TARGET" ]
	tool attach -q -f json -d 500ms --tid "$tid" >r
	"$PYTHON" "$CHECK" json r "[t['tid'] for t in r['threads']] == [$tid]"
	"$PYTHON" "$CHECK" json r "r['threads'][0]['pid'] == $TARGET"
}

@test "the id of a thread given as a PID: the whole process, and a word about it" {
	start_target
	tid=$(find "/proc/$TARGET/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -1)
	run --separate-stderr tool attach -f json -d 100ms "$tid"
	status_is 0
	contains "$stderr" "$tid is a thread of process $TARGET"
	echo "$output" >r
	"$PYTHON" "$CHECK" json r "[p['pid'] for p in r['processes']] == [$TARGET]"
	"$PYTHON" "$CHECK" json r "len(r['threads']) == 3"
}

@test "--comm takes a pattern" {
	cp "$(command -v sleep)" pscli-one
	cp "$(command -v sleep)" pscli-two
	cp "$(command -v sleep)" pscli-with-a-long-name
	background ./pscli-one 60
	a=$BG
	background ./pscli-two 60
	b=$BG
	background ./pscli-with-a-long-name 60
	c=$BG
	# they are bash until they have executed
	wait_for grep -q pscli-with "/proc/$c/comm"
	wait_for grep -q pscli-two "/proc/$b/comm"
	wait_for grep -q pscli-one "/proc/$a/comm"
	tool attach -q -f json -d 100ms --comm 'pscli-*o*e' >r1
	"$PYTHON" "$CHECK" json r1 "sorted(p['pid'] for p in r['processes']) == sorted([$a])"
	tool attach -q -f json -d 100ms --comm 'pscli-???' --comm pscli-with-a-long-name >r2
	"$PYTHON" "$CHECK" json r2 "sorted(p['pid'] for p in r['processes']) == sorted([$a, $b, $c])"
	refused "no process is named 'pscli-none*'" attach -d 100ms --comm 'pscli-none*'
}

# cgroup_test MOUNT: a group with one process, one in a group below
cgroup_test() {
	local group=$1/parascope-cli-$$ a b

	if [ ! -w "$1/cgroup.procs" ] || ! mkdir "$group" "$group/below" 2>/dev/null; then
		skip "cannot make groups in $1"
	fi
	background sleep 60
	a=$BG
	background sleep 60
	b=$BG
	refused "holds no process" attach -d 100ms --cgroup "$group"
	echo "$a" >"$group/cgroup.procs" || skip "cannot move processes into $group"
	echo "$b" >"$group/below/cgroup.procs"
	tool attach -q -f json -d 100ms --cgroup "$group" >r
	"$PYTHON" "$CHECK" json r "sorted(p['pid'] for p in r['processes']) == sorted([$a, $b])"
	tool attach -q -f json -d 100ms -c "parascope-cli-$$/below" >r
	"$PYTHON" "$CHECK" json r "[p['pid'] for p in r['processes']] == [$b]"
}

@test "--cgroup, version 2" {
	for mount in /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ "$(stat -f -c %T $mount 2>/dev/null)" != cgroup2fs ] || break
	done
	[ "$(stat -f -c %T $mount 2>/dev/null)" = cgroup2fs ] || skip "no cgroup2 mount"
	cgroup_test $mount
}

@test "--cgroup, version 1" {
	[ "$(stat -f -c %T /sys/fs/cgroup/pids 2>/dev/null)" = cgroupfs ] || skip "no cgroup v1 mount"
	cgroup_test /sys/fs/cgroup/pids
}

@test "--cgroup that is none" {
	refused "no control group" attach -d 100ms --cgroup /sys/fs/cgroup/no-such-group
	refused "no control group" attach -d 100ms --cgroup /tmp
	refused "no control group" attach -d 100ms --cgroup no/such
}

@test "a child that the target forks is watched, not with --no-children" {
	background sh -c 'sleep 1; while :; do sleep 0.1; done'
	target=$BG
	tool attach -q -f json -d 1500ms "$target" >with &
	first=$!
	tool attach -q -f json -d 1500ms --no-children "$target" >without
	wait $first
	"$PYTHON" "$CHECK" json with 'len(r["processes"]) > 2'
	"$PYTHON" "$CHECK" json without 'len(r["processes"]) == 1'
}

# --- how it ends -------------------------------------------------------------------------------
@test "-d ends in about that time" {
	background sleep 60
	begin=$(now_ms)
	tool attach -f json -d 1200ms "$BG" >r 2>err
	took=$(($(now_ms) - begin))
	"$PYTHON" "$CHECK" json r '1.19e9 <= r["window_ns"] <= 1.21e9'
	[ $took -ge 1200 ]
	[ $took -lt 5000 ]
	contains "$(cat err)" "1.20 s"
}

@test "attach ends when the target ends" {
	background sleep 1.5
	begin=$(now_ms)
	run --separate-stderr tool attach -f json "$BG"
	status_is 0
	[ $(($(now_ms) - begin)) -lt 6000 ]
	contains "$stderr" "watching 1 process"
	echo "$output" >r
	"$PYTHON" "$CHECK" json r 'r["processes"][0]["ended"] and r["window_ns"] < 4e9'
}

@test "attach goes on while one of two targets lives" {
	background sleep 1
	a=$BG
	background sleep 2
	tool attach -q -f json "$a" "$BG" >r
	"$PYTHON" "$CHECK" json r 'len(r["processes"]) == 2 and all(p["ended"] for p in r["processes"])'
	"$PYTHON" "$CHECK" json r 'r["window_ns"] > 1e9'
}

@test "-q says nothing" {
	background sleep 60
	run --separate-stderr tool attach -q -d 100ms "$BG"
	status_is 0
	[ -z "$stderr" ]
}

# --- beside others, unnoticed ------------------------------------------------------------------
@test "two parascopes on one target" {
	start_target
	tool attach -q -f json -d 1s "$TARGET" >r1 &
	first=$!
	tool attach -q -f json -d 1s "$TARGET" >r2
	wait $first
	for r in r1 r2; do
		"$PYTHON" "$CHECK" json $r 'r["quality"]["complete"] and len(r["threads"]) == 3'
		"$PYTHON" "$CHECK" json $r 'sum(t["voluntary"] for t in r["threads"]) > 100'
	done
}

@test "the target is never traced" {
	command -v strace >/dev/null || skip "no strace"
	start_target
	timeout 30 strace -f -o log -e trace=ptrace,process_vm_readv,process_vm_writev,kill,tkill,tgkill \
		"$PARASCOPE" attach -q -d 1s "$TARGET" >out 3>&- &
	tool=$!
	while kill -0 $tool 2>/dev/null; do
		grep -h TracerPid "/proc/$TARGET/status" "/proc/$TARGET"/task/*/status >>tracer
		sleep 0.1
	done
	wait $tool
	grep -q QUALITY out
	[ "$(sort -u tracer)" = $'TracerPid:\t0' ]
	grep -q '+++ exited with 0 +++' log
	run ! grep -E '(ptrace|process_vm_[a-z]*|kill)\(' log
}

@test "a stopped target can be watched and stays stopped" {
	start_target
	kill -STOP "$TARGET"
	wait_for test "$(state_of "$TARGET")" = T || wait_for grep -q '^State:.T' "/proc/$TARGET/status"
	tool attach -q -f json -d 300ms "$TARGET" >r
	[ "$(state_of "$TARGET")" = T ]
	"$PYTHON" "$CHECK" json r 'r["budget"]["state_ns"]["stopped"] > 0.9 * r["budget"]["total_ns"]'
}

@test "no tracefs is needed" {
	background sleep 60
	# shellcheck disable=SC2016 # expanded inside
	run --separate-stderr timeout 30 unshare -m sh -c '
		umount -R /sys/kernel/tracing 2>/dev/null; umount -R /sys/kernel/debug 2>/dev/null
		[ ! -e /sys/kernel/tracing/events ] && [ ! -e /sys/kernel/debug/tracing ] || exit 99
		exec "$PARASCOPE" attach -q -d 100ms "$1"' sh "$BG"
	status_is 0
	contains "$output" QUALITY
}

@test "in a container: one line that says why not" {
	run --separate-stderr timeout 30 unshare -pf --mount-proc "$PARASCOPE" attach -d 100ms 1
	one_clear_line
	contains "$stderr" "namespace"
	unshare -Ur true 2>/dev/null || skip "no user namespaces here"
	run --separate-stderr timeout 30 unshare -Ur "$PARASCOPE" attach -d 100ms $$
	one_clear_line
	contains "$stderr" "namespace"
}
