// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * opt.c - option tables on top of getopt_long; see opt.h.
 *
 * getopt_long knows the syntax (clusters, "--name=value", unique abbreviations, "--"); this file
 * turns the table into its two lists, its answers into fields, and its failures into messages.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/base/opt.h"
#include "user/base/unit.h"

#define PID_LIMIT (4 * 1024 * 1024) /* the kernel's PID_MAX_LIMIT on 64-bit machines */
#define LONG_VAL 256		    /* getopt values of long options: LONG_VAL + row */
#define HELP_COLUMN 30
#define NAME_MAX_LEN 40 /* longer names get no suggestion */

/* --- values ---------------------------------------------------------------------------------- */

/* A decimal number and nothing else: no sign, no blanks. Returns the end, NULL if there is none. */
static const char *parse_decimal(const char *s, unsigned long long max, unsigned long long *ret)
{
	unsigned long long value = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		value = value * 10 + (unsigned)(*s - '0');
		if (value > max)
			return NULL;
	}
	*ret = value;
	return s;
}

int opt_parse_unsigned(const char *value, unsigned *ret)
{
	unsigned long long number;
	const char *end = parse_decimal(value, UINT_MAX, &number);

	if (!end || *end)
		return fail(-EINVAL, "'%s' is not a whole number up to %u", value, UINT_MAX);
	*ret = (unsigned)number;
	return 0;
}

/* The end of the id, NULL if there is none. */
static const char *parse_id(const char *s, pid_t *ret)
{
	unsigned long long id;
	const char *end = parse_decimal(s, PID_LIMIT, &id);

	if (!end || !id)
		return NULL;
	*ret = (pid_t)id;
	return end;
}

int opt_parse_id(const char *value, pid_t *ret)
{
	const char *end = parse_id(value, ret);

	return end && !*end ? 0 : fail(-EINVAL, "'%s' is no process id", value);
}

static int parse_ids(const char *value, struct opt_ids *ret)
{
	const char *s = value;

	for (;;) {
		pid_t id;
		const char *end = parse_id(s, &id);

		if (!end || (*end && *end != ','))
			return fail(-EINVAL, "'%s' is not a list of ids such as 12 or 12,34",
				    value);
		vec_push(ret->ids, ret->n, ret->cap) = id;
		if (!*end)
			return 0;
		s = end + 1;
	}
}

static int parse_value(const struct opt *o, const char *value, void *field)
{
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_UNSIGNED:
		return opt_parse_unsigned(value, field);
	case OPT_DURATION:
		return unit_parse_duration(value, field);
	case OPT_SIZE:
		return unit_parse_size(value, field);
	case OPT_STRING:
		*(const char **)field = value;
		return 0;
	case OPT_LIST: {
		struct opt_list *list = field;

		vec_push(list->items, list->n, list->cap) = value;
		return 0;
	}
	case OPT_IDS:
		return parse_ids(value, field);
	case OPT_CUSTOM:
		return o->parse(value, field);
	}
	return fail(-EINVAL, "unknown kind of option");
}

/* --- unknown options ------------------------------------------------------------------------- */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap neighbours) that turn a into b. */
static unsigned edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned d[3][NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *row = d[i % 3];
		const unsigned *prev = d[(i - 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = min3(prev[j] + 1, row[j - 1] + 1,
				      prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[(i - 2) % 3][j - 2] + 1 < row[j])
				row[j] = d[(i - 2) % 3][j - 2] + 1;
		}
	}
	return d[la % 3][lb];
}

/* The known name nearest to the one given; NULL if none is near enough to be what was meant. */
static const char *nearest_name(const struct opt *table, const char *name, size_t len)
{
	unsigned best = len < 4 ? 2 : (unsigned)len / 3 + 2; /* exclusive */
	const char *found = NULL;

	if (len > NAME_MAX_LEN)
		return NULL;
	for (const struct opt *o = table; o->name; o++) {
		size_t known = strlen(o->name);
		unsigned d;

		if (!o->help || known > NAME_MAX_LEN)
			continue;
		d = edit_distance(name, len, o->name, known);
		if (d < best) {
			best = d;
			found = o->name;
		}
	}
	return found;
}

static int unknown_long(const struct opt *table, const char *given)
{
	const char *name = given + 2;
	size_t len = strcspn(name, "=");
	const char *near;
	unsigned matches = 0;

	/* getopt_long reports an ambiguous abbreviation the same way as an unknown name */
	for (const struct opt *o = table; o->name; o++)
		matches += !strncmp(o->name, name, len);
	if (matches > 1 && len)
		return fail(-EINVAL, "option --%.*s could be any of %u options; write it out",
			    (int)len, name, matches);
	near = nearest_name(table, name, len);
	if (near)
		return fail(-EINVAL, "unknown option --%.*s; did you mean --%s?", (int)len, name,
			    near);
	return fail(-EINVAL, "unknown option --%.*s; --help lists them", (int)len, name);
}

/* --- parsing --------------------------------------------------------------------------------- */

struct rows {
	struct option *longs;
	struct buf shorts;
};

