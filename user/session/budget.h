/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget.h - what to leave out so that watching costs no more than it may.  Only decides: what it
 * costs is measured, and what is decided done, by overhead.c.
 *
 * Time goes by in slots.  Given up in this order, and taken back in the opposite one: stacks, by
 * halves; then records of single events, in so many slots as it takes.
 *
 *	every stack ─► 1/2 ─► 1/4 .. 1/16 ─► no stacks ─► records in 75 %, 50 % .. 2 % of the slots ─► none
 */
#ifndef PARASCOPE_BUDGET_H
#define PARASCOPE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_DIVISOR_MAX 16

struct budget {
	double limit;	  /* share of the target's CPU time */
	unsigned divisor; /* stacks are taken so many times as seldom; 0: none */
	double detail;	  /* share of the slots in which single events are recorded */
	/* private */
	struct budget_cost {
		double all, stacks; /* stacks: part of it */
	} last[5], on;		    /* of the last slots with detail; their median */
	unsigned n_last;
	double off;		   /* mean cost of a slot without */
	double credit;		   /* of slots with detail */
	double cost_ns, target_ns; /* of the slots since the last decision */
	unsigned slots, calm;
	unsigned patience; /* slots in which there must be room before something is taken back */
	bool took_back;	   /* that was the last change */
	bool stacks_wanted;
	bool learned; /* `off` has been used */
};

struct budget_slot {
	uint64_t wall_ns;
	uint64_t target_ns; /* CPU time of the target */
	uint64_t bpf_ns, reader_ns;
	uint64_t stack_ns; /* part of bpf_ns */
	bool detail;
};

void budget_init(struct budget *b, double limit, bool stacks);
/* A slot is over.  True: divisor or detail have changed. */
bool budget_spent(struct budget *b, const struct budget_slot *slot);
/* Is the next one to have detail? */
bool budget_next(struct budget *b);

#endif
