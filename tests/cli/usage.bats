#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# usage.bats - help, version, schema, and everything that may be wrong with the arguments.

load helper

setup() { common_setup; }
teardown() { common_teardown; }

# golden NAME ARGUMENT...: stdout is what golden/NAME.txt says, at most 100 columns wide.
golden() {
	local name=$1

	shift
	run --separate-stderr tool "$@"
	status_is 0
	[ -z "$stderr" ]
	printf '%s\n' "$output" >"$DIR/$name"
	[ -z "${UPDATE_GOLDEN-}" ] || cp "$DIR/$name" "$HERE/golden/$name.txt"
	same "$HERE/golden/$name.txt" "$DIR/$name"
	[ "$(wc -L <"$DIR/$name")" -le 100 ]
	"$PYTHON" "$CHECK" clean "$DIR/$name"
}

@test "help of parascope" {
	golden help --help
	golden help -h
	golden help help
}

@test "help of run" { golden help-run run --help; golden help-run run -h; }
@test "help of attach" { golden help-attach attach --help; golden help-attach attach -h; }
@test "help of report" { golden help-report report --help; }
@test "help of compare" { golden help-compare compare --help; }
@test "help of dump" { golden help-dump dump --help; }
@test "help of bench" { golden help-bench bench --help; }
@test "help of doctor" { golden help-doctor doctor --help; }

@test "every command in the list has help of its own" {
	run tool --help
	names=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' <<<"$output" | sort -u)
	[ "$(wc -w <<<"$names")" -ge 5 ]
	for name in $names; do
		run --separate-stderr tool "$name" --help
		status_is 0
		[[ $output == "usage: parascope $name "* ]]
		[ -e "$HERE/golden/help-$name.txt" ]
	done
}

@test "help needs no rights" {
	need_root
	for name in "" run attach report dump bench doctor; do
		# shellcheck disable=SC2086 # none is no argument
		run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$PARASCOPE" $name --help
		status_is 0
	done
}

@test "no arguments: the usage and 125" {
	run tool
	status_is 125
	contains "$output" "usage: parascope COMMAND"
}

@test "version" {
	run --separate-stderr tool --version
	status_is 0
	[[ $output =~ ^parascope\ [0-9]+\.[0-9]+[^[:space:]]*$ ]]
	version=$output
	run --separate-stderr tool -V
	[ "$output" = "$version" ]
}

@test "the JSON schema is JSON, and a schema" {
	tool --json-schema >schema
	"$PYTHON" "$CHECK" json schema \
		'r["type"] == "object" and "threads" in r["required"] and "definitions" in r'
	"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	"$PYTHON" -c 'import json, jsonschema
jsonschema.Draft7Validator.check_schema(json.load(open("schema")))'
}

@test "no such command" {
	refused "no command 'atach'" atach
	refused "no command '--attach'" --attach
	refused "no command ''" ""
	refused "no command '--parser'" --parser # only for ourselves, and only with its socket
}

@test "an unknown option names the nearest" {
	refused "did you mean --duration?" attach --duratoin 1s 1
	refused "did you mean --format?" attach --fromat=json 1
	refused "did you mean --no-children?" run --no-childs true
	refused "did you mean --text-trace?" report --texttrace x
	refused "unknown option --zzzzzzzz" attach --zzzzzzzz 1
	refused "unknown option -Z" attach -Z 1
	refused "unknown option --$(printf 'x%.0s' {1..300})" attach --"$(printf 'x%.0s' {1..300})" 1
}

@test "an option that is not hidden is never suggested to be hidden" {
	run tool attach --test-no-storag 1
	lacks "$output" "did you mean --test"
	run tool attach --help
	lacks "$output" "test-no-storage"
}

@test "abbreviations: unique ones work, ambiguous ones are told" {
	refused "no format 'xml'" attach --form xml 1
	refused "could be any of" attach --no 1
}

@test "missing and superfluous values" {
	refused "--duration needs a value" attach -d
	refused "--duration needs a value" attach --duration
	refused "--quiet takes no value" attach --quiet=1 1
}

