/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_say.h - what a block of the ledger means, in one or two sentences.
 *
 *	"threads 1.02x, fork 1.87x of seq: use fork (1.80 to 1.95x); a worker costs 38 ms to start
 *	 and it takes 24 MiB more memory than threads"
 *
 * How it decides: a mode is faster (slower) if the whole 95 % interval of its speed-up is above
 * (below) 1.  Modes are listed from cheap to dear.  Used should be the cheapest one that is not
 * more than LEDGER_SAME slower than the best, or that these runs cannot tell from it.
 */
#ifndef PARASCOPE_BENCH_LEDGER_SAY_H
#define PARASCOPE_BENCH_LEDGER_SAY_H

struct ledger_block;

#define LEDGER_SAME 0.03 /* a difference that is not worth another mode */

void ledger_say(struct ledger_block *b); /* fills b->verdict */

#endif
