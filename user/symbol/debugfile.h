/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugfile.h - open the debug file that belongs to a file, below /usr/lib/debug.
 *
 * What the file says about itself - build id, debug link - is its owner's word.  It can choose
 * among regular files of root below that folder and never leaves it; whether one belongs to the
 * file is for the parser process to find out.
 */
#ifndef PARASCOPE_DEBUGFILE_H
#define PARASCOPE_DEBUGFILE_H

#include <stdint.h>

#include "user/symbol/module.h"

#define DEBUGFILE_ROOT "/usr/lib/debug"

/* A descriptor of the folder to look below, or -1: there is none. */
int debugfile_root(void);

/*
 * The i-th place where it may lie.  of: a descriptor of the file whose debug file it is.  Returns a
 * descriptor, -ENOENT (not there, try the next) or -ERANGE (there are no more places); no message.
 */
int debugfile_open(int root, unsigned i, const struct module_about *about, int of);
/* The same for the file that debug files share (dwz). */
int debugfile_open_alt(int root, unsigned i, const struct module_about *about);

/* A regular file of root or of this process's user, wherever it lies; or -ENOENT. */
int debugfile_take(const char *path);

/* "0a1b..." of at most size - 1 digits. */
void debugfile_hex(const uint8_t *id, uint32_t len, char *ret, unsigned size);

#endif