@test "bad durations" {
	for d in "" abc -1s +1s 1x " 1s" "1s " 1s1 s 1..5s 1e3 0x10 nan inf 99999999999999999999 99999999999d; do
		refused "option --duration" attach -d "$d" 1
	done
}

@test "bad sizes" {
	for s in "" abc -1 1x 8Q 99999999999999999999 99999999999G; do
		refused "option --ring-size" attach --ring-size "$s" 1
	done
}

@test "bad budgets" {
	for p in "" abc % 2 0% -1% +1% 101% 1%% 1x% "1 %" " 1%" nan% inf% 1e1% 0x2%; do
		refused "option --max-overhead" attach --max-overhead "$p" 1
	done
	refused "must be a percentage above 0 and up to 100, such as 2%" run --max-overhead 0% -- true
}

@test "a ring that is too large is refused, not made smaller in silence" {
	need_root
	for size in 1T 1025M 65535 0; do
		refused "must be 64K to 1G" attach --ring-size $size -d 100ms $$
	done
}

@test "bad widths" {
	for w in 79 201 -5 abc 1e2 "" 4294967297; do
		refused "width" attach --width "$w" 1
		refused "width" report --width "$w" /dev/null
	done
}

@test "width 0 is refused like any other below 80" {
	refused "width" report --width 0 /dev/null
}

@test "bad counts" {
	for n in -1 abc "" 1.5 99999999999; do
		refused "option --top" attach --top "$n" 1
	done
}

@test "bad formats, before anything is measured" {
	refused "no format 'xml'" attach -f xml 1
	refused "no format ''" attach -f "" 1
	refused "no format 'JSON'" run -f JSON -- touch ran
	[ ! -e ran ]
	refused "no format 'xml'" report -f xml /dev/null
}

@test "a profile needs folded stacks, and a name that there is" {
	refused "--profile is for folded stacks only: add -f folded" attach --profile waiting 1
	refused "add -f folded" report -f json --profile on-cpu /dev/null
	refused "add -f folded" run --profile holding -- touch ran
	refused "no profile 'cpu': there are on-cpu, waiting, holding" attach -f folded --profile cpu 1
	refused "no profile ''" report -f folded --profile "" /dev/null
	refused "no profile 'x'" run -f folded --profile x -- touch ran
	[ ! -e ran ]
}

@test "bad process ids" {
	for p in 0 -1 abc "1," ",1" "1,,2" "1 2" 99999999 4294967297 12x ""; do
		refused "id" attach --pid "$p"
	done
	for p in 0 abc 12x 99999999 4294967297 "" " 1" +1; do
		refused "is no process id" attach -- "$p"
	done
}

@test "an option after the PIDs is told as one" {
	refused "-d" attach 1 -d 1s
}

@test "nothing to watch, nothing to run, nothing to read" {
	refused "nothing to watch" attach
	refused "nothing to watch" attach -d 1s
	refused "no command" run
	refused "no command" run --
	refused "no command" run -- ""
	refused "FILE" report
	refused "FILE" report a b
	refused "FILE" dump
}

@test "processes and threads cannot be mixed" {
	refused "together" attach -p $$ -t $$
}

@test "control characters of the command line do not reach the terminal" {
	esc=$'\e[31m\x9b\xff\n\r\u202e'
	for args in "attach -f" "attach --comm" "attach -d" "attach --cgroup" "report" "dump" "attach -p" \
		"attach -o" "report -f"; do
		# shellcheck disable=SC2086 # two words
		tool $args "$esc" >out 2>err || true
		"$PYTHON" "$CHECK" clean out err
		[ "$(wc -l <err)" -le 1 ]
	done
	tool "--$esc" >out 2>err || true
	"$PYTHON" "$CHECK" clean out err
	tool attach "--$esc" >out 2>err || true
	"$PYTHON" "$CHECK" clean out err
	tool attach $'-\e' >out 2>err || true
	"$PYTHON" "$CHECK" clean out err
	tool run -- $'/no\e]0;x\a' >out 2>err || true
	"$PYTHON" "$CHECK" clean out err
}
