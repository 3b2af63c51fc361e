// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols.c - files, questions about them, and the parser process that answers; see symbols.h.
 *
 * Each file has a queue of questions.  Files that have something to do are in the list `ready`;
 * pump() turns it into requests, at most ASK_FLIGHT at a time, and before the first question the
 * file is handed over, before the first about names also its debug file.  Requests are answered in
 * order: the parser works on the oldest one, so it is clear which file made it crash or hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/debugfile.h"
#include "user/symbol/symbols_parts.h"

uint64_t symbols_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Wake whoever polls symbols_fd(), then or earlier: it costs a system call only to wake earlier. */
void symbols_wake_at(struct symbols *s, uint64_t ns)
{
	struct itimerspec t = { .it_value.tv_sec = (time_t)(ns / 1000000000),
				.it_value.tv_nsec = (long)(ns % 1000000000) };

	if (ns >= s->wake_ns)
		return;
	s->wake_ns = ns;
	timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void wake_over(struct symbols *s, uint64_t now)
{
	uint64_t fired;
	ssize_t ignored;

	if (now < s->wake_ns)
		return;
	ignored = read(s->timer, &fired, sizeof(fired));
	(void)ignored;
	s->wake_ns = UINT64_MAX;
}

/* --- what a file needs next ----------------------------------------------------------------------
 */

/* Nobody asks anything about it, or the answer may take long. */
static bool may_depart(const struct file *f)
{
	return !f->flying && (f->waits || (!f->busy && !f->first));
}

/* Let the parser close files until there is room for one of so many bytes. */
static bool make_room(struct symbols *s, uint64_t bytes)
{
	while (s->n_here && (s->n_here >= ASK_FILES || s->here_bytes + bytes > HERE_BYTES)) {
		struct file *f = s->here;

		while (f && !may_depart(f))
			f = f->later;
		if (!f || !parsing_request(s, f, ASK_CLOSE, NULL, -1))
			return false;
		file_depart(s, f);
	}
	return true;
}

static bool hand_over(struct symbols *s, struct file *f)
{
	s->crowded = s->crowded || !make_room(s, f->id.size);
	if (s->crowded || !parsing_request(s, f, f->map ? ASK_MAP : ASK_OPEN, NULL, f->fd))
		return false;
	file_arrive(s, f);
	f->busy = true;
	return true;
}

static enum step leave(struct symbols *s, struct file *f)
{
	if (f->flying)
		return WAITS;
	if (f->place == HERE && s->running) {
		if (!parsing_request(s, f, ASK_CLOSE, NULL, -1))
			return CANNOT;
		file_depart(s, f);
		return WAITS;
	}
	file_free(s, f);
	return FREED;
}

static enum step go_on(struct symbols *s, struct file *f)
{
	if (f->gone)
		return leave(s, f);
	if (f->err) {
		file_settle(s, f);
		return f->gone ? AGAIN : WAITS;
	}
	if (f->told && !f->first)
		return WAITS;
	if (f->busy && !(f->waits && f->place == HERE && f->first->kind == ASK_ROWS))
		return WAITS;
	if (!parsing_start(s))
		return f->err ? AGAIN : CANNOT;
	if (f->place == AWAY)
		return hand_over(s, f) ? WAITS : CANNOT;
	if (f->first->kind != ASK_ROWS && f->search != SEARCH_OVER)
		return search_step(s, f);
	if (!parsing_request(s, f, f->first->kind, f->first, -1))
		return CANNOT;
	file_pop(f);
	file_use(s, f);
	return AGAIN;
}

/* Files that become ready meanwhile are appended, so that a next one stays one. */
static void pump(struct symbols *s)
{
	struct file *f, *next;
	enum step step;

	do {
		s->appended = s->crowded = false;
		for (f = s->ready; f; f = next) {
			if (s->running && (s->n_flights == ASK_FLIGHT || s->full))
				return;
			next = f->next;
			step = go_on(s, f);
			if (step == AGAIN)
				next = f;
			else if (step == WAITS)
				file_rest(s, f);
			else if (step == CANNOT && !s->running)
				return;
		}
	} while (s->appended);
}

/* --- answers -------------------------------------------------------------------------------------
 */

static bool same_id(const struct module_about *a, const struct module_about *b)
{
	return a->build_id_len == b->build_id_len &&
	       !memcmp(a->build_id, b->build_id, a->build_id_len);
}

static void on_opened(struct symbols *s, struct file *f, const struct ask_answer *a)
{
	struct module_about about = { 0 };

	f->busy = false;
	if (a->err) {
		file_depart(s, f);
		if (a->err == -ENOMEM && s->n_here && !f->struck) {
			f->struck = true; /* others have it all */
			parsing_end(s, NOBODYS, a->err, a->why);
			return;
		}
		file_spoil(s, f, a->err, a->why);
		return;
	}
	if (!f->map)
		answer_about(a, &about);
	if (f->told && !same_id(&about, &f->about)) {
		file_spoil(s, f, -ESTALE, "the file has become another one");
		return;
	}
	f->about = about;
	if (!f->told) {
		f->told = f->opened = true;
		s->opts.answers->opened(s->opts.ctx, f->number, 0, "", &about);
	}
}

static void on_debug(struct file *f, const struct ask_answer *a)
{
	f->busy = false;
	if (a->err)
		return; /* the next place */
	f->has_debug = true;
	f->search = SEARCH_OVER;
	if (a->kind == ASK_ALT)
		return;
	answer_about(a, &f->about);
	f->search = SEARCH_ALT;
	f->tried = 0;
}

static void on_rows(struct symbols *s, struct file *f, const struct ask_answer *a)
{
	const struct symbols_answers *to = s->opts.answers;

	if (a->n)
		to->rows(s->opts.ctx, f->number, 0, a->base, answer_tail(a), a->n);
	if (a->last && !f->gone)
		to->rows(s->opts.ctx, f->number, a->err, a->err ? 0 : a->base, NULL, 0);
}

void symbols_on_answer(struct symbols *s, struct file *f, struct question *q,
		       const struct ask_answer *a)
{
	const struct symbols_answers *to = s->opts.answers;

	if (f->gone)
		return;
	switch (a->kind) {
	case ASK_ROWS:
		s->n_questions -= a->last;
		on_rows(s, f, a);
		break;
	case ASK_CODE:
		s->n_questions--;
		to->code(s->opts.ctx, q->cookie, a->n ? answer_tail(a) : NULL, a->n, a->why);
		break;
	case ASK_DATA:
		s->n_questions--;
		to->data(s->opts.ctx, q->cookie, a->n ? answer_tail(a) : NULL);
		break;
	case ASK_DEBUG:
	case ASK_ALT:
		on_debug(f, a);
		break;
	case ASK_OPEN:
	case ASK_MAP:
		on_opened(s, f, a);
		break;
	default: /* closed */
		break;
	}
}

/* --- time
 * ------------------------------------------------------------------------------------------ */

static void plan_wake_up(struct symbols *s, uint64_t now)
{
	uint64_t used;

	if (parsing_at_work(s)) {
		parsing_note_cpu(s, now);
		symbols_wake_at(s, s->since + DEADLINE_NS);
		/* Until then it cannot have used it up. */
		used = now - s->since < CPU_NS ? 0 : child_cpu_ns(&s->child) - s->cpu_ns;
		if (used < CPU_NS)
			symbols_wake_at(s, (used ? now : s->since) + CPU_NS - used);
	}
	if (s->n_ended || s->fetchers)
		symbols_wake_at(s, now + LOOK_NS);
	if (s->ready && !s->running)
		symbols_wake_at(s, now + RETRY_NS);
}

void symbols_poll(struct symbols *s)
{
	uint64_t now = symbols_now_ns(), absent = now - s->poll_ns;

	s->poll_ns = now;
	s->polling = true;
	wake_over(s, now);
	parsing_reap(s);
	search_look_at_fetch(s);
	parsing_want_writable(s, false);
	s->heard = false;
	parsing_receive(s);
	/* While nobody took its answers it could not go on. */
	if (s->heard && absent > ABSENT_NS && s->since + absent <= now)
		s->since += absent;
	parsing_check_time(s);
	pump(s);
	s->polling = false;
	plan_wake_up(s, symbols_now_ns());
}

/* --- files and questions
 * ---------------------------------------------------------------------------- */

static int open_file(struct symbols *s, int fd, bool map)
{
	struct identity id;
	struct file *f;
	int err = file_look_at(fd, map ? MAP_BYTES : FILE_BYTES, &id);

	if (!err && (HASH_COUNT(s->files) >= FILES_MAX || s->last_number == INT32_MAX))
		err = fail(-ENOSPC, "more than %d files are open", FILES_MAX);
	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	f = xcalloc(1, sizeof(*f));
	f->number = ++s->last_number;
	f->fd = fd;
	f->map = map;
	f->id = id;
	HASH_ADD_INT(s->files, number, f);
	file_ready(s, f);
	file_recall(s, f);
	return (int)f->number;
}

int symbols_open(struct symbols *s, int fd)
{
	return open_file(s, fd, false);
}

int symbols_open_map(struct symbols *s, int fd)
{
	return open_file(s, fd, true);
}

static struct file *find(const struct symbols *s, uint32_t number)
{
	struct file *f;

	HASH_FIND_INT(s->files, &number, f);
	return f && !f->gone ? f : NULL;
}

void symbols_close(struct symbols *s, uint32_t file)
{
	struct file *f = find(s, file);

	if (!f)
		return;
	file_forget_questions(s, f);
	for (unsigned i = 0; i < s->n_flights; i++) {
		const struct flight *l = &s->flights[(s->oldest + i) % ASK_FLIGHT];

		s->n_questions -= l->file == f && l->question;
	}
	search_forget(s, f);
	f->gone = true;
	close(f->fd);
	f->fd = -1;
	file_ready(s, f);
}

static int ask(struct symbols *s, uint32_t file, enum ask_kind kind, uint64_t addr, uint64_t cookie)
{
	struct file *f = find(s, file);
	struct question *q;

	if (!f || (f->told && !f->opened))
		return fail(-ENOENT, "there is no file %u", file);
	if (s->n_questions >= QUESTIONS_MAX)
		return fail(-ENOSPC, "more than %d questions are waiting", QUESTIONS_MAX);
	q = xcalloc(1, sizeof(*q));
	*q = (struct question){ .kind = kind, .addr = addr, .cookie = cookie };
	if (kind == ASK_ROWS) /* without them samples are lost, names can wait */
		file_push_front(f, q);
	else
		file_push(f, q);
	s->n_questions++;
	if (!f->busy || f->waits)
		file_ready(s, f);
	return 0;
}

int symbols_ask_rows(struct symbols *s, uint32_t file)
{
	return ask(s, file, ASK_ROWS, 0, 0);
}

int symbols_ask_code(struct symbols *s, uint32_t file, uint64_t addr, uint64_t cookie)
{
	return ask(s, file, ASK_CODE, addr, cookie);
}

int symbols_ask_data(struct symbols *s, uint32_t file, uint64_t addr, uint64_t cookie)
{
	return ask(s, file, ASK_DATA, addr, cookie);
}

size_t symbols_waiting(const struct symbols *s)
{
	return s->n_questions;
}

/* --- all of it
 * -------------------------------------------------------------------------------------- */

int symbols_new(struct symbols **ret, const struct symbols_opts *opts)
{
	struct symbols *s = xcalloc(1, sizeof(*s));
	struct epoll_event e = { .events = EPOLLIN };

	s->opts = *opts;
	s->poll_ns = symbols_now_ns();
	s->wake_ns = UINT64_MAX;
	s->root = debugfile_root();
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->epoll < 0 || s->timer < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->timer, &e)) {
		int err = fail(-errno, "cannot wait for the parser process: %s", strerror(errno));

		symbols_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void symbols_free(struct symbols *s)
{
	uint64_t cpu_ns;

	if (!s)
		return;
	fetch_stop(&s->fetch);
	if (s->running) {
		child_kill(&s->child);
		s->ended[s->n_ended++].child = s->child;
	}
	for (unsigned i = 0; i < s->n_ended; i++)
		if (!child_reap(&s->ended[i].child, LAST_REAP_MS, &cpu_ns))
			child_forget(&s->ended[i].child);
	for (unsigned i = 0; i < s->n_flights; i++)
		free(s->flights[(s->oldest + i) % ASK_FLIGHT].question);
	while (s->files) {
		if (s->files->waits)
			DL_DELETE2(s->fetchers, s->files, sooner, next_fetch);
		file_free(s, s->files);
	}
	close_fd(s->root);
	close_fd(s->timer);
	close_fd(s->epoll);
	free(s);
}

int symbols_fd(const struct symbols *s)
{
	return s->epoll;
}

void symbols_cost(const struct symbols *s, struct symbols_cost *ret)
{
	*ret = s->cost;
	if (s->running)
		ret->cpu_ns += child_cpu_ns(&s->child);
}
