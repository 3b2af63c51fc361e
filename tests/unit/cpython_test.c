// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpython_test.c - the GIL of forged and of live interpreters.
 *
 * The proof for a live one does not use what the code under test knows: threads that fight for the
 * GIL sleep in futex calls, and /proc/PID/task/TID/syscall shows on which words.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "user/runtime/cpython.h"
#include "user/runtime/cpython_walk.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- forged: versions and offsets ------------------------------------------------------------ */

static void names(void **state)
{
	static const struct {
		const char *name;
		uint32_t version;
	} cases[] = {
		{ "libpython3.9.so.1.0", 0x03090000 },
		{ "libpython3.10d.so.1.0", 0x030a0000 },
		{ "python3.10", 0x030a0000 },
		{ "libpython2.7.so.1.0", 0x02070000 },
		{ "/usr/lib/python3.9/lib-dynload/_json.cpython-310-x86_64-linux-gnu.so", 0x03090000 },
		{ "/x/_json.cpython-310-x86_64-linux-gnu.so", 0x030a0000 },
		{ "/x/_json.cpython-39-x86_64-linux-gnu.so", 0x03090000 },
		{ "libpython3.123.so", 0 },
		{ "libpython3.99999999999999999999.so", 0 },
		{ "libpython3.so", 0 },
		{ "python3.-9", 0 },
		{ "python", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(cpython_version_in(cases[i].name), cases[i].version);
}

static void versions(void **state)
{
	static const uint32_t bad[] = { 0, 0x020712f0, 0x030811f0, 0x030d00f0, 0x031000f0,
					0x030b00a3, 0x030c00b1, 0x040b00f0, UINT32_MAX };
	struct cpython_layout l;

	(void)state;
	assert_int_equal(cpython_layout_of(0x030b02f0, &l), 0);
	assert_int_equal(l.minor, 11);
	assert_int_equal(l.gil, 360);
	assert_int_equal(cpython_layout_of(0x030c00c1, &l), 0);
	assert_int_equal(l.gil_own, 1040);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(cpython_layout_of(bad[i], &l), -ENOTSUP);
		assert_non_null(strstr(fail_text(), "CPython 3"));
	}
}

/* What the interpreters of each version say about themselves, where they say it. */
struct described {
	uint32_t version;
	uint64_t free_threaded;
	struct {
		unsigned at;
		uint64_t value;
	} words[9];
};

static const struct described descriptions[] = {
	{ 0x030d05f0, 0, { { 40, 632 }, { 56, 7272 }, { 64, 7264 }, { 72, 7344 }, { 112, 16 },
			   { 120, 7752 }, { 136, 7768 }, { 144, 7760 }, { 176, 16 } } },
	{ 0x030d0ff0, 1, { { 40, 632 }, { 56, 7272 }, { 64, 7264 }, { 72, 7344 }, { 112, 16 },
			   { 120, 7760 }, { 136, 7784 }, { 144, 7776 }, { 176, 16 } } },
	{ 0x030e0af0, 0, { { 40, 808 }, { 56, 7280 }, { 64, 7272 }, { 72, 7344 }, { 120, 16 },
			   { 128, 7784 }, { 144, 7800 }, { 152, 7792 }, { 200, 16 } } },
	{ 0x030f02f0, 0, { { 40, 936 }, { 56, 7272 }, { 64, 7264 }, { 72, 7336 }, { 120, 16 },
			   { 128, 7736 }, { 144, 7752 }, { 152, 7744 }, { 200, 16 } } },
};

static void describe(const struct described *d, unsigned char bytes[CPYTHON_OFFSETS_BYTES])
{
	uint64_t version = d->version;

	memset(bytes, 0xaa, CPYTHON_OFFSETS_BYTES); /* what is not known must not matter */
	memcpy(bytes, "xdebugpy", 8);
	memcpy(bytes + 8, &version, 8);
	memcpy(bytes + 16, &d->free_threaded, 8);
	for (size_t i = 0; i < COUNT(d->words); i++)
		memcpy(bytes + d->words[i].at, &d->words[i].value, 8);
}

static void offsets(void **state)
{
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	(void)state;
	for (size_t i = 0; i < COUNT(descriptions); i++) {
		const struct described *d = &descriptions[i];

		describe(d, bytes);
		assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), 0);
		assert_int_equal(l.minor, d->version >> 16 & 0xff);
		assert_int_equal(l.free_threaded, d->free_threaded);
		assert_int_equal(l.head, d->words[0].value);
		assert_int_equal(l.id, d->words[1].value);
		assert_int_equal(l.next, d->words[2].value);
		assert_int_equal(l.threads, d->words[3].value);
		assert_int_equal(l.gil_ptr, d->words[4].value);
		assert_int_equal(l.gil_own, d->words[5].value);
		assert_int_equal(l.interp, d->words[8].value);
		assert_int_equal(l.gil, 0);
	}
}

