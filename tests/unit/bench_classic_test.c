// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_classic_test.c - the claims of the suite classic over forged ledgers: every one of them is
 * confirmed, refuted and found not testable where it must be, and says only what it has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/classic.h"
#include "user/bench/figures.h"

#define REPEATS 3
#define LIFE_NS 2e9
#define CEILING 8.0

/* --- forged ledgers -------------------------------------------------------------------------- */

/* Every figure is known, every experiment was run in every mode. */
static struct ledger *forge(size_t repeats, double ceiling)
{
	struct ledger *l = ledger_new();

	for (const struct experiment *e = classic_experiments; e->name; e++) {
		const struct plan_mode *modes[16];
		struct ledger_block *b;
		size_t n = 0;

		for (const struct plan_mode *m = e->modes; m->name; m++)
			modes[n++] = m;
		b = ledger_add(l, e, modes, n, repeats);
		b->tasks = e->tasks;
		b->procs = 2;
		b->scale = 0.1;
		b->ceiling = ceiling;
		for (size_t i = 0; i < n * repeats; i++) {
			struct ledger_run *run = &b->rows[i / repeats].runs[i % repeats];

			run->done = true;
			for (size_t f = 0; f < FIGURE_COUNT; f++)
				run->figure[f] = ledger_figures[f].unit == UNIT_SHARE ? 0.01 : 1e9;
			run->figure[FIGURE_LIFE] = LIFE_NS;
		}
	}
	return l;
}

static struct ledger_row *row_of(struct ledger *l, const char *experiment, const char *mode)
{
	const char *colon = strchr(mode, ':');
	char name[64];

	if (colon) {
		snprintf(name, sizeof(name), "%.*s", (int)(colon - mode), mode);
		experiment = name;
		mode = colon + 1;
	}
	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++)
			if (!strcmp(l->blocks[i].experiment->name, experiment) &&
			    !strcmp(l->blocks[i].rows[k].mode, mode))
				return &l->blocks[i].rows[k];
	fail_msg("%s has no mode %s", experiment, mode);
	return NULL;
}

/* What a figure must be in a run for the quantity to have that value. */
static void set_quantity(const struct ledger_block *b, struct ledger_run *run, const char *key,
			 double value)
{
	double tasks = b->tasks, wall = run->figure[FIGURE_WALL];

	for (size_t f = 0; f < FIGURE_COUNT; f++)
		if (!strcmp(ledger_figures[f].key, key)) {
			run->figure[f] = value;
			return;
		}
	if (!strcmp(key, "wanted_share")) {
		run->state_ns[STATE_ON_CPU] = (uint64_t)(value * LIFE_NS * b->ceiling / 2);
		run->state_ns[STATE_WOKEN] = run->state_ns[STATE_PREEMPTED] =
			run->state_ns[STATE_ON_CPU] / 2;
	} else if (!strcmp(key, "of_twelve"))
		run->figure[FIGURE_CPUS] = value * 12;
	else if (!strcmp(key, "process_cpus"))
		run->figure[FIGURE_CPUS] = value * b->procs;
	else if (!strcmp(key, "full_ns"))
		run->figure[FIGURE_WALL] = value * b->scale;
	else if (!strcmp(key, "full_task_ns"))
		run->figure[FIGURE_WALL] = value * b->scale * tasks;
	else if (!strcmp(key, "task_cpu_ns"))
		run->figure[FIGURE_CPU] = value * tasks;
	else if (!strcmp(key, "handoffs_rate"))
		run->figure[FIGURE_HANDOFFS] = value * wall / 1e9;
	else if (!strcmp(key, "ipc_share"))
		run->figure[FIGURE_IPC_NS] = value * wall;
	else if (!strcmp(key, "disk_share"))
		run->state_ns[STATE_IO_DISK] = (uint64_t)(value * LIFE_NS);
	else
		fail_msg("no quantity %s", key);
}

