// SPDX-License-Identifier: GPL-2.0-or-later
/* json_whatif.c - the member `prediction` of a report. */
#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/render/json_fields.h"
#include "user/render/json_parts.h"

static void write_whatifs(struct json_writer *w, const struct report_prediction *p)
{
	static const struct json_field fields[] = {
		F(F_RAW_ARRAY, report_whatif, asked), F(F_RAW_ARRAY, report_whatif, title),
		F(F_BOOL, report_whatif, refused),    F(F_RAW_ARRAY, report_whatif, why),
		F(F_U64, report_whatif, value_ns),    F(F_U64, report_whatif, low_ns),
		F(F_U64, report_whatif, high_ns),     F(F_DOUBLE, report_whatif, cpus_used),
		F(F_RAW_ARRAY, report_whatif, limit),
	};

	WRITE_ARRAY(w, "whatifs", fields, p->whatifs, p->n_whatifs);
}

static void write_serial(struct json_writer *w, const struct report_prediction *p)
{
	static const struct json_field fields[] = {
		F(F_U32, report_serial, lock),	   F(F_U64, report_serial, cost_ns),
		F(F_U64, report_serial, value_ns), F(F_U64, report_serial, low_ns),
		F(F_U64, report_serial, high_ns),
	};

	jsonw_open(w, "serial", '[');
	for (size_t i = 0; i < p->n_serial; i++) {
		jsonw_open(w, NULL, '{');
		jsonf_fields(w, fields, N_OF(fields), &p->serial[i]);
		json_place(w, &p->serial[i].place);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void write_critical(struct json_writer *w, const struct report_critical *c)
{
	static const struct json_field thread[] = {
		F(F_U32, report_critical_thread, pid),
		F(F_U32, report_critical_thread, tid),
		F(F_RAW_ARRAY, report_critical_thread, comm),
		F(F_RAW, report_critical_thread, name),
		F(F_U64, report_critical_thread, ns),
	};

	jsonw_open(w, "critical", '{');
	jsonw_u64(w, "total_ns", c->total_ns);
	jsonw_u64(w, "jumps", c->jumps);
	jsonw_open(w, "kind_ns", '{');
	for (size_t i = 0; i < CRITICAL_KINDS; i++)
		jsonw_u64(w, report_critical_kinds[i].key, c->kind_ns[i]);
	jsonw_close(w, '}');
	jsonw_u64(w, "all_threads", c->all_threads);
	WRITE_ARRAY(w, "threads", thread, c->threads, c->n_threads);
	jsonw_open(w, "functions", '[');
	for (size_t i = 0; i < c->n_functions; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_u64(w, "ns", c->functions[i].ns);
		json_place(w, &c->functions[i].place);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

void json_prediction(struct json_writer *w, const struct report_prediction *p)
{
	static const struct json_field fields[] = {
		F(F_BOOL, report_prediction, possible),
		F(F_RAW_ARRAY, report_prediction, why_not),
		F(F_U64, report_prediction, measured_ns),
		F(F_U64, report_prediction, replayed_ns),
		F(F_DOUBLE, report_prediction, error),
		F(F_DOUBLE, report_prediction, cpus),
		F(F_DOUBLE, report_prediction, others),
		F(F_U64, report_prediction, threads),
		F(F_U64, report_prediction, operations),
		F(F_BOOL, report_prediction, costs_known),
		F(F_DOUBLE, report_prediction, speed),
	};

	if (!p) {
		jsonw_null(w, "prediction");
		return;
	}
	jsonw_open(w, "prediction", '{');
	jsonf_fields(w, fields, N_OF(fields), p);
	jsonw_open(w, "assumptions", '[');
	for (size_t i = 0; i < p->n_assumptions; i++)
		jsonw_string(w, NULL, p->assumptions[i]);
	jsonw_close(w, ']');
	write_whatifs(w, p);
	write_serial(w, p);
	write_critical(w, &p->critical);
	jsonw_close(w, '}');
}
