/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * places.h - where the built-in workloads are.
 *
 *	$PARASCOPE_WORKLOADS       a folder with `workload` and `py/`
 *	beside the program         as it was built: .output/workload, workloads/py
 *	as it was installed        bin/parascope-workload, share/parascope/py
 */
#ifndef PARASCOPE_BENCH_PLACES_H
#define PARASCOPE_BENCH_PLACES_H

struct places {
	char *workload; /* the program with the C kinds; NULL: not found */
	char *py;	/* folder of the Python twins */
};

/* program: our own, with its path; override: of the environment, NULL or "": none. */
void places_find(struct places *ret, const char *program, const char *override);
void places_free(struct places *p);

/*
 * An interpreter by its name ("python2.7"): in the folders of path, else pyenv's in home; either may
 * be NULL.  NULL: there is none; else free it.
 */
char *places_python(const char *name, const char *path, const char *home);

/* -ENOENT and message: where they were looked for. */
int places_missing(const char *what);

#endif
