// SPDX-License-Identifier: GPL-2.0-or-later
/* symbols_search.c - debug files: below /usr/lib/debug, then, for who wants it, from servers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/debugfile.h"
#include "user/symbol/symbols_parts.h"

static bool hand_over_debug(struct symbols *s, struct file *f, enum ask_kind kind, int fd)
{
	bool sent = parsing_request(s, f, kind, NULL, fd);

	close(fd);
	f->busy = sent;
	return sent;
}

/* One place. */
static enum step search_local(struct symbols *s, struct file *f)
{
	bool alt = f->search == SEARCH_ALT;
	int fd = alt ? debugfile_open_alt(s->root, f->tried, &f->about)
		     : debugfile_open(s->root, f->tried, &f->about, f->fd);

	if (fd == -ERANGE) {
		f->search = alt ? SEARCH_OVER : SEARCH_FETCH;
		return AGAIN;
	}
	if (fd >= 0 && !hand_over_debug(s, f, alt ? ASK_ALT : ASK_DEBUG, fd))
		return CANNOT;
	f->tried++;
	return AGAIN;
}

static void end_wait(struct symbols *s, struct file *f, const char *path)
{
	DL_DELETE2(s->fetchers, f, sooner, next_fetch);
	f->busy = f->waits = false;
	f->fetched = xstrdup(path);
	file_ready(s, f);
}

/* The first of those that wait. */
static void next_fetch(struct symbols *s)
{
	struct epoll_event e = { .events = EPOLLIN };
	char id[2 * MODULE_BUILD_ID_MAX + 1];
	struct file *f;

	while ((f = s->fetchers)) {
		debugfile_hex(f->about.build_id, f->about.build_id_len, id, sizeof(id));
		if (s->late_fetches < LATE_FETCHES_MAX && !fetch_start(&s->fetch, id)) {
			epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->fetch.pipe, &e);
			return;
		}
		end_wait(s, f, "");
	}
}

void search_look_at_fetch(struct symbols *s)
{
	struct file *f = s->fetchers;
	uint64_t until = s->fetch.until_ns;

	if (!f || !fetch_poll(&s->fetch))
		return;
	s->late_fetches = symbols_now_ns() < until ? 0 : s->late_fetches + 1;
	end_wait(s, f, s->fetch.path);
	next_fetch(s);
}

/* The file waits, in the parser or not, while others go on. */
static enum step want_fetch(struct symbols *s, struct file *f)
{
	bool first = !s->fetchers;

	f->search = SEARCH_FETCHED;
	if (f->fetched || !s->opts.debuginfod || !f->about.build_id_len || !fetch_possible())
		return AGAIN;
	f->busy = f->waits = true;
	DL_APPEND2(s->fetchers, f, sooner, next_fetch);
	if (first)
		next_fetch(s);
	return AGAIN;
}

void search_forget(struct symbols *s, struct file *f)
{
	bool first = s->fetchers == f;

	if (!f->waits)
		return;
	if (first)
		fetch_stop(&s->fetch);
	end_wait(s, f, "");
	if (first)
		next_fetch(s);
}

static enum step try_fetched(struct symbols *s, struct file *f)
{
	int fd = f->fetched && f->fetched[0] ? debugfile_take(f->fetched) : -1;

	if (fd >= 0 && !hand_over_debug(s, f, ASK_DEBUG, fd))
		return CANNOT;
	f->search = SEARCH_ALT;
	f->tried = 0;
	return AGAIN;
}

enum step search_step(struct symbols *s, struct file *f)
{
	if (f->map || f->plain)
		f->search = SEARCH_OVER;
	switch (f->search) {
	case SEARCH_DEBUG:
		if (!f->about.has_symbols || !f->about.has_lines)
			return search_local(s, f);
		f->search = SEARCH_ALT;
		f->tried = 0;
		return AGAIN;
	case SEARCH_ALT:
		if (f->about.alt_id_len && f->about.has_lines)
			return search_local(s, f);
		f->search = SEARCH_OVER;
		return AGAIN;
	case SEARCH_FETCH:
		return want_fetch(s, f);
	case SEARCH_FETCHED:
		return try_fetched(s, f);
	case SEARCH_OVER:
		break;
	}
	return AGAIN;
}
