#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh BUILD - a live Python service under its GIL, and parascope attached to it.
set -eu
build=${1:-.output}
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo "the demo loads BPF programs: run it as root (sudo make demo)" >&2
	exit 1
fi
/usr/bin/python3 workloads/py/service.py --time 60 --result /dev/null >/dev/null &
service=$!
trap 'kill $service 2>/dev/null; wait $service 2>/dev/null || true' EXIT
sleep 1
echo "A Python service runs as process $service: six threads, one GIL.  Why is it not faster?"
echo
echo "# parascope attach -d 5s $service"
"$build/parascope" attach -d 5s "$service"
