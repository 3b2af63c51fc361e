// SPDX-License-Identifier: GPL-2.0-or-later
/* writer.c - saves records to a trace file (layout: file.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/trace/file.h"
#include "user/trace/trace.h"

struct trace_writer {
	struct outfile *file;
	bool finished;
	uint32_t sequence;
	uint32_t block_records;
	size_t used; /* bytes of records in block, behind room for its head */
	struct file_totals totals;
	unsigned char block[sizeof(struct file_block) + FILE_BLOCK_MAX];
};

static int write_head(struct trace_writer *w)
{
	struct file_head head = { .version = FILE_VERSION, .wire_version = WIRE_VERSION };

	memcpy(head.magic, FILE_MAGIC, sizeof(head.magic));
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct file_head, crc));
	return outfile_write(w->file, &head, sizeof(head));
}

/* Write what stands in w->block behind the room for the head. */
static int write_block(struct trace_writer *w, uint32_t magic)
{
	struct file_block head = {
		.magic = magic,
		.sequence = w->sequence++,
		.bytes = (uint32_t)w->used,
		.records = w->block_records,
	};
	int err;

	head.bytes_crc = (uint32_t)crc32(0, w->block + sizeof(head), (uInt)w->used);
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct file_block, crc));
	memcpy(w->block, &head, sizeof(head));
	err = outfile_write(w->file, w->block, sizeof(head) + w->used);
	w->used = 0;
	w->block_records = 0;
	return err;
}

int trace_writer_open(struct trace_writer **ret, const char *path)
{
	struct trace_writer *w = xcalloc(1, sizeof(*w));
	int err;

	err = outfile_open(&w->file, "trace", path, false);
	if (!err)
		err = write_head(w);
	if (err) {
		trace_writer_close(w);
		return err;
	}
	*ret = w;
	return 0;
}

int trace_writer_put(struct trace_writer *w, const struct wire_head *rec)
{
	int err = outfile_error(w->file);

	if (err)
		return err;
	if (w->finished)
		return fail(-EINVAL, "cannot write to the trace: it is finished");
	err = trace_check(rec, rec->size);
	if (err)
		return err;
	if (w->used + rec->size > FILE_BLOCK_MAX) {
		err = write_block(w, FILE_DATA);
		if (err)
			return err;
	}
	memcpy(w->block + sizeof(struct file_block) + w->used, rec, rec->size);
	w->used += rec->size;
	w->block_records++;
	w->totals.records++;
	w->totals.bytes += rec->size;
	return 0;
}

static int write_end(struct trace_writer *w)
{
	int err = w->used ? write_block(w, FILE_DATA) : 0;

	if (err)
		return err;
	memcpy(w->block + sizeof(struct file_block), &w->totals, sizeof(w->totals));
	w->used = sizeof(w->totals);
	return write_block(w, FILE_DONE);
}

int trace_writer_commit(struct trace_writer *w)
{
	int err = outfile_error(w->file);

	if (err || w->finished)
		return err;
	w->finished = true;
	err = write_end(w);
	return err ? err : outfile_commit(w->file);
}

void trace_writer_close(struct trace_writer *w)
{
	if (!w)
		return;
	outfile_close(w->file);
	free(w);
}
