// SPDX-License-Identifier: GPL-2.0-or-later
/* library.c - see library.h. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bpf/wire.h"
#include "user/session/library.h"

/* Files: what their names begin with. */
static const char *const modules[] = {
	"libc.so.",	 "libc-2.",    "ld-linux", "ld-2.",	"libpthread", "libm.so.",
	"libstdc++.so.", "libgcc_s.",  "libc++.",  "libc++abi.", "ld-musl-",   "libc.musl-",
	"librt.so.",	 "libatomic.", "[vdso]",   "libjvm.so",	 "libgomp.",   "libtsan.",
};

/*
 * Functions, also where they are linked into the program or inlined: what their names begin with.
 */
static const struct {
	const char *begin;
	uint32_t flags;
} functions[] = {
	{ "_PyEval_EvalFrameDefault", WIRE_FRAME_EVAL },
	{ "_start", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "__libc_start_", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "start_thread", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "clone", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "__clone", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "runtime.goexit", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	{ "runtime.mstart", WIRE_FRAME_LIBRARY | WIRE_FRAME_START },
	/* C */
	{ "pthread_", WIRE_FRAME_LIBRARY },
	{ "__pthread_", WIRE_FRAME_LIBRARY },
	{ "__lll_", WIRE_FRAME_LIBRARY },
	{ "__futex_", WIRE_FRAME_LIBRARY },
	{ "__gthread_", WIRE_FRAME_LIBRARY },
	{ "__gthrw_", WIRE_FRAME_LIBRARY },
	{ "__glibcxx_", WIRE_FRAME_LIBRARY },
	{ "__new_sem_", WIRE_FRAME_LIBRARY },
	/* C++, Rust */
	{ "std::", WIRE_FRAME_LIBRARY },
	{ "<std::", WIRE_FRAME_LIBRARY },
	{ "__gnu_cxx::", WIRE_FRAME_LIBRARY },
	{ "core::", WIRE_FRAME_LIBRARY },
	{ "<core::", WIRE_FRAME_LIBRARY },
	{ "alloc::", WIRE_FRAME_LIBRARY },
	{ "<alloc::", WIRE_FRAME_LIBRARY },
	{ "parking_lot", WIRE_FRAME_LIBRARY },
	{ "lock_api::", WIRE_FRAME_LIBRARY },
	{ "__rust_begin_short_backtrace", WIRE_FRAME_LIBRARY },
	/* CPython -X perf: in front of each frame of Python, which has the same name */
	{ "py::", WIRE_FRAME_LIBRARY },
	/* Go: a dot cannot be in a name of C */
	{ "runtime.", WIRE_FRAME_LIBRARY },
	{ "sync.", WIRE_FRAME_LIBRARY },
	{ "internal/", WIRE_FRAME_LIBRARY },
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

uint32_t library_flags(const char *function, const char *module)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (begins(module, modules[i]))
			flags = WIRE_FRAME_LIBRARY;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (begins(function, functions[i].begin))
			return flags | functions[i].flags;
	return flags;
}
