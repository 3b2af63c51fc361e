#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # bats sets variables and makes subshells
# classic.bats - the suite classic, a few of its modes at a time: what is judged, and what runs on which Python.

load helper

setup() {
	common_setup
	need_root
	mkdir tmp
	export TMPDIR=$DIR/tmp
}

teardown() { common_teardown; }

# holds FILE EXPRESSION over l, the ledger; claims: by their words; ran: (experiment, mode) -> runs; pythons: by experiment.
holds() {
	"$PYTHON" -c 'import json, sys
l = json.load(open(sys.argv[1]))
claims = {c["words"]: c for c in l["claims"]}
ran = {(e["name"], m["mode"]): m["done"] for e in l["experiments"] for m in e["modes"]}
pythons = {e["name"]: e["python"] for e in l["experiments"] if e["modes"]}
if not eval(sys.argv[2]):
    sys.exit("not true: %s\n%s\n%s\n%s" % (sys.argv[2], ran, pythons, [(c["words"], c["status"], c["evidence"]) for c in l["claims"]]))' "$1" "$2"
}

classic() {
	run -0 "$PARASCOPE" bench --suite classic --scale small -q --python "$PYTHON" "$@"
	[ -z "$(ls -A "$TMPDIR")" ]
}

@test "what was run is judged, all else is not testable" {
	classic --modes unjoined -r 2 -f json --to l
	holds l 'ran == {("loops", "unjoined"): 2}'
	holds l 'claims["without join the main thread is done at once, the program later"]["status"] == "confirmed"'
	holds l '[c["status"] for c in l["claims"]].count("not testable") == len(l["claims"]) - 1'
	holds l '"what it takes of loops was not run" in claims["loops of 50 s and 10 s of sleep in two threads overlap"]["evidence"]'
	holds l 'len(l["claims"]) > 30 and all(c["evidence"] and c["id"] for c in l["claims"])'
}

@test "one run is no evidence" {
	classic --modes held,released -r 1 -f json --to l
	holds l 'ran == {("gil-held", "held"): 1, ("gil-held", "released"): 1}'
	holds l '"one run says nothing" in claims["waiting belongs in threads, it costs the others nothing"]["evidence"]'
}

@test "a sleep with the GIL held takes it from the others" {
	classic --modes held,released -r 3 -f json --to l
	holds l 'claims["waiting belongs in threads, it costs the others nothing"]["status"] == "refuted"'
	classic --modes held,released -r 3
	[[ $output == *'all refuted: "waiting belongs in threads, it costs the others nothing"'* ]]
	[[ $output == *'theirs    rule of thumb'* ]]
}

@test "Python 2 runs what is written for it, and nothing else" {
	local two
	two=$(compgen -G "$HOME/.pyenv/versions/2.7*/bin/python2.7" | head -1) || skip "no Python 2.7 in ~/.pyenv"
	run -0 "$PARASCOPE" bench --suite classic --modes seq --scale 0.001 -r 1 -q --python "$two,$PYTHON" -f json --to l
	holds l 'pythons.pop("lists-python2").startswith("2.7") and all(p.startswith("3.") for p in pythons.values())'
	run -0 "$PARASCOPE" bench --suite classic --modes seq --scale 0.001 -r 1 -q --python "$two" -f json --to l
	holds l 'pythons.pop("lists-python2").startswith("2.7") and all(p.startswith("3.") for p in pythons.values())'
	HOME=/nonexistent PATH=/usr/bin:/bin:/usr/sbin:/sbin run -0 "$PARASCOPE" bench --suite classic --modes seq --scale 0.001 \
		-r 1 -q --python "$PYTHON" -f json --to l
	holds l '"lists-python2" not in pythons and ("lists", "seq") in ran'
	holds l '"was not run" in claims["four threads are slower than none (Python 2)"]["evidence"]'
}
