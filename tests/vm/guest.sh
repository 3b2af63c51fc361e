#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# guest.sh - runs inside of a test machine (init starts it in /parascope): the tests that are named in
# .output/vm-tests, or all that make sense there.  Prints TAP and, for each test, a line "## ...".
export PARASCOPE_EMULATED=1
{
	read -r expected
	wanted=$(xargs)
} <.output/vm-tests
failed=0 known=

# name, seconds at most, command...
prog() {
	name=$1 limit=$2
	shift 2
	known="$known $name"
	[ -z "$wanted" ] || echo " $wanted " | grep -q " $name " || return
	begin=$(cut -d. -f1 /proc/uptime)
	timeout "$limit" "$@" >/tmp/log 2>&1
	status=$?
	[ $status -eq 0 ] || grep -q '^not ok ' /tmp/log || echo "not ok - $name ended with status $status" >>/tmp/log
	cat /tmp/log
	good=$(grep '^ok ' /tmp/log | grep -vc '# SKIP') bad=$(grep -c '^not ok ' /tmp/log)
	echo "## $name: $good passed, $bad failed, $(grep -c '# SKIP' /tmp/log) skipped," \
		"$(($(cut -d. -f1 /proc/uptime) - begin)) s"
	[ "$bad" -eq 0 ] || failed=1
}

truth() { # theme
	prog "truth_$1" 400 python3 "tests/truth/truth_$1.py" .output
}

case $expected in
works)
	prog load 200 .output/bpftest/load 3
	truth waits
	truth lifecycle
	truth python
	if [ "$(uname -m)" = x86_64 ]; then
		truth cpu
		truth budget
		truth verdict
	else # emulating it takes three times as long again
		for name in truth_cpu truth_budget truth_verdict; do
			known="$known $name"
			echo "ok - $name # SKIP times mean little in this emulation"
		done
	fi
	;;
too-old)
	prog refused 100 sh tests/vm/refused.sh 'task storage' \
		'this kernel does not have it: needs Linux 5.15 or newer'
	;;
locked)
	prog refused 100 sh tests/vm/refused.sh 'kernel memory' \
		'lockdown=confidentiality forbids programs to read it: boot with lockdown=integrity or none'
	;;
esac
for name in $wanted; do
	echo "$known " | grep -q " $name " && continue
	echo "not ok - no test is called $name"
	failed=1
done
exit $failed
