/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parser.h - the process that reads ELF files, DWARF and perf maps of watched processes.
 *
 * It is this program, started again by child.c, so that it has no memory of the privileged one.  It
 * locks itself up (jail.h), then answers what comes through a socket (ask.h) until that is closed.
 * All that a file can gain by taking it over is to say wrong names.
 */
#ifndef PARASCOPE_PARSER_H
#define PARASCOPE_PARSER_H

#include <stdbool.h>

/* The argument that child.c starts it with; no part of the command line that users see. */
#define PARSER_ARGUMENT "--parser"

/*
 * For main(), before it does anything else: is this process meant to be one?  Only if descriptor
 * ASK_FD is a socket that the parent of this process made.
 */
bool parser_wanted(int argc, char **argv);
_Noreturn void parser_main(void);

#endif
