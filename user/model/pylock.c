// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pylock.c - see pylock.h.
 *
 * The table of library functions says what their waiting means.  The outermost of those that follow
 * one another decides: Queue.get() calls Condition.wait(), and that is a queue wait.  But if the
 * innermost one only takes a lock (with self.mutex: in Queue.get, Condition.__enter__) it waits for
 * just that.
 */
#include <linux/futex.h>
#include <string.h>

#include "user/model/lock.h"
#include "user/model/mix.h"
#include "user/model/natlock.h"
#include "user/model/pylock.h"

enum library_how {
	TAKES_LOCKS, /* as the innermost one it waits for a lock inside the library */
	WAITS,	     /* as the innermost one it waits for what the row says */
	STARTS,	     /* user code or a library loop begins here */
};

/*
 * file: below the standard library's folder; with a / at the end all in there.
 * function: without its class, NULL: all others of the file.  kind KIND_FUTEX: what it calls decides.
 * The first row that fits counts.
 */
static const struct library {
	const char *file, *function;
	enum lock_kind kind;
	enum library_how how;
} libraries[] = {
	{ "threading.py", "run", KIND_FUTEX, STARTS },
	{ "threading.py", "_bootstrap", KIND_FUTEX, STARTS },
	{ "threading.py", "_bootstrap_inner", KIND_FUTEX, STARTS },
	{ "threading.py", "wait", KIND_PY_CONDITION, WAITS },
	{ "threading.py", "join", KIND_PY_JOIN, WAITS },
	{ "threading.py", "_wait_for_tstate_lock", KIND_PY_JOIN, WAITS },
	{ "threading.py", "_join_os_thread", KIND_PY_JOIN, WAITS },
	{ "threading.py", "_shutdown", KIND_PY_JOIN, WAITS },
	{ "threading.py", NULL, KIND_PY_CONDITION, TAKES_LOCKS },
	{ "queue.py", NULL, KIND_PY_QUEUE, TAKES_LOCKS },
	{ "multiprocessing/queues.py", NULL, KIND_PY_QUEUE, TAKES_LOCKS },
	{ "multiprocessing/synchronize.py", "__enter__", KIND_PY_LOCK, WAITS },
	{ "multiprocessing/synchronize.py", NULL, KIND_PY_CONDITION, WAITS },
	{ "multiprocessing/pool.py", "worker", KIND_PY_QUEUE, WAITS }, /* SimpleQueue.get(), in C */
	{ "multiprocessing/pool.py", "_handle_tasks", KIND_PY_QUEUE, WAITS },
	{ "multiprocessing/pool.py", "_handle_results", KIND_PY_QUEUE, WAITS },
	{ "multiprocessing/pool.py", NULL, KIND_FUTEX, TAKES_LOCKS },
	{ "concurrent/futures/thread.py", "_worker", KIND_PY_QUEUE, WAITS },
	{ "concurrent/futures/thread.py", "shutdown", KIND_PY_JOIN, TAKES_LOCKS },
	{ "concurrent/futures/thread.py", "_python_exit", KIND_PY_JOIN, TAKES_LOCKS },
	{ "concurrent/futures/thread.py", NULL, KIND_PY_CONDITION, TAKES_LOCKS },
	{ "concurrent/futures/process.py", "shutdown", KIND_PY_JOIN, TAKES_LOCKS },
	{ "concurrent/futures/_base.py", "__exit__", KIND_PY_JOIN, TAKES_LOCKS },
	{ "concurrent/futures/_base.py", NULL, KIND_PY_CONDITION, TAKES_LOCKS },
	{ "asyncio/", NULL, KIND_PY_CONDITION, TAKES_LOCKS },
	{ "<frozen importlib._bootstrap>", NULL, KIND_FUTEX, TAKES_LOCKS },
};

