// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program of its own with an interpreter in it: usage as python's.  The interpreter runs in a
 * thread that Python did not make, while the main thread waits.
 */
#include <Python.h>
#include <pthread.h>

struct command {
	int argc;
	char **argv;
	int status;
};

static void *interpret(void *arg)
{
	struct command *c = arg;
	PyConfig config;
	PyStatus status;

	PyConfig_InitPythonConfig(&config);
	status = PyConfig_SetBytesArgv(&config, c->argc, c->argv);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (PyStatus_Exception(status))
		Py_ExitStatusException(status);
	c->status = Py_RunMain();
	return NULL;
}

int main(int argc, char **argv)
{
	struct command c = { .argc = argc, .argv = argv };
	pthread_t thread;

	if (pthread_create(&thread, NULL, interpret, &c) || pthread_join(thread, NULL))
		return 1;
	return c.status;
}
