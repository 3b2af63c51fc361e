/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * library.h - which native functions are not the user's own code; private to this folder.
 */
#ifndef PARASCOPE_LIBRARY_H
#define PARASCOPE_LIBRARY_H

#include <stdint.h>

/* WIRE_FRAME_EVAL, WIRE_FRAME_LIBRARY, WIRE_FRAME_START of a function in a file. */
uint32_t library_flags(const char *function, const char *module);

#endif
