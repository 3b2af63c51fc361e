// SPDX-License-Identifier: GPL-2.0-or-later
/* whatif.c - the questions: what they say, what is replayed for them; see whatif.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/unit.h"
#include "user/model/lock.h"

#define ALL_LOCKS 3    /* of "all": the first locks, if they ... */
#define ALL_SHARE 0.01 /* ... cost so much of the measured time */

/* --- what the user says ---------------------------------------------------------------------- */

static int parse_cpus(const char *text, struct whatif *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !n || n > WHATIF_CPUS_MAX)
		return fail(-EINVAL, "cpus:%s: must be a number from 1 to %d", text,
			    WHATIF_CPUS_MAX);
	ret->cpus = (unsigned)n;
	return 0;
}

static int parse_lock(const char *text, struct whatif *ret)
{
	if (!*text)
		return fail(-EINVAL,
			    "no-lock: needs the name of a lock, or L1, L2, ... of the report");
	ret->name = text;
	return 0;
}

int whatif_parse(const char *text, struct whatif *ret)
{
	static const struct {
		const char *word;
		enum whatif_kind kind;
		int (*parse)(const char *text, struct whatif *ret);
	} words[] = {
		{ "processes", WHATIF_PROCESSES, NULL },
		{ "no-gil", WHATIF_NO_GIL, NULL },
		{ "no-lock:", WHATIF_NO_LOCK, parse_lock },
		{ "cpus:", WHATIF_CPUS, parse_cpus },
		{ "all", WHATIF_ALL, NULL },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].word);

		*ret = (struct whatif){ .kind = words[i].kind };
		if (words[i].parse && !strncmp(text, words[i].word, len))
			return words[i].parse(text + len, ret);
		if (!strcmp(text, words[i].word))
			return 0;
	}
	return fail(-EINVAL,
		    "no what-if '%s': there are processes, no-gil, no-lock:NAME, cpus:N, all",
		    text);
}

/* --- locks ----------------------------------------------------------------------------------- */

static bool is_beside(const struct lock *l, const struct lock *handoff)
{
	uint64_t apart =
		l->base > handoff->base ? l->base - handoff->base : handoff->base - l->base;

	return l != handoff && l->space == handoff->space && l->shared == handoff->shared &&
	       apart <= HANDOFF_SIZE;
}

void prediction_find_handoffs(struct prediction *p)
{
	const struct lock *l;

	DL_FOREACH (p->m->locks, l)
		if (l->kind == KIND_HANDOFF)
			vec_push(p->handoffs, p->n_handoffs, p->cap_handoffs) = l;
}

bool prediction_is_part(const struct prediction *p, const struct lock *l)
{
	for (size_t i = 0; i < p->n_handoffs; i++)
		if (is_beside(l, p->handoffs[i]))
			return true;
	return false;
}

void prediction_add_parts(const struct prediction *p, bool *set)
{
	for (size_t i = 0; i < p->tl->n_locks; i++) {
		const struct lock *l = set[i + 1] ? p->tl->locks[i] : NULL;

		for (size_t k = 0; l && l->kind == KIND_HANDOFF && k < p->tl->n_locks; k++)
			if (p->tl->locks[k] && is_beside(p->tl->locks[k], l))
				set[k + 1] = true;
	}
}

bool *prediction_locks(const struct prediction *p, bool (*want)(const struct lock *l))
{
	bool *set = xcalloc(p->tl->n_locks + 1, sizeof(*set));

	for (size_t i = 0; i < p->tl->n_locks; i++)
		set[i + 1] = p->tl->locks[i] && want(p->tl->locks[i]);
	prediction_add_parts(p, set);
	return set;
}

static bool is_gil(const struct lock *l)
{
	return lock_class(l) == CLASS_GIL;
}

bool prediction_is_of_threads(const struct lock *l)
{
	return is_gil(l) || (!l->shared && (l->kind == KIND_MALLOC || l->kind == KIND_STDIO ||
					    l->kind == KIND_ONCE));
}

/* What threads hand over to each other there becomes a message. */
static bool is_channel(const struct lock *l)
{
	return !l->shared && lock_class(l) == CLASS_COND && l->kind != KIND_JOIN &&
	       l->kind != KIND_PY_JOIN;
}

/* --- answers --------------------------------------------------------------------------------- */

static void refuse(struct report_whatif *ret, const char *why)
{
	ret->refused = true;
	snprintf(ret->why, sizeof(ret->why), "%s", why);
}

static void answer(const struct prediction *p, struct report_whatif *ret,
		   const struct replay_opts *opts)
{
	struct prediction_range range;

	if (!p->ret->possible) {
		refuse(ret, p->ret->why_not);
		return;
	}
	range = prediction_explain(p, *opts, ret);
	ret->value_ns = (uint64_t)range.value;
	ret->low_ns = (uint64_t)range.low;
	ret->high_ns = (uint64_t)range.high;
}

static int answer_processes(const struct prediction *p, const struct whatif *w,
			    struct report_whatif *ret)
{
	struct replay_opts opts = p->plain;
	bool *locks, *channels;

	(void)w;
	snprintf(ret->title, sizeof(ret->title), "each thread a process of its own");
	if (refuse_processes(p, ret->why, sizeof(ret->why))) {
		ret->refused = true;
		return 0;
	}
	locks = prediction_locks(p, prediction_is_of_threads);
	channels = prediction_locks(p, is_channel);
	opts.processes = true;
	opts.without_lock = locks;
	opts.message_lock = channels;
	answer(p, ret, &opts);
	free(locks);
	free(channels);
	return 0;
}

