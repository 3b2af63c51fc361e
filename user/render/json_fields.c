// SPDX-License-Identifier: GPL-2.0-or-later
/* json_fields.c - a value of each type at an offset; see json_fields.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/analysis/report.h"
#include "user/render/json_fields.h"

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

static void write_count(struct json_writer *w, const char *name, uint64_t value)
{
	if (value == REPORT_ABSENT)
		jsonw_null(w, name);
	else
		jsonw_u64(w, name, value);
}

static void write_field(struct json_writer *w, const struct json_field *f, const void *object)
{
	const char *p = (const char *)object + f->offset;
	const void *v = p;
	const char *s;

	switch (f->type) {
	case F_U32:
		return jsonw_u64(w, f->name, *(const uint32_t *)v);
	case F_U64:
		return jsonw_u64(w, f->name, *(const uint64_t *)v);
	case F_COUNT:
		return write_count(w, f->name, *(const uint64_t *)v);
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

void jsonf_fields(struct json_writer *w, const struct json_field *fields, size_t n,
		  const void *object)
{
	for (size_t i = 0; i < n; i++)
		write_field(w, &fields[i], object);
}

void jsonf_object(struct json_writer *w, const char *name, const struct json_field *fields,
		  size_t n, const void *object)
{
	jsonw_open(w, name, '{');
	jsonf_fields(w, fields, n, object);
	jsonw_close(w, '}');
}

void jsonf_array(struct json_writer *w, const char *name, const struct json_field *fields, size_t n,
		 const void *array, size_t count, size_t size)
{
	jsonw_open(w, name, '[');
	for (size_t i = 0; i < count; i++)
		jsonf_object(w, NULL, fields, n, (const char *)array + i * size);
	jsonw_close(w, ']');
}
