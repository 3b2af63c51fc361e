/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rings.h - takes the programs' records out of their rings (struct wire_ring), in the order of their
 * times as far as that is known; private to the session.
 */
#ifndef PARASCOPE_RINGS_H
#define PARASCOPE_RINGS_H

#include <stdint.h>

#include "user/trace/trace.h"

struct bpf_map;
struct rings;
struct wire_config;

/* Before the object is loaded: how many rings, and how large, for so many bytes in all. */
void rings_choose(uint64_t bytes, struct wire_config *config, struct bpf_map *rings,
		  struct bpf_map *blocks);

/* After it is loaded.  NULL with message. */
struct rings *rings_open(const struct wire_config *config, const struct bpf_map *rings,
			 const struct bpf_map *blocks);

/*
 * Hand over all records that are there and not younger than until_ns.  What follows one that is not
 * complete yet waits for it.  Returns how many; the sink's first error ends it.
 */
int rings_drain(struct rings *r, uint64_t until_ns, trace_sink sink, void *ctx, int *ret_err);

/*
 * How many records were ever put into the rings, also what is not handed over yet.  The programs count
 * modulo 65536, so with more than that waiting in one ring it is too low.
 */
uint64_t rings_made(const struct rings *r);

void rings_close(struct rings *r);

#endif
