// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols_lies_test.c - a parser process that was taken over says what it wants.
 *
 * answer_check() is given packets that were changed at random and must let through only what an
 * independent look finds right; then whole processes lie, each in its own way.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/unit/asker.h"
#include <cmocka.h>

#include "user/symbol/answer.h"

#define ROUNDS 2000000
#define LONG 30.0

/* --- packets
 * ---------------------------------------------------------------------------------------- */

static uint64_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

static union {
	struct ask_answer head;
	uint8_t bytes[ASK_PACKET + 64];
} packet;

static void *const tail = packet.bytes + sizeof(struct ask_answer);

/* An honest answer; returns its size. */
static size_t honest(struct answer_due *due)
{
	static const enum ask_kind kinds[] = { ASK_HELLO, ASK_OPEN, ASK_MAP,  ASK_DEBUG, ASK_ALT,
					       ASK_CLOSE, ASK_ROWS, ASK_CODE, ASK_DATA };
	struct ask_answer *a = &packet.head;
	struct ask_about *about = tail;
	struct module_function *functions = tail;
	struct module_variable *variable = tail;
	struct wire_row *rows = tail;

	memset(&packet, 0, sizeof(packet.head) + 5000);
	*due = (struct answer_due){ .ask = { .version = ASK_VERSION,
					     .kind = kinds[any(9)],
					     .serial = any(5),
					     .file = any(5),
					     .addr = 0x1000 } };
	*a = (struct ask_answer){ .version = ASK_VERSION,
				  .kind = due->ask.kind,
				  .serial = due->ask.serial,
				  .file = due->ask.file,
				  .last = 1 };
	if (!any(10)) {
		a->err = -(int)any(200) - 1;
		strcpy(a->why, "because");
		return sizeof(*a);
	}
	switch (due->ask.kind) {
	case ASK_OPEN:
	case ASK_DEBUG:
		a->n = 1;
		about->build_id_len = any(65);
		strcpy(about->link, "name.debug");
		about->has_lines = any(2);
		about->n_loads = any(3);
		about->loads[0] = (struct module_load){ 0x1000, 0x1000, 0x100, 0x200, 1, 0 };
		return sizeof(*a) + sizeof(*about);
	case ASK_ROWS:
		a->n = any(20) + 1;
		a->last = any(2);
		a->base = any(100000);
		due->rows = any(3) ? 0 : any(MODULE_ROWS_MAX - 20);
		due->pc = due->rows ? any(1000) : 0;
		due->base = a->base;
		due->begin = any(2) ? a->base : 0;
		due->end = any(2) ? a->base + due->pc + a->n : 0;
		for (uint32_t i = 0; i < a->n; i++)
			rows[i] = (struct wire_row){ due->pc + 1 + i,
						     WIRE_RULE(any(8), any(256), i) };
		return sizeof(*a) + a->n * sizeof(*rows);
	case ASK_CODE:
		a->n = any(MODULE_INLINES_MAX) + 1;
		for (uint32_t i = 0; i < a->n; i++)
			strcpy(functions[i].function, "main");
		return sizeof(*a) + a->n * sizeof(*functions);
	case ASK_DATA:
		a->n = 1;
		*variable = (struct module_variable){ .name = "x", .begin = 0xff0, .size = 0x20 };
		return sizeof(*a) + sizeof(*variable);
	default:
		return sizeof(*a);
	}
}

static void spoil_packet(size_t *len)
{
	static const uint32_t odd[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 65536, 8167 };
	size_t at;

	switch (any(5)) {
	case 0: /* a length */
		*len = any(3) ? any((uint32_t)*len + 8) : any(ASK_PACKET + 64);
		break;
	case 1: /* a field of the head */
		at = any(sizeof(struct ask_answer) / 4 - 40) * 4;
		memcpy(packet.bytes + at, &odd[any(8)], 4);
		break;
	case 2: /* any word */
		at = any((uint32_t)*len / 4) * 4;
		memcpy(packet.bytes + at, &odd[any(8)], 4);
		break;
	case 3: /* strings that do not end */
		at = any((uint32_t)*len);
		memset(packet.bytes + at, 'A', *len - at);
		break;
	default:
		packet.bytes[any((uint32_t)*len)] ^= (uint8_t)(1u << any(8));
	}
}

