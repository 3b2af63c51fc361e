#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cache.sh root ARCH | kernel NAME - fetch what a test machine needs and print its folder in the cache
# ($PARASCOPE_VM_CACHE, else ~/.cache/parascope-vm).  Ends with 77 and a reason if it cannot be had.
#   root ARCH    programs and libraries of the guest, headers for cross-compiling, and root.cpio
#   kernel NAME  a row of the table `kernels`: kernel (for QEMU), btf (its types), release (its version)
set -eu
here=$(dirname "$(realpath "$0")")
. "$here/cached.sh"
cache=${PARASCOPE_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parascope-vm}
log=$(mktemp)
cache_open "$cache" "$log"

# The guest has the libraries that the build was made with: those of this system's suite.  The first
# row is what tests need; what they depend on comes by itself.
root() {
	local arch=$1 folder=$cache/root-$1
	. /etc/os-release
	fetch "$folder" "${VERSION_CODENAME:-bookworm}" "$arch" . busybox-static util-linux python3 \
		python3-jsonschema libbpf1 libelf1 libdw1 libseccomp2 libjansson4 \
		libc6-dev libbpf-dev libelf-dev libdw-dev libiberty-dev libseccomp-dev zlib1g-dev libjansson-dev \
		systemtap-sdt-dev uthash-dev
	if [ ! -e "$folder.cpio" ] || [ "$folder/.fetched" -nt "$folder.cpio" ]; then
		# an emulated machine compiles them slowly; bytecode is the same on all machines
		/usr/bin/python3 -m compileall -q "$folder"/usr/lib/python3* -s "$folder" >"$log" 2>&1 || true
		(cd "$folder" && find . \( -path ./usr/include -o -name '*.a' \) -prune -o -mindepth 1 -print |
			cpio -o -H newc -R 0:0 --quiet) >"$folder.cpio.new"
		mv "$folder.cpio.new" "$folder.cpio"
	fi
	echo "$folder"
}

kernel() {
	local name=$1 folder suite arch package vmlinuz
	read -r _ suite arch package _ < <(grep -E "^${name}[[:space:]]" "$here/kernels") ||
		give_up "tests/vm/kernels knows no kernel $name"
	folder=$cache/kernel-$suite-$arch
	fetch "$folder" "$suite" "$arch" 'linux-(image|binary)-[0-9]' "$package"
	if [ ! -e "$folder/btf" ]; then
		vmlinuz=$(find "$folder" -name 'vmlinuz*' -type f)
		/usr/bin/python3 "$here/unpack.py" "$vmlinuz" "$folder/kernel" "$folder/btf.new" >"$log" 2>&1 ||
			give_up "cannot unpack $(basename "$vmlinuz"): $(tail -1 "$log")"
		basename "$folder"/usr/lib/modules/* >"$folder/release"
		mv "$folder/btf.new" "$folder/btf"
	fi
	echo "$folder"
}

case ${1-} in
root | kernel) "$@" ;;
*) echo "usage: cache.sh root ARCH | kernel NAME" >&2 && exit 2 ;;
esac
