#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# run.bats - a launched command: its exit code, and that it finds the world as without parascope.

load helper

setup() {
	common_setup
	need_root
}

teardown() { common_teardown; }

# unchanged COMMAND...: says the same on stdout below parascope as directly.
unchanged() {
	timeout 20 env "$@" >direct
	timeout 20 "$PARASCOPE" run --to report -- "$@" >below
	[ -s direct ]
	same direct below
}

@test "the command's exit code is passed on" {
	for code in 0 1 2 3 77 124 125 126 127 255; do
		(
			got=0
			timeout 20 "$PARASCOPE" run -q -- sh -c "exit $code" 2>"err.$code" || got=$?
			echo $got >"code.$code"
		) 3>&- &
	done
	wait
	for code in 0 1 2 3 77 124 125 126 127 255; do
		[ "$(cat "code.$code")" -eq $code ]
		grep -q QUALITY "err.$code"
	done
}

@test "killed by a signal: 128 + its number" {
	run tool run -- sh -c 'kill -TERM $$'
	status_is 143
	run tool run -- sh -c 'kill -KILL $$'
	status_is 137
	run tool run -- sh -c 'ulimit -c 0; kill -SEGV $$'
	status_is 139
}

@test "no such command: 127, not executable: 126, one line each and no report" {
	run -127 --separate-stderr tool run -- ./no-such-command
	contains "$stderr" "./no-such-command"
	[ "${#stderr_lines[@]}" -eq 1 ]
	run -127 --separate-stderr tool run -- no-such-command-in-path
	[ "${#stderr_lines[@]}" -eq 1 ]
	: >plain
	run --separate-stderr tool run -- ./plain
	status_is 126
	contains "$stderr" "Permission denied"
	[ "${#stderr_lines[@]}" -eq 1 ]
	mkdir folder
	run --separate-stderr tool run -- ./folder
	status_is 126
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "a script whose interpreter is missing, and one that names none" {
	printf '#!/no/such/interpreter\n' >script
	printf 'exit 4\n' >nameless
	chmod +x script nameless
	run --separate-stderr tool run -- ./script
	[ "$status" -eq 126 ] || [ "$status" -eq 127 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	run --separate-stderr tool run -- ./nameless
	status_is 4
}

@test "exec fails with -o: no trace is left, an old one stays" {
	echo old >trace
	run -127 tool run -o trace -- ./no-such-command
	[ "$(cat trace)" = old ]
	no_temp_files .
}

@test "parascope's own failure: 125, and the command has not run" {
	run tool run -o /no/such/folder/trace -- touch ran
	status_is 125
	[ ! -e ran ]
}

@test "stdout and stdin are the command's, the report goes to stderr" {
	echo hello | timeout 20 "$PARASCOPE" run -- cat >out 2>err
	[ "$(cat out)" = hello ]
	grep -q QUALITY err
	"$PYTHON" -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096)' >bytes
	timeout 20 "$PARASCOPE" run --to report -- cat <bytes >out 2>err
	same bytes out
	[ ! -s err ]
	grep -q QUALITY report
}

@test "stdin is left where the command stopped reading" {
	printf 'one\ntwo\n' | (
		timeout 20 "$PARASCOPE" run --to report -- sh -c 'read -r line; echo "$line"'
		cat
	) >out
	[ "$(cat out)" = $'one\ntwo' ]
}

@test "arguments and environment are unchanged" {
	A=$'x\n\e y' unchanged sh -c 'env; printf "[%s]\n" "$@"' \
		"" "" " " $'a\nb' -- --help -d '*' "\$HOME" -d 5 --format json --
	grep -q '^\[--help\]' below
}

@test "environment is unchanged even where it is strange" {
	env -i PATH=/usr/bin:/bin LD_BIND_NOW=1 =empty NO_COLOR= timeout 20 env >direct
	env -i PATH=/usr/bin:/bin LD_BIND_NOW=1 =empty NO_COLOR= timeout 20 \
		"$PARASCOPE" run --to report -- env >below
	same direct below
	grep -q NO_COLOR= below
}

@test "working folder, umask, limits, priority and session are unchanged" {
	mkdir -p "a b/c"
	cd "a b/c"
	umask 027
	cat >"$DIR/look" <<-'SH'
		pwd -P
		cat /proc/self/limits /proc/self/oom_score_adj
		umask
		nice
		grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|Cpus_allowed)' /proc/self/status
		set -- $(sed 's/.*) //' /proc/self/stat)
		[ $3 = $(cut -d' ' -f5 /proc/$PPID/stat) ] && echo same group
		echo "session $4"
	SH
	(
		ulimit -S -n 200
		ulimit -S -c 0
		ulimit -S -l 64
		unchanged nice -n 3 sh "$DIR/look"
	)
	grep -q 'same group' below
	grep -q '^0027$' below
}

