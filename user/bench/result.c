// SPDX-License-Identifier: GPL-2.0-or-later
/* result.c - see result.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/bench/result.h"

#define LARGEST 1e18 /* more ns, bytes or units than any run has */

static const char *const schemas[] = {
	[TOLD_TRUTH] = "parascope-truth/1",
	[TOLD_PYTHON] = "parascope-py/1",
};

static double checked(double value)
{
	return value >= 0 && value <= LARGEST ? value : NAN;
}

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? checked(json_number_value(value)) : NAN;
}

static int truth(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : -1;
}

/* Of the numbers in an array; others are not counted. */
static double mean(const json_t *array)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		double value = json_is_number(item) ? checked(json_number_value(item)) : NAN;

		if (!isnan(value)) {
			sum += value;
			n++;
		}
	}
	return n ? sum / (double)n : NAN;
}

static void fill(const json_t *root, enum plan_told told, struct result *ret)
{
	const json_t *startup = json_object_get(root, "startup");
	const char *python = json_string_value(json_object_get(root, "python"));

	ret->wall_ns = number(root, "wall_ns");
	ret->work = number(root, told == TOLD_TRUTH ? "ops" : "work");
	ret->create_ns = mean(json_object_get(startup, "create_ns"));
	ret->first_work_ns = mean(json_object_get(startup, "work_ns"));
	ret->ipc_bytes = number(root, "ipc_bytes");
	ret->ipc_ns = number(root, "ipc_ns");
	ret->handoffs = number(root, "handoffs");
	ret->half_share = number(root, "half_share");
	ret->main_share = number(root, "main_share");
	if (told != TOLD_PYTHON)
		return;
	snprintf(ret->python, sizeof(ret->python), "%s", python ? python : "");
	ret->gil = truth(root, "gil");
	ret->free_threaded = truth(root, "free_threaded");
}

int result_parse(const char *text, size_t len, enum plan_told told, struct result *ret)
{
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	int err = 0;

	*ret = (struct result){ .gil = -1, .free_threaded = -1 };
	if (!root)
		err = fail(-EINVAL, "the result is no JSON: line %d: %s", error.line, error.text);
	else if (!schema || strcmp(schema, schemas[told]) != 0)
		err = fail(-EINVAL, "the result is not of %s", schemas[told]);
	else
		fill(root, told, ret);
	json_decref(root);
	return err;
}

static int read_all(int fd, struct buf *ret)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		buf_add(ret, chunk, (size_t)n);
		if (ret->len > RESULT_BYTES_MAX)
			return fail(-EFBIG, "the result is larger than %d MiB",
				    RESULT_BYTES_MAX >> 20);
	}
	if (n < 0)
		return fail(-errno, "cannot read the result: %s", strerror(errno));
	return ret->len ? 0 : fail(-ENODATA, "the result is empty");
}

int result_take(int folder, const char *name, enum plan_told told, struct result *ret,
		struct buf *ret_text)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int err;

	if (fd < 0)
		return fail(-errno, "the program left no result: %s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = fail(-EINVAL, "the result is no regular file");
	else
		err = read_all(fd, ret_text);
	if (!err)
		err = result_parse(ret_text->data, ret_text->len, told, ret);
	close(fd);
	unlinkat(folder, name, 0);
	return err;
}