static bool ends(const char *s, size_t size)
{
	const char *end = memchr(s, 0, size);

	for (const char *c = end; c && c < s + size; c++)
		if (*c)
			return false; /* left over */
	return end;
}

/* What must be true of a packet that was let through. */
static bool is_right(size_t len, const struct answer_due *before, const struct answer_due *after)
{
	const struct ask_answer *a = &packet.head;
	const struct module_function *functions = tail;
	const struct module_variable *variable = tail;
	const struct ask_about *about = tail;
	const struct wire_row *rows = tail;
	uint32_t pc = before->pc;

	if (len < sizeof(*a) || a->version != ASK_VERSION || a->kind != before->ask.kind ||
	    a->serial != before->ask.serial || a->file != before->ask.file ||
	    !ends(a->why, sizeof(a->why)) || a->err > 0 || a->err < -4095)
		return false;
	if (a->err)
		return len == sizeof(*a) && a->last == 1 && !a->n;
	switch (a->kind) {
	case ASK_OPEN:
	case ASK_DEBUG:
		for (uint32_t i = 0; i < about->n_loads; i++)
			if (about->loads[i].vaddr + about->loads[i].memsz < about->loads[i].vaddr)
				return false;
		return a->last == 1 && len == sizeof(*a) + sizeof(*about) && about->n_loads <= 16 &&
		       about->build_id_len <= 64 && about->alt_id_len <= 64 &&
		       ends(about->link, 256) && !strchr(about->link, '/') &&
		       strcmp(about->link, "..") && about->has_lines <= 1 &&
		       about->has_symbols <= 1;
	case ASK_CODE:
		for (uint32_t i = 0; i < a->n; i++)
			if (!ends(functions[i].function, 128) || !ends(functions[i].file, 160))
				return false;
		return a->last == 1 && a->n >= 1 && a->n <= MODULE_INLINES_MAX &&
		       len == sizeof(*a) + a->n * sizeof(*functions);
	case ASK_DATA:
		return a->last == 1 && len == sizeof(*a) + sizeof(*variable) &&
		       ends(variable->name, 96) && variable->begin <= before->ask.addr &&
		       variable->begin + variable->size >= variable->begin;
	case ASK_ROWS:
		if (len != sizeof(*a) + a->n * sizeof(*rows) || (!a->n && !a->last) ||
		    a->last > 1 || after->rows != before->rows + a->n ||
		    after->rows > MODULE_ROWS_MAX || (before->rows && a->base != before->base) ||
		    a->base + 0xffffffff < a->base)
			return false;
		for (uint32_t i = 0; i < a->n; i++) {
			if ((before->rows || i) && rows[i].pc <= pc)
				return false;
			if (WIRE_RULE_KIND(rows[i].rule) >= WIRE_RULE_KINDS)
				return false;
			pc = rows[i].pc;
		}
		return !before->end || !a->n ||
		       (a->base >= before->begin && a->base + pc <= before->end);
	default:
		return a->last == 1 && !a->n && len == sizeof(*a);
	}
}

static void test_packets(void **state)
{
	size_t accepted = 0, refused = 0;
	const char *text = getenv("SYMBOLS_SEED");

	(void)state;
	seed = text ? strtoull(text, NULL, 0) : 0x5eed;
	for (int i = 0; i < ROUNDS; i++) {
		struct answer_due due, before;
		size_t len = honest(&due);
		bool spoiled = i % 4;

		if (spoiled)
			spoil_packet(&len);
		before = due;
		if (answer_check(&packet, len, &due)) {
			if (!spoiled)
				fail_msg("%s", fail_text());
			refused++;
			continue;
		}
		accepted++;
		if (!is_right(len, &before, &due))
			fail_msg("packet %d of kind %u was let through", i, packet.head.kind);
	}
	assert_true(accepted >= ROUNDS / 4 && refused > ROUNDS / 4);
}

/* --- processes
 * ---------------------------------------------------------------------------------------- */