static int parse_version(uint64_t version)
{
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	describe(&descriptions[0], bytes);
	memcpy(bytes + 8, &version, 8);
	return cpython_parse_offsets(bytes, sizeof(bytes), &l);
}

static void bad_offsets(void **state)
{
	const struct described *d = &descriptions[0];
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	(void)state;
	describe(d, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(cpython_parse_offsets(bytes, len, &l), -ENOENT);
	bytes[0] = 'X';
	assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOENT);
	assert_int_equal(parse_version(0x031000f0), -ENOTSUP); /* 3.16 */
	assert_int_equal(parse_version(0x030c00f0), -ENOTSUP); /* 3.12 does not describe itself */
	assert_int_equal(parse_version(0x040d00f0), -ENOTSUP);
	assert_int_equal(parse_version(0x030d00a6), -ENOTSUP); /* an alpha */
	assert_int_equal(parse_version(0x1030d00f0), -ENOTSUP);
	for (size_t i = 0; i < COUNT(d->words); i++) {
		static const uint64_t bad[] = { UINT64_MAX, 1 << 20, 1ull << 63, 4 };

		for (size_t k = 0; k < COUNT(bad); k++) {
			describe(d, bytes);
			memcpy(bytes + d->words[i].at, &bad[k], 8);
			assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOTSUP);
		}
	}
}

/* --- forged: the walk ------------------------------------------------------------------------ */

#define RUNTIME 0x10000
#define OLDER 0x100000	 /* the main interpreter */
#define STRIDE 0x10000	 /* from one interpreter to the next newer one */
#define THREAD 0xf0000
#define MEMORY (16 << 20) /* addresses from 0 on */

struct world {
	unsigned char *bytes;
	struct cpython_layout layout;
	uint64_t reads;
	uint64_t twist_at; /* this read and later ones see another value at twist_addr */
	uint64_t twist_addr, twist_value;
};

static void put(struct world *w, uint64_t addr, uint64_t value)
{
	memcpy(w->bytes + addr, &value, sizeof(value));
}

static int read_world(void *ctx, uint64_t addr, void *to, size_t len)
{
	struct world *w = ctx;

	if (++w->reads == w->twist_at)
		put(w, w->twist_addr, w->twist_value);
	if (addr >= MEMORY || len > MEMORY - addr)
		/* ours, not the macro of cmocka */
		return (fail)(-EIO, "nothing at 0x%llx", (unsigned long long)addr);
	memcpy(to, w->bytes + addr, len);
	return 0;
}

static uint64_t interp_addr(unsigned i)
{
	return OLDER + (uint64_t)i * STRIDE;
}

static uint64_t gil_addr(const struct world *w, unsigned i)
{
	return w->layout.gil ? RUNTIME + w->layout.gil : interp_addr(i) + w->layout.gil_own;
}

static void put_gil(struct world *w, uint64_t gil)
{
	if (w->layout.free_threaded) {
		put(w, gil, INT_MAX);
		gil += 8;
	}
	put(w, gil, 5000);
	put(w, gil + 8, THREAD);
	put(w, gil + 16, 1);
}

