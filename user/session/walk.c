// SPDX-License-Identifier: GPL-2.0-or-later
/* walk.c - see walk.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "user/session/memfile.h"
#include "user/session/tables.h"
#include "user/session/walk.h"

/* struct ucontext of the kernel's signal frame */
#define UCONTEXT_RBP 120
#define UCONTEXT_RSP 160
#define UCONTEXT_RIP 168

#define BY_POINTERS WIRE_RULE(WIRE_RULE_RBP, -2, 2)

/* Frames lie close together: one read gives some of them.  A block never reaches into another page. */
#define BLOCK 1024
#define PAGE 4096 /* the smallest there is */

struct walk {
	int mem; /* /proc/PID/mem */
	uint64_t block_at;
	size_t block_len; /* 0: none is there */
	uint8_t block[BLOCK];
	uint64_t ip, sp, bp;
	bool exact; /* ip is an instruction, not a return address */
	bool unread;
};

static bool in_block(const struct walk *w, uint64_t addr)
{
	return addr >= w->block_at && addr - w->block_at + sizeof(uint64_t) <= w->block_len;
}

/* From addr on: callers lie above. */
static void read_block(struct walk *w, uint64_t addr)
{
	uint64_t left = PAGE - addr % PAGE;
	ssize_t n = pread(w->mem, w->block, left < BLOCK ? left : BLOCK, (off_t)addr);

	w->block_at = addr;
	w->block_len = n > 0 ? (size_t)n : 0;
}

/* 0 if it cannot be read: nothing that is looked for is at 0. */
static uint64_t word_at(struct walk *w, uint64_t addr)
{
	uint64_t word;

	if (!in_block(w, addr))
		read_block(w, addr);
	if (in_block(w, addr)) {
		memcpy(&word, w->block + (addr - w->block_at), sizeof(word));
		return word;
	}
	if (pread(w->mem, &word, sizeof(word), (off_t)addr) == (ssize_t)sizeof(word))
		return word;
	w->unread = true;
	return 0;
}

static uint64_t rule_cfa(struct walk *w, uint32_t rule)
{
	uint64_t cfa = (uint64_t)((int64_t)WIRE_RULE_CFA(rule) * 8);

	switch (WIRE_RULE_KIND(rule)) {
	case WIRE_RULE_RSP:
		return w->sp + cfa;
	case WIRE_RULE_RBP:
		return w->bp + cfa;
	case WIRE_RULE_RSP_AT:
		return word_at(w, w->sp + cfa);
	case WIRE_RULE_RBP_AT:
		return word_at(w, w->bp + cfa);
	case WIRE_RULE_PLT:
		return w->sp + ((w->ip & 15) >= (uint64_t)WIRE_RULE_CFA(rule) ? 16 : 8);
	}
	return 0;
}

static void to_signal_frame(struct walk *w)
{
	uint64_t at = w->sp;

	w->ip = word_at(w, at + UCONTEXT_RIP);
	w->bp = word_at(w, at + UCONTEXT_RBP);
	w->sp = word_at(w, at + UCONTEXT_RSP);
	w->exact = true;
}

/* 0: at the caller; else a flag of wire_stack that says why not. */
static uint32_t to_caller(struct walk *w, uint32_t rule)
{
	uint64_t cfa = rule_cfa(w, rule);
	int rbp = WIRE_RULE_RBP_OF(rule);

	if (cfa <= w->sp)
		return WIRE_STACK_NO_RULE;
	w->ip = word_at(w, cfa - 8);
	if (rbp == WIRE_RBP_AT_RBP)
		w->bp = word_at(w, w->bp);
	else if (rbp == WIRE_RBP_UNKNOWN)
		w->bp = 0;
	else if (rbp)
		w->bp = word_at(w, cfa + (uint64_t)((int64_t)rbp * 8));
	w->sp = cfa;
	w->exact = false;
	return w->ip ? 0 : WIRE_STACK_WHOLE;
}

/* One frame; 0: go on. */
static uint32_t step(struct walk *w, const struct tables *t, uint32_t slot, struct wire_stack *ret)
{
	uint64_t pc = w->ip - !w->exact;
	uint32_t rule, why = 0;
	int err = tables_rule(t, slot, pc, &rule);

	if (err == -ENOENT)
		return WIRE_STACK_ASTRAY;
	if (ret->n >= WIRE_NATIVE_MAX)
		return WIRE_STACK_CUT;
	ret->frames[ret->n++] = (struct wire_frame_id){ WIRE_CODE_NATIVE, pc };
	if (err)
		return WIRE_STACK_EARLY;
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_NONE) {
		ret->flags |= WIRE_STACK_POINTERS;
		rule = BY_POINTERS;
	}
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_END)
		return WIRE_STACK_WHOLE;
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_SIGNAL)
		to_signal_frame(w);
	else
		why = to_caller(w, rule);
	return w->unread ? WIRE_STACK_NO_MEMORY : why;
}

/*
 * Is the thread still where it was?  "202 0x7f... (six arguments) SP IP"; "running" if it runs.  A
 * kernel without that file does not say: then it is.
 */
static bool stayed(const struct wire_task *rec)
{
	unsigned long long sp, ip;
	char path[64], text[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", rec->tgid, rec->head.tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT || access("/proc/self/syscall", F_OK);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %llx %llx", &sp, &ip) == 2 &&
	       sp == rec->sp && ip == rec->ip;
}

uint32_t walk_thread(const struct tables *t, uint32_t slot, struct memfile *memory,
		     const struct wire_task *rec, struct wire_stack *ret)
{
	struct walk w = { .ip = rec->ip, .sp = rec->sp, .bp = rec->bp, .exact = true };
	uint64_t hash = STACK_HASH_START;
	uint32_t why = 0;

	ret->n = ret->flags = 0;
	if (!slot || !rec->ip)
		return 0;
	w.mem = memfile_of(memory, rec->tgid);
	if (w.mem < 0)
		return 0;
	while (!why)
		why = step(&w, t, slot, ret);
	if (!stayed(rec))
		return ret->n = ret->flags = 0;
	ret->flags |= (uint16_t)why;
	for (uint32_t i = 0; i < ret->n; i++)
		hash = stack_hash(hash, WIRE_CODE_NATIVE, ret->frames[i].instr);
	ret->space = (uint16_t)slot;
	ret->id = hash ^ ((uint64_t)rec->tgid << 32 | slot);
	ret->head = (struct wire_head){ rec->head.ts_ns, rec->tgid, WIRE_STACK,
					(uint16_t)WIRE_STACK_SIZE(ret->n) };
	return ret->n;
}
