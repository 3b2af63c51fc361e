// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * unit.c - formatting and parsing of times, sizes, counts and shares; see unit.h.
 *
 * Times and sizes are formatted with integer arithmetic: three significant digits, rounded half up,
 * and a value that rounds up to 1000 moves to the next unit (999.6 us is "1.00 ms").
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/base/unit.h"

#define NSEC_PER_SEC 1000000000ull

struct unit {
	const char *name;
	uint64_t scale;
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- formatting ---------------------------------------------------------------------------- */

static uint64_t divide_rounded(uint64_t n, uint64_t by)
{
	return n / by + (n % by >= by - by / 2);
}

static const unsigned int pow10_of[] = { 1, 10, 100 };

/* Append '.' and v as exactly so many digits. */
static void put_fraction(struct unit_text *t, uint64_t v, int digits)
{
	char *s = t->s + strlen(t->s);

	if (!digits)
		return;
	*s = '.';
	s[digits + 1] = '\0';
	for (; digits; digits--, v /= 10)
		s[digits] = (char)('0' + v % 10);
}

/* Three significant digits of n in the first unit where it stays below limit. */
static bool format_scaled(struct unit_text *t, uint64_t n, const struct unit *u, uint64_t limit)
{
	for (int decimals = 2; decimals >= 0; decimals--) {
		uint64_t whole = n / u->scale, rest = n % u->scale;
		uint64_t p = pow10_of[decimals], v;

		if (whole >= limit)
			return false;
		/* rest * p cannot overflow: scales stay below 2^51 */
		v = whole * p + divide_rounded(rest * p, u->scale);
		if (v >= (decimals ? 1000 : limit))
			continue;
		snprintf(t->s, sizeof(t->s), "%llu", (unsigned long long)(v / p));
		put_fraction(t, v % p, decimals);
		strcat(strcat(t->s, " "), u->name);
		return true;
	}
	return false;
}

/* From ten minutes on, digits behind the point say less than minutes and hours. */
static struct unit_text format_long_time(uint64_t secs)
{
	static const struct {
		uint64_t big, small;
		const char *big_name, *small_name;
	} forms[] = {
		{ 60, 1, "min", "s" },
		{ 3600, 60, "h", "min" },
		{ 86400, 3600, "d", "h" },
	};
	size_t i = secs < 3600 ? 0 : secs < 48 * 3600 ? 1 : 2;
	struct unit_text t;

	if (secs >= 100 * 86400) { /* eleven columns at most */
		snprintf(t.s, sizeof(t.s), "%llu d", (unsigned long long)(secs / 86400));
		return t;
	}
	snprintf(t.s, sizeof(t.s), "%llu %s %02u %s", (unsigned long long)(secs / forms[i].big),
		 forms[i].big_name, (unsigned int)(secs % forms[i].big / forms[i].small),
		 forms[i].small_name);
	return t;
}

struct unit_text unit_ns(uint64_t ns)
{
	static const struct unit units[] = {
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", NSEC_PER_SEC },
	};
	uint64_t secs = divide_rounded(ns, NSEC_PER_SEC);
	struct unit_text t;

	if (ns < 1000) {
		snprintf(t.s, sizeof(t.s), "%u ns", (unsigned int)ns);
		return t;
	}
	if (secs >= 600)
		return format_long_time(secs);
	for (size_t i = 0; i < N_OF(units); i++)
		if (format_scaled(&t, ns, &units[i], 1000))
			break;
	return t;
}

struct unit_text unit_bytes(uint64_t bytes)
{
	static const struct unit units[] = {
		{ "KiB", 1ull << 10 }, { "MiB", 1ull << 20 }, { "GiB", 1ull << 30 },
		{ "TiB", 1ull << 40 }, { "PiB", 1ull << 50 },
	};
	struct unit_text t;

	if (bytes < 1024) {
		snprintf(t.s, sizeof(t.s), "%u B", (unsigned int)bytes);
		return t;
	}
	for (size_t i = 0; i < N_OF(units); i++)
		if (format_scaled(&t, bytes, &units[i], i + 1 < N_OF(units) ? 1024 : UINT64_MAX))
			break;
	return t;
}

struct unit_text unit_count(uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	struct unit_text t;
	size_t at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			t.s[at++] = ',';
		t.s[at++] = digits[i];
	}
	t.s[at] = '\0';
	return t;
}

struct unit_text unit_decimal(double value, int decimals)
{
	struct unit_text t = { "-" };
	unsigned long long scale = 1, v;