static void rows_make(const struct opt *table, struct rows *ret)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	*ret = (struct rows){ .longs = xcalloc(n + 1, sizeof(*ret->longs)) };
	/* '+': stop at the first argument that is no option; ':': tell a missing value apart */
	buf_puts(&ret->shorts, "+:");
	for (size_t i = 0; i < n; i++) {
		bool has_value = table[i].kind != OPT_FLAG;

		ret->longs[i] = (struct option){
			.name = table[i].name,
			.has_arg = has_value ? required_argument : no_argument,
			.val = LONG_VAL + (int)i,
		};
		if (table[i].short_name)
			buf_printf(&ret->shorts, "%c%s", table[i].short_name, has_value ? ":" : "");
	}
}

static void rows_free(struct rows *rows)
{
	free(rows->longs);
	buf_free(&rows->shorts);
}

static const struct opt *find_row(const struct opt *table, int val)
{
	if (val >= LONG_VAL)
		return &table[val - LONG_VAL];
	for (const struct opt *o = table; val && o->name; o++) {
		if (o->short_name == val)
			return o;
	}
	return NULL;
}

/* What getopt_long refused; argv[optind - 1] is the argument it looked at last. */
static int refused(const struct opt *table, int answer, char **argv)
{
	const struct opt *o = find_row(table, optopt);

	if (answer == ':' && o)
		return fail(-EINVAL, "option --%s needs a value: %s", o->name,
			    o->arg ? o->arg : "VALUE");
	if (o)
		return fail(-EINVAL, "option --%s takes no value", o->name);
	if (optopt)
		return fail(-EINVAL, "unknown option -%c; --help lists them", optopt);
	return unknown_long(table, argv[optind - 1]);
}

int opt_parse(const struct opt *table, int argc, char **argv, void *dest,
	      int *ret_first_positional)
{
	struct rows rows;
	int answer, err = 0;

	rows_make(table, &rows);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while (!err) {
		const struct opt *o;

		answer = getopt_long(argc, argv, rows.shorts.data, rows.longs, NULL);
		if (answer < 0)
			break;
		if (answer == '?' || answer == ':') {
			err = refused(table, answer, argv);
			break;
		}
		o = find_row(table, answer);
		err = parse_value(o, optarg, (char *)dest + o->offset);
		if (err)
			fail_in(err, "option --%s", o->name);
	}
	rows_free(&rows);
	if (!err)
		*ret_first_positional = optind;
	return err;
}

void opt_free(const struct opt *table, void *dest)
{
	for (const struct opt *o = table; o->name; o++) {
		void *field = (char *)dest + o->offset;

		if (o->kind == OPT_LIST) {
			free(((struct opt_list *)field)->items);
			*(struct opt_list *)field = (struct opt_list){ 0 };
		} else if (o->kind == OPT_IDS) {
			free(((struct opt_ids *)field)->ids);
			*(struct opt_ids *)field = (struct opt_ids){ 0 };
		}
	}
}

/* --- help ------------------------------------------------------------------------------------ */

/* Columns of a UTF-8 text without wide characters: all bytes but the continuation bytes. */
static size_t width_of(const char *s, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)s[i] & 0xc0) != 0x80;
	return width;
}

/* Words of text from column at on, each line indented to HELP_COLUMN. */
static void wrap(const char *text, size_t at, unsigned columns, struct buf *out)
{
	bool first = true;

	if (at + 2 > HELP_COLUMN) { /* no room for two blanks between the option and its text */
		buf_puts(out, "\n");
		at = 0;
	}
	buf_pad(out, ' ', HELP_COLUMN - at);
	at = HELP_COLUMN;
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");
		size_t width = width_of(text, len);

		if (!first && at + 1 + width > columns) {
			buf_puts(out, "\n");
			buf_pad(out, ' ', HELP_COLUMN);
			at = HELP_COLUMN;
		} else if (!first) {
			buf_puts(out, " ");
			at++;
		}
		buf_add(out, text, len);
		at += width;
		text += len;
		first = false;
	}
	buf_puts(out, "\n");
}

static void help_row(const struct opt *o, unsigned columns, struct buf *out)
{
	size_t begin = out->len;

	if (o->short_name)
		buf_printf(out, "  -%c, ", o->short_name);
	else
		buf_puts(out, "      ");
	buf_printf(out, "--%s", o->name);
	if (o->kind != OPT_FLAG)
		buf_printf(out, " %s", o->arg ? o->arg : "VALUE");
	wrap(o->help, width_of(out->data + begin, out->len - begin), columns, out);
}

static const char *group_of(const struct opt *o)
{
	return o->group ? o->group : "Options";
}

/* Is o the first visible row of its group? */
static bool opens_group(const struct opt *table, const struct opt *o)
{
	for (const struct opt *before = table; before < o; before++) {
		if (before->help && !strcmp(group_of(before), group_of(o)))
			return false;
	}
	return o->help;
}

void opt_help(const struct opt *table, unsigned columns, struct buf *out)
{
	bool first = true;

	if (columns < 60)
		columns = 60;
	for (const struct opt *head = table; head->name; head++) {
		if (!opens_group(table, head))
			continue;
		buf_printf(out, "%s%s:\n", first ? "" : "\n", group_of(head));
		first = false;
		for (const struct opt *o = head; o->name; o++) {
			if (o->help && !strcmp(group_of(o), group_of(head)))
				help_row(o, columns, out);
		}
	}
}