@test "open files are unchanged" {
	cat >fds.py <<-'PY'
		import os
		for fd in range(3, 1024):
		    try:
		        print(fd, os.readlink(f"/proc/self/fd/{fd}"), open(f"/proc/self/fdinfo/{fd}").read().split()[:4])
		    except OSError:
		        pass
		for fd in range(3):
		    print(fd, os.path.exists(f"/proc/self/fd/{fd}"))
	PY
	echo abc >file
	exec 5<file 7>>log 200<file
	unchanged "$PYTHON" fds.py
	grep -q '^200 .*/file' below
	[ "$(grep -c : below)" -ge 3 ]
	exec 5<&- 7>&- 200<&-
}

@test "closed standard descriptors stay closed for the command" {
	cat >fds.sh <<-'SH'
		for fd in 0 1 2; do
			[ -e /proc/$$/fd/$fd ] && list="$list $fd open" || list="$list $fd closed"
		done
		echo $list >"$1"
	SH
	"$PARASCOPE" run --to report -- sh fds.sh "$DIR/fds" >&- 2>&- <&-
	[ "$(cat fds)" = "0 closed 1 closed 2 closed" ]
	grep -q QUALITY report
}

@test "signal mask and ignored signals are unchanged" {
	unchanged grep -E '^(Sig|Shd)(Blk|Ign|Cgt)' /proc/self/status
	(
		trap '' HUP INT USR1 PIPE XFSZ TERM
		unchanged grep -E '^(Sig|Shd)(Blk|Ign|Cgt)' /proc/self/status
	)
	cat >masked.py <<-'PY'
		import os, signal, sys
		signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGUSR2, signal.SIGTERM, 40])
		signal.signal(signal.SIGPIPE, signal.SIG_DFL)
		os.execvp(sys.argv[1], sys.argv[1:])
	PY
	"$PYTHON" masked.py grep -E '^(Sig|Shd)(Blk|Ign|Cgt)' /proc/self/status >direct
	"$PYTHON" masked.py timeout 20 "$PARASCOPE" run --to report -- \
		grep -E '^(Sig|Shd)(Blk|Ign|Cgt)' /proc/self/status >below
	same direct below
	run ! grep -q 'SigBlk.0000000000000000' below
}

@test "the command's own children and threads are in the report" {
	tool run -f json --to r -- sh -c '/bin/true; /bin/true; exit 0'
	"$PYTHON" "$CHECK" json r 'len(r["processes"]) == 3 and r["command"]'
	"$PYTHON" "$CHECK" json r 'all(p["ended"] for p in r["processes"])'
}

@test "with -d the window ends earlier, the command is waited for" {
	begin=$(now_ms)
	run tool run -f json --to r -d 300ms -- sh -c 'sleep 2; exit 9'
	status_is 9
	[ $(($(now_ms) - begin)) -ge 2000 ]
	"$PYTHON" "$CHECK" json r '0.29e9 < r["window_ns"] < 0.4e9'
}

@test "under sudo the command runs as the invoking user" {
	id nobody >/dev/null 2>&1 || skip "no user nobody"
	chmod 777 .
	for as in "" --as-root; do
		# shellcheck disable=SC2086 # none is no argument
		env SUDO_UID="$(id -u nobody)" SUDO_GID="$(id -g nobody)" SUDO_USER=nobody \
			timeout 20 "$PARASCOPE" run $as --to "report$as" -o "trace$as" -- \
			sh -c 'id -u; id -g; id -G; echo $USER; grep CapEff /proc/self/status' >"out$as"
	done
	[ "$(sed -n 1p out)" = "$(id -u nobody)" ]
	[ "$(sed -n 2p out)" = "$(id -g nobody)" ]
	[ "$(sed -n 3p out)" = "$(id -G nobody)" ]
	[ "$(sed -n 4p out)" = nobody ]
	[ "$(sed -n 5p out)" = $'CapEff:\t0000000000000000' ]
	[ "$(sed -n 1p out--as-root)" = 0 ]
	grep -q QUALITY report
	[ "$(stat -c '%U %a' trace)" = "nobody 600" ]
}

@test "under sudo the report file belongs to the invoking user, too" {
	id nobody >/dev/null 2>&1 || skip "no user nobody"
	env SUDO_UID="$(id -u nobody)" SUDO_GID="$(id -g nobody)" SUDO_USER=nobody \
		timeout 20 "$PARASCOPE" run --to report -- true
	[ "$(stat -c '%U' report)" = nobody ]
}

@test "under sudo with variables that are nonsense: one clear line" {
	for uid in abc -1 4294967295 "" 1x; do
		run --separate-stderr env SUDO_UID="$uid" SUDO_GID=1 timeout 20 "$PARASCOPE" run -- true
		one_clear_line
		contains "$stderr" "--as-root"
	done
}

@test "no process is left behind by a short command" {
	tool run --to report -- true
	run ! pgrep -f "$PARASCOPE run --to report -- true"
}
