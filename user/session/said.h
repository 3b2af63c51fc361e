/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * said.h - what libbpf says: nothing of it reaches the user, unless asked for, but the verifier's
 * reason to refuse a program.
 */
#ifndef PARASCOPE_SAID_H
#define PARASCOPE_SAID_H

#include <stdbool.h>

/* From here on; loud: its words go to stderr. */
void said_begin(bool loud);

/* "program: reason" as the verifier said it last since said_begin(), "" if it refused nothing. */
const char *said_by_verifier(void);

#endif
