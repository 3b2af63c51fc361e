/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_parts.h - what the files of the JSON report share; private to user/render/json*.c.
 */
#ifndef PARASCOPE_JSON_PARTS_H
#define PARASCOPE_JSON_PARTS_H

#include "user/render/json_writer.h"

struct report_place;
struct report_prediction;

/* One member "place". */
void json_place(struct json_writer *w, const struct report_place *p);

/* One member "prediction": null if there is none. */
void json_prediction(struct json_writer *w, const struct report_prediction *p);

#endif
