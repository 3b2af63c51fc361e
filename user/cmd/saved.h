/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * saved.h - what was saved before: traces, in both forms, and reports as JSON.
 */
#ifndef PARASCOPE_SAVED_H
#define PARASCOPE_SAVED_H

#include "user/trace/trace.h"

struct model;
struct recording;

/* All records of a trace ("-": stdin) to the sink; 0 or -errno and message. */
int saved_read(const char *path, trace_sink sink, void *ctx);
int saved_read_text(const char *path, trace_sink sink, void *ctx);

/* The same into a model; a trace without its window is an error (-ENODATA). */
int saved_model(struct model *m, const char *path, bool text);

/* A trace, or a report as JSON (which may come through a pipe): what a comparison needs of it. */
int saved_recording(struct recording **ret, const char *path);

#endif