enum lie {
	NO_HELLO,
	HELLO_AND_END,
	HELLO_OTHER_VERSION,
	HELLO_FAILS,
	HELLO_TWICE,
	HELLO_EMPTY,
	UNASKED,
	TWICE,
	OTHER_SERIAL,
	OTHER_KIND,
	OTHER_FILE,
	OTHER_VERSION,
	SHORT,
	LONGER,
	HUGE,
	EMPTY,
	MANY,
	POSITIVE,
	ERROR_WITH_TAIL,
	NO_END,
	NO_END_WHY,
	NEITHER,
	SLASH,
	LONG_ID,
	DESCRIPTORS,
	ROWS_ORDER,
	ROWS_BASE,
	ROWS_KIND,
	ROWS_ENDLESS,
	ROWS_NONE,
	ROWS_NEVER_LAST,
	ROWS_BEFORE,
	ROWS_BEHIND,
	SOMEWHERE_ELSE,
	CLOSES_SOCKET,
	RANDOM,
	BACKWARDS,
	CRASHES,
	LIES,
	SPINS = LIES,
	SLEEPS,
};

/* Which lie, the fake is told by the name of its parent: all else is taken from it. */
static int lie_to_tell(void)
{
	char path[64], name[32] = "";
	FILE *f;
	int lie;

	snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
	f = fopen(path, "re");
	if (!f || !fgets(name, sizeof(name), f) || sscanf(name, "lie %d", &lie) != 1)
		lie = -1;
	if (f)
		fclose(f);
	return lie;
}

static void say(const void *what, size_t len, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)what, .iov_len = len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(ASK_FD, &m, MSG_NOSIGNAL) < 0)
		_exit(0);
}

static size_t reply(const struct ask *q)
{
	struct ask_answer *a = &packet.head;
	struct module_function *f = tail;
	struct module_variable *v = tail;
	struct wire_row *rows = tail;

	memset(&packet, 0, sizeof(packet));
	*a = (struct ask_answer){ .version = ASK_VERSION,
				  .kind = q->kind,
				  .serial = q->serial,
				  .file = q->file,
				  .last = 1,
				  .base = 0x1000 };
	switch (q->kind) {
	case ASK_OPEN:
	case ASK_DEBUG:
		a->n = 1;
		((struct ask_about *)tail)->has_symbols = 1;
		((struct ask_about *)tail)->has_lines = 1;
		((struct ask_about *)tail)->n_loads = 1;
		((struct ask_about *)tail)->loads[0] =
			(struct module_load){ 0x1000, 0x1000, 0x1000, 1 << 20, 1, 0 };
		return sizeof(*a) + sizeof(struct ask_about);
	case ASK_ROWS:
		a->n = 100;
		for (uint32_t i = 0; i < a->n; i++)
			rows[i].pc = i;
		return sizeof(*a) + a->n * sizeof(*rows);
	case ASK_CODE:
		a->n = 2;
		strcpy(f[0].function, "inner");
		strcpy(f[1].function, "outer");
		return sizeof(*a) + 2 * sizeof(*f);
	case ASK_DATA:
		a->n = 1;
		strcpy(v->name, "v");
		v->size = 8;
		return sizeof(*a) + sizeof(*v);
	default:
		return sizeof(*a);
	}
}

static void lie_about_rows(enum lie lie, size_t len)
{
	struct ask_answer *a = &packet.head;
	struct wire_row *rows = tail;

	a->last = 0;
	say(&packet, len, -1);
	for (uint32_t round = 1;; round++) {
		for (uint32_t i = 0; i < a->n; i++)
			rows[i].pc = round * a->n + i;
		if (lie == ROWS_ORDER && round == 3)
			rows[50].pc = rows[49].pc;
		if (lie == ROWS_KIND && round == 3)
			rows[50].rule = 0xf;
		a->base = 0x1000 + (lie == ROWS_BASE && round == 3);
		if (lie == ROWS_NONE && round == 3)
			a->n = 0, len = sizeof(*a);
		if (lie == ROWS_NEVER_LAST && round == 3)
			pause();
		say(&packet, len, -1);
	}
}

