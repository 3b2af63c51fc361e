/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * whatif.h - what would be if: predictions from a model with a timeline.  WHATIF.md explains them.
 */
#ifndef PARASCOPE_WHATIF_H
#define PARASCOPE_WHATIF_H

#include "user/analysis/report.h"
#include "user/model/model.h"

enum whatif_kind {
	WHATIF_PROCESSES, /* threads as processes: no GIL between them */
	WHATIF_NO_GIL,
	WHATIF_NO_LOCK, /* ... of this name */
	WHATIF_CPUS,
	WHATIF_ALL, /* each of these that makes sense */
};

struct whatif {
	enum whatif_kind kind;
	const char *name; /* WHATIF_NO_LOCK: points into the text that was parsed */
	unsigned cpus;
};

#define WHATIF_CPUS_MAX 4096
#define WHATIF_MAX 64 /* answers in a report */

/* "processes", "no-gil", "no-lock:NAME", "cpus:N", "all"; else -EINVAL and message. */
int whatif_parse(const char *text, struct whatif *ret);

/*
 * Answer these questions: fills r->prediction, which report_free() frees.  The model was told to
 * keep its timeline.  -EINVAL and message if a name is that of no lock or of several; the other
 * questions are answered all the same.
 */
int whatif_answer(struct report *r, const struct model *m, const char *const *questions, size_t n);
void whatif_free(struct report_prediction *p);

#endif