static const struct ledger_block *block_of(const struct ledger *l, const struct ledger_row *row)
{
	for (size_t i = 0; i < l->n_blocks; i++)
		if (row >= l->blocks[i].rows && row < l->blocks[i].rows + l->blocks[i].n_rows)
			return &l->blocks[i];
	fail_msg("a row of no block");
	return NULL;
}

/* Run i of the claim's test comes out at values[i]. */
static void plant(struct ledger *l, const struct classic_claim *claim, const double *values)
{
	char key[48], first[48], second[48], op = 0;
	int words = sscanf(claim->test, "%47s %47s %c %47s", key, first, &op, second);
	struct ledger_row *a = row_of(l, claim->experiment, first);
	struct ledger_row *b = words == 4 ? row_of(l, claim->experiment, second) : NULL;
	const double base = 1e9;

	for (size_t i = 0; i < a->n_runs; i++) {
		double value = values[i];

		if (b)
			set_quantity(block_of(l, b), &b->runs[i], key, base);
		if (op == '/')
			value *= base;
		else if (op == '-')
			value += base;
		set_quantity(block_of(l, a), &a->runs[i], key, value);
	}
}

static const struct ledger_claim *judge_one(struct ledger *l, const struct classic_claim *claim)
{
	ledger_finish(l);
	classic_judge(l);
	return &l->claims[claim - classic_claims];
}

/* --- tests ----------------------------------------------------------------------------------- */

struct outcome {
	enum claim_status status;
	bool possible;
	double values[REPEATS]; /* of the test, a run each */
};

/* Two values inside, outside below and above, on both sides of a bound. */
static void outcomes_of(const struct classic_claim *c, struct outcome ret[4])
{
	double unit = isinf(c->high) ? (c->low > 0 ? c->low : 1) : c->high - c->low;
	double inside = isinf(c->high) ? c->low + unit : (c->low + c->high) / 2;
	double above = c->high + unit, below = c->low - 0.5 * unit;
	bool positive = !strstr(c->test, " - "); /* a ratio or a figure is not below 0 */

	if (positive && below < 0)
		below = c->low / 2;
	ret[0] = (struct outcome){ CLAIM_CONFIRMED, true, { inside, inside * 1.001, inside } };
	ret[1] = (struct outcome){ CLAIM_REFUTED, c->low > 0, { below, below * 1.001, below } };
	ret[2] =
		(struct outcome){ CLAIM_REFUTED, !isinf(c->high), { above, above * 1.001, above } };
	ret[3] = (struct outcome){ CLAIM_NOT_TESTABLE, true, { inside, inside, inside } };
	if (c->low > 0)
		ret[3].values[0] = ret[3].values[1] = below;
	else
		ret[3].values[0] = ret[3].values[1] = above;
}

static void each_status(void **state)
{
	(void)state;
	for (const struct classic_claim *c = classic_claims; c->id; c++) {
		struct outcome outcomes[4];
		bool refutable = false;

		if (!c->test)
			continue;
		outcomes_of(c, outcomes);
		for (size_t i = 0; i < 4; i++) {
			struct ledger *l = forge(REPEATS, CEILING);
			const struct ledger_claim *got;

			if (outcomes[i].possible) {
				plant(l, c, outcomes[i].values);
				got = judge_one(l, c);
				if (got->status != outcomes[i].status)
					fail_msg("%s \"%s\", outcome %zu (%g %g %g): %s: %s", c->id,
						 c->words, i, outcomes[i].values[0],
						 outcomes[i].values[1], outcomes[i].values[2],
						 ledger_claim_status[got->status], got->evidence);
				assert_true(got->evidence[0] && got->ours[0]);
				refutable = refutable || got->status == CLAIM_REFUTED;
			}
			ledger_free(l);
		}
		if (!refutable)
			fail_msg("%s \"%s\" cannot be refuted", c->id, c->words);
	}
}

