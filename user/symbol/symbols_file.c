// SPDX-License-Identifier: GPL-2.0-or-later
/* symbols_file.c - a file, what was asked about it, and what is told when nothing is known. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/symbols_parts.h"

/* --- which file it is ---------------------------------------------------------------------- */

/* What stands still while it is asked: a file system in user space may never answer. */
int file_look_at(int fd, uint64_t max, struct identity *ret)
{
	struct statx st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return fail(-errno, "no descriptor: %s", strerror(errno));
	if ((flags & O_PATH) || (flags & O_ACCMODE) != O_RDONLY)
		return fail(-EINVAL, "not opened for reading only");
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st))
		return fail(-errno, "statx: %s", strerror(errno));
	if (!S_ISREG(st.stx_mode))
		return fail(-EINVAL, "not a regular file");
	if (!st.stx_size)
		return fail(-EINVAL, "an empty file");
	if (st.stx_size > max)
		return fail(-EINVAL, "the file is larger than %llu MiB",
			    (unsigned long long)max >> 20);
	*ret = (struct identity){ .dev_major = st.stx_dev_major,
				  .dev_minor = st.stx_dev_minor,
				  .ino = st.stx_ino,
				  .size = st.stx_size,
				  .ctime_s = st.stx_ctime.tv_sec,
				  .ctime_ns = st.stx_ctime.tv_nsec };
	return 0;
}

static bool same_file(const struct identity *a, const struct identity *b)
{
	return a->dev_major == b->dev_major && a->dev_minor == b->dev_minor && a->ino == b->ino &&
	       a->size == b->size && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

void file_recall(struct symbols *s, struct file *f)
{
	if (s->broken[0]) {
		file_mark_spoiled(s, f, -EIO, s->broken);
		return;
	}
	for (unsigned i = 0; i < s->n_spoiled && i < SPOILED_MAX; i++)
		if (same_file(&s->spoiled[i].id, &f->id)) {
			file_mark_spoiled(s, f, s->spoiled[i].err, s->spoiled[i].why);
			return;
		}
}

/* --- lists ----------------------------------------------------------------------------------- */

void file_ready(struct symbols *s, struct file *f)
{
	if (f->is_ready)
		return;
	if (!s->polling)
		symbols_wake_at(s, 1);
	s->appended = true;
	f->is_ready = true;
	DL_APPEND(s->ready, f);
}

void file_rest(struct symbols *s, struct file *f)
{
	if (f->is_ready)
		DL_DELETE(s->ready, f);
	f->is_ready = false;
}

void file_arrive(struct symbols *s, struct file *f)
{
	f->place = HERE;
	DL_APPEND2(s->here, f, earlier, later);
	s->n_here++;
	s->here_bytes += f->id.size;
}

/* What the parser has of it is gone. */
void file_depart(struct symbols *s, struct file *f)
{
	if (f->place == HERE) {
		DL_DELETE2(s->here, f, earlier, later);
		s->n_here--;
		s->here_bytes -= f->id.size;
	}
	f->place = AWAY;
	f->search = SEARCH_DEBUG;
	f->tried = 0;
	f->has_debug = false;
}

void file_use(struct symbols *s, struct file *f)
{
	DL_DELETE2(s->here, f, earlier, later);
	DL_APPEND2(s->here, f, earlier, later);
}

void file_push(struct file *f, struct question *q)
{
	q->next = NULL;
	if (f->first)
		f->last->next = q;
	else
		f->first = q;
	f->last = q;
}

void file_push_front(struct file *f, struct question *q)
{
	q->next = f->first;
	if (!f->first)
		f->last = q;
	f->first = q;
}

struct question *file_pop(struct file *f)
{
	struct question *q = f->first;

	if (q)
		f->first = q->next;
	return q;
}

void file_free(struct symbols *s, struct file *f)
{
	struct question *q;

	file_rest(s, f);
	file_depart(s, f);
	HASH_DEL(s->files, f);
	if (s->last.file == f)
		s->last.file = NULL;
	while ((q = file_pop(f)))
		free(q);
	if (f->fd >= 0)
		close(f->fd);
	free(f->why);
	free(f->fetched);
	free(f);
}

/* --- answers that are none -------------------------------------------------------------------- */

static void answer_unknown(struct symbols *s, struct file *f, struct question *q, int err,
			   const char *why)
{
	const struct symbols_answers *to = s->opts.answers;

	s->n_questions--;
	if (q->kind == ASK_ROWS)
		to->rows(s->opts.ctx, f->number, err, 0, NULL, 0);
	else if (q->kind == ASK_CODE)
		to->code(s->opts.ctx, q->cookie, NULL, 0, why);
	else
		to->data(s->opts.ctx, q->cookie, NULL);
	free(q);
}

void file_forget_questions(struct symbols *s, struct file *f)
{
	struct question *q;

	while ((q = file_pop(f))) {
		s->n_questions--;
		free(q);
	}
}

/* Nothing more will be known of it. */
void file_settle(struct symbols *s, struct file *f)
{
	struct question *q;

	if (!f->told) {
		f->told = true;
		file_forget_questions(s, f);
		s->opts.answers->opened(s->opts.ctx, f->number, f->err, f->why, NULL);
	}
	while (!f->gone && (q = file_pop(f)))
		answer_unknown(s, f, q, f->err, f->why);
}

void file_mark_spoiled(struct symbols *s, struct file *f, int err, const char *why)
{
	f->err = err;
	free(f->why);
	f->why = xstrdup(why);
	file_ready(s, f);
}

/* It is its own fault; whoever opens it again need not find out again. */
void file_spoil(struct symbols *s, struct file *f, int err, const char *why)
{
	struct spoiled *r = &s->spoiled[s->n_spoiled++ % SPOILED_MAX];

	*r = (struct spoiled){ .id = f->id, .err = err };
	strncpy(r->why, why, sizeof(r->why) - 1);
	file_mark_spoiled(s, f, err, why);
}
