// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * json.c - the whole report as one JSON object; JSON_SCHEMA.md explains it, report.schema.json is
 * its strict schema.
 *
 *	{
 *	 "schema":"parascope-report",
 *	 "version":"1.0",
 *	 "kernel":"6.18.44",
 *	 ...
 *	 "threads":[
 *	  {"pid":4711,"tid":4713,"comm":"Thread-1",...,"state_ns":{"on_cpu":5034112000,...
 *
 * Members carry the names of the structs in user/analysis/report.h; the tables below list them in
 * the order in which they are written.  A member more is one line here, one in the schema.
 */
#include <stdio.h>
#include <string.h>

#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/render/json_writer.h"
#include "user/render/render.h"

#define JSON_SCHEMA_NAME "parascope-report"
#define JSON_SCHEMA_VERSION "1.0"

enum field_type {
	F_U32,
	F_U64,
	F_I32,
	F_I64,
	F_BOOL,
	F_DOUBLE,
	F_TEXT,	    /* const char *, ours; NULL becomes null */
	F_ARRAY,    /* char [], ours */
	F_RAW,	    /* const char *, from the target */
	F_RAW_ARRAY, /* char [], from the target, perhaps without NUL */
	F_HEX,	    /* u64 address as a string: may exceed 2^53 */
	F_ID,	    /* u64 identifier as a decimal string: may exceed 2^53 */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset, size;
};

#define SIZE(struct_, member_) sizeof(((struct struct_ *)0)->member_)
#define F(type_, struct_, member_)                                                                 \
	{ #member_, type_, offsetof(struct struct_, member_), SIZE(struct_, member_) }
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void write_hex(struct json_writer *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	jsonw_string(w, name, text);
}

static void write_id(struct json_writer *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	jsonw_string(w, name, text);
}

static void write_field(struct json_writer *w, const struct field *f, const void *object)
{
	const char *p = (const char *)object + f->offset;
	const void *v = p;
	const char *s;

	switch (f->type) {
	case F_U32:
		return jsonw_u64(w, f->name, *(const uint32_t *)v);
	case F_U64:
		return jsonw_u64(w, f->name, *(const uint64_t *)v);
	case F_I32:
		return jsonw_i64(w, f->name, *(const int *)v);
	case F_I64:
		return jsonw_i64(w, f->name, *(const int64_t *)v);
	case F_BOOL:
		return jsonw_bool(w, f->name, *(const bool *)v);
	case F_DOUBLE:
		return jsonw_double(w, f->name, *(const double *)v);
	case F_TEXT:
		return jsonw_string(w, f->name, *(const char *const *)v);
	case F_ARRAY:
		return jsonw_string_n(w, f->name, p, strnlen(p, f->size));
	case F_RAW:
		s = *(const char *const *)v;
		return jsonw_raw(w, f->name, s ? s : "", s ? strlen(s) : 0);
	case F_RAW_ARRAY:
		return jsonw_raw(w, f->name, p, strnlen(p, f->size));
	case F_HEX:
		return write_hex(w, f->name, *(const uint64_t *)v);
	case F_ID:
		return write_id(w, f->name, *(const uint64_t *)v);
	}
}

static void write_fields(struct json_writer *w, const struct field *fields, size_t n,
			 const void *object)
{
	for (size_t i = 0; i < n; i++)
		write_field(w, &fields[i], object);
}

/* One member "name": {fields of object}. */
static void write_object(struct json_writer *w, const char *name, const struct field *fields,
			 size_t n, const void *object)
{
	jsonw_open(w, name, '{');
	write_fields(w, fields, n, object);
	jsonw_close(w, '}');
}

/* One member "name": [objects], each of size bytes. */
static void write_array(struct json_writer *w, const char *name, const struct field *fields,
			size_t n, const void *array, size_t count, size_t size)
{
	jsonw_open(w, name, '[');
	for (size_t i = 0; i < count; i++)
		write_object(w, NULL, fields, n, (const char *)array + i * size);
	jsonw_close(w, ']');
}
#define WRITE_ARRAY(w, name, fields, array, count)                                                 \
	write_array(w, name, fields, N_OF(fields), array, count, sizeof((array)[0]))

/* --- parts that several structs share -------------------------------------------------------- */

static void write_states(struct json_writer *w, const uint64_t state_ns[STATE_COUNT])
{
	jsonw_open(w, "state_ns", '{');
	for (size_t i = 0; i < STATE_COUNT; i++)
		jsonw_u64(w, report_states[i].key, state_ns[i]);
	jsonw_close(w, '}');
}

static void write_budget(struct json_writer *w, const struct report_budget *b)
{
	jsonw_open(w, "budget", '{');
	jsonw_u64(w, "total_ns", b->total_ns);
	write_states(w, b->state_ns);
	jsonw_close(w, '}');
}

static void write_histogram(struct json_writer *w, const char *name,
			    const struct report_histogram *h)
{
	jsonw_open(w, name, '[');
	for (size_t i = 0; i < h->n; i++)
		jsonw_u64(w, NULL, h->ns[i]);
	jsonw_close(w, ']');
}

static void write_parallelism(struct json_writer *w, const struct report_parallelism *p)
{
	static const struct field fields[] = {
		F(F_U64, report_parallelism, wall_ns),
		F(F_U64, report_parallelism, on_cpu_ns),
		F(F_DOUBLE, report_parallelism, average),
		F(F_DOUBLE, report_parallelism, demand),
		F(F_DOUBLE, report_parallelism, ceiling),
		F(F_ARRAY, report_parallelism, ceiling_why),
		F(F_U64, report_parallelism, serial_ns),
	};

	jsonw_open(w, "par", '{');
	write_fields(w, fields, N_OF(fields), p);
	write_histogram(w, "running", &p->running);
	write_histogram(w, "wanted", &p->wanted);
	jsonw_close(w, '}');
}

/* --- verdict, processes, threads ------------------------------------------------------------- */

static void write_verdict(struct json_writer *w, const struct report_verdict *v)
{
	static const struct field fields[] = {
		F(F_RAW_ARRAY, report_verdict, sentence),
		F(F_RAW_ARRAY, report_verdict, advice),
		F(F_DOUBLE, report_verdict, explained),
	};
	static const struct field evidence[] = {
		F(F_TEXT, report_evidence, key),
		F(F_ARRAY, report_evidence, label),
		F(F_DOUBLE, report_evidence, value),
		F(F_TEXT, report_evidence, unit),
	};

	jsonw_open(w, "verdict", '{');
	jsonw_string(w, "code", report_verdicts[v->code]);
	write_fields(w, fields, N_OF(fields), v);
	WRITE_ARRAY(w, "evidence", evidence, v->evidence, v->n_evidence);
	jsonw_close(w, '}');
}

static void write_process(struct json_writer *w, const struct report_process *p)
{
	static const struct field fields[] = {
		F(F_U32, report_process, pid),
		F(F_U32, report_process, ns_pid),
		F(F_U32, report_process, ppid),
		F(F_RAW_ARRAY, report_process, comm),
		F(F_RAW, report_process, cmdline),
		F(F_U32, report_process, threads),
		F(F_U32, report_process, execs),
		F(F_BOOL, report_process, existed),
		F(F_BOOL, report_process, ended),
		F(F_I32, report_process, exit_code),
		F(F_U64, report_process, begin_ns),
		F(F_U64, report_process, end_ns),
		F(F_U64, report_process, throttled_ns),
		F(F_U64, report_process, throttled),
	};

	jsonw_open(w, NULL, '{');
	write_fields(w, fields, N_OF(fields), p);
	write_parallelism(w, &p->par);
	write_budget(w, &p->budget);
	jsonw_close(w, '}');
}

static void write_thread(struct json_writer *w, const struct report_thread *t)
{
	static const struct field fields[] = {
		F(F_U32, report_thread, pid),
		F(F_U32, report_thread, tid),
		F(F_U32, report_thread, ns_tid),
		F(F_RAW_ARRAY, report_thread, comm),
		F(F_BOOL, report_thread, existed),
		F(F_BOOL, report_thread, ended),
		F(F_BOOL, report_thread, never_switched),
		F(F_U64, report_thread, begin_ns),
		F(F_U64, report_thread, end_ns),
		F(F_U64, report_thread, life_ns),
		F(F_U64, report_thread, user_ns),
		F(F_U64, report_thread, system_ns),
		F(F_U64, report_thread, voluntary),
		F(F_U64, report_thread, involuntary),
		F(F_U64, report_thread, migrations),
		F(F_U64, report_thread, waits),
		F(F_U64, report_thread, timeouts),
		F(F_U64, report_thread, interrupted),
		F(F_U64, report_thread, again),
		F(F_U64, report_thread, wakes),
		F(F_U64, report_thread, empty_wakes),
		F(F_U32, report_thread, top_lock),
		F(F_BOOL, report_thread, doubtful),
	};

	jsonw_open(w, NULL, '{');
	write_fields(w, fields, N_OF(fields), t);
	write_states(w, t->state_ns);
	jsonw_close(w, '}');
}

/* --- locks ----------------------------------------------------------------------------------- */

static const char *const lock_classes[] = {
	[LOCK_CLASS_LOCK] = "lock",
	[LOCK_CLASS_GIL] = "gil",
	[LOCK_CLASS_COND] = "cond",
};

static const struct field lock_identity[] = {
	F(F_U32, report_lock, id),	  F(F_TEXT, report_lock, kind),
	F(F_RAW_ARRAY, report_lock, name), F(F_U32, report_lock, pid),
	F(F_HEX, report_lock, addr),	  F(F_BOOL, report_lock, shared),
	F(F_U32, report_lock, dev),	  F(F_ID, report_lock, inode),
};

static const struct field lock_numbers[] = {
	F(F_U64, report_lock, waits),
	F(F_U64, report_lock, open),
	F(F_U64, report_lock, carried),
	F(F_U64, report_lock, calls),
	F(F_U64, report_lock, timeouts),
	F(F_U64, report_lock, interrupted),
	F(F_U64, report_lock, again),
	F(F_U64, report_lock, wakes),
	F(F_U64, report_lock, empty_wakes),
	F(F_U64, report_lock, wait_ns),
	F(F_U64, report_lock, blocked_ns),
	F(F_U64, report_lock, delay_ns),
	F(F_U64, report_lock, mean_ns),
	F(F_U64, report_lock, p50_ns),
	F(F_U64, report_lock, p99_ns),
	F(F_U64, report_lock, max_ns),
	F(F_U32, report_lock, waiters),
	F(F_U32, report_lock, max_waiting),
	F(F_U64, report_lock, first_ns),
	F(F_U64, report_lock, last_ns),
	F(F_TEXT, report_lock, owner_note),
};

static const struct field lock_slot[] = {
	F(F_U64, report_hist_slot, floor_ns),
	F(F_U64, report_hist_slot, count),
};

static const struct field lock_party[] = {
	F(F_U32, report_party, tid), F(F_U32, report_party, pid),
	F(F_RAW_ARRAY, report_party, comm), F(F_U64, report_party, ns),
	F(F_U64, report_party, count), F(F_TEXT, report_party, why),
};

static void write_lock(struct json_writer *w, const struct report_lock *l)
{
	jsonw_open(w, NULL, '{');
	write_fields(w, lock_identity, N_OF(lock_identity), l);
	jsonw_string(w, "class", lock_classes[l->class]);
	write_fields(w, lock_numbers, N_OF(lock_numbers), l);
	WRITE_ARRAY(w, "hist", lock_slot, l->hist, l->n_hist);
	WRITE_ARRAY(w, "top_waiters", lock_party, l->top_waiters, l->n_top_waiters);
	WRITE_ARRAY(w, "top_holders", lock_party, l->top_holders, l->n_top_holders);
	WRITE_ARRAY(w, "top_wakers", lock_party, l->top_wakers, l->n_top_wakers);
	jsonw_close(w, '}');
}

/* --- quality --------------------------------------------------------------------------------- */

static const struct field quality_fields[] = {
	F(F_BOOL, report_quality, complete),
	F(F_U64, report_quality, made),
	F(F_U64, report_quality, received),
	F(F_U64, report_quality, dropped),
	F(F_U64, report_quality, residual_ns),
	F(F_U64, report_quality, disagreement_ns),
	F(F_U64, report_quality, unmapped_shared),
	F(F_U64, report_quality, locks_folded),
	F(F_U64, report_quality, own_cpu_ns),
	F(F_U64, report_quality, own_rss_kib),
	F(F_U64, report_quality, maps_kib),
	F(F_U64, report_quality, ring_kib),
	F(F_BOOL, report_quality, prog_times),
};

static void write_quality(struct json_writer *w, const struct report_quality *q)
{
	static const struct field loss[] = {
		F(F_TEXT, report_loss, key),
		F(F_TEXT, report_loss, label),
		F(F_U64, report_loss, count),
	};
	static const struct field prog[] = {
		F(F_ARRAY, report_prog, name),
		F(F_U64, report_prog, runs),
		F(F_U64, report_prog, run_ns),
		F(F_U64, report_prog, misses),
	};

	jsonw_open(w, "quality", '{');
	write_fields(w, quality_fields, N_OF(quality_fields), q);
	WRITE_ARRAY(w, "loss", loss, q->loss, q->n_loss);
	WRITE_ARRAY(w, "progs", prog, q->progs, q->n_progs);
	jsonw_close(w, '}');
}

/* --- the report ------------------------------------------------------------------------------ */

static void write_head(struct json_writer *w, const struct report *r)
{
	static const struct field fields[] = {
		F(F_ARRAY, report, kernel),    F(F_U32, report, cpus_online),
		F(F_I64, report, realtime_ns), F(F_U64, report, begin_ns),
		F(F_U64, report, window_ns),   F(F_BOOL, report, command),
		F(F_BOOL, report, truncated),  F(F_RAW, report, target),
	};

	jsonw_string(w, "schema", JSON_SCHEMA_NAME);
	jsonw_string(w, "version", JSON_SCHEMA_VERSION);
	jsonw_string(w, "parascope_version", r->version);
	write_fields(w, fields, N_OF(fields), r);
}

#define WRITE_EACH(w, name, array, count, write_one)                                               \
	do {                                                                                       \
		jsonw_open(w, name, '[');                                                         \
		for (size_t i_ = 0; i_ < (count); i_++)                                            \
			write_one(w, &(array)[i_]);                                                \
		jsonw_close(w, ']');                                                              \
	} while (0)

void render_json(struct buf *out, const struct report *r, const struct render_opts *o)
{
	static const struct field phase[] = {
		F(F_U64, report_phase, begin_ns),      F(F_U64, report_phase, end_ns),
		F(F_DOUBLE, report_phase, parallelism), F(F_DOUBLE, report_phase, waiting),
		F(F_DOUBLE, report_phase, runnable),
	};
	struct json_writer w = { .out = out, .break_depth = 2 };

	(void)o;
	jsonw_open(&w, NULL, '{');
	write_head(&w, r);
	write_verdict(&w, &r->verdict);
	write_parallelism(&w, &r->par);
	write_budget(&w, &r->budget);
	WRITE_EACH(&w, "processes", r->processes, r->n_processes, write_process);
	WRITE_EACH(&w, "threads", r->threads, r->n_threads, write_thread);
	WRITE_EACH(&w, "locks", r->locks, r->n_locks, write_lock);
	jsonw_u64(&w, "locks_total", r->locks_total);
	WRITE_ARRAY(&w, "phases", phase, r->phases, r->n_phases);
	write_quality(&w, &r->quality);
	jsonw_close(&w, '}');
	buf_puts(out, "\n");
}
