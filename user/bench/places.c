// SPDX-License-Identifier: GPL-2.0-or-later
/* places.c - see places.h. */
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/bench/places.h"

/* FOLDER/NAME if it has what shows that it is right; mode as access() has it. */
static char *look(const char *folder, const char *name, const char *proof, int mode)
{
	struct buf path = { 0 };
	char *found = NULL;
	size_t len;

	buf_printf(&path, "%s/%s", folder, name);
	len = path.len;
	buf_puts(&path, proof);
	if (!access(path.data, mode)) {
		path.data[len] = '\0';
		found = realpath(path.data, NULL); /* it is shown in reports */
	}
	buf_free(&path);
	return found;
}

static void look_in(struct places *p, const char *folder, const char *workload, const char *py)
{
	if (!p->workload)
		p->workload = look(folder, workload, "", X_OK);
	if (!p->py)
		p->py = look(folder, py, "/countdown.py", R_OK);
}

void places_find(struct places *ret, const char *program, const char *override)
{
	char *folder = xstrdup(program), *slash = strrchr(folder, '/');

	*ret = (struct places){ 0 };
	if (override && *override) {
		look_in(ret, override, "workload", "py");
	} else if (slash) {
		*slash = '\0';
		look_in(ret, folder, "workload", "../workloads/py");
		look_in(ret, folder, "parascope-workload", "../share/parascope/py");
	}
	free(folder);
}

void places_free(struct places *p)
{
	free(p->workload);
	free(p->py);
	*p = (struct places){ 0 };
}

/* A script of a version manager: there for every version that it knows, and ready to fail. */
static bool is_shim(const char *path)
{
	return strstr(path, "/shims/");
}

static char *first_of(const char *pattern)
{
	char *found = NULL;
	glob_t paths;

	if (!glob(pattern, 0, NULL, &paths)) {
		for (size_t i = 0; !found && i < paths.gl_pathc; i++)
			if (!access(paths.gl_pathv[i], X_OK))
				found = xstrdup(paths.gl_pathv[i]);
		globfree(&paths);
	}
	return found;
}

char *places_python(const char *name, const char *path, const char *home)
{
	struct buf pyenv = { 0 };
	char *found = NULL;

	while (path && *path && !found) {
		size_t len = strcspn(path, ":");
		struct buf file = { 0 };

		buf_printf(&file, "%.*s/%s", (int)len, path, name);
		if (len && !access(file.data, X_OK) && !is_shim(file.data))
			found = xstrdup(file.data);
		buf_free(&file);
		path += len + (path[len] == ':');
	}
	if (found || !home)
		return found;
	buf_printf(&pyenv, "%s/.pyenv/versions/*/bin/%s", home, name);
	found = first_of(pyenv.data);
	buf_free(&pyenv);
	return found;
}

int places_missing(const char *what)
{
	return fail(-ENOENT,
		    "cannot find %s, neither beside parascope nor in ../share/parascope: run "
		    "`make install`, or set PARASCOPE_WORKLOADS to a folder with workload and py/",
		    what);
}
