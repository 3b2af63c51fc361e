// SPDX-License-Identifier: GPL-2.0-or-later
/* symbols_parsing.c - the parser process at present: from its start to its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/symbols_parts.h"

/* The parser turns to another request. */
static void turn(struct symbols *s)
{
	s->since = symbols_now_ns();
	s->turned = true;
}

/* There will be no more parser. */
void parsing_give_up(struct symbols *s, const char *why)
{
	strncpy(s->broken, why, sizeof(s->broken) - 1);
	for (struct file *f = s->files; f; f = f->hh.next)
		if (!f->err && !f->gone)
			file_mark_spoiled(s, f, -EIO, s->broken);
}

/* --- the end of a parser ---------------------------------------------------------------------- */

static const char *how_it_ended(const struct child *c)
{
	static char text[ASK_WHY];

	if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGSYS)
		return "the parser process was about to do what it must not do";
	if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGBUS)
		return "the file became shorter while it was read";
	if (WIFSIGNALED(c->status)) {
		snprintf(text, sizeof(text), "the parser process ended: %s",
			 strsignal(WTERMSIG(c->status)));
		return text;
	}
	/* 125 by buf.c, 1 by libdw; 0 if it gave up by itself */
	return WEXITSTATUS(c->status) ? "reading it takes too much memory"
				      : "the parser process ended";
}

/* The oldest request is what the parser died of; the file may get another chance. */
static void blame(struct symbols *s, const struct flight *guilty, enum fault fault, int err,
		  const char *why)
{
	struct file *f = guilty->file;
	enum ask_kind kind = guilty->due.ask.kind;
	bool names = kind == ASK_CODE || kind == ASK_DATA;

	if (kind == ASK_CLOSE || fault == NOBODYS)
		return;
	if (kind == ASK_DEBUG || kind == ASK_ALT || (names && f->has_debug))
		f->plain = true; /* without debug files it may be harmless */
	else if (fault == SURELY || s->n_here <= 1 || f->struck || guilty->due.rows)
		file_spoil(s, f, err, why);
	else
		f->struck = true;
}

/* What was asked and not answered is to be asked again. */
static void take_back(struct symbols *s)
{
	while (s->n_flights) {
		struct flight *f = &s->flights[(s->oldest + --s->n_flights) % ASK_FLIGHT];

		f->file->flying--;
		f->file->busy = f->file->waits;
		if (f->question && !f->file->gone)
			file_push_front(f->file, f->question);
		else
			free(f->question);
		file_ready(s, f->file);
	}
}

/* why: NULL if it ended by itself. */
void parsing_end(struct symbols *s, enum fault fault, int err, const char *why)
{
	/* If it speaks unasked, what it did last has turned it. */
	struct flight guilty = s->n_flights ? s->flights[s->oldest] : s->last;
	bool at_work = s->greeted && guilty.file && (s->n_flights || fault == SURELY);
	struct ended *e = &s->ended[s->n_ended++];
	uint64_t cpu_ns;

	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->child.sock, NULL);
	child_kill(&s->child);
	*e = (struct ended){ .child = s->child, .since = symbols_now_ns() };
	s->cost.killed++;
	if (child_reap(&e->child, REAP_MS, &cpu_ns)) {
		s->cost.cpu_ns += cpu_ns;
		s->n_ended--;
		why = why ?: how_it_ended(&e->child);
	}
	why = why ?: "the parser process ended";
	take_back(s);
	if (at_work)
		blame(s, &guilty, fault, err, why);
	while (s->here)
		file_depart(s, s->here);
	if (!s->greeted && ++s->failed_starts >= STARTS_MAX)
		parsing_give_up(s, why);
	s->last.file = NULL;
	s->running = s->greeted = s->full = false;
}

void parsing_reap(struct symbols *s)
{
	unsigned stuck = 0;
	uint64_t cpu_ns, now = symbols_now_ns();

	for (unsigned i = 0; i < s->n_ended;) {
		if (child_reap(&s->ended[i].child, 0, &cpu_ns)) {
			s->cost.cpu_ns += cpu_ns;
			s->ended[i] = s->ended[--s->n_ended];
			continue;
		}
		stuck += now - s->ended[i].since > STUCK_NS;
		i++;
	}
	if (stuck >= STUCK_MAX && !s->broken[0])
		parsing_give_up(s,
				"a file system does not answer, and parser processes wait for it");
}

/* --- requests ----------------------------------------------------------------------------------
 */

void parsing_want_writable(struct symbols *s, bool want)
{
	struct epoll_event e = { .events = EPOLLIN | (want ? EPOLLOUT : 0) };

	if (s->full != want)
		epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->child.sock, &e);
	s->full = want;
}

