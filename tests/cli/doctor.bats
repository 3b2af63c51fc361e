#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2094 # bats sets variables and makes subshells
# doctor.bats - machines that lack something, each made for real: what doctor says, and attach.
#
# golden/doctor-NAME.txt holds the lines of `doctor` that are not there without the fault, and what
# `attach` says.  Everything runs in a mount namespace of its own with tracefs mounted.

load helper

setup() {
	common_setup
	need_root
}

teardown() {
	[ -z "${GROUP-}" ] || rmdir "$GROUP"
	common_teardown
}

# Also those in other trees, e.g. of containers.
NO_GROUPS='umount -alt cgroup,cgroup2 || exit 99'
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# world SCRIPT COMMAND...: the command in a mount namespace in which the script has run.
world() {
	local script=$1

	shift
	timeout -k 2 30 unshare -m bash -c "
		[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing || exit 99
		$script"'
		exec "$@"' - "$@"
}

# What differs between machines and runs.
normal() {
	sed -E "s/[0-9]+ ms/N ms/g; s/with [0-9]+ limits?/with N limits/; s/\b${TARGET:-none}\b/PID/g;
		/^(limits|needed, and missing|)\$/d"
}

# What doctor says here without any fault.
healthy() {
	local saved=$BATS_FILE_TMPDIR/healthy

	if [ ! -e "$saved" ]; then
		world '' "$PARASCOPE" doctor >healthy.raw || skip "needs a machine where parascope works"
		normal <healthy.raw >"$saved"
	fi
	cp "$saved" healthy
}

# has FILE...: nothing of libbpf, at most one line of ours.
one_line() {
	if grep -q 'libbpf:' "$@" || [ "$(cat "$@" | wc -l)" -gt 1 ]; then
		cat "$@" >&2
		return 1
	fi
}

# fault NAME SCRIPT COMMAND...: parascope started by this command in that world.
fault() {
	local name=$1 script=$2 doctor=0 attach=0

	shift 2
	healthy
	background sleep 60
	TARGET=$BG
	world "$script" "$@" "$PARASCOPE" doctor >out 2>err || doctor=$?
	if [ $doctor = 99 ]; then skip "cannot be made here: $name"; fi
	[ ! -s err ] || { cat err >&2; return 1; }
	"$PYTHON" "$CHECK" clean out
	world "$script" "$@" "$PARASCOPE" attach -q -d 10ms ${ATTACH-} -p "$TARGET" >report 2>err || attach=$?
	one_line err
	[ $attach = 0 ] || [ ! -s report ]
	{
		normal <out | grep -Fxv -f healthy || true
		echo "doctor: exit code $doctor"
		normal <err
		echo "attach: exit code $attach"
	} >"doctor-$name.txt"
	[ -z "${UPDATE_GOLDEN-}" ] || cp "doctor-$name.txt" "$HERE/golden"
	same "$HERE/golden/doctor-$name.txt" "doctor-$name.txt"
}

# without CAPABILITIES...: root that lacks them.
without() {
	local caps

	caps=$(printf -- '-%s,' "$@")
	LESS=(setpriv --bounding-set "${caps%,}" --inh-caps "${caps%,}")
}

# only CAPABILITIES...: nobody with them.
only() {
	local caps

	caps=-all$(printf -- ',+%s' "$@")
	LESS=("${NOBODY[@]}" --inh-caps "$caps" --ambient-caps "$caps")
}

# --- a machine that works ------------------------------------------------------------------------
@test "a healthy machine: exit code 0, one line a check" {
	background sleep 60
	world '' "$PARASCOPE" attach -q -d 10ms "$BG" >/dev/null || skip "parascope does not work here"
	world '' "$PARASCOPE" doctor >out
	healthy
	contains "$(tail -1 healthy)" "parascope works here"
	[ "$(grep -cE '^  (ok|limited|missing|unknown) ' healthy)" -ge 30 ]
	lacks "$(cat healthy)" MISSING
	grep -q '^  ok       collector  .*loaded and attached in N ms' healthy
	[ "$(wc -L <healthy)" -le 100 ]
	"$PYTHON" "$CHECK" clean out
	"$PYTHON" "$CHECK" leftovers 2
}

@test "JSON: the schema, and the same findings" {
	healthy
	for script in '' 'umount -l /sys'; do
		world "$script" "$PARASCOPE" doctor -f json >json || [ $? = 2 ]
		world "$script" "$PARASCOPE" doctor >text || [ $? = 2 ]
		"$PYTHON" "$CHECK" json json 'r["schema"] == "parascope-doctor"'
		"$PYTHON" "$CHECK" json json \
			'r["usable"] == all(c["result"] == "ok" for c in r["checks"] if c["required"])'
		"$PYTHON" -c 'import json
r = json.load(open("json"))
for c in r["checks"]:
    result = c["result"].upper() if c["required"] and c["result"] == "missing" else c["result"]
    print("  " + "|".join((result, c["name"], c["seen"])))
print(r["conclusion"], file=open("conclusion", "w"))'  | sed -E 's/[0-9]+ ms/N ms/g' >a
		sed -nE 's/^(  (ok|limited|missing|MISSING|unknown)) +(.{18})  (.*)$/\1|\3|\4/p' text |
			sed -E 's/ +\|/|/; s/[0-9]+ ms/N ms/g' >b
		same a b
		same conclusion <(tail -1 text)
		"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
		"$PYTHON" -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open("json")), json.load(open(sys.argv[1])))' \
			"$HERE/../../user/render/doctor.schema.json"
	done
}

