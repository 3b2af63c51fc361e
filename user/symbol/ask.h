/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.h - what symbols.c and the parser process say to each other.
 *
 * One message is one packet of a socket pair.  Requests have one size, some carry a descriptor. The
 * parser answers every request, in the order in which they came, so the answer that is due is known
 * and so is the file that it works on.  Answers have a head and, depending on the kind, a tail.
 * Both sides are the same program, so that nothing here has to stay as it is.
 */
#ifndef PARASCOPE_ASK_H
#define PARASCOPE_ASK_H

#include <assert.h>
#include <stdint.h>

#include "user/symbol/module.h"

#define ASK_VERSION 1
#define ASK_FD 3      /* the socket, in the parser */
#define ASK_FILES 32  /* that the parser has open at a time */
#define ASK_FLIGHT 32 /* requests without an answer */
#define ASK_WHY 160
#define ASK_PACKET (64 << 10) /* no answer is longer */

enum ask_kind {
	ASK_HELLO, /* no request: the parser's first words; err if it could not lock itself up */
	ASK_OPEN,  /* + descriptor; answer + struct ask_about */
	ASK_MAP,   /* the same of a perf map; answer without tail */
	ASK_DEBUG, /* + descriptor of a debug file; answer + struct ask_about */
	ASK_ALT,   /* + descriptor */
	ASK_CLOSE,
	ASK_ROWS, /* answers + rows; several, the last one has `last` */
	ASK_CODE, /* answer + n struct module_function */
	ASK_DATA, /* answer + n (0 or 1) struct module_variable */
	ASK_KINDS,
};

struct ask {
	uint32_t version;
	uint32_t kind;
	uint32_t serial;
	uint32_t file;
	uint64_t addr;
};
static_assert(sizeof(struct ask) == 24, "layout");

struct ask_answer {
	uint32_t version;
	uint32_t kind;
	uint32_t serial;
	uint32_t file;
	int32_t err; /* 0 or -errno; then there is no tail and `why` says why */
	uint32_t n;  /* of the tail */
	uint32_t last;
	uint32_t pad;
	uint64_t base; /* ASK_ROWS */
	char why[ASK_WHY];
};
static_assert(sizeof(struct ask_answer) == 200, "layout");

/* struct module_about without its bools: a byte that is neither 0 nor 1 is none. */
struct ask_about {
	uint8_t build_id[MODULE_BUILD_ID_MAX];
	uint8_t alt_id[MODULE_BUILD_ID_MAX];
	char link[MODULE_LINK_MAX];
	uint32_t build_id_len;
	uint32_t alt_id_len;
	uint32_t link_crc;
	uint32_t has_symbols;
	uint32_t has_lines;
	uint32_t n_loads;
	struct module_load loads[MODULE_LOADS_MAX];
};
static_assert(sizeof(struct module_load) == 40, "layout");
static_assert(sizeof(struct ask_about) == 408 + 40 * MODULE_LOADS_MAX, "layout");

#define ASK_ROWS_MAX ((ASK_PACKET - sizeof(struct ask_answer)) / sizeof(struct wire_row))

static_assert(sizeof(struct module_function) == 296, "layout");
static_assert(sizeof(struct module_variable) == 112, "layout");
static_assert(sizeof(struct ask_answer) + MODULE_INLINES_MAX * sizeof(struct module_function) <=
		      ASK_PACKET,
	      "an answer is one packet");

#endif