/* Some day, by epoll or the timer, this is tried again. */
bool parsing_start(struct symbols *s)
{
	struct epoll_event e = { .events = EPOLLIN };

	if (s->running)
		return true;
	if (s->n_ended == ENDED_MAX || symbols_now_ns() < s->retry_ns)
		return false;
	if (child_start(&s->child)) {
		s->retry_ns = symbols_now_ns() + RETRY_NS;
		if (++s->failed_starts >= STARTS_MAX)
			parsing_give_up(s, fail_text());
		return false;
	}
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->child.sock, &e);
	s->running = true;
	s->serial = 0;
	s->cpu_ns = s->look_ns = 0;
	turn(s);
	return true;
}

/* false: not now. */
static bool send_ask(struct symbols *s, const struct ask *ask, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)ask, .iov_len = sizeof(*ask) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		n = sendmsg(s->child.sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0) /* if it is dead, the socket is readable and says so */
		parsing_want_writable(s, errno == EAGAIN || errno == ETOOMANYREFS);
	return n == sizeof(*ask);
}

bool parsing_request(struct symbols *s, struct file *f, enum ask_kind kind, struct question *q,
		     int fd)
{
	struct ask ask = { .version = ASK_VERSION,
			   .kind = kind,
			   .serial = s->serial + 1,
			   .file = f->number,
			   .addr = q ? q->addr : 0 };
	struct flight *flight;

	if (s->n_flights == ASK_FLIGHT || !send_ask(s, &ask, fd))
		return false;
	if (!s->n_flights && s->greeted)
		turn(s);
	flight = &s->flights[(s->oldest + s->n_flights++) % ASK_FLIGHT];
	*flight = (struct flight){ .due.ask = ask, .file = f, .question = q };
	if (kind == ASK_ROWS)
		answer_bounds(&f->about, &flight->due);
	s->serial++;
	f->flying++;
	return true;
}

/* --- what it says -------------------------------------------------------------------------- */

static void on_hello(struct symbols *s, size_t len)
{
	struct answer_due hello = { .ask.kind = ASK_HELLO };
	struct ask_answer *a = (struct ask_answer *)s->packet;

	if (answer_check(s->packet, len, &hello)) {
		parsing_end(s, SURELY, -EBADMSG, fail_text());
	} else if (a->err) {
		parsing_give_up(s, a->why);
		parsing_end(s, NOBODYS, a->err, s->broken);
	} else {
		s->greeted = true;
		s->failed_starts = 0;
		turn(s);
	}
}

static void on_packet(struct symbols *s, size_t len)
{
	const struct ask_answer *a = (const struct ask_answer *)s->packet;
	struct flight *flight = &s->flights[s->oldest], copy;

	if (!s->greeted) {
		on_hello(s, len);
		return;
	}
	if (!s->n_flights) {
		parsing_end(s, SURELY, -EBADMSG, "the parser process answered what nobody asked");
		return;
	}
	if (answer_check(s->packet, len, &flight->due)) {
		parsing_end(s, SURELY, -EBADMSG, fail_text());
		return;
	}
	if (!a->last) {
		symbols_on_answer(s, flight->file, flight->question, a);
		return;
	}
	copy = *flight;
	s->last = *flight;
	s->oldest = (s->oldest + 1) % ASK_FLIGHT;
	s->n_flights--;
	turn(s);
	copy.file->flying--;
	file_ready(s, copy.file);
	symbols_on_answer(s, copy.file, copy.question, a);
	free(copy.question);
}

void parsing_receive(struct symbols *s)
{
	while (s->running) {
		struct iovec part = { .iov_base = s->packet, .iov_len = sizeof(s->packet) };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n = recvmsg(s->child.sock, &m, MSG_DONTWAIT);

		/* ECONNRESET: it died with requests unread; what it had said is still there. */
		if (n < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		s->heard = true;
		if (n <= 0)
			parsing_end(s, PERHAPS, -EIO, NULL);
		else if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
			parsing_end(s, SURELY, -EBADMSG, "the parser process answered too much");
		else
			on_packet(s, (size_t)n);
	}
}

/* --- time ----------------------------------------------------------------------------------- */

bool parsing_at_work(const struct symbols *s)
{
	return s->running && (s->n_flights || !s->greeted);
}

void parsing_check_time(struct symbols *s)
{
	uint64_t spent;

	if (!parsing_at_work(s))
		return;
	spent = symbols_now_ns() - s->since;
	if (spent >= CPU_NS)
		s->turned = false; /* what it used is counted from before */
	if (spent >= DEADLINE_NS)
		parsing_end(s, SURELY, -ETIMEDOUT, "reading it takes too long");
	else if (spent >= CPU_NS && child_cpu_ns(&s->child) - s->cpu_ns >= CPU_NS)
		parsing_end(s, SURELY, -ETIMEDOUT, "reading it takes too much CPU time");
}

/* Not for each request: then it is charged for what others used right before. */
void parsing_note_cpu(struct symbols *s, uint64_t now)
{
	if (!s->turned || now - s->look_ns < CPU_STEP_NS)
		return;
	s->turned = false;
	s->look_ns = now;
	s->cpu_ns = child_cpu_ns(&s->child);
}
