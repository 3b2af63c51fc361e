// SPDX-License-Identifier: GPL-2.0-or-later
/* costs_wire.c - see costs_wire.h. */
#include <string.h>

#include "user/analysis/costs_wire.h"

#define PPM 1e6
#define SPEED_MIN 0.01 /* an implausible trace must not stop the clock of a replay */
#define SPEED_MAX 100.0
#define COST_MAX_NS 10000000000ULL

_Static_assert(HOST_SPEEDS_MAX == MODEL_MAX_SPEEDS, "a record for each");

static __u32 to_ppm(double speed)
{
	return speed > SPEED_MIN && speed < SPEED_MAX ? (__u32)(speed * PPM + 0.5) : 0;
}

struct wire_start_costs costs_to_wire(const struct host_costs *c)
{
	return (struct wire_start_costs){
		.head = { 0, 0, WIRE_START_COSTS, sizeof(struct wire_start_costs) },
		.thread_ns = c->thread_ns,
		.fork_ns = c->fork_ns,
		.fork_mib_ns = c->fork_mib_ns,
		.exit_ns = c->exit_ns,
		.ipc_ns = c->ipc_ns,
		.ipc_kib_ns = c->ipc_kib_ns,
	};
}

struct wire_speed costs_speed_to_wire(const struct host_costs *c, unsigned k)
{
	return (struct wire_speed){
		.head = { 0, 0, WIRE_SPEED, sizeof(struct wire_speed) },
		.threads = k,
		.ppm = to_ppm(c->speed[k - 1]),
		.low_ppm = to_ppm(c->speed_low[k - 1]),
		.high_ppm = to_ppm(c->speed_high[k - 1]),
	};
}

static bool is_speed(__u32 ppm)
{
	return ppm >= SPEED_MIN * PPM && ppm <= SPEED_MAX * PPM;
}

static bool is_plausible(const struct wire_start_costs *c)
{
	const __u64 ns[] = { c->thread_ns, c->fork_ns, c->fork_mib_ns,
			     c->exit_ns,   c->ipc_ns,  c->ipc_kib_ns };

	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		if (ns[i] > COST_MAX_NS)
			return false;
	return c->head.kind == WIRE_START_COSTS;
}

void costs_of_model(struct host_costs *ret, const struct model *m)
{
	const struct wire_start_costs *c = &m->start_costs;

	memset(ret, 0, sizeof(*ret));
	if (!is_plausible(c))
		return;
	while (ret->n_speed < MODEL_MAX_SPEEDS) {
		const struct wire_speed *s = &m->speeds[ret->n_speed];

		if (!is_speed(s->ppm) || !is_speed(s->low_ppm) || !is_speed(s->high_ppm))
			break;
		ret->speed[ret->n_speed] = s->ppm / PPM;
		ret->speed_low[ret->n_speed] = s->low_ppm / PPM;
		ret->speed_high[ret->n_speed++] = s->high_ppm / PPM;
	}
	if (!ret->n_speed)
		return;
	ret->known = true;
	ret->thread_ns = c->thread_ns;
	ret->fork_ns = c->fork_ns;
	ret->fork_mib_ns = c->fork_mib_ns;
	ret->exit_ns = c->exit_ns;
	ret->ipc_ns = c->ipc_ns;
	ret->ipc_kib_ns = c->ipc_kib_ns;
}
