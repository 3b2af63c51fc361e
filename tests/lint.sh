#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lint.sh - the rules of the tree that a compiler does not check: who may include whom, where libbpf
# and printing may be used, that no result of a BPF helper is dropped.  Prints TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
n=0 bad=0

result() { # name, offending lines
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | head -20 | sed 's/^/# /'
		bad=1
	fi
}

# folder: folders of user/ it may include besides itself
layers="
base:
trace: base
target: base
symbol: base target
runtime: base target symbol
model: base trace
session: base trace target symbol runtime
analysis: base model
bench: base target analysis
render: base analysis bench
cmd: base trace target session model analysis bench render
"
while IFS=: read -r folder allowed; do
	[ -n "$folder" ] || continue
	pattern="user/($folder$(for a in $allowed; do printf '|%s' "$a"; done))/"
	result "user/$folder includes only what it may" "$(grep -nE '^#include "user/' -r "user/$folder" |
		grep -vE "#include \"$pattern")"
done <<<"$layers"

result "libbpf only in user/session" "$(grep -lE '#include <bpf/|skel\.h' -r user | grep -v '^user/session/')"
result "libelf, libdw and demanglers only in user/symbol" "$(grep -lE '#include <(libelf|gelf|elfutils|dwarf|libiberty)' -r user | grep -v '^user/symbol/')"
result "libseccomp only in user/symbol" "$(grep -lE '#include <seccomp\.h' -r user | grep -v '^user/symbol/')"
result "only cmd writes to stdout or stderr" "$(grep -nE '\b(printf|puts|putchar|perror|fputs)\(|fprintf\((stdout|stderr)' -r user --include='*.c' |
	grep -vE '^user/(cmd/|main\.c)|vfprintf\(stderr, fmt, ap\)')"
result "workloads use nothing of user/ or bpf/" "$(grep -nE '#include "(user|bpf)/' -r workloads)"
result "no format string from a variable" "$(grep -nE '\b(buf_printf\([^,]+, [a-z_>.-]+\)|cmd_say\([a-z_>.-]+\))' -r user --include='*.c')"
result "every file has its licence line" "$(git ls-files 'bpf/*' 'user/*.[ch]' 'workloads/*.[ch]' 'workloads/*.py' 'tests/*.[ch]' 'tests/*.sh' 'tests/*.py' |
	while read -r f; do head -3 "$f" 2>/dev/null | grep -q SPDX || echo "$f"; done | grep -v '\.md$')"
result "no result of a failing BPF helper is dropped" "$(grep -nE '^\s*bpf_(map_update_elem|ringbuf_reserve|task_storage_get|probe_read_user)\(' -r bpf)"
result "functions stay below 100 lines" "$(awk 'FNR==1{d=0} /^[a-z].*\)$/{s=FNR;f=$0} /^}/{ if (s && FNR-s>100) print FILENAME": "f; s=0}' bpf/*.h user/*/*.c user/main.c workloads/*.c)"
if command -v shellcheck >/dev/null; then
	mapfile -t scripts < <(find tests .ci -name '*.sh' -o -name '*.bash' -o -path .ci/run)
	result "shell scripts" "$(shellcheck -S warning "${scripts[@]}" 2>&1 | head -30)"
else
	echo "ok $((++n)) - shell scripts # SKIP shellcheck is not installed"
fi
echo "1..$n"
exit $bad
