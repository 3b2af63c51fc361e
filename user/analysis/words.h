/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.h - pieces of a sentence about a verdict; private to this folder.
 *
 * Each appends to a text of struct report_verdict, which is cut off at its end.  What comes from
 * the target is put in as it is: who prints the text escapes it.
 */
#ifndef PARASCOPE_WORDS_H
#define PARASCOPE_WORDS_H

#include "user/analysis/figures.h"
#include "user/base/unit.h"

#define WORDS_MAX 301 /* of sentence and advice, with the NUL */

void words_add(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct unit_text words_percent(double share);
struct unit_text words_amount(double n); /* threads or CPUs: two digits that mean something */
struct unit_text words_cpus(double n);

/* "Thread-2 (207)": the name in its language, else comm. */
void words_thread(char *text, const char *name, const char *comm, uint32_t tid);

void words_lock(char *text, const struct report_lock *l);

/*
 * "parse (app.py:12)", "libfoo.so.1+0x12", the end of long names; false, and nothing, if the place is
 * not known.
 */
bool words_place(char *text, const char *before, const struct report_place *p);

/* "4.0 threads wanted to run, 1.02 did" */
void words_wanted(char *text, const struct figures *f);

/* ... "; 75 % of the wanted thread time went to waiting for " */
void words_lost_to(const struct figures *f, enum loss loss, char *text);

/* "; 94 % of Python's CPU time ran without the GIL, most of it in sha256 (hash.py:12)", if much. */
void words_released(const struct figures *f, char *text);

#endif
