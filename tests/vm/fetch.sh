#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fetch.sh FOLDER SUITE ARCH PATTERN PACKAGE... - unpack Debian packages, and of those that they
# depend on the ones whose names match PATTERN (a regular expression), into FOLDER.  The system's
# own packages are neither looked at nor changed.  A folder that holds the same already is kept.
set -euo pipefail
folder=$1 suite=$2 arch=$3 pattern=$4
shift 4
wanted="$suite $arch $pattern $*"
[ "$(cat "$folder/.fetched" 2>/dev/null)" = "$wanted" ] && exit 0

apt=$(dirname "$folder")/apt-$suite-$arch
mkdir -p "$apt"/{lists,archives}/partial
: >"$apt/status"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n '/\/debian\/$/{p;q}')
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] ${mirror:-http://deb.debian.org/debian} $suite main" >"$apt/sources.list"
options=(-qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
	-o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt"
	-o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root)

apt-get "${options[@]}" -o APT::Update::Error-Mode=any update
apt-get "${options[@]}" install --print-uris --no-install-recommends "$@" |
	cut -d' ' -f2 | grep -E "^($pattern)" | sed 's/_.*//' >"$apt/names"
rm -rf "$folder"
mkdir -p "$folder"/usr/{bin,sbin,lib,lib64}
for dir in bin sbin lib lib64; do # as base-files makes them
	ln -s "usr/$dir" "$folder/$dir"
done
cd "$apt/archives"
rm -f -- *.deb
xargs apt-get "${options[@]}" download <"$apt/names"
for deb in *.deb; do
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -C "$folder" --keep-directory-symlink --exclude='./usr/share/'{doc,man,locale}
done
rm -f -- *.deb
echo "$wanted" >"$folder/.fetched"
