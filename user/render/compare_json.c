// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_json.c - a comparison as one JSON object: JSON_SCHEMA.md, compare.schema.json. */
#include <math.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/render/compare.h"
#include "user/render/json_writer.h"

static void write_side(struct json_writer *w, const char *name, const struct compare_side *s)
{
	jsonw_open(w, name, '{');
	jsonw_u64(w, "recordings", s->n);
	jsonw_raw(w, "target", s->target, strlen(s->target));
	jsonw_string(w, "verdict", s->metrics->verdict[0] ? s->metrics->verdict : NULL);
	jsonw_string(w, "verdicts", s->verdicts.data);
	jsonw_close(w, '}');
}

static void write_value(struct json_writer *w, const char *name, const struct stats_interval *v,
			double undisturbed)
{
	bool interval = v->n >= 2;

	jsonw_open(w, name, '{');
	jsonw_double(w, "value", v->value);
	jsonw_double(w, "low", interval ? v->low : NAN);
	jsonw_double(w, "high", interval ? v->high : NAN);
	jsonw_u64(w, "n", v->n);
	jsonw_double(w, "undisturbed", undisturbed);
	jsonw_close(w, '}');
}

static void write_row(struct json_writer *w, const struct compare_row *r)
{
	static const char *const effects[] = { "worse", "neither", "better" };
	static const char *const names[METRIC_GROUPS] = { "whole", "lock", "function" };
	bool known = r->found != COMPARE_UNKNOWN, interval = known && r->change.n >= 2;

	jsonw_open(w, NULL, '{');
	jsonw_string(w, "key", r->key);
	jsonw_string(w, "group", names[r->group]);
	jsonw_string(w, "unit", metric_units[r->unit]);
	jsonw_string(w, "better", metric_betters[r->better]);
	jsonw_string(w, "found", compare_founds[r->found]);
	jsonw_string(w, "effect", effects[r->effect + 1]);
	jsonw_string(w, "why", r->why);
	if (known) {
		write_value(w, "a", &r->a, r->undisturbed_a);
		write_value(w, "b", &r->b, r->undisturbed_b);
	} else {
		jsonw_null(w, "a");
		jsonw_null(w, "b");
	}
	jsonw_double(w, "change", known ? r->change.value : NAN);
	jsonw_double(w, "low", interval ? r->change.low : NAN);
	jsonw_double(w, "high", interval ? r->change.high : NAN);
	jsonw_double(w, "relative", known ? r->relative : NAN);
	jsonw_close(w, '}');
}

void render_compare_json(struct buf *out, const struct comparison *c,
			 const struct compare_expected *expected, size_t n)
{
	struct json_writer w = { .out = out, .break_depth = 2 };

	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "schema", "parascope-compare");
	jsonw_string(&w, "version", "1.0");
	write_side(&w, "a", &c->a);
	write_side(&w, "b", &c->b);
	jsonw_bool(&w, "verdict_changed", c->verdict_changed);
	jsonw_open(&w, "doubts", '[');
	for (size_t i = 0; i < c->n_doubts; i++)
		jsonw_string_n(&w, NULL, c->doubts[i].data, c->doubts[i].len);
	jsonw_close(&w, ']');
	jsonw_open(&w, "metrics", '[');
	for (size_t i = 0; i < c->n_rows; i++)
		write_row(&w, &c->rows[i]);
	jsonw_close(&w, ']');
	jsonw_open(&w, "expectations", '[');
	for (size_t i = 0; i < n; i++) {
		jsonw_open(&w, NULL, '{');
		jsonw_raw(&w, "text", expected[i].text, strlen(expected[i].text));
		jsonw_string(&w, "result", expect_results[expected[i].result]);
		jsonw_string(&w, "why", expected[i].why);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	buf_puts(out, "\n");
}
