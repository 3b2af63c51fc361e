/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording.h - what a comparison looks at of one report: its metrics, and what must be alike for
 * them to be comparable.  Made from a report, or from the JSON that another parascope wrote.
 */
#ifndef PARASCOPE_RECORDING_H
#define PARASCOPE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/analysis/metric.h"

struct report;

#define RECORDING_JSON_MAX (64 << 20) /* bytes; a report of 10,000 threads has 7 MB */
#define RECORDING_METRICS_MAX 2048    /* a report of ours has 1340 at most */

struct recording {
	char *path;
	char *target; /* without the PID of one that was attached to; raw bytes of the target */
	char kernel[64], format[16]; /* format: version of the report's JSON */
	uint32_t cpus;
	double ceiling, window_s;
	bool command, complete, lean;
	struct metrics *metrics;
};

struct recording *recording_of_report(const char *path, const struct report *r);

/* Nothing in it is believed: 0, or -EINVAL with a message that names the path. */
int recording_of_json(struct recording **ret, const char *path, const char *text, size_t len);

void recording_free(struct recording *r);

#endif