/* With every figure known no text has a hole, and none is cut off. */
static void texts_are_whole(void **state)
{
	struct ledger *l = forge(REPEATS, CEILING);

	(void)state;
	ledger_finish(l);
	for (const struct classic_claim *c = classic_claims; c->id; c++) {
		const char *texts[] = { c->ours, c->if_so, c->test ? c->if_not : NULL };

		assert_non_null(c->words);
		assert_non_null(c->theirs);
		assert_non_null(c->if_not);
		if (c->test)
			assert_true(c->ours && c->if_so && c->low < c->high);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			for (const char *at = texts[i]; at && (at = strchr(at, '{')); at++) {
				char expression[160];
				struct classic_value v;

				assert_int_equal(sscanf(at, "{%159[^}]}", expression), 1);
				if (classic_eval(l, c->experiment,
						 expression + (*expression == '='), &v) ||
				    !v.interval.n)
					fail_msg("%s \"%s\": {%s} is no expression", c->id,
						 c->words, expression);
			}
	}
	classic_judge(l);
	for (size_t i = 0; i < l->n_claims; i++) {
		assert_null(strchr(l->claims[i].evidence, '?'));
		assert_null(strchr(l->claims[i].evidence, '{'));
		assert_null(strchr(l->claims[i].ours, '?'));
		assert_true(strlen(l->claims[i].ours) < sizeof(l->claims[i].ours) - 1);
		assert_true(strlen(l->claims[i].evidence) < sizeof(l->claims[i].evidence) - 1);
	}
	ledger_free(l);
}

static void all_are(struct ledger *l, enum claim_status status, const char *words)
{
	ledger_finish(l);
	classic_judge(l);
	for (size_t i = 0; i < l->n_claims; i++) {
		assert_int_equal(l->claims[i].status, status);
		if (classic_claims[i].test && !strstr(l->claims[i].evidence, words))
			fail_msg("%s: '%s' lacks '%s'", l->claims[i].id, l->claims[i].evidence,
				 words);
	}
	ledger_free(l);
}

static void nothing_was_run(void **state)
{
	(void)state;
	all_are(ledger_new(), CLAIM_NOT_TESTABLE, "was not run");
}

static void all_runs_failed(void **state)
{
	struct ledger *l = forge(REPEATS, CEILING);

	(void)state;
	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++)
			for (size_t r = 0; r < REPEATS; r++) {
				figures_clear(&l->blocks[i].rows[k].runs[r]);
				l->blocks[i].rows[k].runs[r].failed = true;
			}
	all_are(l, CLAIM_NOT_TESTABLE, "was not run");
}

static void one_run_is_no_interval(void **state)
{
	(void)state;
	all_are(forge(1, CEILING), CLAIM_NOT_TESTABLE, "one run says nothing about noise");
}

static void figures_are_unknown(void **state)
{
	struct ledger *l = forge(REPEATS, CEILING);

	(void)state;
	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++)
			for (size_t r = 0; r < REPEATS; r++) {
				figures_clear(&l->blocks[i].rows[k].runs[r]);
				l->blocks[i].rows[k].runs[r].done = true;
			}
	all_are(l, CLAIM_NOT_TESTABLE, "these runs do not tell");
}

/* Claims about CPUs are not judged where there are too few, or where it is not known. */
static void too_few_cpus(void **state)
{
	const double ceilings[] = { 1, 0 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct ledger *l = forge(REPEATS, ceilings[k]);
		size_t refused = 0;

		ledger_finish(l);
		classic_judge(l);
		for (size_t i = 0; i < l->n_claims; i++) {
			if (!classic_claims[i].test)
				continue;
			if (classic_claims[i].cpus) {
				assert_int_equal(l->claims[i].status, CLAIM_NOT_TESTABLE);
				assert_non_null(strstr(l->claims[i].evidence, "CPUs"));
				refused++;
			} else {
				assert_null(strstr(l->claims[i].evidence, "it takes"));
			}
		}
		assert_true(refused > 10);
		ledger_free(l);
	}
}