static bool has_own(unsigned own, unsigned i)
{
	return i < 32 && own >> i & 1;
}

/* n interpreters; those whose bit is set in own have their own GIL, as the main one always has. */
static void make_world(struct world *w, const struct cpython_layout *l, unsigned n, unsigned own)
{
	free(w->bytes);
	*w = (struct world){ .bytes = calloc(1, MEMORY), .layout = *l };
	put(w, RUNTIME + l->head, interp_addr(n - 1));
	for (unsigned i = 0; i < n; i++) {
		put(w, interp_addr(i) + l->id, i);
		put(w, interp_addr(i) + l->next, i ? interp_addr(i - 1) : 0);
		if (!l->gil)
			put(w, interp_addr(i) + l->gil_ptr, gil_addr(w, has_own(own, i) ? i : 0));
		if (!i || has_own(own, i))
			put_gil(w, gil_addr(w, i));
	}
	put(w, OLDER + l->threads, THREAD);
	put(w, THREAD + l->interp, OLDER);
}

static struct cpython_layout layout_of(unsigned i)
{
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	if (i < COUNT(descriptions)) {
		describe(&descriptions[i], bytes);
		assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), 0);
	} else {
		uint32_t minor = 9 + i - (unsigned)COUNT(descriptions);

		assert_int_equal(cpython_layout_of(0x030000f0 | minor << 16, &l), 0);
	}
	return l;
}

static int walk(struct world *w, struct wire_region *ret, size_t cap)
{
	return cpython_walk_gils(read_world, w, RUNTIME, &w->layout, ret, cap);
}

static void worlds(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (unsigned i = 0; i < COUNT(descriptions) + 4; i++) {
		struct cpython_layout l = layout_of(i);
		struct wire_region r[4];
		const char *t = l.free_threaded ? "t" : "";
		unsigned shift = l.free_threaded ? 8 : 0;
		char want[48];

		make_world(&w, &l, 1, 0);
		memset(r, 0xff, sizeof(r));
		assert_int_equal(walk(&w, r, 4), 1);
		assert_int_equal(r[0].begin, gil_addr(&w, 0) + shift + 32);
#ifdef __x86_64__
		assert_int_equal(r[0].end, gil_addr(&w, 0) + shift + 208);
#endif
		assert_int_equal(r[0].head.kind, WIRE_REGION);
		assert_int_equal(r[0].head.size, sizeof(struct wire_region));
		assert_int_equal(r[0].region_kind, WIRE_REGION_GIL);
		snprintf(want, sizeof(want), "GIL (CPython 3.%u%s)", l.minor, t);
		assert_string_equal(r[0].name, want);
		/* three: number 1 shares the main one's GIL, number 2 has its own if it can */
		make_world(&w, &l, 3, 4);
		assert_int_equal(walk(&w, r, 4), l.gil ? 1 : 2);
		snprintf(want, sizeof(want), "GIL of interpreter 2 (CPython 3.%u%s)", l.minor, t);
		if (!l.gil) {
			assert_string_equal(r[1].name, want);
			assert_int_equal(r[1].begin, gil_addr(&w, 2) + shift + 32);
		}
		r[1].begin = 7;
		assert_int_equal(walk(&w, r, 1), l.gil ? 1 : 2);
		assert_int_equal(r[1].begin, 7);
		assert_int_equal(walk(&w, NULL, 0), l.gil ? 1 : 2);
	}
	free(w.bytes);
}

/* One word changed in a good world. */
static void expect(const struct cpython_layout *l, uint64_t addr, uint64_t value, int err)
{
	struct world w = { 0 };
	struct wire_region r[4];
	int n;

	make_world(&w, l, 3, 4);
	put(&w, addr, value);
	n = walk(&w, r, 4);
	if (n != err)
		fail_msg("3.%u: %llu at 0x%llx gave %d (%s), not %d", l->minor,
			 (unsigned long long)value, (unsigned long long)addr, n, fail_text(), err);
	free(w.bytes);
}

