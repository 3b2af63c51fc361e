/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jail.h - lock this process up for good, before it reads files that may be meant to take it over.
 *
 * What is left to it: memory within limits, and reading and mapping the descriptors that it is
 * given through ASK_FD.  It has no user, no capability, no file name, no network, no other process,
 * and no memory that can be executed but what was loaded before.
 */
#ifndef PARASCOPE_JAIL_H
#define PARASCOPE_JAIL_H

/*
 * 0 or fail(-errno): then nothing may be read.  Made in two steps, so that what the first one
 * leaves can be tested without the second, which ends the process at the first call that is not
 * allowed.
 */
int jail_drop(void);
int jail_lock(void);

/* Memory of its own, and address space: files are mapped, so that takes more than the memory. */
#define JAIL_DATA_BYTES (192ull << 20)
#define JAIL_SPACE_BYTES (4ull << 30)

#endif
