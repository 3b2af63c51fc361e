// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_model.c - any records, in any order, through model, analysis and all renderers.
 *
 * The input is raw records one after the other; their sizes, states and strings are put right, so
 * that everything passes trace_check() and every byte counts.  What a hostile trace can say must
 * cost no crash, no endless loop and no undefined behaviour.
 *
 *	clang -g -O1 -std=gnu11 -D_GNU_SOURCE -I. -I.output -fsanitize=fuzzer,address,undefined \
 *		tests/fuzz/fuzz_model.c user/model/?*.c user/analysis/?*.c user/render/?*.c \
 *		user/trace/{fields,text}.c user/base/{buf,escape,fail,syscall,unit}.c .output/schema.o \
 *		-lm -o fuzz_model
 *	./fuzz_model -max_total_time=120 -max_len=16384 CORPUS tests/fuzz/corpus/model
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/analysis.h"
#include "user/analysis/whatif.h"
#include "user/base/buf.h"
#include "user/model/model.h"
#include "user/render/render.h"
#include "user/trace/fields.h"
#include "user/trace/trace.h"

union record {
	struct wire_head head;
	uint8_t bytes[TRACE_RECORD_MAX];
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void put_right(union record *r, const struct kind *k)
{
	for (size_t i = 0; i < k->n_fields; i++) {
		const struct field *f = &k->fields[i];
		uint8_t *at = r->bytes + f->offset;
		uint64_t value = 0;

		if (f->form == FIELD_STRING)
			at[f->size - 1] = 0;
		if (!f->limit)
			continue;
		memcpy(&value, at, f->size);
		value %= f->limit;
		memcpy(at, &value, f->size);
	}
	r->head.size = (uint16_t)kind_size(k, r);
}

/* The record at data, made valid; how many bytes of the input it took, 0: the end. */
static size_t take(union record *r, const uint8_t *data, size_t size)
{
	const struct kind *k;

	memset(r, 0, sizeof(*r));
	if (size < sizeof(r->head))
		return 0;
	memcpy(r, data, size < sizeof(*r) ? size : sizeof(*r));
	r->head.kind %= WIRE_KIND_MAX;
	k = kind_get(r->head.kind);
	if (!k)
		return 8;
	put_right(r, k);
	require(trace_check(&r->head, sizeof(*r)) == 0);
	return r->head.size < size ? r->head.size : size;
}

static void render_all(const struct report *r)
{
	struct render_opts o = render_defaults;
	struct buf out = { 0 };

	o.width = 80;
	o.all_threads = true;
	for (const struct renderer *f = renderers; f->name; f++) {
		out.len = 0;
		f->render(&out, r, &o);
		require(out.len > 0 || f->render == render_folded);
	}
	for (o.profile = 0; o.profile < PROFILE_COUNT; o.profile++)
		render_folded(&out, r, &o);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const questions[] = { "all", "processes", "no-lock:L1", "cpus:1" };
	struct model *m = model_new();
	union record r;
	struct report *report;
	size_t n;

	model_record(m);
	while ((n = take(&r, data, size))) {
		if (kind_get(r.head.kind))
			model_apply(m, &r.head); /* an impossible time is refused, that is fine */
		data += n;
		size -= n;
	}
	model_finish(m);
	report = analysis_report(m);
	whatif_answer(report, m, questions, sizeof(questions) / sizeof(questions[0]));
	render_all(report);
	report_free(report);
	model_free(m);
	return 0;
}