static void odd_worlds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(descriptions) + 4; i++) {
		struct cpython_layout l = layout_of(i);
		struct world w = { .layout = l };
		uint64_t gil = gil_addr(&w, 0), g = gil + (l.free_threaded ? 8 : 0);

		expect(&l, RUNTIME + l.head, 0, -EAGAIN);
		expect(&l, RUNTIME + l.head, 12, -ENOTSUP);
		expect(&l, RUNTIME + l.head, UINT64_MAX - 7, -ENOTSUP);
		expect(&l, RUNTIME + l.head, MEMORY, -ENOTSUP);
		expect(&l, interp_addr(0) + l.next, interp_addr(2), -ENOTSUP); /* a circle */
		expect(&l, interp_addr(2) + l.next, interp_addr(2), -ENOTSUP);
		expect(&l, interp_addr(0) + l.id, 1, -ENOTSUP);
		expect(&l, interp_addr(2) + l.id, UINT64_MAX, -ENOTSUP);
		expect(&l, interp_addr(1) + l.next, 0, -ENOTSUP); /* none is number 0 */
		expect(&l, OLDER + l.threads, 0, -EAGAIN);
		expect(&l, OLDER + l.threads, 3, -ENOTSUP);
		expect(&l, THREAD + l.interp, interp_addr(1), -ENOTSUP);
		expect(&l, g, 0, -EAGAIN);
		expect(&l, g, 10000001, -ENOTSUP);
		expect(&l, g, 10000000, l.gil ? 1 : 2);
		expect(&l, g + 8, 0, l.gil ? 1 : 2);
		expect(&l, g + 8, 12345, -ENOTSUP);
		expect(&l, g + 16, UINT32_MAX, l.gil ? 1 : 2); /* never taken */
		expect(&l, g + 16, 2, -ENOTSUP);
		if (l.gil)
			continue;
		expect(&l, OLDER + l.gil_ptr, 0, -EAGAIN);
		expect(&l, OLDER + l.gil_ptr, gil + 8, -ENOTSUP);
		expect(&l, interp_addr(2) + l.gil_ptr, 0, 1);
		expect(&l, interp_addr(2) + l.gil_ptr, gil_addr(&w, 1), -ENOTSUP);
		if (!l.free_threaded)
			continue;
		expect(&l, gil, 0, -ENOTSUP);
		expect(&l, gil, 1, -EAGAIN);
	}
}

/* The list changes while it is walked: the second try finds it whole. */
static void changing_world(void **state)
{
	struct cpython_layout l = layout_of(0);
	struct wire_region r[4];
	struct world w = { 0 };

	(void)state;
	make_world(&w, &l, 3, 4);
	put(&w, interp_addr(1) + l.next, 0x8);
	w.twist_at = 8;
	w.twist_addr = interp_addr(1) + l.next;
	w.twist_value = OLDER;
	assert_int_equal(walk(&w, r, 4), 2);
	/* random words everywhere: an answer, no endless loop */
	srandom(1);
	for (int round = 0; round < 300; round++) {
		make_world(&w, &l, 3, 4);
		for (int i = 0; i < 50; i++)
			put(&w, (uint64_t)random() % (OLDER + 4 * STRIDE) & ~7ull,
			    (uint64_t)random() % MEMORY & ~7ull);
		walk(&w, r, 4);
		assert_true(w.reads < 10000);
	}
	/* more interpreters than we look at */
	make_world(&w, &l, 200, 0);
	assert_int_equal(walk(&w, r, 4), 1);
	free(w.bytes);
}

/* --- live ------------------------------------------------------------------------------------ */

static const char spinners[] =
	"import sys, threading, time\n"
	"sys.setswitchinterval(0.004321)\n"
	"def burn():\n"
	"    while True: pass\n"
	"for _ in range(2): threading.Thread(target=burn, daemon=True).start()\n"
	"print('ready', flush=True)\n"
	"time.sleep(60)\n";

