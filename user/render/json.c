// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * json.c - the whole report as one JSON object; JSON_SCHEMA.md explains it, report.schema.json is
 * its strict schema.
 *
 *	{
 *	 "schema":"parascope-report",
 *	 "version":"1.4",
 *	 "kernel":"6.18.44",
 *	 ...
 *	 "threads":[
 *	  {"pid":4711,"tid":4713,"comm":"Thread-1",...,"state_ns":{"on_cpu":5034112000,...
 *
 * Members carry the names of the structs in user/analysis/report.h; the tables below list them in
 * the order in which they are written.  A member more is one line here, one in the schema.
 */
#include <math.h>

#include "user/analysis/metric.h"
#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/render/json_fields.h"
#include "user/render/json_parts.h"
#include "user/render/render.h"

#define JSON_SCHEMA_NAME "parascope-report"

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
	static const struct json_field fields[] = {
		F(F_U64, report_parallelism, wall_ns),
		F(F_U64, report_parallelism, gap_ns),
		F(F_U64, report_parallelism, on_cpu_ns),
		F(F_DOUBLE, report_parallelism, average),
		F(F_DOUBLE, report_parallelism, demand),
		F(F_DOUBLE, report_parallelism, ceiling),
		F(F_ARRAY, report_parallelism, ceiling_why),
		F(F_U64, report_parallelism, serial_ns),
	};

	jsonw_open(w, "par", '{');
	jsonf_fields(w, fields, N_OF(fields), p);
	write_histogram(w, "running", &p->running);
	write_histogram(w, "wanted", &p->wanted);
	jsonw_close(w, '}');
}

/* --- places in the program -------------------------------------------------------------------- */

static const struct json_field place_fields[] = {
	F(F_RAW, report_place, function), F(F_RAW, report_place, file),
	F(F_U32, report_place, line),	  F(F_RAW, report_place, module),
	F(F_HEX, report_place, offset),
};

void json_place(struct json_writer *w, const struct report_place *p)
{
	jsonf_object(w, "place", place_fields, N_OF(place_fields), p);
}

static void write_site_fields(struct json_writer *w, const struct report_site *s)
{
	static const struct json_field fields[] = {
		F(F_RAW, report_site, stack),	     F(F_U32, report_site, tid),
		F(F_RAW_ARRAY, report_site, comm), F(F_RAW, report_site, thread_name),
		F(F_U64, report_site, ns),	     F(F_U64, report_site, samples),
	};

	jsonf_fields(w, place_fields, N_OF(place_fields), &s->place);
	jsonf_fields(w, fields, N_OF(fields), s);
}

static void write_sites(struct json_writer *w, const char *name, const struct report_site *sites,
			size_t n)
{
	jsonw_open(w, name, '[');
	for (size_t i = 0; i < n; i++) {
		jsonw_open(w, NULL, '{');
		write_site_fields(w, &sites[i]);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* --- verdict, processes, threads ------------------------------------------------------------- */

static void write_verdict(struct json_writer *w, const struct report_verdict *v)
{
	static const struct json_field fields[] = {
		F(F_RAW_ARRAY, report_verdict, sentence),
		F(F_RAW_ARRAY, report_verdict, advice),
		F(F_DOUBLE, report_verdict, explained),
	};
	static const struct json_field evidence[] = {
		F(F_TEXT, report_evidence, key),
		F(F_ARRAY, report_evidence, label),
		F(F_DOUBLE, report_evidence, value),
		F(F_TEXT, report_evidence, unit),
	};

	jsonw_open(w, "verdict", '{');
	jsonw_string(w, "code", report_verdicts[v->code]);
	jsonw_string(w, "rule", v->rule ? v->rule : "");
	jsonf_fields(w, fields, N_OF(fields), v);
	WRITE_ARRAY(w, "evidence", evidence, v->evidence, v->n_evidence);
	jsonw_close(w, '}');
}

static void write_process(struct json_writer *w, const struct report_process *p)
{
	static const struct json_field fields[] = {
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
	jsonf_fields(w, fields, N_OF(fields), p);
	write_parallelism(w, &p->par);
	write_budget(w, &p->budget);
	jsonw_close(w, '}');
}

static void write_thread(struct json_writer *w, const struct report_thread *t)
{
	static const struct json_field fields[] = {
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
		F(F_U64, report_thread, first_cpu_ns),
		F(F_U64, report_thread, user_ns),
		F(F_U64, report_thread, system_ns),
		F(F_U64, report_thread, voluntary),
		F(F_U64, report_thread, involuntary),
		F(F_U64, report_thread, migrations),
		F(F_U64, report_thread, waits),
		F(F_U64, report_thread, timeouts),
		F(F_U64, report_thread, interrupted),
		F(F_COUNT, report_thread, again),
		F(F_COUNT, report_thread, wakes),
		F(F_COUNT, report_thread, empty_wakes),
		F(F_U32, report_thread, top_lock),
		F(F_RAW, report_thread, name),
		F(F_BOOL, report_thread, python),
		F(F_DOUBLE, report_thread, gil_wait_share),
		F(F_U64, report_thread, gil_ns),
		F(F_U64, report_thread, free_ns),
		F(F_BOOL, report_thread, doubtful),
	};

	jsonw_open(w, NULL, '{');
	jsonf_fields(w, fields, N_OF(fields), t);
	write_states(w, t->state_ns);
	jsonw_close(w, '}');
}

/* --- locks ----------------------------------------------------------------------------------- */

static const char *const lock_classes[] = {
	[LOCK_CLASS_LOCK] = "lock",
	[LOCK_CLASS_GIL] = "gil",
	[LOCK_CLASS_COND] = "cond",
};

static const struct json_field lock_identity[] = {
	F(F_U32, report_lock, id),	  F(F_TEXT, report_lock, kind),
	F(F_RAW_ARRAY, report_lock, name), F(F_U32, report_lock, pid),
	F(F_HEX, report_lock, addr),	  F(F_BOOL, report_lock, shared),
	F(F_U32, report_lock, dev),	  F(F_ID, report_lock, inode),
	F(F_RAW_ARRAY, report_lock, object),
};

static const struct json_field lock_numbers[] = {
	F(F_U64, report_lock, waits),
	F(F_U64, report_lock, open),
	F(F_U64, report_lock, carried),
	F(F_U64, report_lock, calls),
	F(F_U64, report_lock, timeouts),
	F(F_U64, report_lock, interrupted),
	F(F_COUNT, report_lock, again),
	F(F_COUNT, report_lock, wakes),
	F(F_COUNT, report_lock, empty_wakes),
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

static const struct json_field lock_slot[] = {
	F(F_U64, report_hist_slot, floor_ns),
	F(F_U64, report_hist_slot, count),
};

static const struct json_field lock_party[] = {
	F(F_U32, report_party, tid), F(F_U32, report_party, pid),
	F(F_RAW_ARRAY, report_party, comm), F(F_RAW, report_party, name),
	F(F_U64, report_party, ns),	    F(F_U64, report_party, count),
	F(F_TEXT, report_party, why),
};

static void write_lock(struct json_writer *w, const struct report_lock *l)
{
	jsonw_open(w, NULL, '{');
	jsonf_fields(w, lock_identity, N_OF(lock_identity), l);
	jsonw_string(w, "class", lock_classes[l->class]);
	json_place(w, &l->place);
	jsonf_fields(w, lock_numbers, N_OF(lock_numbers), l);
	WRITE_ARRAY(w, "hist", lock_slot, l->hist, l->n_hist);
	WRITE_ARRAY(w, "top_waiters", lock_party, l->top_waiters, l->n_top_waiters);
	WRITE_ARRAY(w, "top_holders", lock_party, l->top_holders, l->n_top_holders);
	WRITE_ARRAY(w, "top_wakers", lock_party, l->top_wakers, l->n_top_wakers);
	write_sites(w, "sites", l->sites, l->n_sites);
	write_sites(w, "holding", l->holding, l->n_holding);
	jsonw_close(w, '}');
}

/* --- Python ----------------------------------------------------------------------------------- */

static const struct json_field gil_numbers[] = {
	F(F_U32, report_gil, lock),
	F(F_U32, report_gil, pid),
	F(F_HEX, report_gil, addr),
	F(F_RAW, report_gil, runtime),
	F(F_U64, report_gil, interval_ns),
	F(F_U64, report_gil, handoffs),
	F(F_BOOL, report_gil, switches_known),
	F(F_U64, report_gil, switches),
	F(F_COUNT, report_gil, forced),
	F(F_U64, report_gil, poll_ns),
	F(F_U64, report_gil, delay_ns),
	F(F_U64, report_gil, handoff_ns),
	F(F_U64, report_gil, convoy_count),
	F(F_U64, report_gil, convoy_p50_ns),
	F(F_U64, report_gil, convoy_p99_ns),
	F(F_U64, report_gil, convoy_max_ns),
	F(F_U64, report_gil, held_ns),
	F(F_U64, report_gil, free_ns),
	F(F_U64, report_gil, held_asleep_ns),
	F(F_U64, report_gil, held_preempted_ns),
	F(F_U64, report_gil, with_ns),
	F(F_U64, report_gil, without_ns),
};

static void write_held(struct json_writer *w, const struct report_held *h)
{
	static const struct json_field fields[] = {
		F(F_RAW, report_held, syscall),
		F(F_U64, report_held, held_ns),
		F(F_U64, report_held, max_ns),
	};

	jsonw_open(w, NULL, '{');
	jsonw_open(w, "site", '{');
	write_site_fields(w, &h->site);
	jsonw_close(w, '}');
	jsonf_fields(w, fields, N_OF(fields), h);
	jsonw_close(w, '}');
}

static void write_gil(struct json_writer *w, const struct report_gil *g)
{
	jsonw_open(w, NULL, '{');
	jsonf_fields(w, gil_numbers, N_OF(gil_numbers), g);
	jsonw_open(w, "held", '[');
	for (size_t i = 0; i < g->n_held; i++)
		write_held(w, &g->held[i]);
	jsonw_close(w, ']');
	write_sites(w, "holding", g->holding, g->n_holding);
	write_sites(w, "without", g->without, g->n_without);
	jsonw_close(w, '}');
}

static const struct json_field runtime_fields[] = {
	F(F_U32, report_runtime, pid),
	F(F_RAW, report_runtime, name),
	F(F_RAW, report_runtime, status),
	F(F_RAW, report_runtime, why),
};

/* --- quality --------------------------------------------------------------------------------- */

static const struct json_field quality_fields[] = {
	F(F_BOOL, report_quality, complete),
	F(F_U64, report_quality, made),
	F(F_U64, report_quality, received),
	F(F_U64, report_quality, dropped),
	F(F_U64, report_quality, residual_ns),
	F(F_U64, report_quality, disagreement_ns),
	F(F_U64, report_quality, unmapped_shared),
	F(F_U64, report_quality, samples),
	F(F_U64, report_quality, samples_unread),
	F(F_U64, report_quality, stacks),
	F(F_U64, report_quality, stacks_truncated),
	F(F_U64, report_quality, frames_unknown),
	F(F_U64, report_quality, sample_ns),
	F(F_U64, report_quality, samples_native),
	F(F_U64, report_quality, samples_whole),
	F(F_U64, report_quality, samples_cut),
	F(F_U64, report_quality, samples_astray),
	F(F_U64, report_quality, samples_no_rule),
	F(F_U64, report_quality, samples_no_memory),
	F(F_U64, report_quality, samples_early),
	F(F_U64, report_quality, samples_pointers),
	F(F_U64, report_quality, stacks_taken),
	F(F_U64, report_quality, stacks_ns),
	F(F_U64, report_quality, stacks_frames),
	F(F_U64, report_quality, tables),
	F(F_U64, report_quality, table_rows),
	F(F_U64, report_quality, table_ns),
	F(F_U64, report_quality, symbol_cpu_ns),
	F(F_U64, report_quality, locks_folded),
	F(F_U64, report_quality, own_cpu_ns),
	F(F_U64, report_quality, own_rss_kib),
	F(F_U64, report_quality, maps_kib),
	F(F_U64, report_quality, ring_kib),
	F(F_BOOL, report_quality, prog_times),
};

static void write_quality(struct json_writer *w, const struct report_quality *q)
{
	static const struct json_field loss[] = {
		F(F_TEXT, report_loss, key),
		F(F_TEXT, report_loss, label),
		F(F_U64, report_loss, count),
	};
	static const struct json_field prog[] = {
		F(F_ARRAY, report_prog, name),
		F(F_U64, report_prog, runs),
		F(F_U64, report_prog, run_ns),
		F(F_U64, report_prog, misses),
	};

	jsonw_open(w, "quality", '{');
	jsonf_fields(w, quality_fields, N_OF(quality_fields), q);
	WRITE_ARRAY(w, "loss", loss, q->loss, q->n_loss);
	WRITE_ARRAY(w, "progs", prog, q->progs, q->n_progs);
	jsonw_close(w, '}');
}

static void write_overhead(struct json_writer *w, const struct report_overhead *o)
{
	static const struct json_field fields[] = {
		F(F_DOUBLE, report_overhead, budget),
		F(F_DOUBLE, report_overhead, mean),
		F(F_DOUBLE, report_overhead, max),
		F(F_DOUBLE, report_overhead, machine),
		F(F_DOUBLE, report_overhead, least_cpus),
		F(F_U64, report_overhead, bpf_ns),
		F(F_U64, report_overhead, reader_ns),
		F(F_U64, report_overhead, target_ns),
		F(F_U64, report_overhead, detail_ns),
		F(F_BOOL, report_overhead, exceeded),
		F(F_DOUBLE, report_overhead, least),
	};
	static const struct json_field step[] = {
		F(F_U64, report_reduction, at_ns),
		F(F_U32, report_reduction, divisor),
		F(F_DOUBLE, report_reduction, detail),
		F(F_DOUBLE, report_reduction, cost),
	};

	if (!o) {
		jsonw_null(w, "overhead");
		return;
	}
	jsonw_open(w, "overhead", '{');
	jsonf_fields(w, fields, N_OF(fields), o);
	WRITE_ARRAY(w, "steps", step, o->steps, o->n_steps);
	jsonw_u64(w, "all_steps", o->all_steps);
	jsonw_close(w, '}');
}

/* --- metrics --------------------------------------------------------------------------------- */

static void write_metric(struct json_writer *w, const struct metric *m)
{
	bool interval = m->v.n >= 2;

	jsonw_open(w, NULL, '{');
	jsonw_string(w, "key", m->key);
	jsonw_string(w, "unit", metric_units[m->unit]);
	jsonw_string(w, "better", metric_betters[m->better]);
	jsonw_bool(w, "known", m->known);
	jsonw_string(w, "why", m->known ? NULL : m->why);
	jsonw_double(w, "value", m->v.value); /* not known: null */
	jsonw_double(w, "low", interval ? m->v.low : NAN);
	jsonw_double(w, "high", interval ? m->v.high : NAN);
	jsonw_u64(w, "n", m->v.n);
	jsonw_double(w, "undisturbed", m->undisturbed);
	jsonw_close(w, '}');
}

static void write_metrics(struct json_writer *w, const struct metrics *t)
{
	jsonw_open(w, "metrics", '[');
	for (size_t i = 0; t && i < t->n; i++)
		write_metric(w, &t->m[i]);
	jsonw_close(w, ']');
}

/* --- the report ------------------------------------------------------------------------------ */

static void write_head(struct json_writer *w, const struct report *r)
{
	static const struct json_field fields[] = {
		F(F_ARRAY, report, kernel),    F(F_U32, report, cpus_online),
		F(F_I64, report, realtime_ns), F(F_U64, report, begin_ns),
		F(F_U64, report, window_ns),   F(F_BOOL, report, command),
		F(F_BOOL, report, truncated),  F(F_RAW, report, target),
	};

	jsonw_string(w, "schema", JSON_SCHEMA_NAME);
	jsonw_string(w, "version", REPORT_FORMAT);
	jsonw_string(w, "parascope_version", r->version);
	jsonf_fields(w, fields, N_OF(fields), r);
	jsonw_string(w, "mode", r->lean ? "lean" : "full");
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
	static const struct json_field phase[] = {
		F(F_U64, report_phase, begin_ns),      F(F_U64, report_phase, end_ns),
		F(F_DOUBLE, report_phase, parallelism), F(F_DOUBLE, report_phase, waiting),
		F(F_DOUBLE, report_phase, runnable),   F(F_DOUBLE, report_phase, gil),
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
	WRITE_EACH(&w, "gils", r->gils, r->n_gils, write_gil);
	WRITE_ARRAY(&w, "runtimes", runtime_fields, r->runtimes, r->n_runtimes);
	write_sites(&w, "running", r->running, r->n_running);
	WRITE_ARRAY(&w, "phases", phase, r->phases, r->n_phases);
	write_metrics(&w, r->metrics);
	write_quality(&w, &r->quality);
	write_overhead(&w, r->overhead);
	json_prediction(&w, r->prediction);
	jsonw_close(&w, '}');
	buf_puts(out, "\n");
}
