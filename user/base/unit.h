/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit.h - numbers as people write and read them.
 *
 * Formatting returns a small string by value, to be used inside one expression:
 *
 *	buf_printf(out, "waited %s (%s)", unit_ns(ns).s, unit_share(ns, wall_ns).s);
 *
 * Nothing depends on the locale.  A number that does not exist (0 / 0, NaN) is written "-"; there
 * is no "-0.0" and no "inf".
 */
#ifndef PARASCOPE_UNIT_H
#define PARASCOPE_UNIT_H

#include <stdint.h>

struct unit_text {
	char s[40];
};

/* "97 ns", "12.4 ms", "3.21 s", "12 min 03 s", "3 h 05 min", "2 d 07 h": at most 11 columns */
struct unit_text unit_ns(uint64_t ns);
struct unit_text unit_count(uint64_t n);     /* "1,234,567" */
struct unit_text unit_bytes(uint64_t bytes); /* "512 B", "8.00 MiB" */
struct unit_text unit_percent(double share); /* 0.514 -> "51.4 %"; above 0 but tiny: "<0.1 %" */
struct unit_text unit_decimal(double value, int decimals); /* "1.02" */

/* part / whole as a percentage; "-" when there is no whole. */
struct unit_text unit_share(uint64_t part, uint64_t whole);

/* part / whole, 0 when there is no whole: for bars and comparisons, not for printing. */
double unit_ratio(double part, double whole);

/*
 * "10s", "500ms", "1m30s", "0.5h"; a plain number is seconds.  Units: ns us ms s m min h d, each
 * smaller than the one before it.  Returns 0 or fail(-EINVAL / -ERANGE); *ret_ns only on success.
 */
int unit_parse_duration(const char *s, uint64_t *ret_ns);

/* "4096", "512K", "8M", "1.5GiB": powers of 1024.  Returns as above. */
int unit_parse_size(const char *s, uint64_t *ret_bytes);

#endif
