#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# boot.sh ARCH CPU KERNEL INITRD SECONDS KERNEL-LOG [ARGUMENT...] - start a kernel in QEMU (software
# emulation, 4 CPUs) and print what guest.sh prints.  Ends with guest.sh's status; 124: it took
# longer than SECONDS; 125: it never ended; 126: the kernel had an accident.
set -u
arch=$1 cpu=$2 kernel=$3 initrd=$4 seconds=$5 klog=$6
shift 6
out=$(mktemp)
trap 'rm -f "$out"' EXIT
append="panic=-1 oops=panic mitigations=off nokaslr quiet loglevel=5 $*"
# One host thread for all CPUs: with one each, QEMU 7.2 now and then goes on executing a breakpoint that
# the kernel has replaced (live patching of a tracepoint), and the guest hangs.  It is as fast.
common=(-accel "tcg,thread=single" -cpu "$cpu" -smp 4 -m 1536M
	-nodefaults -no-user-config -display none -no-reboot
	-kernel "$kernel" -initrd "$initrd" -chardev "file,id=out,path=$out" -serial "file:$klog")
case $arch in
amd64) machine=(qemu-system-x86_64 -M q35 -device "isa-serial,chardev=out,index=1"
	-append "console=ttyS0 vm.out=ttyS1 tsc=reliable lpj=4194304 $append") ;;
arm64) machine=(qemu-system-aarch64 -M virt -device "pci-serial,chardev=out"
	-append "console=ttyAMA0 vm.out=ttyS0 $append") ;;
*) echo "boot.sh: no machine for $arch" >&2 && exit 125 ;;
esac
timeout -k 5 "$seconds" "${machine[@]}" "${common[@]}" </dev/null >&2
status=$?
grep -av '^VM-EXIT ' "$out"
if grep -aqE 'Kernel panic|Oops|BUG:|WARNING:|soft lockup|rcu.*stall' "$klog"; then
	grep -aE -A8 'Kernel panic|Oops|BUG:|WARNING:|soft lockup|rcu.*stall' "$klog" | head -40 >&2
	exit 126
fi
[ $status -eq 0 ] || exit 124
exit "$(sed -n 's/^VM-EXIT \([0-9]*\)\r*$/\1/p' "$out" | grep . || echo 125)"
