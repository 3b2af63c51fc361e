/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asker.h - symbols.h for tests: remembers the answers, waits for them, and is its own parser
 * process.
 *
 * The program that uses it is started again as the parser, so its main() begins with
 * asker_parser().
 */
#ifndef ASKER_H
#define ASKER_H

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/parser.h"
#include "user/symbol/symbols.h"

#ifndef ASKER_FILES
#define ASKER_FILES 8192
#endif

struct asker_file {
	bool told;
	int err; /* of opened() */
	char why[160];
	struct module_about about;
	struct wire_row *rows;
	size_t n_rows, cap_rows;
	uint64_t base;
	int rows_err;
	unsigned rows_ends, rows_begun;
};

struct asker {
	struct symbols *s;
	struct asker_file files[ASKER_FILES];	 /* by number */
	size_t n_opened, n_code, n_data, n_rows; /* answers */
	size_t n_unknown;
	/* of the last answer */
	uint64_t cookie;
	struct module_function functions[MODULE_INLINES_MAX];
	size_t n_functions;
	char why[160];
	bool has_variable;
	struct module_variable variable;
	/* called with each answer to a code question, if there is one */
	void (*on_code)(struct asker *a, uint64_t cookie, size_t n);
	void (*on_opened)(struct asker *a, uint32_t file);
};

static inline void asker_parser(int argc, char **argv)
{
	if (parser_wanted(argc, argv))
		parser_main();
}

static inline double asker_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void asker_opened(void *ctx, uint32_t file, int err, const char *why,
				const struct module_about *about)
{
	struct asker *a = ctx;
	struct asker_file *f = &a->files[file % ASKER_FILES];

	if (f->told || (err == 0) != (about != NULL))
		abort();
	f->told = true;
	f->err = err;
	snprintf(f->why, sizeof(f->why), "%s", why);
	if (about)
		f->about = *about;
	a->n_opened++;
	if (a->on_opened)
		a->on_opened(a, file);
}

static inline void asker_rows(void *ctx, uint32_t file, int err, uint64_t base,
			      const struct wire_row *rows, size_t n)
{
	struct asker *a = ctx;
	struct asker_file *f = &a->files[file % ASKER_FILES];

	if (err && n)
		abort();
	if (!n) {
		a->n_rows++;
		f->rows_ends++;
		f->rows_err = err;
		return;
	}
	if (f->rows_ends != f->rows_begun) { /* asked again */
		f->rows_begun = f->rows_ends;
		f->n_rows = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (f->n_rows && rows[i].pc <= f->rows[f->n_rows - 1].pc)
			abort();
		if (f->n_rows == f->cap_rows) {
			f->cap_rows = f->cap_rows ? 2 * f->cap_rows : 1024;
			f->rows = reallocarray(f->rows, f->cap_rows, sizeof(*f->rows));
		}
		f->rows[f->n_rows++] = rows[i];
	}
	f->base = base;
}

static inline void asker_code(void *ctx, uint64_t cookie, const struct module_function *functions,
			      size_t n, const char *why)
{
	struct asker *a = ctx;

	if (n > MODULE_INLINES_MAX)
		abort();
	a->n_code++;
	a->n_unknown += !n;
	a->cookie = cookie;
	a->n_functions = n;
	if (n)
		memcpy(a->functions, functions, n * sizeof(*functions));
	snprintf(a->why, sizeof(a->why), "%s", why);
	if (a->on_code)
		a->on_code(a, cookie, n);
}

static inline void asker_data(void *ctx, uint64_t cookie, const struct module_variable *variable)
{
	struct asker *a = ctx;

	a->n_data++;
	a->cookie = cookie;
	a->has_variable = variable != NULL;
	if (variable)
		a->variable = *variable;
}

static inline struct asker *asker_new(bool debuginfod)
{
	static const struct symbols_answers answers = { asker_opened, asker_rows, asker_code,
							asker_data };
	struct asker *a = calloc(1, sizeof(*a));
	struct symbols_opts opts = { .answers = &answers, .ctx = a, .debuginfod = debuginfod };

	if (!a || symbols_new(&a->s, &opts))
		abort();
	return a;
}

static inline void asker_free(struct asker *a)
{
	symbols_free(a->s);
	for (size_t i = 0; i < ASKER_FILES; i++)
		free(a->files[i].rows);
	free(a);
}

static inline int asker_open(struct asker *a, const char *path)
{
	return symbols_open(a->s, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

/* One turn of a poll loop. */
static inline void asker_poll(struct asker *a, int ms)
{
	struct pollfd p = { .fd = symbols_fd(a->s), .events = POLLIN };

	poll(&p, 1, ms);
	symbols_poll(a->s);
}

/* Until all is answered; false: that took longer than so many seconds. */
static inline bool asker_wait(struct asker *a, double seconds)
{
	double until = asker_now() + seconds;

	while (symbols_waiting(a->s) && asker_now() < until)
		asker_poll(a, 1000);
	return !symbols_waiting(a->s);
}

static inline bool asker_wait_opened(struct asker *a, int file, double seconds)
{
	double until = asker_now() + seconds;

	while (!a->files[file % ASKER_FILES].told && asker_now() < until)
		asker_poll(a, 1000);
	return a->files[file % ASKER_FILES].told;
}

/* The parser process of this process, but not this one; 0: there is none. */
static inline pid_t asker_other_child(pid_t but)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (d && !found && (e = readdir(d))) {
		char path[300], state, line[512];
		int pid = atoi(e->d_name), parent;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = pid ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && strrchr(line, ')') &&
		    sscanf(strrchr(line, ')') + 1, " %c %d", &state, &parent) == 2 &&
		    parent == getpid() && state != 'Z' && pid != but)
			found = pid;
		fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

static inline pid_t asker_child(void)
{
	return asker_other_child(0);
}

#endif
