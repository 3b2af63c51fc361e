#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmlinux-check.sh OBJECT [BTF] - does every type and field that the BPF object reads exist in the
# BTF (default: the running kernel's)?  Types named X___y are variants that need not.
set -eu
object=$1 btf=${2:-/sys/kernel/btf/vmlinux}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# the least BTF that the object's relocations need out of this kernel's: fails if one is missing
bpftool gen min_core_btf "$btf" "$work/min.btf" "$object"
bpftool btf dump file "$work/min.btf" format c >"$work/min.h"
echo "types and fields of $btf that the programs use:"
sed -n '/^struct/,/^}/p' "$work/min.h" | grep -vE '^\s*(long )?.*: [0-9]+;$' || true
