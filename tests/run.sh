#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh BUILD [ONLY...] - every test, each kind in its own runner, all speaking TAP; one closing
# line.  ONLY: lint unit fuzz fixtures bpf cli corpus truth (default: all of these), vm (kernels of $KERNELS), python
# (interpreters of $PYTHONS, default: all).  fuzz makes $FUZZ_N mutations from $FUZZ_SEED on.  A log is shown only on failure.
set -u
build=$(realpath "${1:-.output}")
shift
cd "$(dirname "$0")/.." || exit 1
kinds=${*:-lint unit fuzz fixtures bpf cli corpus truth}
logs=$build/logs
mkdir -p "$logs"
rm -f "$logs"/*.log
passed=0 failed=0 skipped=0
skip_line='^(not )?ok .*# (SKIP|skip)' # cmocka writes "not ok 2 # SKIP name"

# name, seconds at most, command...
run() {
	local name=$1 limit=$2 log=$logs/$1.log start=$SECONDS status ok bad skip
	shift 2
	timeout -k 10 "$limit" "$@" >"$log" 2>&1
	status=$?
	skip=$(grep -cE "$skip_line" "$log")
	ok=$(grep -E '^ok ' "$log" | grep -vcE "$skip_line")
	bad=$(grep -E '^not ok ' "$log" | grep -vcE "$skip_line")
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "not ok - $name ended with status $status" >>"$log"
	elif [ $((ok + bad + skip)) -eq 0 ]; then
		bad=1
		echo "not ok - $name ran no test" >>"$log"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '  %-28s %4d passed %3d failed %3d skipped  %4d s\n' "$name" "$ok" "$bad" "$skip" \
		$((SECONDS - start))
	# cmocka prints the reason on the line before
	awk -v skip="$skip_line" '{ line = $0 } $0 ~ skip { sub(/^(not )?ok [0-9]* */, "    skipped: "); print;
		if (before !~ /^(not )?ok |^[0-9]+\.\.[0-9]+$/) print "      " before } { before = line }' "$log"
	sed -nE 's/^# (.*, try [0-9] of [0-9]: .*)/    \1/p' "$log"
	[ "$bad" -eq 0 ] || grep -vE '^ok ' "$log" | tail -60 | sed 's/^/    /'
}

needs_root() { # kind
	[ "$(id -u)" = 0 ] && return 0
	echo "  $1: skipped, loading BPF needs root"
	skipped=$((skipped + 1))
	return 1
}

python() { # interpreter
	local version t
	if ! version=$(/usr/bin/python3 tests/python/interpreters.py check "$1" 2>&1); then
		echo "  python $1: skipped, $version"
		skipped=$((skipped + 1))
		return
	fi
	echo "  python $1 is $version"
	for t in gil pyfind pylocks pymixed pystacks pyverdict; do
		PARASCOPE_PYTHON=$1 run "$1-$t" 400 /usr/bin/python3 "tests/truth/truth_$t.py" "$build"
	done
}

export CMOCKA_MESSAGE_OUTPUT=TAP PARASCOPE_BUILD=$build PYTHONDONTWRITEBYTECODE=1
for kind in $kinds; do
	case $kind in
	lint) run lint 120 tests/lint.sh ;;
	unit)
		for t in "$build"/unit/*_test; do run "unit-$(basename "$t" _test)" 180 "$t"; done
		run unit-bench-cost 60 /usr/bin/python3 tests/perf/selftest.py ;;
	fuzz)
		run fuzz-elf_files 300 "$build/fuzz/elf_driver" files "$build/fuzz/elf"
		run fuzz-elf_mutate 3000 "$build/fuzz/elf_driver" mutate "$build/fuzz/elf" "${FUZZ_N:-20000}" "${FUZZ_SEED:-1}"
		run fuzz-elf_rewrite 300 "$build/fuzz/elf_driver" rewrite "$build/fuzz/elf" 1000
		run fuzz-elf_strace 300 /usr/bin/python3 tests/fuzz/elf_strace.py "$build/fuzz/elf_driver" "$build/fuzz/elf"
		for t in mutate files rewrite; do sed -n 's/^# \([0-9].*\)/      \1/p' "$logs/fuzz-elf_$t.log"; done ;;
	fixtures)
		run fixtures 120 /usr/bin/python3 tests/fixtures/run.py "$build"
		run fixtures-grow 120 /usr/bin/python3 tests/fixtures/grow.py "$build" ;;
	bpf) needs_root bpf && for t in "$build"/bpftest/*; do
		[ -x "$t" ] && run "bpf-$(basename "$t")" 120 "$t"
	done ;;
	cli) for t in tests/cli/*.bats; do
		run "cli-$(basename "$t" .bats)" 400 bats --tap "$t"
	done ;;
	corpus)
		run corpus-traces 60 /usr/bin/python3 tests/corpus/run.py "$build" --traces
		[ "$(id -u)" != 0 ] || run corpus 600 /usr/bin/python3 tests/corpus/run.py "$build"
		sed -n 's/^# \(WRONG.*\)/      \1/p; s/^# |/      |/p' "$logs/corpus.log" 2>/dev/null ;;
	truth) needs_root truth && for t in tests/truth/truth_*.py; do
		limit=400
		[ "$t" = tests/truth/truth_unwind.py ] && limit=600 # up to six programs, each under load
		run "$(basename "$t" .py)" "$limit" /usr/bin/python3 "$t" "$build"
	done ;;
	python) needs_root python && for i in $(/usr/bin/python3 tests/python/interpreters.py list ${PYTHONS-}); do
		python "$i"
	done ;;
	vm) for k in ${KERNELS:-6.1}; do
		run "vm-$k" 1800 tests/vm/vm.sh "$build" "$k"
		sed -n 's/^## /      /p' "$logs/vm-$k.log"
	done ;;
	*) echo "no kind of test is called $kind" >&2 && exit 2 ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
