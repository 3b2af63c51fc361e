// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_trace.c - any bytes as a trace file, and any lines as its text form: refused or understood.
 *
 * What is understood must survive the way back to text and again to a record.  The reader's
 * checksums are switched off here (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or nothing would ever
 * come past them.
 *
 *	clang -g -O1 -std=gnu11 -D_GNU_SOURCE -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -I. \
 *		-fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_trace.c user/trace/?*.c \
 *		user/base/{buf,escape,fail,outfile}.c -lz -o fuzz_trace
 *	./fuzz_trace -max_total_time=60 -max_len=4096 CORPUS tests/fuzz/corpus/trace
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/trace/trace.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void to_text_and_back(const struct wire_head *rec)
{
	uint64_t once[TRACE_RECORD_MAX / 8], twice[TRACE_RECORD_MAX / 8];
	const struct wire_head *head = (const struct wire_head *)once;
	struct buf text = { 0 };

	/* Padding, and a block that is not valid, do not survive the first time. */
	trace_format(&text, rec);
	require(trace_parse(text.data, once, sizeof(once)) == 1);
	require(trace_check(head, sizeof(once)) == 0);
	require(head->size == rec->size);
	text.len = 0;
	trace_format(&text, head);
	require(trace_parse(text.data, twice, sizeof(twice)) == 1);
	require(memcmp(once, twice, head->size) == 0);
	buf_free(&text);
}

static void read_as_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct trace_reader *r = NULL;
	const struct wire_head *rec;
	char path[32];

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (trace_reader_open(&r, path) == 0) {
		while (trace_reader_next(r, &rec) > 0)
			to_text_and_back(rec);
		trace_reader_close(r);
	}
	close(fd);
}

static void read_as_text(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *rest = text, *line;
	uint64_t rec[TRACE_RECORD_MAX / 8];

	while ((line = strsep(&rest, "\n"))) {
		int n = trace_parse(line, rec, sizeof(rec));

		require(n >= 0 || fail_text()[0]);
		if (n == 1)
			to_text_and_back((const struct wire_head *)rec);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as_file(data, size);
	read_as_text(data, size);
	return 0;
}