/* Changes the honest answer in packet; returns the length to send, 0: said already. */
static size_t twist(enum lie lie, const struct ask *q, size_t len)
{
	struct ask_answer *a = &packet.head;
	struct ask_about *about = tail;

	switch (lie) {
	case UNASKED:
	case TWICE:
		say(&packet, len, -1);
		return len;
	case OTHER_SERIAL:
		a->serial += q->kind != ASK_OPEN;
		return len;
	case OTHER_KIND:
		a->kind = q->kind % (ASK_KINDS - 1) + 1;
		return len;
	case OTHER_FILE:
		a->file++;
		return len;
	case OTHER_VERSION:
		a->version++;
		return len;
	case SHORT:
		return len - 1;
	case LONGER:
		return len + 8;
	case HUGE:
		return sizeof(packet.bytes);
	case EMPTY:
		return 0;
	case MANY:
		a->n = 0x80000001;
		return len;
	case POSITIVE:
		a->err = 1;
		return len;
	case ERROR_WITH_TAIL:
		a->err = -ENOENT;
		return len;
	case NO_END:
		if (q->kind == ASK_CODE || q->kind == ASK_DATA)
			memset(tail, 'A', len - sizeof(*a));
		return len;
	case NO_END_WHY:
		memset(a->why, 'A', sizeof(a->why));
		return len;
	case NEITHER:
		about->has_lines = 2;
		return len;
	case SLASH:
		strcpy(about->link, "../../../etc/shadow");
		return len;
	case LONG_ID:
		about->build_id_len = 65;
		return len;
	case DESCRIPTORS:
		say(&packet, len, ASK_FD);
		return 0;
	case ROWS_ORDER:
	case ROWS_BASE:
	case ROWS_KIND:
	case ROWS_ENDLESS:
	case ROWS_NONE:
	case ROWS_NEVER_LAST:
		if (q->kind == ASK_ROWS)
			lie_about_rows(lie, len);
		return len;
	case ROWS_BEFORE:
		a->base = q->kind == ASK_ROWS ? 0 : a->base;
		return len;
	case ROWS_BEHIND:
		a->base = q->kind == ASK_ROWS ? 0x200000 : a->base;
		return len;
	case SOMEWHERE_ELSE:
		if (q->kind == ASK_DATA)
			((struct module_variable *)tail)->begin = q->addr + 1;
		return len;
	case CLOSES_SOCKET:
		close(ASK_FD);
		pause();
		return len;
	case RANDOM:
		for (size_t i = 0; i < len; i++)
			packet.bytes[i] ^= any(50) ? 0 : (uint8_t)any(256);
		return len;
	case SPINS:
		for (volatile unsigned i = 0; q->kind == ASK_CODE;)
			i++;
		return len;
	case SLEEPS:
		if (q->kind == ASK_CODE)
			pause();
		return len;
	case CRASHES:
		if (q->kind == ASK_CODE)
			raise(SIGKILL);
		return len;
	default:
		return len;
	}
}

static _Noreturn void fake_parser(enum lie lie)
{
	struct ask hello = { .kind = ASK_HELLO }, q, before = { 0 };
	size_t len = reply(&hello);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	seed = (uint64_t)getpid() * 2654435761u;
	packet.head.version += lie == HELLO_OTHER_VERSION;
	packet.head.err = lie == HELLO_FAILS ? -EPERM : 0;
	strcpy(packet.head.why, lie == HELLO_FAILS ? "no locks here" : "");
	if (lie == NO_HELLO)
		say("hello", 5, -1);
	else
		say(&packet, lie == HELLO_EMPTY ? 0 : len, -1);
	if (lie == HELLO_TWICE)
		say(&packet, len, -1);
	if (lie == HELLO_AND_END)
		_exit(0);
	while (recv(ASK_FD, &q, sizeof(q), 0) == sizeof(q)) {
		if (lie == BACKWARDS && q.kind >= ASK_ROWS && !before.kind) {
			before = q; /* answered after the next one */
			continue;
		}
		len = reply(&q);
		len = twist(lie, &q, len);
		if (len || lie == EMPTY)
			say(&packet, len, -1);
		if (before.kind)
			say(&packet, reply(&before), -1);
		before.kind = 0;
	}
	_exit(0);
}