/* Nor those that need free CPUs, if somebody else had them. */
static void others_had_the_cpus(void **state)
{
	size_t refused = 0;

	(void)state;
	for (const struct classic_claim *c = classic_claims; c->id; c++) {
		struct ledger *l = forge(REPEATS, CEILING);
		struct outcome outcomes[4];
		struct ledger_row *row;

		if (c->test && c->quiet) {
			outcomes_of(c, outcomes);
			plant(l, c, outcomes[0].values);
			row = row_of(l, c->experiment, c->quiet);
			for (size_t i = 0; i < REPEATS; i++)
				row->runs[i].figure[FIGURE_QUEUE] = 0.3;
			assert_int_equal(judge_one(l, c)->status, CLAIM_NOT_TESTABLE);
			assert_non_null(strstr(l->claims[c - classic_claims].evidence, "30.0 %"));
			refused++;
		}
		ledger_free(l);
	}
	assert_true(refused > 4);
}

static void expressions(void **state)
{
	struct ledger *l = forge(REPEATS, CEILING);
	struct classic_value v;
	static const char *const wrong[] = {
		"",
		"wall_ns",
		"wall_ns threads /",
		"wall_ns threads * seq",
		"nothing threads",
		"wall_ns threads / seq / fork",
	};

	(void)state;
	row_of(l, "sleep-10s", "fork")->runs[1].figure[FIGURE_WALL] = 3e9;
	row_of(l, "sleep-10s", "seq")->runs[2].figure[FIGURE_WALL] = NAN;
	ledger_finish(l);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(classic_eval(l, "sleep-10s", wrong[i], &v), -EINVAL);
	assert_int_equal(classic_eval(l, "sleep-10s", "wall_ns nothing", &v), -ENOENT);
	assert_int_equal(classic_eval(l, "nothing", "wall_ns seq", &v), -ENOENT);
	assert_int_equal(classic_eval(l, "nothing", "wall_ns sleep-10s:seq", &v), 0);
	assert_true(v.unit == UNIT_NS && v.interval.value == 1e9 && v.interval.n == 2);
	assert_int_equal(classic_eval(l, "sleep-10s", "wall_ns fork / threads", &v), 0);
	assert_true(v.unit == UNIT_RATIO && v.interval.n == 3);
	assert_true(fabs(v.interval.value - cbrt(3)) < 1e-9); /* geometric mean of 1, 3, 1 */
	assert_int_equal(classic_eval(l, "sleep-10s", "wall_ns fork - seq", &v), 0);
	assert_true(v.unit == UNIT_NS && v.interval.n == 2);
	assert_true(fabs(v.interval.value - 1e9) < 1); /* mean of 0, 2 s; the third is not known */
	assert_int_equal(classic_eval(l, "sleep-10s", "full_ns threads", &v), 0);
	assert_true(fabs(v.interval.value - 1e10) < 1);
	ledger_free(l);
}

/* Names differ, command lines can be made, and what claims name is run. */
static void experiments(void **state)
{
	(void)state;
	for (const struct experiment *e = classic_experiments; e->name; e++) {
		for (const struct experiment *other = e + 1; other->name; other++)
			assert_string_not_equal(e->name, other->name);
		assert_non_null(e->title);
		for (const struct plan_mode *m = e->modes; m->name; m++) {
			struct plan_values v = { .mode = m,
						 .tasks = e->tasks,
						 .procs = 2,
						 .size = (uint64_t)e->size,
						 .scale = 1,
						 .time_ns = 1000000000,
						 .result = "/result",
						 .workload = "/workload",
						 .python = "/python",
						 .py = "/py" };
			char **argv;

			assert_int_equal(plan_expand(e->argv, &v, &argv), 0);
			assert_string_equal(argv[0], "/python");
			plan_argv_free(argv);
		}
	}
	assert_non_null(plan_find_suite("classic"));
	assert_ptr_equal(plan_find_suite("classic")->experiments, classic_experiments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status),
		cmocka_unit_test(texts_are_whole),
		cmocka_unit_test(nothing_was_run),
		cmocka_unit_test(all_runs_failed),
		cmocka_unit_test(one_run_is_no_interval),
		cmocka_unit_test(figures_are_unknown),
		cmocka_unit_test(too_few_cpus),
		cmocka_unit_test(others_had_the_cpus),
		cmocka_unit_test(expressions),
		cmocka_unit_test(experiments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
