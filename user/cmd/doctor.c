// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor.c - show what this machine offers, what is missing, and how to get it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/escape.h"
#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/render/json_writer.h"
#include "user/session/doctor.h"
#include "version.h"

#define COLUMNS 100
#define NAME_COLUMNS 18

struct doctor_cmd {
	const char *format;
	bool verbose, help;
};

static const struct opt options[] = {
	{ "format", 'f', OPT_STRING, offsetof(struct doctor_cmd, format), "NAME",
	  "text (default) or json", "Output", NULL },
	{ "verbose", 'v', OPT_FLAG, offsetof(struct doctor_cmd, verbose), NULL,
	  "also what libbpf says", "Output", NULL },
	CMD_HELP_OPTION(struct doctor_cmd, help),
	{ 0 },
};

static const char *const words[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_LIMITED] = "limited",
	[DOCTOR_MISSING] = "missing",
	[DOCTOR_UNKNOWN] = "unknown",
};

static bool is_bad(const struct doctor_finding *f)
{
	return f->result == DOCTOR_LIMITED || f->result == DOCTOR_MISSING;
}

/* Messages of the kernel may be quoted. */
static void add_escaped(struct buf *b, const char *s)
{
	escape_add(b, s, strlen(s), ESCAPE_NO_LIMIT, true);
}

/* In one line, without a line feed: the last line of the text and a member of the JSON. */
static void add_conclusion(struct buf *b, const struct doctor *d)
{
	struct buf cause = { 0 };
	size_t limits = 0;

	for (size_t i = 0; i < d->n; i++)
		limits += is_bad(&d->items[i]);
	if (!d->usable && doctor_cause(d, &cause))
		buf_printf(b, "parascope cannot work here: %s", cause.data);
	else if (!d->usable)
		buf_puts(b, "parascope cannot work here");
	else if (limits)
		buf_printf(b, "parascope works here, with %zu limit%s", limits,
			   limits == 1 ? "" : "s");
	else
		buf_puts(b, "parascope works here");
	buf_free(&cause);
}

/* --- text ------------------------------------------------------------------------------------ */

static void add_row(struct buf *b, const struct doctor_finding *f)
{
	bool fatal = f->required && f->result == DOCTOR_MISSING;

	buf_printf(b, "  %-7s  %-*s  ", fatal ? "MISSING" : words[f->result], NAME_COLUMNS,
		   f->name);
	add_escaped(b, f->seen);
	buf_puts(b, "\n");
}

/* "    label   text", the text in the columns after the label. */
static void add_wrapped(struct buf *b, const char *label, const char *text)
{
	int indent = 16, room = COLUMNS - indent;

	buf_printf(b, "    %-*s", indent - 4, label);
	while ((int)strlen(text) > room) {
		int len = room;

		while (len > 0 && text[len] != ' ')
			len--;
		if (!len)
			break;
		buf_printf(b, "%.*s\n", len, text);
		buf_pad(b, ' ', (size_t)indent);
		text += len + 1;
	}
	buf_printf(b, "%s\n", text);
}

static void add_bad(struct buf *b, const struct doctor *d, const char *heading, bool required)
{
	bool any = false;

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->items[i];

		if (!is_bad(f) || f->required != required)
			continue;
		if (!any)
			buf_printf(b, "\n%s\n", heading);
		any = true;
		buf_printf(b, "  %s: ", f->name);
		add_escaped(b, f->seen);
		buf_puts(b, "\n");
		add_wrapped(b, "without it", f->without);
		add_wrapped(b, "to get it", f->remedy);
	}
}

static void add_text(struct buf *b, const struct doctor *d)
{
	struct buf conclusion = { 0 };
	const char *group = "";

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->items[i];

		if (strcmp(group, f->group))
			buf_printf(b, "%s%s\n", i ? "\n" : "", f->group);
		group = f->group;
		add_row(b, f);
	}
	add_bad(b, d, "needed, and missing", true);
	add_bad(b, d, "limits", false);
	buf_puts(b, "\n");
	add_conclusion(&conclusion, d);
	add_escaped(b, conclusion.data);
	buf_puts(b, "\n");
	buf_free(&conclusion);
}

/* --- json ------------------------------------------------------------------------------------ */

static void add_json(struct buf *b, const struct doctor *d)
{
	struct json_writer w = { .out = b, .break_depth = 2 };
	struct buf conclusion = { 0 };

	add_conclusion(&conclusion, d);
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "schema", "parascope-doctor");
	jsonw_string(&w, "version", "1.0");
	jsonw_string(&w, "parascope_version", PARASCOPE_VERSION);
	jsonw_bool(&w, "usable", d->usable);
	jsonw_string(&w, "conclusion", conclusion.data);
	jsonw_open(&w, "checks", '[');
	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->items[i];

		jsonw_open(&w, NULL, '{');
		jsonw_string(&w, "group", f->group);
		jsonw_string(&w, "name", f->name);
		jsonw_bool(&w, "required", f->required);
		jsonw_string(&w, "result", words[f->result]);
		jsonw_string(&w, "seen", f->seen);
		jsonw_string(&w, "without", is_bad(f) ? f->without : NULL);
		jsonw_string(&w, "remedy", is_bad(f) ? f->remedy : NULL);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	buf_puts(b, "\n");
	buf_free(&conclusion);
}

/* --- command --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*add)(struct buf *b, const struct doctor *d);
} formats[] = {
	{ "text", add_text },
	{ "json", add_json },
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static int show(const char *format, bool verbose, bool *ret_usable)
{
	struct doctor d = { 0 };
	struct buf b = { 0 };
	size_t i = 0;
	int err;

	while (i < N_FORMATS && strcmp(format, formats[i].name))
		i++;
	if (i == N_FORMATS)
		return fail(-EINVAL, "no format '%s': text or json", format);
	doctor_examine(&d, verbose);
	formats[i].add(&b, &d);
	*ret_usable = d.usable;
	err = cmd_write(STDOUT_FILENO, &b);
	buf_free(&b);
	doctor_free(&d);
	return err;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct doctor_cmd c = { .format = "text" };
	bool usable = false;
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_doctor, argc, argv, &c, &first, &c.help);
	if (err <= 0)
		return err ? cmd_failed() : EXIT_OK;
	err = first < argc ? fail(-EINVAL, "doctor takes no arguments but options (see --help)")
			   : show(c.format, c.verbose, &usable);
	if (err)
		return cmd_failed();
	return usable ? EXIT_OK : EXIT_UNUSABLE;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "[options]",
	.summary = "Say whether parascope works on this machine, what is missing, how to get it",
	.details = "Looks at rights and kernel features one by one, then loads and attaches "
		   "everything once.\n"
		   "Exit code: 0 if parascope works here, perhaps with limits; 2 if it cannot.",
	.options = options,
	.run = run,
};
