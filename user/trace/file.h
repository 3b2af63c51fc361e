/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file.h - the layout of a saved trace (private to user/trace).
 *
 *	file_head   which format and version; these 16 bytes keep their meaning for ever
 *	file_block  "DATA", then its records      any number of times
 *	file_block  "DONE", then a file_totals    exactly once: without it the file is truncated
 *
 * All little-endian, everything a multiple of 8 bytes, every byte under a CRC-32.  A block's head
 * has its own CRC so that its length can be trusted before it is used: a file that ends inside a
 * block is truncated, one that does not fit its sums is corrupt.
 *
 * Blocks are not compressed: records are written while the target runs.  Measured with switch
 * records of 56 bytes: 80 ns each to write, deflate at its fastest 390 ns more for a file 5.5 times
 * smaller.  A FIFO or "-" puts any compressor behind parascope, on a CPU that is not measured.
 */
#ifndef PARASCOPE_TRACE_FILE_H
#define PARASCOPE_TRACE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

/* Not text, and damaged by everything that takes it for text (as PNG does it). */
#define FILE_MAGIC "\x89PSC\r\n\x1a\n"
#define FILE_VERSION 1 /* of this layout; the records have WIRE_VERSION */

#define FILE_DATA 0x41544144u /* "DATA" */
#define FILE_DONE 0x454e4f44u /* "DONE" */
#define FILE_BLOCK_MAX (256u << 10)

struct file_head {
	char magic[8];
	uint16_t version;
	uint16_t wire_version;
	uint32_t crc; /* of the bytes before it */
};

struct file_block {
	uint32_t magic;
	uint32_t sequence; /* 0, 1, 2, … */
	uint32_t bytes;	   /* that follow, at most FILE_BLOCK_MAX */
	uint32_t records;
	uint32_t bytes_crc;
	uint32_t crc; /* of this head before it */
};

struct file_totals {
	uint64_t records;
	uint64_t bytes;
};

_Static_assert(sizeof(struct file_head) == 16, "file_head");
_Static_assert(sizeof(struct file_block) == 24, "file_block");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "written as it lies in memory");

#endif
