// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpython_frames_test.c - every frame of every thread of live interpreters, and their names.
 *
 * The interpreter says itself what is right: a thread of it prints sys._current_frames() of all the
 * others, which sleep.  The frames are walked as the BPF programs do it, from struct wire_python
 * alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "live_python.h"
#include "user/runtime/cpython.h"

#define FRAMES_MAX 600

/*
 * Threads that sleep in every kind of frame.  Printed are, for each but the one that prints:
 * "T ident name", then "F function|file|line" for each frame, innermost first; "." at the end.
 */
static const char threads[] =
	"import sys, threading, functools, operator\n"
	"go = threading.Event(); stay = threading.Event(); lock = threading.Lock(); n = 0\n"
	"def park():\n"
	"    global n\n"
	"    with lock: n += 1\n"
	"    stay.wait()\n"
	"def recurse(k):\n"
	"    if k: return recurse(k - 1)\n"
	"    park()\n"
	"def gen():\n"
	"    yield 1\n"
	"    yield park()\n"
	"def generator(): return list(gen())\n"
	"def expression(): return sum(park() or 1 for _ in range(2))\n"
	"def comprehension(): return [park() for _ in range(2)]\n"
	"def callback(): return sorted([3, 1, 2], key=lambda x: park() or x)\n"
	"def tryer():\n"
	"    try:\n"
	"        1 / 0\n"
	"    except ZeroDivisionError:\n"
	"        try:\n"
	"            pass\n"
	"        finally:\n"
	"            park()\n"
	"class Ctx:\n"
	"    def __enter__(self): park()\n"
	"    def __exit__(self, *a): pass\n"
	"    @property\n"
	"    def prop(self):\n"
	"        return park()\n"
	"    def __del__(self): park()\n"
	"def within():\n"
	"    with Ctx(): pass\n"
	"def prop(): return Ctx().prop\n"
	"def deleted():\n"
	"    x = object.__new__(Ctx)\n"
	"    del x\n"
	"def body():\n"
	"    class Inner:\n"
	"        z = 1\n"
	"        park()\n"
	"def partial(): functools.partial(map, lambda x: park())(())\n"
	"def mapped(): return list(map(lambda x: park(), [1]))\n"
	"@functools.lru_cache(None)\n"
	"def cached(x): return park()\n"
	"def cache(): return cached(1)\n"
	"async def inner(): park()\n"
	"async def outer():\n"
	"    await inner()\n"
	"def coroutine():\n"
	"    try: outer().send(None)\n"
	"    except StopIteration: pass\n"
	"def \xc3\xbc\x62\x65r_\xd0\x96\xe4\xb8\xad(): park()\n"
	"src = 'def far():\\n' + '    x = 1\\n' * 4000 + '    park()\\n'\n"
	"scope = {'park': park}; exec(compile(src, 'w\xc3\xa9ird/f\xf0\x9f\x90\x8dle.py', 'exec'), "
	"scope)\n"
	"back = {'park': park}\n"
	"exec(compile('def multi():\\n    return (1,\\n' + '\\n' * 300 + '  park(),\\n  2)\\n', "
	"'multi', 'exec'), back)\n"
	"class Sub(threading.Thread):\n"
	"    def __init__(self, extra):\n"
	"        self.a = self.b = self.c = extra\n"
	"        super().__init__(name='sub \xe2\x82\xac %s' % extra)\n"
	"        for i in range(40): setattr(self, 'attr%d' % i, i)\n"
	"        del self.attr7\n"
	"    def run(self): park()\n"
	"targets = [lambda: recurse(0), lambda: recurse(300), generator, expression, "
	"comprehension,\n"
	"    callback, tryer, within, prop, deleted, body, mapped, cache, coroutine,\n"
	"    \xc3\xbc\x62\x65r_\xd0\x96\xe4\xb8\xad, scope['far'], back['multi']]\n"
	"ts = [threading.Thread(target=t, daemon=True) for t in targets]\n"
	"ts += [threading.Thread(target=park, name='long ' + 'x' * 200, daemon=True),\n"
	"    threading.Thread(target=park, name='two\xc3\xa9', daemon=True), Sub('one')]\n"
	"ts[0].__dict__; ts[1].more = 1; vars(ts[2])['late'] = 2\n"
	"ts[-1].daemon = True\n"
	"for t in ts: t.start()\n"
	"def show():\n"
	"    import time\n"
	"    while n < len(ts): time.sleep(0.01)\n"
	"    time.sleep(0.3)\n"
	"    me = threading.get_ident(); names = {t.ident: t.name for t in threading.enumerate()}\n"
	"    out = open(1, 'w', encoding='utf-8', closefd=False)\n"
	"    for ident, f in sys._current_frames().items():\n"
	"        if ident == me: continue\n"
	"        print('T', ident, names[ident], file=out)\n"
	"        while f:\n"
	"            c = f.f_code\n"
	"            name = getattr(c, 'co_qualname', c.co_name)\n"
	"            print('F %s|%s|%d' % (name, c.co_filename, f.f_lineno or 0), file=out)\n"
	"            f = f.f_back\n"
	"    print('.', file=out); out.flush()\n"
	"    time.sleep(60)\n"
	"threading.Thread(target=show, daemon=True).start()\n"
	"stay.wait()\n";

