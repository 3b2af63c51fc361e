/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbols.h - what addresses are called and how to unwind them, asked of another process.
 *
 * Files of watched processes are opened here (only regular ones) and read there: in a child without
 * rights (parser.h) that is given descriptors and answers in records.  A file that makes it crash,
 * hang or grow costs its answers, with the reason; the child is started again for the others.
 * Whatever the child says is checked as if it had been taken over.
 *
 * Nothing here waits: questions are queued, answers come by symbols_poll(), in any order.
 */
#ifndef PARASCOPE_SYMBOLS_H
#define PARASCOPE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/symbol/module.h"

struct symbols;

#define SYMBOLS_DEADLINE_MS 5000 /* for one answer: wall time; half of it as CPU time */

struct symbols_answers {
	/*
	 * Which file it is, after symbols_open(): build id "" if it has none.  err < 0: it cannot
	 * be read, why says it, and no other answer about it will come: its questions are
	 * forgotten.
	 */
	void (*opened)(void *ctx, uint32_t file, int err, const char *why,
		       const struct module_about *about);
	/*
	 * Some of its rows in order, several times; n 0 is the end, err < 0 (with n 0) too: then
	 * what came before is to be forgotten.
	 */
	void (*rows)(void *ctx, uint32_t file, int err, uint64_t base, const struct wire_row *rows,
		     size_t n);
	/* n 0: not known, why says it. */
	void (*code)(void *ctx, uint64_t cookie, const struct module_function *functions, size_t n,
		     const char *why);
	void (*data)(void *ctx, uint64_t cookie,
		     const struct module_variable *variable /* NULL: none */);
};

struct symbols_opts {
	const struct symbols_answers *answers;
	void *ctx;
	bool debuginfod; /* ask servers for debug files */
};

int symbols_new(struct symbols **ret, const struct symbols_opts *opts);
void symbols_free(struct symbols *s); /* NULL is fine; ends the child at once */

/*
 * Hand a file over; takes fd, in any case, which must be open for reading only.  Returns its number
 * (> 0), -EINVAL if it is no regular file of a sensible size, or -ENOSPC beyond the limit.  Debug
 * files are found and handed over as needed: by build id or link below /usr/lib/debug.
 */
int symbols_open(struct symbols *s, int fd);
/* A perf map (/tmp/perf-PID.map): code made at run time.  Only symbols_ask_code() is possible. */
int symbols_open_map(struct symbols *s, int fd);
void symbols_close(struct symbols *s, uint32_t file); /* no more answers about it */

/*
 * Ask; 0, -ENOENT if there is no such file (any more, or opened() said so), or -ENOSPC if too many
 * questions are waiting: then no answer will come, and there is none.
 */
int symbols_ask_rows(struct symbols *s, uint32_t file);
int symbols_ask_code(struct symbols *s, uint32_t file, uint64_t addr, uint64_t cookie);
int symbols_ask_data(struct symbols *s, uint32_t file, uint64_t addr, uint64_t cookie);

/*
 * Readable when there is something for symbols_poll(), be it that an answer has come or that one
 * takes too long; the same as long as s lives.
 */
int symbols_fd(const struct symbols *s);
/*
 * Take what is there, send what can be sent, end what takes too long.  Calls the answers, which may
 * call everything here but symbols_poll() and symbols_free().
 */
void symbols_poll(struct symbols *s);
size_t symbols_waiting(const struct symbols *s); /* questions without an answer */

struct symbols_cost {
	uint64_t cpu_ns; /* of all children */
	uint64_t killed; /* of them: beyond a limit or crashed */
};
void symbols_cost(const struct symbols *s, struct symbols_cost *ret);

#endif
