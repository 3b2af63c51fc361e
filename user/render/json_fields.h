/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_fields.h - members of a struct written from a table: a name, a type and an offset each.
 *
 * Private to user/render/json*.c.
 */
#ifndef PARASCOPE_JSON_FIELDS_H
#define PARASCOPE_JSON_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "user/render/json_writer.h"

enum json_type {
	F_U32,
	F_U64,
	F_COUNT, /* u64; REPORT_ABSENT becomes null */
	F_I32,
	F_I64,
	F_BOOL,
	F_DOUBLE,
	F_TEXT,	     /* const char *, ours; NULL becomes null */
	F_ARRAY,     /* char [], ours */
	F_RAW,	     /* const char *, from the target; NULL becomes "" */
	F_RAW_ARRAY, /* char [], from the target, perhaps without NUL */
	F_HEX,	     /* u64 address as a string: may exceed 2^53 */
	F_ID,	     /* u64 identifier as a decimal string: may exceed 2^53 */
};

struct json_field {
	const char *name;
	enum json_type type;
	size_t offset, size;
};

/* A row of such a table: member_ of struct struct_, under its own name. */
/* clang-format off */
#define F(type_, struct_, member_)                                                                 \
	{ #member_, type_, offsetof(struct struct_, member_), sizeof(((struct struct_ *)0)->member_) }
/* clang-format on */
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Each as a member of the object that is open. */
void jsonf_fields(struct json_writer *w, const struct json_field *fields, size_t n,
		  const void *object);

/* One member "name": {fields of object}. */
void jsonf_object(struct json_writer *w, const char *name, const struct json_field *fields,
		  size_t n, const void *object);

/* One member "name": [objects], each of size bytes. */
void jsonf_array(struct json_writer *w, const char *name, const struct json_field *fields, size_t n,
		 const void *array, size_t count, size_t size);
#define WRITE_ARRAY(w, name, fields, array, count)                                                 \
	jsonf_array(w, name, fields, N_OF(fields), array, count, sizeof((array)[0]))

#endif