/* What BPF programs do: no more is known here than struct wire_python has. */
static size_t walk(pid_t pid, const struct wire_python *p, uint64_t tstate,
		   struct wire_frame_id ids[FRAMES_MAX])
{
	uint64_t at = peek_u64(pid, tstate + p->t_frame);
	size_t n = 0;

	if (at && p->cframe != WIRE_PYTHON_NONE)
		at = peek_u64(pid, at + p->cframe);
	for (int i = 0; at && i < 2 * FRAMES_MAX && n < FRAMES_MAX; i++) {
		unsigned char b[WIRE_PYTHON_FRAME + 8] = { 0 };
		uint64_t code, instr;

		assert_true(p->f_size <= WIRE_PYTHON_FRAME);
		assert_int_equal(peek(pid, at, b, p->f_size), 0);
		memcpy(&code, b + p->f_code, 8);
		memcpy(&instr, b + p->f_instr, 8);
		memcpy(&at, b + p->f_previous, 8);
		if (p->instr_mask)
			instr &= p->instr_mask;
		if (!p->owner_c || b[p->f_owner] < p->owner_c)
			ids[n++] = (struct wire_frame_id){ code & ~3ull, instr };
	}
	return n;
}

static uint64_t find_tstate(pid_t pid, const struct wire_python *p, uint64_t id)
{
	for (uint64_t in = peek_u64(pid, p->runtime + p->head); in;
	     in = peek_u64(pid, in + p->next)) {
		uint64_t t = peek_u64(pid, in + p->threads);

		for (; t; t = peek_u64(pid, t + p->t_next)) {
			assert_int_equal(peek_u64(pid, t + p->t_interp), in);
			if (peek_u64(pid, t + p->t_thread_id) == id)
				return t;
		}
	}
	return 0;
}

/* What is kept of a text in so many bytes of a field. */
static bool kept(const char *field, size_t size, const char *text, bool end)
{
	size_t len = strlen(text);

	if (len < size)
		return !strcmp(field, text);
	return end ? !strcmp(field, text + len - strlen(field)) && strlen(field) >= size - 4
		   : !strncmp(field, text, strlen(field)) && strlen(field) >= size - 4;
}

struct counts {
	unsigned threads, frames, names, other_names;
};

static void check_name(struct cpython *py, const struct cpython_tstate *t, const char *name,
		       struct counts *c)
{
	char got[64];
	int err = cpython_thread_name(py, t, got, sizeof(got));