@test "arguments that make no sense" {
	refused "no format 'xml'" doctor -f xml
	refused "takes no arguments" doctor 1
	refused "unknown option" doctor --pid 1
}

@test "-v shows what libbpf says, and is no different otherwise" {
	world 'mount --bind /dev/null /sys/kernel/btf/vmlinux' "$PARASCOPE" doctor -v >out 2>err || [ $? = 2 ]
	contains "$(cat out)" "MISSING  kernel types (BTF)"
}

@test "a way that works does not pay for the checks" {
	healthy
	background sleep 60
	world '' strace -f -e trace=bpf -o calls "$PARASCOPE" attach -q -d 10ms "$BG" >/dev/null
	lacks "$(cat calls)" TASK_STORAGE,\ key_size=0
	[ "$(grep -c 'prog_name="probe"' calls)" -le 3 ]
}

# --- rights --------------------------------------------------------------------------------------
@test "nobody" { fault nobody '' "${NOBODY[@]}"; }
@test "no CAP_BPF" { without bpf sys_admin; fault no-cap-bpf '' "${LESS[@]}"; }
@test "no CAP_PERFMON" { without perfmon sys_admin; fault no-cap-perfmon '' "${LESS[@]}"; }
@test "no CAP_SYS_ADMIN" {
	[ "$(uname -m)" = x86_64 ] || skip "needed on x86-64 only"
	without sys_admin
	fault no-cap-sys-admin '' "${LESS[@]}"
}
@test "no CAP_SYS_PTRACE: a limit" { without sys_ptrace; fault no-cap-sys-ptrace '' "${LESS[@]}"; }
@test "not root, and no CAP_DAC_READ_SEARCH" {
	only sys_admin sys_ptrace
	fault no-cap-dac-read-search '' "${LESS[@]}"
}
@test "not root, with all that is needed" {
	only sys_admin sys_ptrace dac_read_search
	fault enough-caps '' "${LESS[@]}"
}
@test "user namespace" {
	unshare -Ur true || skip "no user namespaces here"
	fault user-namespace '' unshare -Ur
}
@test "PID namespace" { fault pid-namespace '' unshare -pf --mount-proc; }
@test "PID namespace with the /proc of another" { fault pid-namespace-proc '' unshare -pf; }
@test "seccomp refuses bpf()" { fault seccomp-bpf '' "$PYTHON" "$HERE/seccomp.py" bpf EPERM; }
@test "seccomp knows no bpf()" { fault seccomp-bpf-enosys '' "$PYTHON" "$HERE/seccomp.py" bpf ENOSYS; }
@test "seccomp refuses perf_event_open()" {
	fault seccomp-perf '' "$PYTHON" "$HERE/seccomp.py" perf_event_open EACCES
}

