// SPDX-License-Identifier: GPL-2.0-or-later
/* trial.c - asks the verifier, with programs of a few instructions; see probe.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "user/session/probe.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define RETURN_0                                                                                   \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K }, /* r0 = 0 */                                      \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}

static const struct probe_kind raw_tracepoint = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT };

/* 0 or -errno; log: the verifier's words, may be NULL. */
static int load(const struct probe_kind *kind, const struct bpf_insn *insns, size_t n, char *log,
		unsigned int log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = kind->attach,
		    .attach_btf_id = (__u32)kind->btf_id, .log_buf = log, .log_size = log_size,
		    .log_level = log ? 1 : 0);
	int fd = bpf_prog_load(kind->type, "probe", "GPL", insns, n, &opts);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int probe_program(const struct probe_kind *kind)
{
	static const struct bpf_insn insns[] = { RETURN_0 };

	return load(kind, insns, N_OF(insns), NULL, 0);
}

int probe_jump32(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP32 | BPF_JEQ | BPF_K, .off = 0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(&raw_tracepoint, insns, N_OF(insns), NULL, 0);
}

/*
 * The verifier finds the variable's address in the symbol table, which lacks data on kernels
 * without CONFIG_KALLSYMS_ALL.  Asking it is a hundred times faster than reading the table.
 */
bool probe_variable(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_VAR);
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_BTF_ID, .imm = id },
		{ .code = 0 },
		RETURN_0,
	};

	return id >= 0 && !load(&raw_tracepoint, insns, N_OF(insns), NULL, 0);
}

bool probe_cast(const struct btf *btf)
{
	int call = btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC);
	int type = btf__find_by_name_kind(btf, "pt_regs", BTF_KIND_STRUCT);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = type },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = call },
		RETURN_0,
	};

	return call >= 0 && type >= 0 && !load(&raw_tracepoint, insns, N_OF(insns), NULL, 0);
}

static int find_type(const struct btf *btf, const char *prefix, const char *name, unsigned int kind)
{
	char type_name[80];

	snprintf(type_name, sizeof(type_name), "%s%s", prefix, name);
	return btf__find_by_name_kind(btf, type_name, kind);
}

bool probe_kind_of(const struct btf *btf, const char *section, struct probe_kind *ret)
{
	static const struct {
		const char *section, *prefix; /* of a section's name, of the type attached to */
		unsigned int btf_kind;
		struct probe_kind kind;
	} kinds[] = {
		{ "tp_btf/",
		  "btf_trace_",
		  BTF_KIND_TYPEDEF,
		  { BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0 } },
		{ "iter/",
		  "bpf_iter_",
		  BTF_KIND_FUNC,
		  { BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0 } },
		{ "tp/", NULL, 0, { BPF_PROG_TYPE_TRACEPOINT, 0, 0 } },
	};

	for (size_t i = 0; i < N_OF(kinds); i++) {
		size_t len = strlen(kinds[i].section);

		if (strncmp(section, kinds[i].section, len))
			continue;
		*ret = kinds[i].kind;
		if (kinds[i].prefix)
			ret->btf_id =
				find_type(btf, kinds[i].prefix, section + len, kinds[i].btf_kind);
		return ret->btf_id >= 0;
	}
	return false;
}

/*
 * Its arguments make no sense, so a program that may call it is refused for them.  What the
 * verifier says before that: "invalid func unknown#175" of a helper it does not know; of one that
 * it does not allow "unknown func bpf_task_pt_regs#175", since 6.9 "program of this type cannot use
 * helper ...".
 */
enum probe_helper probe_helper(const struct probe_kind *kind, int helper)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		RETURN_0,
	};
	char log[4096] = "";

	if (!load(kind, insns, N_OF(insns), log, sizeof(log)))
		return PROBE_HELPER_THERE;
	if (strstr(log, "invalid func "))
		return PROBE_HELPER_UNKNOWN;
	if (strstr(log, "unknown func ") || strstr(log, "cannot use helper "))
		return PROBE_HELPER_REFUSED;
	return PROBE_HELPER_THERE;
}

enum probe_helper probe_kernel_memory(void)
{
	return probe_helper(&raw_tracepoint, BPF_FUNC_probe_read_kernel);
}

const char *probe_helper_name(int helper)
{
#define NAME(name) [BPF_FUNC_##name] = "bpf_" #name
	static const char *const names[] = { __BPF_FUNC_MAPPER(NAME) };
#undef NAME

	return helper >= 0 && (size_t)helper < N_OF(names) && names[helper] ? names[helper] : "";
}

int probe_ring(size_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, (__u32)bytes, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int probe_task_storage(void)
{
	int there = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL);

	return there < 0 ? there : there ? 0 : -EOPNOTSUPP;
}