/* Is the path up to its n-th byte the standard library's folder, or nothing? */
static bool is_library_folder(const char *path, size_t n)
{
	size_t begin;

	if (!n)
		return true;
	if (path[--n] != '/')
		return false;
	for (begin = n; begin && path[begin - 1] != '/'; begin--)
		;
	return (n - begin >= 7 && memcmp(path + begin, "python3", 7) == 0) ||
	       (n - begin == 3 && memcmp(path + begin, "Lib", 3) == 0);
}

static bool file_fits(const char *path, const char *file)
{
	size_t len = strlen(path), want = strlen(file);
	const char *slash;

	if (file[want - 1] == '/') { /* the folder of the file */
		slash = strrchr(path, '/');
		if (!slash)
			return false;
		len = (size_t)(slash - path) + 1;
	}
	return len >= want && memcmp(path + len - want, file, want) == 0 &&
	       is_library_folder(path, len - want);
}

static const struct library *library_of(const struct frame *f)
{
	const char *dot, *name;

	if (!f || !f->known || !f->function[0])
		return NULL;
	dot = strrchr(f->function, '.');
	name = dot ? dot + 1 : f->function;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		const struct library *l = &libraries[i];

		if ((!l->function || strcmp(l->function, name) == 0) && file_fits(f->file, l->file))
			return l;
	}
	return NULL;
}

static bool is_named(const struct frame *f)
{
	return f && f->known && f->function[0];
}

/* Python's frames of a stack, without what else there is. */
static size_t python_frames(const struct stack *s, const struct frame **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < mix_n_python(s); i++)
		if (mix_python(s)[i] != &stack_entry)
			ret[n++] = mix_python(s)[i];
	return n;
}

enum lock_kind pylock_kind(const struct stack *s, const struct frame **ret_place)
{
	const struct frame *frames[WIRE_FRAMES_MAX];
	size_t n = python_frames(s, frames), i;
	enum lock_kind kind = KIND_PY_LOCK;
	const struct library *l;
	bool decided;

	*ret_place = n ? frames[0] : NULL;
	if (!n || !is_named(frames[0]))
		return KIND_FUTEX;
	l = library_of(frames[0]);
	if (!l || l->how == STARTS)
		return KIND_PY_LOCK;
	decided = l->how == TAKES_LOCKS;
	for (i = 0; i < n; i++) {
		l = library_of(frames[i]);
		if (!l || l->how == STARTS)
			break;
		if (!decided && l->kind != KIND_FUTEX)
			kind = l->kind;
	}
	*ret_place = frames[l || i == n ? i - 1 : i];
	return kind;
}

