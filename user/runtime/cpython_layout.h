/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_layout.h - versions of CPython and where each keeps what leads to its GIL, its threads,
 * their frames, code and names; no process is needed for it.
 */
#ifndef PARASCOPE_CPYTHON_LAYOUT_H
#define PARASCOPE_CPYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPYTHON_NONE (~0u) /* a member that the version does not have, if 0 is an offset */

/* How a code object tells the line of an instruction. */
enum cpython_lines {
	CPYTHON_LNOTAB,	   /* 3.9: pairs of steps, Objects/lnotab_notes.txt */
	CPYTHON_LINETABLE, /* 3.10: pairs of lengths and steps, PEP 626 */
	CPYTHON_LOCATIONS, /* 3.11 on: Objects/locations.md */
};

/* Where an instance of a class written in Python keeps its attributes. */
enum cpython_attributes {
	CPYTHON_DICT,		/* 3.9, 3.10: a dict at tp_dictoffset */
	CPYTHON_VALUES,		/* 3.11: a pointer to values, else one to a dict, in front */
	CPYTHON_DICT_OR_VALUES, /* 3.12: one pointer to either in front, odd for values */
	CPYTHON_INLINE_VALUES,	/* 3.13 on: a pointer to a dict in front, else values behind */
};

/*
 * Offsets in bytes.  Letters: t_ PyThreadState, f_ frame (PyFrameObject up to 3.10, then
 * _PyInterpreterFrame), c_ PyCodeObject, o_ PyObject, y_ PyTypeObject, s_ str, d_ dict, k_ keys of
 * a dict.
 */
struct cpython_layout {
	uint32_t version; /* PY_VERSION_HEX; without a patch level for 3.9 and 3.10 */
	unsigned minor;	  /* of version 3 */
	bool free_threaded;
	uint32_t head;	      /* _PyRuntime: newest PyInterpreterState */
	uint32_t gil;	      /* _PyRuntime: the GIL; 0: each interpreter points to its own */
	uint32_t main_thread; /* _PyRuntime: pthread_self() of the main thread */
	uint32_t next;	      /* PyInterpreterState: the next older one */
	uint32_t id;
	uint32_t threads; /* PyInterpreterState: newest PyThreadState */
	uint32_t gil_ptr; /* PyInterpreterState: the GIL it uses */
	uint32_t gil_own; /* PyInterpreterState: the GIL inside it, in use or not */

	uint32_t t_next; /* the next older one */
	uint32_t t_interp;
	uint32_t t_thread_id; /* pthread_self() */
	uint32_t t_frame;     /* innermost frame, or the cframe that has it */
	uint32_t cframe;      /* there: innermost frame; CPYTHON_NONE: t_frame has it itself */

	uint32_t f_size; /* of all that is read of every frame */
	uint32_t f_code; /* from 3.14 on with a tag in the lowest two bits */
	uint32_t f_previous;
	uint32_t f_instr;
	uint32_t instr_mask; /* 0xffffffff: f_instr is an int; 0: a pointer */
	uint32_t f_owner;    /* u8, or CPYTHON_NONE */
	uint32_t f_entry;    /* u8: called by C code; or WIRE_PYTHON_NONE, WIRE_PYTHON_ALL */
	uint32_t owner_c;    /* from this owner on it is no frame of Python code; 0: all are */
	uint32_t f_locals;   /* first local variable; with a tag as f_code */
	uint64_t tags;	     /* bits of it that are no address */

	uint32_t c_file;
	uint32_t c_name;  /* qualified name; up to 3.10 there is only the plain one */
	uint32_t c_first; /* int: line of the def */
	uint32_t c_lines; /* bytes: lines of the instructions */
	uint32_t c_code;  /* the instructions, from 3.11 on */
	uint32_t c_tlbc;  /* copies of them for single threads, or 0 */
	enum cpython_lines lines;

	uint32_t o_type;
	uint32_t o_size;   /* of objects of variable size: how many items */
	uint32_t b_data;   /* of bytes */
	uint32_t i_digits; /* of int: 30 bits in each u32 */
	bool i_tagged;	   /* the number of digits has three more bits below it */
	uint32_t y_name;
	uint32_t y_basicsize;
	uint32_t y_flags;
	uint32_t y_dictoffset;
	uint32_t y_keys; /* names of the attributes in values */
	uint32_t s_length;
	uint32_t s_state;
	uint32_t s_ascii;   /* its characters, if all are ASCII */
	uint32_t s_compact; /* ... if not */
	unsigned s_shift;   /* of the kind in the state */
	uint32_t d_keys;
	uint32_t d_values;
	uint32_t k_entries; /* the hash table, the entries follow it */
	uint32_t o_dict;    /* bytes in front of an object: see cpython_attributes */
	uint32_t v_data;    /* first one of values */
	enum cpython_attributes attributes;
};

#define CPYTHON_COOKIE "xdebugpy"
#define CPYTHON_COOKIE_LEN 8
#define CPYTHON_OFFSETS_BYTES 768 /* of _PyRuntime, enough for cpython_parse_offsets() */

/*
 * From the first bytes of _PyRuntime, where 3.13 and later describe themselves (_Py_DebugOffsets).
 * -ENOENT: they do not; -ENOTSUP: a version or layout that is not known.
 */
int cpython_parse_offsets(const void *bytes, size_t len, struct cpython_layout *ret);

/* For 3.9 to 3.12, from PY_VERSION_HEX; -ENOTSUP for all others. */
int cpython_layout_of(uint32_t version, struct cpython_layout *ret);

/* "CPython 3.11.2"; "CPython 3.9" where no more is known, "CPython 3.13t" if free-threaded. */
void cpython_version_name(const struct cpython_layout *layout, char *ret, size_t size);

/* PY_VERSION_HEX without all after the minor, from the name of a file; 0 if it says nothing. */
uint32_t cpython_version_in(const char *name);

/*
 * 3.9 and 3.10 have no version in memory: as PY_VERSION_HEX, from the size of _PyRuntime and what
 * cpython_version_in() says of a name.  0: they disagree, or the size is not known.
 */
uint32_t cpython_version_of_size(uint64_t size, uint32_t named);

/*
 * struct _gil_runtime_state, the same from 3.9 to 3.15 but for an int in front in free-threaded
 * builds (Include/internal/pycore_gil.h; offsetof() with the headers of 3.9.18, 3.10.13, 3.11.7,
 * 3.12.1, 3.13.0; DWARF of Debian's 3.9 to 3.15 on x86-64 and arm64).
 */
enum {
	GIL_INTERVAL = 0, /* microseconds */
	GIL_LAST_HOLDER = 8,
	GIL_LOCKED = 16,   /* -1: never taken */
	GIL_SWITCHES = 24, /* switch_number */
	GIL_COND = 32,
#if defined(__x86_64__)
	GIL_END = 208, /* two pthread_cond_t of 48 and two pthread_mutex_t of 40 bytes */
#elif defined(__aarch64__)
	GIL_END = 224, /* ... and 48 bytes */
#else
	GIL_END = 0, /* not known */
#endif
	GIL_FREE_THREADED = 8, /* added to all of them: enabled and its padding */
};

#endif