# --- files ---------------------------------------------------------------------------------------
@test "no BTF" { fault no-btf 'mount -t tmpfs tmpfs /sys/kernel/btf'; }
@test "empty BTF" { fault empty-btf 'mount --bind /dev/null /sys/kernel/btf/vmlinux'; }
@test "BTF that is none" {
	seq 1000 >garbage
	fault garbage-btf "mount --bind $DIR/garbage /sys/kernel/btf/vmlinux"
}
@test "BTF that may not be read" {
	install -m 600 /dev/null secret
	only sys_admin sys_ptrace
	fault unreadable-btf "mount --bind $DIR/secret /sys/kernel/btf/vmlinux" "${LESS[@]}"
}
@test "no /sys" { fault no-sys "$NO_GROUPS; umount -l /sys"; }
@test "no /proc" { fault no-proc 'umount -l /proc'; }
@test "hidepid, and no CAP_SYS_PTRACE" {
	only sys_admin dac_read_search
	fault hidepid 'mount -t proc -o hidepid=2 proc /proc' "${LESS[@]}"
}
@test "tracefs not mounted: parascope opens its own" {
	fault own-tracefs 'mount -t tmpfs tmpfs /sys/kernel/tracing; [ ! -d /sys/kernel/debug ] || mount -t tmpfs tmpfs /sys/kernel/debug'
}
@test "tracefs not mounted, and no right to open one" {
	without sys_admin
	fault no-tracefs 'mount -t tmpfs tmpfs /sys/kernel/tracing; [ ! -d /sys/kernel/debug ] || mount -t tmpfs tmpfs /sys/kernel/debug' "${LESS[@]}"
}
@test "no system call tracepoints" {
	fault no-syscall-events 'mount -t tmpfs tmpfs /sys/kernel/tracing/events/syscalls'
}
@test "no system call tracepoints: lean mode needs none" {
	hide='mount -t tmpfs tmpfs /sys/kernel/tracing/events/syscalls'
	run ! world "$hide" "$PARASCOPE" run -q --to report -- true
	world "$hide" "$PARASCOPE" run --lean -q --to report -- "$BUILD/workload" lockstep --count 200
	[ "$(sed -n 2p report)" = 'Lean mode: futex calls that did not sleep (EAGAIN, empty wakes) are not known.' ]
	grep -q '^  complete: ' report
}
@test "no futex_waitv tracepoint: a limit" {
	[ -e /proc/self/ns/time ] || skip "kernel too old"
	fault no-futex-waitv 'd=/sys/kernel/tracing/events/syscalls/sys_exit_futex_waitv
		[ -d $d ] || exit 99; mount -t tmpfs tmpfs $d'
}
@test "no control groups: a limit" { fault no-cgroups "$NO_GROUPS"; }
@test "control groups of one kind" {
	healthy
	group="$NO_GROUPS; mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir /sys/fs/cgroup/x"
	world "$group; mount -t cgroup2 cgroup2 /sys/fs/cgroup/x" "$PARASCOPE" doctor >out
	grep -qE '^  ok +control groups +v2$' out
	world "$group; mount -t cgroup -o none,name=parascope-test x /sys/fs/cgroup/x || exit 99" \
		"$PARASCOPE" doctor >out || skip "no cgroup v1 here"
	grep -qE '^  ok +control groups +v1$' out
}
@test "programs are interpreted: a limit" {
	echo 0 >off
	fault no-jit "mount --bind $DIR/off /proc/sys/net/core/bpf_jit_enable"
}

# --- resources -----------------------------------------------------------------------------------
@test "too few open files" { fault few-files '' bash -c 'ulimit -n 20; exec "$@"' -; }

# memory_limit BYTES: GROUP_ENTER is a command that runs another under this limit.
memory_limit() {
	local root=/sys/fs/cgroup/memory file=memory.limit_in_bytes

	if [ ! -e $root/$file ]; then
		root=/sys/fs/cgroup file=memory.max
		[ -e $root/cgroup.controllers ] || skip "no memory controller"
	fi
	GROUP=$root/parascope-test-$$
	mkdir "$GROUP" || skip "no memory controller"
	GROUP_LIMIT=$GROUP/$file
	echo "$1" >"$GROUP_LIMIT" || skip "no memory controller"
	ENTER=(bash -c "echo \$\$ >$GROUP/cgroup.procs; exec \"\$@\"" -)
}

# With too little the kernel kills us: how much that is depends on the size of its BTF.
killed() {
	local command code

	for command in doctor "attach -q -d 10ms -p $$"; do
		code=0
		world '' "${ENTER[@]}" "$PARASCOPE" $command >out 2>err || code=$?
		[ $code = 137 ] && return 0
	done
	return 1
}

@test "no memory for the ring" {
	local limit

	memory_limit 11M
	for limit in 12M 13M 14M 15M; do
		echo $limit >"$GROUP_LIMIT"
		killed || break
	done
	! killed || skip "killed for want of memory"
	fault no-memory '' "${ENTER[@]}"
}

@test "no memory for a larger ring: doctor finds nothing, attach tells what to do" {
	memory_limit 96M # without that ring some 50M are enough
	ATTACH='--ring-size 256M'
	fault large-ring '' "${ENTER[@]}"
}

# --- the same causes in `run` --------------------------------------------------------------------
@test "run says the same, and the command has not run" {
	healthy
	world '' "${NOBODY[@]}" "$PARASCOPE" run -- touch ran >out 2>err || code=$?
	[ "$code" = 125 ]
	[ ! -e ran ]
	[ ! -s out ]
	one_line err
	contains "$(cat err)" "cannot load the BPF programs: CAP_BPF, CAP_PERFMON"
	contains "$(cat err)" "(parascope doctor tells more)"
}