bool pylock_like_semaphore(uint32_t op, uint32_t val)
{
	return (op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && !val;
}

/* May the word be that of a Python lock? */
static bool may_be_python(const struct lock *l, bool like_semaphore)
{
	if (l->shared || l->gil)
		return false;
	return lock_is_python(l) || l->kind == KIND_SEMAPHORE ||
	       (l->kind == KIND_FUTEX && like_semaphore);
}

/* One line of code that waits is one lock. */
static struct lock *lock_of_place(struct model *m, const struct process *p, enum lock_kind kind,
				  const struct frame *place)
{
	uint64_t code = place ? place->key.code : 0;
	uint64_t name = place ? code ^ (uint64_t)place->line << 48 : 0; /* addresses have 48 bits */
	struct lock *l = lock_named(m, p, kind, name);

	if (l)
		return l;
	l = lock_name(m, p, kind, name, NULL, code);
	l->by_place = true;
	l->place = place;
	return l;
}

/* A lock is known by the address of its semaphore, whatever else that word was used for since. */
static struct lock *lock_of_address(struct model *m, const struct process *p, struct lock *found,
				    uint64_t addr)
{
	struct lock *l = lock_named(m, p, KIND_PY_LOCK, addr);

	if (!l && found->base == addr && !lock_is_python(found) && !found->by_object)
		l = found;
	return lock_name(m, p, KIND_PY_LOCK, addr, l, addr);
}

/* Likewise by its own address, where that is known. */
static struct lock *lock_of_object(struct model *m, const struct process *p, uint64_t object)
{
	struct lock *l = lock_named(m, p, KIND_WAIT_LIST, object);

	if (!l) {
		l = lock_name(m, p, KIND_WAIT_LIST, object, NULL, object);
		l->by_object = true;
	}
	return l;
}

static void learn_lock(struct lock *l, const struct frame *place)
{
	l->kind = KIND_PY_LOCK;
	if (!l->place)
		l->place = place;
}

/*
 * A semaphore in shared memory that is entered ("with lock:") is a multiprocessing.Lock or its like.
 * One of which acquire() is called by itself may as well be a signal, so it stays a semaphore.
 */
static bool learn_shared(struct lock *l, const struct stack *stack)
{
	const struct frame *frames[WIRE_FRAMES_MAX], *place;
	const struct library *innermost;

	if (!stack || !l->shared || l->kind != KIND_SEMAPHORE || !python_frames(stack, frames))
		return false;
	innermost = library_of(frames[0]);
	if (!innermost || innermost->kind != KIND_PY_LOCK ||
	    pylock_kind(stack, &place) != KIND_PY_LOCK)
		return false;
	learn_lock(l, place);
	return true;
}

static struct lock *find_word_lock(struct model *m, struct process *p, struct lock *found,
				   uint64_t addr, bool like_semaphore, const struct stack *stack)
{
	const struct frame *place;
	enum lock_kind kind;
	struct lock *l;

	if (learn_shared(found, stack))
		return found;
	if (!stack || !may_be_python(found, like_semaphore) || natlock_is_foreign(stack))
		return found;
	kind = pylock_kind(stack, &place);
	if (kind == KIND_FUTEX)
		return found;
	if (kind != KIND_PY_LOCK) {
		l = lock_of_place(m, p, kind, place);
	} else if (found->kind == KIND_FUTEX && found->votes[KIND_FUTEX]) {
		return found; /* its memory was looked at and is no semaphore */
	} else {
		l = lock_of_address(m, p, found, addr);
		learn_lock(l, place);
	}
	lock_point(m, l, p, addr);
	return l;
}

/* Without a stack and never seen before it is most likely what the thread waited for last there. */
static struct lock *find_parked(struct model *m, struct process *p, uint64_t addr, uint32_t op,
				uint64_t object, const struct stack *stack)
{
	struct lock *l = lock_named(m, p, KIND_WAIT_LIST, object);
	struct lock *last = l ? NULL : lock_lookup(m, p, addr, op);
	const struct frame *place = NULL;
	enum lock_kind kind = stack ? pylock_kind(stack, &place) : KIND_FUTEX;

	if (kind == KIND_FUTEX && last && last->by_place)
		return last;
	if (kind == KIND_FUTEX || kind == KIND_PY_LOCK) {
		l = lock_of_object(m, p, object);
		if (kind == KIND_PY_LOCK)
			learn_lock(l, place);
	} else {
		l = lock_of_place(m, p, kind, place);
	}
	lock_point(m, l, p, addr);
	return l;
}

struct lock *pylock_find(struct model *m, struct process *p, const struct wire_block *b, bool object,
			 const struct stack *stack)
{
	struct lock *l;

	if (object && !lock_in_any_region(p, b->addr)) {
		l = find_parked(m, p, b->addr, b->op, b->object, stack);
	} else {
		l = lock_find(m, p, b->addr, b->op, b->val);
		l = find_word_lock(m, p, l, b->addr, pylock_like_semaphore(b->op, b->val), stack);
	}
	lock_touch(m, l);
	return l;
}

struct lock *pylock_learn(struct model *m, struct process *p, const struct wait *w)
{
	struct lock *l = w->lock;

	if (l->gil)
		return l;
	if (w->object && !l->shared)
		l = find_parked(m, p, w->addr, 0, w->object, w->stack);
	else
		l = find_word_lock(m, p, l, w->addr, w->like_semaphore, w->stack);
	lock_touch(m, l);
	return l;
}