	if (err || !kept(got, sizeof(got), name, false))
		print_message("name \"%s\", not \"%s\": %d %s\n", got, name, err,
			      err ? fail_text() : "");
	assert_int_equal(err, 0);
	assert_true(kept(got, sizeof(got), name, false));
	c->names++;
}

static void check_frame(struct cpython *py, const struct wire_frame_id *id, char *line,
			struct counts *c)
{
	char *function = line + 2, *file = strchr(function, '|'), *number = strrchr(line, '|');
	struct wire_frame f;
	int err;

	*file++ = *number++ = '\0';
	err = cpython_frame(py, id, &f);
	if (err || f.line != strtoul(number, NULL, 10) ||
	    !kept(f.function, sizeof(f.function), function, false) ||
	    !kept(f.file, sizeof(f.file), file, true))
		fail_msg("%s (%s:%s) is not %s (%s:%u): %d %s", function, file, number, f.function,
			 f.file, f.line, err, err ? fail_text() : "");
	assert_true(f.first <= f.line);
	c->frames++;
}

static void check_all(struct cpython *py, const struct child *child, struct counts *c)
{
	struct wire_frame_id ids[FRAMES_MAX];
	struct wire_python p;
	size_t n = 0, at = 0;
	char line[1024];

	cpython_describe(py, &p);
	while (fgets(line, sizeof(line), child->out) && *line != '.') {
		line[strcspn(line, "\n")] = '\0';
		if (*line == 'T') {
			char *name;
			struct cpython_tstate t = { .thread_id = strtoull(line + 2, &name, 10) };

			assert_int_equal(at, n);
			t.addr = find_tstate(child->pid, &p, t.thread_id);
			assert_true(t.addr);
			n = walk(child->pid, &p, t.addr, ids);
			at = 0;
			check_name(py, &t, name + 1, c);
			c->threads++;
		} else {
			assert_true(at < n);
			check_frame(py, &ids[at++], line, c);
		}
	}
	assert_int_equal(at, n);
}

/* A program to start: PARASCOPE_TEST_PYTHONS may hold wrappers that exec. */
static void one(const char *python)
{
	char *argv[] = { (char *)python, (char *)"-c", (char *)threads, NULL };
	struct counts c = { 0 };
	struct child child;
	struct cpython *py, *same;
	struct wire_runtime r[2];
	struct wire_python a, b;
	int first;

	if (minor_of(python) < 9)
		return;
	child = spawn(python, argv);
	first = fgetc(child.out); /* all is asleep when it prints */
	ungetc(first, child.out);
	assert_int_equal(cpython_open(&py, child.pid), 0);
	assert_non_null(py);
	assert_int_equal(cpython_runtimes(py, r, 2), 1);
	check_all(py, &child, &c);
	print_message("%s: %s: %u threads, %u frames, %u names, all equal; %llu switches\n", python,
		      r[0].name, c.threads, c.frames, c.names, (unsigned long long)r[0].switches);
	assert_int_equal(c.threads, 21);
	assert_true(c.frames > 400);
	assert_int_equal(cpython_open(&same, child.pid), 0);
	cpython_describe(py, &a);
	cpython_describe(same, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	cpython_close(same);
	stop(&child);
	assert_int_equal(
		cpython_frame(py, &(struct wire_frame_id){ 4096, 0 }, &(struct wire_frame){ 0 }),
		-ESRCH);
	cpython_close(py);
}

static void every_frame(void **state)
{
	char *pythons[PYTHONS_MAX];
	size_t n = find_pythons(pythons);

	(void)state;
	if (!n) {
		print_message("no Python here\n");
		skip();
	}
	for (size_t i = 0; i < n; i++)
		one(pythons[i]);
	free_pythons(pythons, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_frame) };

	const struct CMUnitTest refused[] = { cmocka_unit_test(not_root) };

	if (geteuid())
		return cmocka_run_group_tests(refused, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