static size_t memory(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (size_t)r.ru_maxrss;
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Every question gets an answer, nothing breaks, and the truth is told again afterwards. */
static void one_lie(enum lie lie)
{
	struct asker *a = asker_new(false);
	struct symbols_cost cost;
	char name[16];
	int file, n_code = 0, fds = count_fds();

	snprintf(name, sizeof(name), "lie %d", lie);
	prctl(PR_SET_NAME, name);
	for (int i = 0; i < 3; i++) {
		file = asker_open(a, i ? "/bin/true" : "/bin/cat");
		assert_true(file > 0);
		for (int j = 0; j < 3; j++) {
			n_code += !symbols_ask_code(a->s, (uint32_t)file, 0x2000 + (uint64_t)j, 5);
			symbols_ask_rows(a->s, (uint32_t)file);
			symbols_ask_data(a->s, (uint32_t)file, 0x3000, 6);
		}
	}
	assert_true(asker_wait(a, LONG));
	for (int i = 1; i <= file; i++) {
		assert_true(a->files[i].told);
		n_code -= a->files[i].err ? 3 : 0;
	}
	assert_int_equal(a->n_code, n_code);
	symbols_cost(a->s, &cost);
	prctl(PR_SET_NAME, "symbols_lies");
	if (cost.killed < 1 || cost.killed > 12)
		fail_msg("lie %d: %lu parsers killed", lie, (unsigned long)cost.killed);
	file = asker_open(a, "/bin/ls");
	assert_true(asker_wait_opened(a, file, LONG));
	if (lie > HELLO_EMPTY) { /* or all hope was given up */
		symbols_ask_rows(a->s, (uint32_t)file);
		assert_true(asker_wait(a, LONG));
		symbols_cost(a->s, &cost);
		/* a liar that told nothing but the truth so far may still be there */
		assert_true(!a->files[file].err || lie == RANDOM);
		assert_true(!a->files[file].rows_err || lie == UNASKED || lie == RANDOM);
	}
	for (int i = 1; i <= file; i++)
		symbols_close(a->s, (uint32_t)i);
	asker_poll(a, 0);
	asker_poll(a, 100);
	assert_true(count_fds() <= fds + 3); /* a parser and what it has */
	asker_free(a);
}

static void test_lies(void **state)
{
	size_t before;

	(void)state;
	one_lie(ROWS_ENDLESS); /* whatever is needed once is there now, also for the rows kept here
				*/
	before = memory();
	for (enum lie lie = 0; lie < LIES; lie++)
		if (lie != ROWS_NEVER_LAST)
			one_lie(lie);
	for (int i = 0; i < 50; i++)
		one_lie(RANDOM);
#ifndef __SANITIZE_ADDRESS__ /* keeps what was freed */
	assert_true(memory() - before < 4096);
#else
	(void)before;
#endif
}

/* Half an answer, none, or one that takes all of a CPU: a question of time. */
static void late(enum lie lie, double from, double to, const char *why)
{
	struct asker *a = asker_new(false);
	char name[16];
	double began;
	int file;

	snprintf(name, sizeof(name), "lie %d", lie);
	prctl(PR_SET_NAME, name);
	file = asker_open(a, "/bin/true");
	assert_true(asker_wait_opened(a, file, LONG));
	began = asker_now();
	if (lie == ROWS_NEVER_LAST)
		symbols_ask_rows(a->s, (uint32_t)file);
	symbols_ask_code(a->s, (uint32_t)file, 0x2000, 1);
	assert_true(asker_wait(a, LONG));
	if (asker_now() - began < from || asker_now() - began > to)
		fail_msg("lie %d: answered after %.2f s", lie, asker_now() - began);
	assert_int_equal(a->n_unknown, 1);
	assert_memory_equal(a->why, why, strlen(why));
	assert_true(lie != ROWS_NEVER_LAST || a->files[file].rows_err == -ETIMEDOUT);
	asker_free(a);
	prctl(PR_SET_NAME, "symbols_lies");
}

static void test_late(void **state)
{
	(void)state;
	late(ROWS_NEVER_LAST, 4.9, 6.5, "reading it takes too long");
	late(SLEEPS, 4.9, 6.5, "reading it takes too long");
	/* on a busy machine it does not get so much CPU time before its time is over */
	late(SPINS, 2.4, 6.5, "reading it takes too ");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_late),
	};

	if (parser_wanted(argc, argv) && lie_to_tell() >= 0)
		fake_parser((enum lie)lie_to_tell());
	asker_parser(argc, argv);
	mallopt(M_MMAP_THRESHOLD, 1 << 20); /* what is freed is given back, so that growth shows */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