static bool any_gil(const struct prediction *p)
{
	for (size_t i = 0; i < p->tl->n_locks; i++)
		if (p->tl->locks[i] && is_gil(p->tl->locks[i]))
			return true;
	return false;
}

static int answer_no_gil(const struct prediction *p, const struct whatif *w,
			 struct report_whatif *ret)
{
	struct replay_opts opts = p->plain;
	bool *locks;

	(void)w;
	snprintf(ret->title, sizeof(ret->title), "nobody waits for a GIL");
	if (!any_gil(p)) {
		refuse(ret, "nobody waited for a GIL");
		return 0;
	}
	locks = prediction_locks(p, is_gil);
	opts.without_lock = locks;
	answer(p, ret, &opts);
	free(locks);
	return 0;
}

static int answer_no_lock(const struct prediction *p, const struct whatif *w,
			  struct report_whatif *ret)
{
	const struct report_lock *l = whatif_find_lock(p->r, w->name, ret->why, sizeof(ret->why));
	struct replay_opts opts = p->plain;
	bool *locks;

	snprintf(ret->title, sizeof(ret->title), "nobody waits for %s", l ? l->name : w->name);
	if (!l) {
		ret->refused = true;
		return fail(-EINVAL, "--what-if no-lock:%s: %s", w->name, ret->why);
	}
	if (!l->timeline || l->class == LOCK_CLASS_COND) {
		refuse(ret, !l->timeline
				    ? "nobody slept on it"
				    : "who waits there waits for work or for somebody to finish: "
				      "without it there is nothing to wait for");
		return 0;
	}
	locks = xcalloc(p->tl->n_locks + 1, sizeof(*locks));
	locks[l->timeline] = true;
	prediction_add_parts(p, locks);
	opts.without_lock = locks;
	answer(p, ret, &opts);
	free(locks);
	return 0;
}

static int answer_cpus(const struct prediction *p, const struct whatif *w,
		       struct report_whatif *ret)
{
	struct replay_opts opts = p->plain;

	snprintf(ret->title, sizeof(ret->title), "%u CPU%s instead of %s", w->cpus,
		 w->cpus == 1 ? "" : "s", unit_decimal(p->plain.cpus, 2).s);
	opts.cpus = w->cpus;
	answer(p, ret, &opts);
	return 0;
}

static int (*const answers[])(const struct prediction *p, const struct whatif *w,
			      struct report_whatif *ret) = {
	[WHATIF_PROCESSES] = answer_processes,
	[WHATIF_NO_GIL] = answer_no_gil,
	[WHATIF_NO_LOCK] = answer_no_lock,
	[WHATIF_CPUS] = answer_cpus,
};

static int ask(const struct prediction *p, const struct whatif *w, const char *text)
{
	struct report_whatif *ret;

	if (p->ret->n_whatifs == WHATIF_MAX)
		return fail(-EINVAL, "more than %d questions: --what-if '%s' is too many",
			    WHATIF_MAX, text);
	ret = &p->ret->whatifs[p->ret->n_whatifs++];
	snprintf(ret->asked, sizeof(ret->asked), "%s", text);
	return answers[w->kind](p, w, ret);
}

static void ask_all(const struct prediction *p)
{
	char text[32], why[8];
	size_t asked = 0;

	if (any_gil(p) || !refuse_processes(p, why, sizeof(why)))
		ask(p, &(struct whatif){ .kind = WHATIF_PROCESSES }, "processes");
	if (any_gil(p))
		ask(p, &(struct whatif){ .kind = WHATIF_NO_GIL }, "no-gil");
	for (size_t i = 0; i < p->r->n_locks && asked < ALL_LOCKS; i++) {
		const struct report_lock *l = &p->r->locks[i];

		if (l->class != LOCK_CLASS_LOCK || !l->timeline ||
		    (double)l->wait_ns < ALL_SHARE * p->measured_ns)
			continue;
		snprintf(text, sizeof(text), "no-lock:L%u", l->id);
		ask(p, &(struct whatif){ .kind = WHATIF_NO_LOCK, .name = text + 8 }, text);
		asked++;
	}
	snprintf(text, sizeof(text), "cpus:%u", 2 * (unsigned)(p->plain.cpus + 0.999));
	ask(p,
	    &(struct whatif){ .kind = WHATIF_CPUS, .cpus = 2 * (unsigned)(p->plain.cpus + 0.999) },
	    text);
}

int whatif_questions(const struct prediction *p, const char *const *questions, size_t n)
{
	char first[512] = "";
	int err = 0;

	p->ret->whatifs = xcalloc(WHATIF_MAX, sizeof(*p->ret->whatifs));
	for (size_t i = 0; i < n; i++) {
		struct whatif w;
		int bad = whatif_parse(questions[i], &w);

		if (!bad && w.kind == WHATIF_ALL)
			ask_all(p);
		else if (!bad)
			bad = ask(p, &w, questions[i]);
		if (bad && !err)
			snprintf(first, sizeof(first), "%s", fail_text());
		err = err ? err : bad;
	}
	return err ? fail(err, "%s", first) : 0;
}