struct child {
	pid_t pid;
	FILE *out;
};

/* A process that is ready when it has printed a line. */
static struct child start(const char *file, char *const argv[])
{
	struct child c;
	char line[16];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c.pid = fork();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 1);
		execv(file, argv);
		_exit(127);
	}
	close(ends[1]);
	c.out = fdopen(ends[0], "r");
	assert_non_null(fgets(line, sizeof(line), c.out));
	return c;
}

static struct child start_python(const char *python, const char *script)
{
	char *argv[] = { (char *)python, (char *)"-c", (char *)script, NULL };

	return start(python, argv);
}

static void stop(const struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	fclose(c->out);
}

/* The futex word a thread waits on; 0: it does something else. */
static uint64_t futex_word(pid_t pid, const char *tid)
{
	unsigned long long word = 0, op = 0;
	char path[300];
	long nr = -1;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	n = fscanf(f, "%ld %llx %llx", &nr, &word, &op);
	fclose(f);
	op &= 0x7f;
	return n == 3 && nr == SYS_futex && (op == 0 || op == 9) ? word : 0;
}

struct waits {
	unsigned inside, outside, threads;
};

/* Look at all threads until enough of them were seen waiting for a futex. */
static struct waits watch(pid_t pid, const struct wire_region *r, unsigned enough)
{
	struct waits w = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	for (int round = 0; round < 5000 && w.inside + w.outside < enough; round++) {
		DIR *dir = opendir(path);
		struct dirent *e;

		assert_non_null(dir);
		w.threads = 0;
		while ((e = readdir(dir))) {
			uint64_t word = *e->d_name == '.' ? 0 : futex_word(pid, e->d_name);

			w.threads += *e->d_name != '.';
			w.inside += word >= r->begin && word < r->end;
			w.outside += word && (word < r->begin || word >= r->end);
		}
		closedir(dir);
		usleep(1000);
	}
	return w;
}

static uint64_t word_in(pid_t pid, uint64_t addr)
{
	uint64_t v = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &v, sizeof(v), (off_t)addr), sizeof(v));
	close(fd);
	return v;
}

static unsigned minor_of(const char *python)
{
	char *argv[] = { (char *)python, (char *)"-c",
			 (char *)"import sys; print(sys.version_info[1])", NULL };
	unsigned minor = 0;
	int ends[2];
	FILE *out;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		execv(python, argv);
		_exit(127);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	assert_int_equal(fscanf(out, "%u", &minor), 1);
	fclose(out);
	waitpid(pid, NULL, 0);
	return minor;
}

/* A Python that is known or refused, as its version says. */
static void one_python(const char *python)
{
	unsigned minor = minor_of(python);
	struct child c = start_python(python, spinners);
	struct wire_region r[4];
	char want[48];
	int n = cpython_find_gils(c.pid, r, 4);

	if (minor < 9) {
		assert_int_equal(n, -ENOTSUP);
		print_message("%s: refused: %s\n", python, fail_text());
	} else {
		struct waits w;

		if (n < 0)
			print_message("%s: %s\n", python, fail_text());
		assert_int_equal(n, 1);
		snprintf(want, sizeof(want), "GIL (CPython 3.%u)", minor);
		assert_string_equal(r[0].name, want);
		assert_int_equal(r[0].head.tid, c.pid);
		assert_int_equal(word_in(c.pid, r[0].begin - 32), 4321);
		w = watch(c.pid, r, 50);
		print_message("%s: %u threads, %u futex waits in the GIL, %u elsewhere\n", python,
			      w.threads, w.inside, w.outside);
		assert_int_equal(w.threads, 3);
		assert_true(w.inside >= 50);
		assert_int_equal(w.outside, 0);
	}
	stop(&c);
}

