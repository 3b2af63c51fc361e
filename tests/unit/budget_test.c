// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * budget_test.c - what is left out, when, and when it comes back: against a make-believe target whose
 * cost is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/session/budget.h"

#define SLOT_NS 200000000ULL

/* Shares of the target's CPU time. */
struct world {
	double cpus;   /* that the target uses */
	double sums;   /* cost of what is always there */
	double events; /* of records */
	double stacks; /* of all stacks */
	unsigned detailed, slots;
	double cost; /* sum over slots */
};

static struct budget_slot spend(struct world *w, const struct budget *b, bool detail)
{
	double target = w->cpus * (double)SLOT_NS;
	double stacks = detail && b->divisor ? w->stacks / b->divisor : 0;
	double cost = w->sums + (detail ? w->events : 0) + stacks;

	w->slots++;
	w->detailed += detail;
	w->cost += cost;
	return (struct budget_slot){ .wall_ns = SLOT_NS,
				     .target_ns = (uint64_t)target,
				     .bpf_ns = (uint64_t)(cost * target * 0.75),
				     .reader_ns = (uint64_t)(cost * target * 0.25),
				     .stack_ns = (uint64_t)(stacks * target),
				     .detail = detail };
}

/* So many slots; the number of changes. */
static unsigned live(struct budget *b, struct world *w, unsigned n)
{
	unsigned changes = 0;
	static bool detail;

	if (!w->slots)
		detail = true;
	w->slots = w->detailed = 0;
	w->cost = 0;
	for (unsigned i = 0; i < n; i++) {
		struct budget_slot slot = spend(w, b, detail);

		changes += budget_spent(b, &slot);
		detail = budget_next(b);
	}
	return changes;
}

static void below_it_nothing_changes(void **state)
{
	struct world w = { 1, 0.005, 0.01, 0.004, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	assert_int_equal(live(&b, &w, 200), 0);
	assert_int_equal(b.divisor, 1);
	assert_true(b.detail >= 1);
	assert_int_equal(w.detailed, w.slots);
}

static void stacks_go_first_by_halves(void **state)
{
	struct world w = { 2, 0.005, 0.005, 0.036, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	assert_int_equal(live(&b, &w, 200), 1);
	assert_int_equal(b.divisor, 4);
	assert_true(b.detail >= 1);
	w.stacks = 0.5;
	assert_int_equal(live(&b, &w, 200), 1);
	assert_int_equal(b.divisor, 0);
	assert_true(b.detail >= 1);
}

static void then_records_as_often_as_it_allows(void **state)
{
	struct world w = { 1, 0.01, 0.05, 0.01, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	live(&b, &w, 50);
	assert_int_equal(b.divisor, 0);
	assert_true(b.detail >= 0.05 && b.detail <= 0.2);
	live(&b, &w, 500);
	assert_true(w.detailed >= 25 && w.detailed <= 100);
	assert_true(w.cost / w.slots <= 0.02);
}

static void sums_are_never_given_up(void **state)
{
	struct world w = { 1, 0.05, 0.05, 0.01, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	live(&b, &w, 50);
	assert_int_equal(b.divisor, 0);
	assert_true(b.detail <= 0);
	assert_int_equal(live(&b, &w, 500), 0);
	assert_int_equal(w.detailed, 0);
}

static void all_comes_back(void **state)
{
	struct world busy = { 1, 0.05, 0.1, 0.05, 0, 0, 0 }, calm = { 1, 0.001, 0.002, 0.001, 1, 1, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	live(&b, &busy, 50);
	assert_true(b.detail <= 0);
	live(&b, &calm, 600);
	assert_true(b.detail >= 1);
	assert_int_equal(b.divisor, 1);
}

/* At the edge it does not swing to and fro. */
static void it_is_calm_at_the_edge(void **state)
{
	struct budget b;

	(void)state;
	for (double events = 0.001; events < 0.1; events *= 1.3) {
		struct world w = { 1, 0.004, events, 0.002, 0, 0, 0 };

		budget_init(&b, 0.02, true);
		live(&b, &w, 300);
		assert_in_range(live(&b, &w, 500), 0, 25);
		assert_true(w.cost / w.slots <= 0.02 * 1.05);
	}
}

/* What a target that does nothing costs is measured against a part of a CPU. */
static void an_idle_target_is_not_pressed(void **state)
{
	struct world w = { 0.001, 1, 1, 0, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, true);
	assert_int_equal(live(&b, &w, 200), 0);
	w.cpus = 0;
	assert_int_equal(live(&b, &w, 200), 0);
}

static void without_stacks_there_are_none_to_give_up(void **state)
{
	struct world w = { 1, 0.005, 0.001, 0, 0, 0, 0 };
	struct budget b;

	(void)state;
	budget_init(&b, 0.02, false);
	assert_int_equal(b.divisor, 0);
	assert_int_equal(live(&b, &w, 200), 0);
	w.events = 0.1;
	live(&b, &w, 50);
	assert_true(b.detail < 1);
	assert_int_equal(b.divisor, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_it_nothing_changes),
		cmocka_unit_test(stacks_go_first_by_halves),
		cmocka_unit_test(then_records_as_often_as_it_allows),
		cmocka_unit_test(sums_are_never_given_up),
		cmocka_unit_test(all_comes_back),
		cmocka_unit_test(it_is_calm_at_the_edge),
		cmocka_unit_test(an_idle_target_is_not_pressed),
		cmocka_unit_test(without_stacks_there_are_none_to_give_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
