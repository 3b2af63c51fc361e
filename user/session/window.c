// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * window.c - when a session records what: its begin, its end, single events, stacks; see session.h.
 */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/session/clock.h"
#include "user/session/inside.h"

uint64_t session_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* A moment from now; it has to be there before it comes, see those who call. */
static uint64_t set_ahead(__u64 *time_ns)
{
	uint64_t chosen = session_now_ns() + SESSION_AHEAD_NS;

	__atomic_store_n(time_ns, chosen, __ATOMIC_SEQ_CST);
	return chosen;
}

/* No program is at work any more that has read a former time of the window. */
static void settle(void)
{
	struct timespec moment = { 0, SESSION_AHEAD_NS };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) /* is synchronize_rcu() */
		nanosleep(&moment, NULL);
}

/*
 * If we lost the CPU until its moment had passed, nobody knows what was added up by which begin: take it
 * back, have all sums begin anew, and choose another.
 */
static int open_window(struct session *s)
{
	__u64 *begin = &s->skel->data->window_begin_ns;
	struct timespec late = { 0, 2 * SESSION_AHEAD_NS };
	int err = 0;

	for (uint64_t chosen = 0; !err && chosen <= session_now_ns();) {
		if (chosen) {
			__atomic_store_n(begin, ~0ULL, __ATOMIC_SEQ_CST);
			settle();
			err = session_iterate(s, ITER_ANEW, NULL, NULL);
		}
		chosen = set_ahead(begin);
		if (s->test_late)
			nanosleep(&late, NULL);
		s->test_late = false;
	}
	return err;
}

int session_arm(struct session *s, uint64_t duration_ns, __u64 *ret_begin_ns)
{
	int err = open_window(s);

	*ret_begin_ns = s->skel->data->window_begin_ns;
	if (!err && duration_ns)
		s->skel->data->window_end_ns = *ret_begin_ns + duration_ns;
	return err;
}

/*
 * An end is never taken back: that would lose what passed meanwhile.  If we lost the CPU just between the
 * clock and the store, some threads have a little too much, which the report tells as residual.
 */
uint64_t session_disarm(struct session *s)
{
	uint64_t end = s->skel->data->window_end_ns;

	return session_now_ns() + SESSION_AHEAD_NS >= end
		       ? end
		       : set_ahead(&s->skel->data->window_end_ns);
}

/*
 * While one of the two times changes the other keeps things as they are.  If we lose the CPU meanwhile, some
 * more is recorded than was to be: that lies in the gap.
 */
uint64_t session_detail(struct session *s, bool on)
{
	__u64 *ahead = on ? &s->skel->bss->detail_from_ns : &s->skel->data->detail_until_ns;
	__u64 *other = on ? &s->skel->data->detail_until_ns : &s->skel->bss->detail_from_ns;
	uint64_t chosen = set_ahead(ahead);

	__atomic_store_n(other, on ? ~0ULL : 0, __ATOMIC_SEQ_CST);
	return chosen;
}

void session_sample(struct session *s, uint64_t sample_ns)
{
	s->skel->bss->sample_every_ns = sample_ns;
	if (s->clock)
		clock_period(s->clock, sample_ns);
}

uint64_t session_end_ns(const struct session *s)
{
	return s->skel->data->window_end_ns;
}

/* On a busy machine a dying thread may wait for its last stay on a CPU. */
#define DYING_TRIES 200
#define DYING_PAUSE_US 1000

void session_end(struct session *s)
{
	for (int i = 0; i < DYING_TRIES && *(volatile __u64 *)&s->skel->bss->dying; i++)
		usleep(DYING_PAUSE_US);
	s->skel->bss->window_closed = true;
}
