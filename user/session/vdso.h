/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vdso.h - the code that the kernel maps into every process: there is no file of it, so ours is
 * copied.  All processes of one kernel and word size have the same.
 */
#ifndef PARASCOPE_VDSO_H
#define PARASCOPE_VDSO_H

/* A new descriptor of the one copy, or -errno. */
int vdso_open(void);

#endif
