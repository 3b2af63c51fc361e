#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vm.sh BUILD KERNEL [TEST...] - tests of guest.sh (default: all of them) under one kernel of the table
# `kernels`, in an emulated machine with 4 CPUs; prints TAP.  BUILD/arm64 holds the build for arm64.
set -eu
build=$(realpath "$1") name=$2
shift 2
here=$(dirname "$(realpath "$0")")
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seconds=${PARASCOPE_VM_SECONDS:-1500} # emulated: a test takes ten times as long as on the machine itself

skip() {
	echo "ok 1 - kernel $name # SKIP $1"
	exit 0
}

read -r _ _ arch _ expected cpu arguments < <(grep -E "^${name}[[:space:]]" "$here/kernels") ||
	skip "tests/vm/kernels knows: $(sed -nE 's/^([^#[:space:]]+).*/\1/p' "$here/kernels" | xargs)"
case $arch in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
esac
[ "$(uname -m)" = $machine ] || build=$build/$arch
command -v qemu-system-$machine >/dev/null || skip "qemu-system-$machine is missing, see make deps-vm"
[ -x "$build/parascope" ] || skip "no build in $build, see make arm64"
kernel=$("$here/cache.sh" kernel "$name") || skip "$kernel"
root=$("$here/cache.sh" root "$arch") || skip "$root"
echo "# Linux $(cat "$kernel/release"), $arch, QEMU"

if [ "$expected" = works ]; then
	types=$(/usr/bin/python3 tests/vmlinux-check.py "$build/parascope.bpf.o" "$kernel/btf" 2>&1) && ok=ok || ok="not ok"
	echo "$ok 1 - every type and field that the programs use is in this kernel's BTF"
	[ "$ok" = ok ] || echo "$types" | sed 's/^/# /'
fi

mkdir -p "$work/root/parascope/.output" "$work/root/parascope/tests"
cp "$here/init" "$work/root/init"
cp -r workloads "$work/root/parascope/"
cp -r tests/truth tests/vm "$work/root/parascope/tests/"
cp -r "$build"/{parascope,workload,bpftest} "$work/root/parascope/.output/"
printf '%s\n' "$expected" "$@" >"$work/root/parascope/.output/vm-tests"
(cd "$work/root" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet) | cat "$root.cpio" - >"$work/initrd"

boot() {
	"$here/boot.sh" "$arch" "$cpu" "$kernel/kernel" "$work/initrd" "$seconds" "$work/log" \
		$arguments >"$work/out" 2>"$work/err"
}
boot && status=0 || status=$?
if [ $status -eq 126 ] && [ "$cpu" = max ] && grep -q 'double fault' "$work/log"; then
	echo "# QEMU's cmpxchg16b failed (see kernels): a second try"
	boot && status=0 || status=$?
fi
cat "$work/out"
case $status in
0 | 1) ;; # guest.sh has said what failed
124) echo "not ok - the machine took longer than $seconds seconds" ;;
125) echo "not ok - the machine ended before its tests" ;;
126) echo "not ok - the kernel had an accident" ;;
*) echo "not ok - the machine ended with status $status" ;;
esac
[ "$status" -le 1 ] || { cat "$work/err" && tail -5 "$work/log"; } | sed 's/^/# /'
exit "$status"
