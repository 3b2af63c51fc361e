/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_sample.h - reports made by hand, for the tests of everything that reads a report.
 */
#ifndef PARASCOPE_REPORT_SAMPLE_H
#define PARASCOPE_REPORT_SAMPLE_H

#include <stddef.h>

struct report;

/*
 * "gil"      a GIL-bound Python program with two busy threads, as a clean run shows it
 * "processes" lock-bound server in several processes; records were lost, everything is non-zero
 * "zero"     all numbers zero, all pointers NULL, all strings empty
 * "huge"     10,000 threads, 250 processes, 200 locks, 5,000 phases, largest numbers
 * "hostile"  strings of a target that wants to break the terminal or the parser
 * "python"   "gil", with all that the runtime knows: places, names, held asleep, samples
 * "nulls"    the same with no string at all and all numbers 0
 * "native"   "processes", with native stacks: C, C++, a library without symbols, mixed with Python
 * "weird"    the same with the strings of "hostile"
 */
extern const char *const report_samples[]; /* ends with NULL */

/* NULL if there is no such sample. */
struct report *report_sample(const char *name);
void report_sample_free(struct report *r);

/* For report_python.c: memory that goes with the sample r. */
void *report_sample_alloc(struct report *r, size_t n, size_t size);

/*
 * report_python.c: add what a runtime knows; the report has the GIL as its first lock.  Strings
 * are taken from bad, if it is not NULL, else they are those of a service.  n: how much of each.
 */
void report_python_fill(struct report *r, const char *const *bad, size_t n_bad, size_t n);
void report_python_nulls(struct report *r);

/* report_native.c: the same for native stacks, of any report. */
void report_native_fill(struct report *r, const char *const *bad, size_t n_bad, size_t n);

#endif
