#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fetch.sh SUITE PACKAGE - unpack a Python of Debian's and the libraries that it needs, and print the
# folder: a file system to chroot to, in the cache ($PARASCOPE_PYTHON_CACHE, else
# ~/.cache/parascope-python).  Nothing is installed.  Ends with 77 and a reason if it cannot be had.
set -eu
. "$(dirname "$(realpath "$0")")/../vm/cached.sh"
cache=${PARASCOPE_PYTHON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parascope-python}
cache_open "$cache" "$(mktemp)"
folder=$cache/$1-$2
fetch "$folder" "$1" "$(dpkg --print-architecture)" 'lib|python|zlib|media' "$2"
[ -x "$folder/usr/bin/$2" ] || give_up "package $2 of $1 has no /usr/bin/$2"
echo "$folder"
