/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * costs_wire.h - costs of a host as records of a trace, and back.
 */
#ifndef PARASCOPE_COSTS_WIRE_H
#define PARASCOPE_COSTS_WIRE_H

#include "user/analysis/costs.h"
#include "user/model/model.h"

/* Records without a time; a WIRE_SPEED for each k from 1 to n_speed. */
struct wire_start_costs costs_to_wire(const struct host_costs *c);
struct wire_speed costs_speed_to_wire(const struct host_costs *c, unsigned k);

/* known is false, and all the rest 0, if they were not recorded or make no sense. */
void costs_of_model(struct host_costs *ret, const struct model *m);

#endif
