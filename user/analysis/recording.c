// SPDX-License-Identifier: GPL-2.0-or-later
/* recording.c - see recording.h. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/metric_named.h"
#include "user/analysis/recording.h"
#include "user/base/buf.h"
#include "user/base/fail.h"

/* "4711 python3 app.py" -> "python3 app.py": the next run has another PID. */
static char *without_pid(const char *target, bool command)
{
	size_t digits = command ? 0 : strspn(target, "0123456789");

	return xstrdup(digits && target[digits] == ' ' ? target + digits + 1 : target);
}

struct recording *recording_of_report(const char *path, const struct report *r)
{
	struct recording *rec = xcalloc(1, sizeof(*rec));

	rec->path = xstrdup(path);
	rec->target = without_pid(r->target ? r->target : "", r->command);
	snprintf(rec->kernel, sizeof(rec->kernel), "%.63s", r->kernel);
	snprintf(rec->format, sizeof(rec->format), "%s", REPORT_FORMAT);
	rec->cpus = r->cpus_online;
	rec->ceiling = r->par.ceiling;
	rec->window_s = (double)r->window_ns / 1e9;
	rec->command = r->command;
	rec->lean = r->lean;
	rec->complete = r->quality.complete && !r->truncated;
	rec->metrics = metrics_of(r);
	return rec;
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	metrics_free(r->metrics);
	free(r->path);
	free(r->target);
	free(r);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static int bad_member(const char *name, const char *wanted)
{
	return fail(-EINVAL, "member '%s' is not %s: no report of parascope", name, wanted);
}

/* A string without NUL bytes of at most max bytes; it belongs to the object. */
static int get_string(const json_t *object, const char *name, size_t max, const char **ret)
{
	const json_t *s = json_object_get(object, name);

	*ret = json_string_value(s);
	if (!*ret || json_string_length(s) > max || strlen(*ret) != json_string_length(s))
		return bad_member(name, "a string as it should be");
	return 0;
}

static int get_number(const json_t *object, const char *name, double *ret)
{
	const json_t *n = json_object_get(object, name);

	*ret = json_number_value(n);
	if (!json_is_number(n) || !isfinite(*ret))
		return bad_member(name, "a number");
	return 0;
}

/* Or null, which is NaN. */
static int get_maybe(const json_t *object, const char *name, double *ret)
{
	*ret = NAN;
	return json_is_null(json_object_get(object, name)) ? 0 : get_number(object, name, ret);
}

static int get_bool(const json_t *object, const char *name, bool *ret)
{
	const json_t *b = json_object_get(object, name);

	*ret = json_is_true(b);
	return json_is_boolean(b) ? 0 : bad_member(name, "true or false");
}

static int get_word(const json_t *object, const char *name, const char *const *words, size_t n,
		    unsigned *ret)
{
	const char *word;
	int err = get_string(object, name, 64, &word);

	for (*ret = 0; !err && *ret < n; ++*ret)
		if (strcmp(words[*ret], word) == 0)
			return 0;
	return err ? err : bad_member(name, "a word that this version knows");
}

static bool plausible(const struct metric *m)
{
	const struct stats_interval *v = &m->v;

	if (!m->known)
		return true;
	return isfinite(v->value) && isfinite(m->undisturbed) &&
	       (v->n < 2 || (v->low <= v->value && v->value <= v->high));
}

static int read_value(struct metric *m, const json_t *row)
{
	double n;
	int err = get_bool(row, "known", &m->known);

	if (!err)
		err = get_maybe(row, "value", &m->v.value);
	if (!err)
		err = get_maybe(row, "low", &m->v.low);
	if (!err)
		err = get_maybe(row, "high", &m->v.high);
	if (!err)
		err = get_maybe(row, "undisturbed", &m->undisturbed);
	if (!err)
		err = get_number(row, "n", &n);
	if (err)
		return err;
	if (!(n >= 0 && n <= 1e15))
		return bad_member("n", "possible");
	m->v.n = (size_t)n;
	if (!plausible(m))
		return bad_member(m->key, "a metric as it should be");
	if (m->v.n < 2)
		m->v.low = m->v.high = m->v.value;
	return 0;
}

static int read_metric(struct metrics *t, const json_t *row)
{
	unsigned unit, better;
	bool ours;
	enum metric_better own_better;
	enum metric_unit own;
	const char *key, *why;
	struct metric *m;
	int err = get_string(row, "key", METRIC_KEY_MAX - 1, &key);

	if (!err && metrics_find(t, key))
		err = fail(-EINVAL, "metric '%s' is there twice", key);
	if (!err)
		err = get_word(row, "unit", metric_units, METRIC_UNITS, &unit);
	if (!err)
		err = get_word(row, "better", metric_betters, METRIC_BETTERS, &better);
	if (err)
		return err;
	ours = metric_kind(key, &own, &own_better);
	if (ours && own != unit)
		return bad_member(key, "in the unit of this metric");
	if (!ours && metric_group(key) != METRIC_WHOLE)
		return 0; /* a later version knows more about locks */
	m = metrics_add(t, key, (enum metric_unit)unit, (enum metric_better)better, 0);
	err = read_value(m, row);
	if (!err && !m->known && !get_string(row, "why", METRIC_WHY_MAX - 1, &why))
		snprintf(m->why, sizeof(m->why), "%s", why);
	return err;
}

static int read_metrics(struct recording *rec, const json_t *root)
{
	const json_t *rows = json_object_get(root, "metrics"), *row;
	size_t i;
	int err;

	if (!rows)
		return fail(-EINVAL, "made by an older parascope, without metrics: make it again "
				     "from its trace, or compare the traces");
	if (!json_is_array(rows) || json_array_size(rows) > RECORDING_METRICS_MAX)
		return bad_member("metrics", "a list as it should be");
	json_array_foreach(rows, i, row)
	{
		err = read_metric(rec->metrics, row);
		if (err)
			return err;
	}
	return 0;
}

/* Before 1.4 there was no other mode than "full". */
static bool is_lean(const json_t *root)
{
	const char *mode = json_string_value(json_object_get(root, "mode"));

	return mode && strcmp(mode, "lean") == 0;
}

static int read_head(struct recording *rec, const json_t *root)
{
	const json_t *par = json_object_get(root, "par");
	const json_t *quality = json_object_get(root, "quality");
	const char *schema, *text;
	double cpus, window;
	bool truncated;
	int err = get_string(root, "schema", 64, &schema);

	if (err || strcmp(schema, "parascope-report") != 0)
		return fail(-EINVAL, "JSON, but no report of parascope");
	if (get_string(root, "version", sizeof(rec->format) - 1, &text) ||
	    strncmp(text, REPORT_FORMAT, strcspn(REPORT_FORMAT, ".") + 1) != 0)
		return fail(-EINVAL, "a report in another format than %s", REPORT_FORMAT);
	snprintf(rec->format, sizeof(rec->format), "%s", text);
	err = get_string(root, "kernel", sizeof(rec->kernel) - 1, &text);
	if (err)
		return err;
	snprintf(rec->kernel, sizeof(rec->kernel), "%s", text);
	rec->lean = is_lean(root);
	err = get_bool(root, "command", &rec->command);
	if (!err)
		err = get_string(root, "target", RECORDING_JSON_MAX, &text);
	if (err)
		return err;
	rec->target = without_pid(text, rec->command);
	err = get_number(root, "cpus_online", &cpus);
	if (!err)
		err = get_number(root, "window_ns", &window);
	if (!err)
		err = get_number(par, "ceiling", &rec->ceiling);
	if (!err)
		err = get_bool(root, "truncated", &truncated);
	if (!err)
		err = get_bool(quality, "complete", &rec->complete);
	if (err)
		return err;
	if (!(cpus >= 0 && cpus <= 1e6) || !(window >= 0))
		return bad_member("cpus_online", "possible");
	rec->cpus = (uint32_t)cpus;
	rec->window_s = window / 1e9;
	rec->complete &= !truncated;
	return 0;
}

static int read_root(struct recording *rec, const json_t *root)
{
	const char *code;
	int err = read_head(rec, root);

	if (!err)
		err = read_metrics(rec, root);
	if (!err)
		err = get_string(json_object_get(root, "verdict"), "code",
				 sizeof(rec->metrics->verdict) - 1, &code);
	if (!err)
		snprintf(rec->metrics->verdict, sizeof(rec->metrics->verdict), "%s", code);
	return err;
}

int recording_of_json(struct recording **ret, const char *path, const char *text, size_t len)
{
	struct recording *rec = xcalloc(1, sizeof(*rec));
	json_error_t why;
	json_t *root;
	int err;

	*ret = NULL;
	rec->path = xstrdup(path);
	rec->metrics = xcalloc(1, sizeof(*rec->metrics));
	root = len > RECORDING_JSON_MAX ? NULL
					: json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (len > RECORDING_JSON_MAX)
		err = fail(-EINVAL, "more than %d MiB", RECORDING_JSON_MAX >> 20);
	else if (!root)
		err = fail(-EINVAL, "no JSON: line %d: %s", why.line, why.text);
	else
		err = read_root(rec, root);
	json_decref(root);
	if (err) {
		recording_free(rec);
		return fail_in(err, "%.200s", path);
	}
	*ret = rec;
	return 0;
}
