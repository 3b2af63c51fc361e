/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_text_predictions.h - what a validation found, as a section of the ledger for people.
 */
#ifndef PARASCOPE_RENDER_LEDGER_TEXT_PREDICTIONS_H
#define PARASCOPE_RENDER_LEDGER_TEXT_PREDICTIONS_H

#include "user/bench/ledger.h"
#include "user/render/text_out.h"

/* Nothing if the ledger has no validation. */
void ledger_text_predictions(struct text *t, const struct ledger *l);

#endif
