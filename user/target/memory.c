// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - see memory.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/target/memory.h"
#include "user/target/proc.h"

#define ROLLUP_MAX 4096	     /* it has some 25 lines */
#define KIB_MAX (1ULL << 50) /* more cannot be mapped */

enum field {
	PSS,
	PRIVATE_CLEAN,
	PRIVATE_DIRTY,
	ANONYMOUS,
	SWAP,
	SWAP_PSS,
	FIELDS
};

static const struct {
	const char *name;
	bool needed; /* kernels without swap leave the others out */
} fields[FIELDS] = {
	[PSS] = { "Pss:", true },
	[PRIVATE_CLEAN] = { "Private_Clean:", true },
	[PRIVATE_DIRTY] = { "Private_Dirty:", true },
	[ANONYMOUS] = { "Anonymous:", true },
	[SWAP] = { "Swap:", false },
	[SWAP_PSS] = { "SwapPss:", false },
};

/* "   123 kB" */
static bool parse_kib(const char *s, const char *end, uint64_t *ret)
{
	uint64_t value = 0;
	bool digits = false;

	for (; s < end && *s == ' '; s++)
		;
	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		value = value * 10 + (uint64_t)(*s - '0');
		digits = true;
		if (value > KIB_MAX)
			return false;
	}
	*ret = value;
	return digits && end - s == 3 && !strncmp(s, " kB", 3);
}

static int parse_line(const char *line, const char *end, uint64_t *kib, bool *have)
{
	for (size_t i = 0; i < FIELDS; i++) {
		size_t len = strlen(fields[i].name);

		if ((size_t)(end - line) < len || strncmp(line, fields[i].name, len) != 0)
			continue;
		if (have[i] || !parse_kib(line + len, end, &kib[i]))
			return fail(-EINVAL, "smaps_rollup: %s makes no sense", fields[i].name);
		have[i] = true;
		return 0;
	}
	return 0;
}

int memory_parse(const char *text, struct memory *ret)
{
	uint64_t kib[FIELDS] = { 0 };
	bool have[FIELDS] = { false };

	for (const char *line = text; *line;) {
		const char *end = line + strcspn(line, "\n");
		int err = parse_line(line, end, kib, have);

		if (err)
			return err;
		line = *end ? end + 1 : end;
	}
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].needed && !have[i])
			return fail(-EINVAL, "smaps_rollup: no %s", fields[i].name);
	*ret = (struct memory){
		.pss = (kib[PSS] + kib[SWAP_PSS]) << 10,
		.uss = (kib[PRIVATE_CLEAN] + kib[PRIVATE_DIRTY]) << 10,
		.dirty = kib[PRIVATE_DIRTY] << 10,
		.anonymous = (kib[ANONYMOUS] + kib[SWAP]) << 10,
	};
	return 0;
}

int memory_read(pid_t pid, struct memory *ret)
{
	struct buf text = { 0 };
	int err = proc_read(pid, "smaps_rollup", ROLLUP_MAX, &text);

	if (!err && !text.len)
		err = fail(-ESRCH, "process %d has no memory", pid);
	if (!err)
		err = memory_parse(text.data, ret);
	buf_free(&text);
	return err;
}
