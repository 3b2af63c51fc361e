#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# refused.sh CHECK CAUSE - under a kernel where parascope cannot work every command that needs BPF says
# why, in one line without a word of libbpf, and ends with the documented code.  CHECK: of the doctor's,
# the first that fails; CAUSE: what it has to say.
n=0 row=$1 cause=$2

check() { # name, condition...
	name=$1
	n=$((n + 1))
	shift
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' /tmp/out /tmp/err
	fi
}

parascope() {
	.output/parascope "$@" >/tmp/out 2>/tmp/err
	status=$?
}

lines() { # file, how many
	[ "$(wc -l <"$1")" -eq "$2" ]
}

parascope doctor
check "doctor ends with 2" [ $status -eq 2 ]
check "and says that parascope cannot work here" grep -q '^parascope cannot work here' /tmp/out
check "$row is missing" grep -q "^  MISSING  $row" /tmp/out
check "what the kernel has is there" grep -q '^  ok       task iterator' /tmp/out
check "with nothing on stderr" lines /tmp/err 0
for command in "attach -d 10ms $$" "run -- true"; do
	parascope $command
	check "${command%% *} ends with 125" [ $status -eq 125 ]
	check "names what is missing and what to do" \
		grep -q "^parascope: cannot load the BPF programs: $row: $cause" /tmp/err
	check "in one line" lines /tmp/err 1
	check "and reports nothing" lines /tmp/out 0
done
echo "1..$n"