static void system_python(void **state)
{
	(void)state;
	if (access("/usr/bin/python3", X_OK)) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	one_python("/usr/bin/python3");
}

static void other_pythons(void **state)
{
	glob_t g;

	(void)state;
	if (glob("/root/.pyenv/versions/3*/bin/python3", 0, NULL, &g)) {
		print_message("no pyenv builds in /root/.pyenv\n");
		skip();
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		one_python(g.gl_pathv[i]);
	globfree(&g);
}

/* Two spinning threads in an interpreter of its own, in a process that spins as well. */
static void one_with_subinterpreter(const char *python, const char *module)
{
	struct wire_region r[4];
	struct waits main_waits, sub_waits;
	struct child c;
	char script[1024];
	int n;

	snprintf(script, sizeof(script),
		 "import %s as i, threading, time\n"
		 "def burn():\n"
		 "    while True: pass\n"
		 "s = i.create()\n"
		 "code = '''import threading, time\n"
		 "def burn():\n"
		 "    while True: pass\n"
		 "for _ in range(2): threading.Thread(target=burn).start()\n"
		 "print('ready', flush=True)\n"
		 "time.sleep(60)'''\n"
		 "i.run_string(s, code)\n", module);
	c = start_python(python, script);
	n = cpython_find_gils(c.pid, r, 4);
	if (n != 2)
		print_message("%s: %d %s\n", python, n, n < 0 ? fail_text() : "");
	assert_int_equal(n, 2);
	assert_memory_equal(r[0].name, "GIL (CPython 3.1", 16);
	assert_memory_equal(r[1].name, "GIL of interpreter 1 (CPython 3.1", 33);
	sub_waits = watch(c.pid, &r[1], 20);
	main_waits = watch(c.pid, &r[0], 20);
	print_message("%s: \"%s\": %u waits, 0 in \"%s\"\n", python, r[1].name, sub_waits.inside,
		      r[0].name);
	assert_true(sub_waits.inside >= 20);
	assert_int_equal(main_waits.inside, 0);
	stop(&c);
}

static void subinterpreters(void **state)
{
	static const struct {
		const char *pattern, *module;
	} pythons[] = {
		{ "/root/.pyenv/versions/3.12*/bin/python3", "_xxsubinterpreters" },
		{ "/root/.pyenv/versions/3.13*/bin/python3", "_interpreters" },
	};
	bool any = false;

	(void)state;
	for (size_t i = 0; i < COUNT(pythons); i++) {
		glob_t g;

		if (glob(pythons[i].pattern, 0, NULL, &g))
			continue;
		one_with_subinterpreter(g.gl_pathv[0], pythons[i].module);
		globfree(&g);
		any = true;
	}
	if (!any) {
		print_message("no CPython 3.12 or later\n");
		skip();
	}
}

/* Ask from the first moment on: nothing but "no" and "try again" until it is found. */
static void start_and_find(const char *python)
{
	char *argv[] = { (char *)python, (char *)"-c", (char *)"import time; time.sleep(60)",
			 NULL };
	unsigned again = 0, none = 0;

	for (int round = 0; round < 20; round++) {
		struct wire_region r;
		pid_t pid = fork();
		int n;

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execv(argv[0], argv);
			_exit(127);
		}
		for (int i = 0; (n = cpython_find_gils(pid, &r, 1)) != 1 && i < 50000; i++) {
			if (n && n != -EAGAIN)
				print_message("%d: %s\n", n, fail_text());
			assert_true(!n || n == -EAGAIN);
			again += n == -EAGAIN;
			none += !n;
		}
		assert_int_equal(n, 1);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	print_message("%s: %u times \"try again\" and %u times no CPython, then found\n", python,
		      again, none);
}

static void starting(void **state)
{
	glob_t g;

	(void)state;
	if (access("/usr/bin/python3", X_OK)) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	start_and_find("/usr/bin/python3");
	/* the interpreter in a library */
	if (glob("/root/.pyenv/versions/3.1[0-9]*/bin/python3", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		start_and_find(g.gl_pathv[i]);
	globfree(&g);
}

/* The interpreter's file says nothing unless it is there to run. */
static void mapped_to_read(void **state)
{
	int fd = open("/usr/bin/python3", O_RDONLY | O_CLOEXEC);
	struct wire_region r;
	void *p;
	int n;

	(void)state;
	if (fd < 0)
		skip();
	p = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(cpython_find_gils(getpid(), &r, 1), 0);
	/* mapped to run, but nobody made it a program: whatever lies there is not believed */
	assert_int_equal(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
	n = cpython_find_gils(getpid(), &r, 1);
	assert_true(n == -ENOTSUP || n == -EAGAIN);
	munmap(p, 1 << 20);
	close(fd);
}

/* Its own file gone, its name another: the kernel still has both. */
static void renamed_and_deleted(void **state)
{
	static const char path[] = "/tmp/parascope-innocent";
	char *argv[] = { (char *)"innocent", (char *)"-c",
			 (char *)"import time; print('ready', flush=True); time.sleep(60)", NULL };
	struct wire_region r;
	struct child c;

	(void)state;
	if (access("/usr/bin/python3", X_OK) ||
	    system("cp /usr/bin/python3 /tmp/parascope-innocent")) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	c = start(path, argv);
	unlink(path);
	assert_int_equal(cpython_find_gils(c.pid, &r, 1), 1);
	assert_int_equal(word_in(c.pid, r.begin - 32), 5000);
	stop(&c);
}

/* A tid will do; a name will not, and a process that is not Python at all has no GIL. */
static void others(void **state)
{
	char *sleep_argv[] = { (char *)"python3", (char *)"-c", (char *)"echo; sleep 60", NULL };
	struct child c = start("/bin/sh", sleep_argv);
	struct wire_region r;

	(void)state;
	assert_int_equal(cpython_find_gils(c.pid, &r, 1), 0);
	kill(c.pid, SIGKILL);
	usleep(100000);
	assert_int_equal(cpython_find_gils(c.pid, &r, 1), -ESRCH); /* a zombie */
	waitpid(c.pid, NULL, 0);
	assert_int_equal(cpython_find_gils(c.pid, &r, 1), -ESRCH);
	assert_non_null(strstr(fail_text(), "no process"));
	fclose(c.out);
	assert_int_equal(cpython_find_gils(getpid(), &r, 1), 0);
}

static void by_tid(void **state)
{
	struct child c;
	struct wire_region r;
	char path[64];
	struct dirent *e;
	DIR *dir;

	(void)state;
	if (access("/usr/bin/python3", X_OK))
		skip();
	c = start_python("/usr/bin/python3", spinners);
	snprintf(path, sizeof(path), "/proc/%d/task", c.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		assert_int_equal(cpython_find_gils((pid_t)atoi(e->d_name), &r, 1), 1);
		assert_int_equal(r.head.tid, c.pid);
	}
	closedir(dir);
	stop(&c);
}

int main(void)
{
	const struct CMUnitTest forged[] = {
		cmocka_unit_test(names),	cmocka_unit_test(versions),
		cmocka_unit_test(offsets),	cmocka_unit_test(bad_offsets),
		cmocka_unit_test(worlds),	cmocka_unit_test(odd_worlds),
		cmocka_unit_test(changing_world),
	};
	const struct CMUnitTest live[] = {
		cmocka_unit_test(system_python), cmocka_unit_test(other_pythons),
		cmocka_unit_test(subinterpreters), cmocka_unit_test(starting),
		cmocka_unit_test(others),	 cmocka_unit_test(by_tid),
		cmocka_unit_test(mapped_to_read), cmocka_unit_test(renamed_and_deleted),
	};
	int failed = cmocka_run_group_tests(forged, NULL, NULL);

	if (geteuid()) {
		print_message("not root: no live interpreters\n");
		return failed;
	}
	return failed + cmocka_run_group_tests(live, NULL, NULL);
}