	if (!isfinite(value))
		return t;
	if (fabs(value) >= 1e12) {
		snprintf(t.s, sizeof(t.s), "%s1e12", value < 0 ? "< -" : "> ");
		return t;
	}
	decimals = decimals < 0 ? 0 : decimals > 6 ? 6 : decimals;
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	v = (unsigned long long)(fabs(value) * (double)scale + 0.5);
	snprintf(t.s, sizeof(t.s), "%s%llu", value < 0 && v ? "-" : "", v / scale);
	put_fraction(&t, v % scale, decimals);
	return t;
}

struct unit_text unit_percent(double share)
{
	struct unit_text t;

	if (share > 0 && share < 0.0005)
		return (struct unit_text){ "<0.1 %" };
	t = unit_decimal(share * 100, 1);
	if (isfinite(share))
		strcat(t.s, " %");
	return t;
}

struct unit_text unit_share(uint64_t part, uint64_t whole)
{
	if (!whole)
		return (struct unit_text){ "-" };
	return unit_percent((double)part / (double)whole);
}

double unit_ratio(double part, double whole)
{
	double ratio = part / whole;

	return whole != 0 && isfinite(ratio) ? ratio : 0;
}

/* --- parsing ------------------------------------------------------------------------------- */

#define MAX_FRACTION 9 /* digits behind the point that count */

/*
 * One number with an optional fraction, times the scale of the unit that follows it; *s moves past
 * both.  Returns the unit, or NULL with *ret = -EINVAL / -ERANGE.
 */
static const struct unit *parse_part(const char **s, const struct unit *units, size_t n,
				     uint64_t *ret_value, int *ret)
{
	uint64_t whole = 0, fraction = 0, fraction_scale = 1;
	const struct unit *best = NULL;
	const char *p = *s;
	size_t digits = 0, best_len = 0;

	*ret = -ERANGE;
	for (; *p >= '0' && *p <= '9'; p++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return NULL;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digits++)
			if (fraction_scale < 1000000000ull) {
				fraction = fraction * 10 + (uint64_t)(*p - '0');
				fraction_scale *= 10;
			}
	*ret = -EINVAL;
	if (!digits)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(p, units[i].name, len) == 0 && (len > best_len || !best)) {
			best = &units[i];
			best_len = len;
		}
	}
	if (!best)
		return NULL;
	*ret = -ERANGE;
	if (__builtin_mul_overflow(whole, best->scale, &whole))
		return NULL;
	fraction = (uint64_t)((__uint128_t)fraction * best->scale / fraction_scale);
	if (__builtin_add_overflow(whole, fraction, ret_value))
		return NULL;
	*s = p + best_len;
	*ret = 0;
	return best;
}

int unit_parse_duration(const char *s, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{ "", NSEC_PER_SEC },
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\u00b5s", 1000 }, /* micro sign */
		{ "\u03bcs", 1000 }, /* Greek mu */
		{ "ms", 1000000 },
		{ "s", NSEC_PER_SEC },
		{ "m", 60 * NSEC_PER_SEC },
		{ "min", 60 * NSEC_PER_SEC },
		{ "h", 3600 * NSEC_PER_SEC },
		{ "d", 86400 * NSEC_PER_SEC },
	};
	uint64_t sum = 0, last_scale = UINT64_MAX, value;
	const char *p = s;
	int err;

	do {
		const struct unit *u = parse_part(&p, units, N_OF(units), &value, &err);

		if (!u || (!*u->name && (sum || *p)) || u->scale >= last_scale)
			goto bad;
		if (__builtin_add_overflow(sum, value, &sum)) {
			err = -ERANGE;
			goto bad;
		}
		last_scale = u->scale;
	} while (*p);
	*ret_ns = sum;
	return 0;
bad:
	if (err == -ERANGE)
		return fail(err, "duration '%s' is too long", s);
	return fail(-EINVAL, "'%s' is not a duration: write 10, 500ms, 2.5s or 1m30s", s);
}

int unit_parse_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", 1ull << 10 },
		{ "KB", 1ull << 10 },
		{ "KiB", 1ull << 10 },
		{ "k", 1ull << 10 },
		{ "kB", 1ull << 10 },
		{ "M", 1ull << 20 },
		{ "MB", 1ull << 20 },
		{ "MiB", 1ull << 20 },
		{ "G", 1ull << 30 },
		{ "GB", 1ull << 30 },
		{ "GiB", 1ull << 30 },
		{ "T", 1ull << 40 },
		{ "TB", 1ull << 40 },
		{ "TiB", 1ull << 40 },
	};
	const char *p = s;
	uint64_t value;
	int err;

	if (parse_part(&p, units, N_OF(units), &value, &err) && !*p) {
		*ret_bytes = value;
		return 0;
	}
	if (err == -ERANGE)
		return fail(err, "size '%s' is too large", s);
	return fail(-EINVAL, "'%s' is not a size: write 4096, 512K, 8M or 1GiB", s);
}
