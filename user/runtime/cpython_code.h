/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_code.h - what a code object says of a frame: function, file, line.
 *
 * A frame is known by its code object and by where in it the thread is (wire_frame_id.instr), as
 * its version of CPython keeps it:
 *
 *	3.9	    f_lasti: bytes behind the first instruction, an int (low 32 bits), -1 before it
 *	3.10	    f_lasti: the same in units of 2 bytes
 *	3.11, 3.12  prev_instr: address of the last instruction that was begun
 *	3.13 on	    instr_ptr: address of the instruction
 */
#ifndef PARASCOPE_CPYTHON_CODE_H
#define PARASCOPE_CPYTHON_CODE_H

#include "bpf/wire.h"
#include "user/runtime/cpython_memory.h"

struct cpython_code {
	uint64_t addr;
	uint32_t first; /* line of the def; 0: not known */
	char function[sizeof(((struct wire_frame *)0)->function)];
	char file[sizeof(((struct wire_frame *)0)->file)];
	uint64_t bytes;	      /* of its instructions; 0: not known */
	uint64_t copies;      /* of them for single threads, see cpython_layout.c_tlbc; 0: none */
	unsigned char *lines; /* as layout->lines says; NULL: not known */
	size_t n_lines;
};

/* Read a code object; 0, -EIO if there is none, or what reading fails with. */
int cpython_code_read(const struct cpython_memory *m, uint64_t addr, struct cpython_code *ret);

void cpython_code_free(struct cpython_code *code);

/* Line of an instruction; 0: it has none, or it is not in this code. */
uint32_t cpython_code_line(const struct cpython_memory *m, const struct cpython_code *code,
			   uint64_t instr);

/* The same, of the instruction at so many bytes from the first one. */
uint32_t cpython_line(enum cpython_lines kind, const unsigned char *lines, size_t n, uint32_t first,
		      int64_t at);

#endif
