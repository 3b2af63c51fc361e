// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ledger_json.c - the ledger as one JSON object, every run in it; JSON_SCHEMA.md explains it,
 * ledger.schema.json is its strict schema.
 *
 *	{
 *	 "schema":"parascope-ledger",
 *	 "version":"1.0",
 *	 ...
 *	 "experiments":[
 *	  {"name":"countdown",...,"modes":[
 *	   {"mode":"seq","figures":{"wall_ns":{"value":1.02e9,"low":...,"high":...,"n":3},...
 */
#include <math.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/validate.h"
#include "user/render/json_fields.h"
#include "user/render/ledger.h"

#define LEDGER_SCHEMA_NAME "parascope-ledger"
#define LEDGER_SCHEMA_VERSION "1.1"

static const struct json_field costs_fields[] = {
	F(F_U64, host_costs, thread_ns),   F(F_U64, host_costs, fork_ns),
	F(F_U64, host_costs, fork_mib_ns), F(F_U64, host_costs, exit_ns),
	F(F_U64, host_costs, ipc_ns),	   F(F_U64, host_costs, ipc_kib_ns),
};

static void write_costs(struct json_writer *w, const struct host_costs *c)
{
	if (!c->known) {
		jsonw_null(w, "costs");
		return;
	}
	jsonw_open(w, "costs", '{');
	jsonf_fields(w, costs_fields, N_OF(costs_fields), c);
	jsonw_open(w, "speed", '[');
	for (unsigned k = 0; k < c->n_speed; k++) {
		jsonw_open(w, NULL, '{');
		jsonw_u64(w, "threads", k + 1);
		jsonw_double(w, "value", c->speed[k]);
		jsonw_double(w, "low", c->speed_low[k]);
		jsonw_double(w, "high", c->speed_high[k]);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

/* null: not known */
static void write_interval(struct json_writer *w, const char *name, const struct stats_interval *i)
{
	if (!i->n) {
		jsonw_null(w, name);
		return;
	}
	jsonw_open(w, name, '{');
	jsonw_double(w, "value", i->value);
	jsonw_double(w, "low", i->low);
	jsonw_double(w, "high", i->high);
	jsonw_u64(w, "n", i->n);
	jsonw_close(w, '}');
}

static void write_raw(struct json_writer *w, const char *name, const char *s)
{
	if (s)
		jsonw_raw(w, name, s, strlen(s));
	else
		jsonw_null(w, name);
}

/* Up to the last k that ever was. */
static void write_steps(struct json_writer *w, const struct ledger_row *row)
{
	size_t n = LEDGER_STEPS;

	while (n && !(row->running_ns[n - 1] > 0))
		n--;
	jsonw_open(w, "running_ns", '[');
	for (size_t k = 0; k < n; k++)
		jsonw_double(w, NULL, row->running_ns[k]);
	jsonw_close(w, ']');
}

static void write_run(struct json_writer *w, const struct ledger_run *run)
{
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "result", run->done ? "done" : run->failed ? "failed" : "not-run");
	if (run->failed)
		jsonw_raw(w, "why", run->why, strnlen(run->why, sizeof(run->why)));
	else
		jsonw_null(w, "why");
	jsonw_string(w, "verdict", run->done ? report_verdicts[run->verdict] : NULL);
	jsonw_open(w, "figures", '{');
	for (size_t f = 0; run->done && f < FIGURE_COUNT; f++)
		jsonw_double(w, ledger_figures[f].key, run->figure[f]); /* null if not finite */
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

static void write_row(struct json_writer *w, const struct ledger_row *row)
{
	jsonw_open(w, NULL, '{');
	write_raw(w, "mode", row->mode);
	jsonw_u64(w, "done", row->n_done);
	jsonw_u64(w, "failed", row->n_failed);
	jsonw_string(w, "verdict", row->n_done ? report_verdicts[row->verdict] : NULL);
	jsonw_open(w, "figures", '{');
	for (size_t f = 0; f < FIGURE_COUNT; f++)
		write_interval(w, ledger_figures[f].key, &row->figure[f]);
	jsonw_close(w, '}');
	write_steps(w, row);
	jsonw_open(w, "state_ns", '{');
	for (size_t i = 0; i < STATE_COUNT; i++)
		jsonw_double(w, report_states[i].key, row->state_ns[i]);
	jsonw_close(w, '}');
	jsonw_open(w, "runs", '[');
	for (size_t i = 0; i < row->n_runs; i++)
		write_run(w, &row->runs[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static void write_block(struct json_writer *w, const struct ledger_block *b)
{
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "name", b->experiment->name);
	jsonw_string(w, "title", b->experiment->title);
	jsonw_string(w, "note", b->experiment->note);
	jsonw_bool(w, "by_time", b->experiment->by_time);
	write_raw(w, "python", b->python);
	write_raw(w, "python_path", b->path);
	if (b->gil < 0)
		jsonw_null(w, "gil");
	else
		jsonw_bool(w, "gil", b->gil);
	jsonw_u64(w, "tasks", b->tasks);
	jsonw_u64(w, "size", b->size);
	jsonw_double(w, "scale", b->scale);
	if (b->ceiling > 0)
		jsonw_double(w, "ceiling", b->ceiling);
	else
		jsonw_null(w, "ceiling");
	jsonw_raw(w, "verdict", b->verdict, strlen(b->verdict));
	jsonw_open(w, "modes", '[');
	for (size_t i = 0; i < b->n_rows; i++)
		write_row(w, &b->rows[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static void write_claim(struct json_writer *w, const struct ledger_claim *c)
{
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "id", c->id);
	jsonw_string(w, "words", c->words);
	jsonw_string(w, "theirs", c->theirs);
	jsonw_string(w, "ours", c->ours);
	jsonw_string(w, "status", ledger_claim_status[c->status]);
	jsonw_string(w, "evidence", c->evidence);
	jsonw_close(w, '}');
}

static void write_validation(struct json_writer *w, const struct ledger_block *b)
{
	const struct validation *v = b->validation;
	struct validation_result r;

	validation_judge(b, &r);
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "experiment", v->name);
	jsonw_u64(w, "tasks", b->tasks);
	jsonw_string(w, "question", v->question);
	jsonw_string(w, "change", v->change);
	write_interval(w, "recorded_ns", &r.recorded_ns);
	write_interval(w, "predicted_ns", &r.predicted_ns);
	jsonw_double(w, "low_ns", r.predicted_ns.n ? r.low_ns : NAN);
	jsonw_double(w, "high_ns", r.predicted_ns.n ? r.high_ns : NAN);
	write_interval(w, "measured_ns", &r.measured_ns);
	write_interval(w, "ratio", &r.ratio);
	if (r.ratio.n)
		jsonw_bool(w, "in_range", r.inside);
	else
		jsonw_null(w, "in_range");
	write_raw(w, "why_not", r.why_not);
	jsonw_close(w, '}');
}

void ledger_json(struct buf *out, const struct ledger *l, const struct render_opts *o)
{
	struct json_writer w = { .out = out, .break_depth = 5 };

	(void)o;
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "schema", LEDGER_SCHEMA_NAME);
	jsonw_string(&w, "version", LEDGER_SCHEMA_VERSION);
	jsonw_string(&w, "parascope_version", l->version);
	jsonw_string(&w, "kernel", l->kernel);
	jsonw_u64(&w, "cpus_online", l->cpus);
	jsonw_i64(&w, "realtime_ns", l->realtime_ns);
	jsonw_u64(&w, "repeats", l->repeats);
	jsonw_string(&w, "suite", l->suite);
	write_raw(&w, "command", l->command);
	jsonw_string(&w, "mode", l->lean ? "lean" : "full");
	jsonw_bool(&w, "complete", !l->incomplete);
	jsonw_u64(&w, "failed", l->n_failed);
	write_costs(&w, &l->costs);
	jsonw_open(&w, "experiments", '[');
	for (size_t i = 0; i < l->n_blocks; i++)
		write_block(&w, &l->blocks[i]);
	jsonw_close(&w, ']');
	jsonw_open(&w, "predictions", '[');
	for (size_t i = 0; i < l->n_blocks; i++)
		if (l->blocks[i].validation)
			write_validation(&w, &l->blocks[i]);
	jsonw_close(&w, ']');
	jsonw_open(&w, "claims", '[');
	for (size_t i = 0; i < l->n_claims; i++)
		write_claim(&w, &l->claims[i]);
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	buf_puts(out, "\n");
}
