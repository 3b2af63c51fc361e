// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_native_test.c - stacks of native, kernel and Python frames as one list; what library
 * functions say of a lock, in tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/buf.h"
#include "user/model/mix.h"
#include "user/model/model.h"
#include "user/model/natlock.h"
#include "user/model/pylock.h"
#include "user/model/stack.h"

#define PID 10
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* --- stacks as words ---------------------------------------------------------------------------
 */

/*
 * "k:f" kernel, "n:f" native, "n:f<g" f inlined into g, "p:f" Python, "|" C called Python; behind a
 * name "!" is the loop of an interpreter, "~" a library, "^" where a thread begins; "n:" has no
 * name,
 * "@file" behind it the module, blanks in names are written "_".
 */
static const struct frame_word {
	char letter;
	uint32_t flag;
} frame_flags[] = { { '!', WIRE_FRAME_EVAL },
		    { '~', WIRE_FRAME_LIBRARY },
		    { '^', WIRE_FRAME_START } };

static void tell(struct model *m, const void *rec)
{
	assert_int_equal(model_apply(m, rec), 0);
}

static void tell_function(struct model *m, const struct wire_frame_id *id, uint16_t depth,
			  const char *word, uint32_t more)
{
	struct wire_frame f = { .head = { m->now_ns, PID, WIRE_FRAME, sizeof(f) }, .id = *id };
	size_t len = strcspn(word, "<@"), end = len;

	f.depth = depth;
	f.flags = more;
	f.offset = 0x100 + id->instr;
	if (id->code == WIRE_CODE_KERNEL)
		f.head.tid = 0;
	for (size_t i = 0; len && i < LENGTH(frame_flags); i++)
		if (word[len - 1] == frame_flags[i].letter) {
			f.flags |= frame_flags[i].flag;
			len--;
			i = (size_t)-1;
		}
	snprintf(f.function, sizeof(f.function), "%.*s", (int)len, word);
	for (char *s = f.function; *s; s++)
		if (*s == '_' && s[1] == '_' && s[2] == '_')
			memmove(s, s + 2, strlen(s + 2) + 1), *s = ' ';
	if (word[end] == '@')
		snprintf(f.module, sizeof(f.module), "%.*s", (int)strcspn(word + end + 1, "<"),
			 word + end + 1);
	tell(m, &f);
}

static void tell_word(struct model *m, struct wire_stack *s, const char *word)
{
	struct wire_frame_id *id = &s->frames[s->n++];
	uint16_t depth = 0;

	id->code = word[0] == 'k'   ? WIRE_CODE_KERNEL
		   : word[0] == 'n' ? WIRE_CODE_NATIVE
		   : word[0] == 'p' ? 0x1000 + s->id * 256 + s->n
				    : WIRE_CODE_ENTRY;
	id->instr = word[0] == '|' ? 0 : s->id * 256 + s->n;
	if (word[0] == '|')
		return;
	for (word += 2; word; depth++) {
		const char *next = strchr(word, '<');

		tell_function(m, id, depth, word, next ? WIRE_FRAME_MORE : 0);
		word = next ? next + 1 : NULL;
	}
}

static const struct stack *tell_stack(struct model *m, uint64_t id, const char *words,
				      uint32_t flags)
{
	struct wire_stack s = { .head = { m->now_ns, PID, WIRE_STACK, 0 }, .id = id };
	char text[1024], *rest = text, *word;

	s.flags = flags;
	snprintf(text, sizeof(text), "%s", words);
	while ((word = strsep(&rest, " ")))
		if (*word)
			tell_word(m, &s, word);
	s.head.size = WIRE_STACK_SIZE(s.n);
	tell(m, &s);
	return stack_find(m, id);
}

static const char *text_of(const struct stack *s, enum mix_end *ret_end)
{
	static char text[4096];
	struct mix mix;

	mix_expand(s, &mix);
	text[0] = '\0';
	for (size_t i = 0; i < mix.n; i++) {
		const struct frame *f = mix.frames[i];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 f && f->known && f->function[0] ? f->function : "?");
	}
	*ret_end = mix.end;
	return text;
}

/* --- one list --------------------------------------------------------------------------------- */

#define WHOLE WIRE_STACK_WHOLE
#define SINGLES WIRE_STACK_SINGLES

static const struct mixture {
	const char *stack;
	uint32_t flags;
	const char *list;
	enum mix_end end;
} mixtures[] = {
	/* native code alone, functions inlined, the kernel */
	{ "n:a n:b n:main^", WHOLE, "a b main", MIX_WHOLE },
	{ "n:a<b<c n:d<e n:main", WHOLE, "a b c d e main", MIX_WHOLE },
	{ "k:futex k:entry n:a n:main", WHOLE, "futex entry a main", MIX_WHOLE },
	{ "n:a k:futex p:f n:b", 0, "futex a b f", MIX_WHOLE },
	{ "n:a n: n:b", WHOLE, "a ? b", MIX_WHOLE },
	{ "", 0, "", MIX_WHOLE },
	/* Python alone */
	{ "p:f p:g | p:h |", 0, "f g h", MIX_WHOLE },
	{ "p:f p:g", SINGLES, "f g", MIX_WHOLE },
	{ "|", 0, "", MIX_WHOLE },
	/* 3.11 and later: a loop runs all frames up to where C code called it */
	{ "n:lock n:loop! n:call n:main", WHOLE, "lock loop call main", MIX_WHOLE },
	{ "n:lock n:loop! n:call n:main p:f p:g |", WHOLE, "lock f g call main", MIX_WHOLE },
	{ "n:read n:loop! n:sort n:loop! n:main p:key | p:work p:app |", WHOLE,
	  "read key sort work app main", MIX_WHOLE },
	/* 3.14: the thread's first frame is no place and has no loop */
	{ "n:loop! n:main p:f | |", WHOLE, "f main", MIX_WHOLE },
	/* 3.9, 3.10: a loop for each frame */
	{ "n:x n:loop! n:call n:loop! n:main p:f p:g", WHOLE | SINGLES, "x f call g main",
	  MIX_WHOLE },
	{ "n:x n:loop! n:call n:loop! n:main p:f | p:g |", WHOLE | SINGLES, "x f call g main",
	  MIX_WHOLE },
	/* a loop that was just entered has no frame yet, with its mark or without */
	{ "n:loop! n:call n:loop! n:main p:g |", WHOLE, "loop call g main", MIX_WHOLE },
	{ "n:loop! n:call n:loop! n:main | p:g |", WHOLE, "loop call g main", MIX_WHOLE },
	{ "n:loop! n:main |", WHOLE, "loop main", MIX_WHOLE },
	/* native frames end early: what is left lies outside of all of them */
	{ "n:x n:loop! n:call p:f | p:g p:h |", WIRE_STACK_CUT, "x f call g h", MIX_CUT },
	{ "n:x n:loop! n:call p:f | p:g |", WIRE_STACK_NO_RULE, "x f call g", MIX_UNKNOWN },
	{ "n:x p:f | p:g |", WIRE_STACK_ASTRAY, "x f g", MIX_UNKNOWN },
	{ "n:x p:f", WIRE_STACK_NO_MEMORY, "x f", MIX_UNKNOWN },
	{ "n:x", WIRE_STACK_EARLY, "x", MIX_UNKNOWN },
	/* Python's end early: loops further out stay */
	{ "n:x n:loop! n:call n:loop! n:main p:f p:g", WHOLE | WIRE_STACK_TRUNCATED,
	  "x f g call loop main", MIX_TRUNCATED },
	{ "n:x n:loop! n:call n:loop! n:main p:f | p:g", WHOLE | WIRE_STACK_TORN, "x f call g main",
	  MIX_TRUNCATED },
	{ "n:x n:loop! p:f p:g", WIRE_STACK_CUT | WIRE_STACK_TRUNCATED, "x f g", MIX_CUT },
	/* loops without a name */
	{ "n:x n:loop! n:call n: n:main p:f | p:g | p:h |", WHOLE, "x f g h call ? main",
	  MIX_WHOLE },
	{ "n:wait@libc.so.6 n:@python3.11 n:main@python3.11 p:f | p:g |", WHOLE, "wait f g ? main",
	  MIX_WHOLE },
	{ "n:wait@libc.so.6 n:@lib/libpython3.9.so n:main@app p:f", WHOLE | SINGLES,
	  "wait f ? main", MIX_WHOLE },
	{ "n:wait n:main p:f p:g |", WHOLE, "wait main f g", MIX_WHOLE },
	/* a loop that is inlined, or has something inlined */
	{ "n:loop!<vector n:main p:f |", WHOLE, "f vector main", MIX_WHOLE },
	{ "n:incref<loop! n:main p:f |", WHOLE, "incref f main", MIX_WHOLE },
	{ "n:incref<loop!<eval! n:main p:f |", WHOLE, "incref f main", MIX_WHOLE },
};

static void lists(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(mixtures); i++) {
		const struct mixture *x = &mixtures[i];
		enum mix_end end;
		const char *list = text_of(tell_stack(m, i + 1, x->stack, x->flags), &end);

		if (strcmp(list, x->list) != 0 || end != x->end)
			fail_msg("%s: %s, end %d", x->stack, list, end);
	}
	model_free(m);
}

/* Names may come late, in any order, and again with another answer. */
static void told_late(void **state)
{
	struct wire_stack s = { .id = 1, .n = 1 };
	struct model *m = model_new();
	const struct stack *stack;
	enum mix_end end;

	(void)state;
	s.head = (struct wire_head){ 0, PID, WIRE_STACK, WIRE_STACK_SIZE(1) };
	s.frames[0] = (struct wire_frame_id){ WIRE_CODE_NATIVE, 0x100 };
	tell(m, &s);
	stack = stack_find(m, 1);
	assert_string_equal(text_of(stack, &end), "?");
	tell_function(m, &s.frames[0], 1, "b", WIRE_FRAME_MORE);
	assert_string_equal(text_of(stack, &end), "?");
	tell_function(m, &s.frames[0], 0, "a", WIRE_FRAME_MORE);
	assert_string_equal(text_of(stack, &end), "a b");
	tell_function(m, &s.frames[0], 2, "c", 0);
	assert_string_equal(text_of(stack, &end), "a b c");
	tell_function(m, &s.frames[0], 0, "x", 0);
	assert_string_equal(text_of(stack, &end), "x");
	tell_function(m, &s.frames[0], 0, "y", WIRE_FRAME_MORE);
	assert_string_equal(text_of(stack, &end), "y b c");
	tell_function(m, &s.frames[0], 2, "d", 0);
	assert_string_equal(text_of(stack, &end), "y b d");
	model_free(m);
}

/* A stack with the longest chains there can be ends, and says so. */
static void longest(void **state)
{
	struct wire_stack s = { .id = 1, .n = WIRE_FRAMES_MAX };
	struct model *m = model_new();
	struct mix mix;

	(void)state;
	s.head = (struct wire_head){ 0, PID, WIRE_STACK, sizeof(s) };
	for (uint32_t i = 0; i < s.n; i++)
		s.frames[i] = (struct wire_frame_id){ WIRE_CODE_NATIVE, 0x100 };
	tell(m, &s);
	for (uint16_t depth = 0; depth < 100; depth++)
		tell_function(m, &s.frames[0], depth, "f", WIRE_FRAME_MORE);
	mix_expand(stack_find(m, 1), &mix);
	assert_int_equal(mix.n, MIX_MAX);
	assert_int_equal(mix.end, MIX_CUT);
	model_free(m);
}

/* --- what functions say ------------------------------------------------------------------------
 */

static const struct names {
	const char *name, *bare;
} names[] = {
	{ "worker", "worker" },
	{ "worker(int, char const*)", "worker" },
	{ "pthread_mutex_lock@@GLIBC_2.2.5", "pthread_mutex_lock" },
	{ "do_futex_wait.constprop.0", "do_futex_wait" },
	{ "f(int) [clone .part.0]", "f" },
	{ "acquire_timed.lto_priv.0", "acquire_timed" },
	{ "std::condition_variable::wait(std::unique_lock<std::mutex>&)",
	  "std::condition_variable::wait" },
	{ "void std::call_once<void (&)()>(std::once_flag&, void (&)())", "std::call_once" },
	{ "std::vector<int, std::allocator<int> > pool::get<int>(int)", "pool::get" },
	{ "(anonymous namespace)::worker(int)", "namespace)::worker" },
	{ "std::sys::sync::mutex::futex::Mutex::lock_contended::h0123456789abcdef",
	  "std::sys::sync::mutex::futex::Mutex::lock_contended" },
	{ "std::sync::mutex::Mutex<T>::lock", "std::sync::mutex::Mutex::lock" },
	{ "std::sync::mutex::Mutex::<T>::lock", "std::sync::mutex::Mutex::lock" },
	{ "<std::sync::poison::mutex::Mutex<i32>>::lock", "std::sync::poison::mutex::Mutex::lock" },
	{ "<app::Pool<T> as core::ops::Drop>::drop", "app::Pool::drop" },
	{ "sync.(*Mutex).Lock", "sync.(*Mutex).Lock" },
	{ "runtime.lock2", "runtime.lock2" },
	{ "operator new(unsigned long)", "operator new" },
	{ "<", "" },
	{ "", "" },
	{ ">>::<<::h", "::" },
};

static void bare_names(void **state)
{
	char bare[128];

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		natlock_bare(names[i].name, bare, sizeof(bare));
		assert_string_equal(bare, names[i].bare);
	}
}

/* place: the function there, NULL: none. */
static const struct wait_story {
	const char *stack;
	enum lock_kind kind;
	const char *place;
} stories[] = {
	/* pthread */
	{ "n:__lll_lock_wait~ n:___pthread_mutex_lock~ n:work", KIND_MUTEX, "work" },
	{ "k:futex_wait n:__lll_lock_wait~ n:pthread_mutex_lock@GLIBC_2.2.5~ n:work", KIND_MUTEX,
	  "work" },
	{ "n:futex_wait<__lll_lock_wait n:lll_mutex_lock_optimized<__pthread_mutex_lock n:work",
	  KIND_MUTEX, "work" },
	{ "n:__pthread_mutex_clocklock~ n:work", KIND_MUTEX, "work" },
	{ "n:__pthread_mutex_lock_full~ n:work", KIND_MUTEX, "work" },
	{ "n:mtx_lock~ n:work", KIND_MUTEX, "work" },
	{ "n:__futex_abstimed_wait64~ n:__pthread_rwlock_rdlock_full64~ n:pthread_rwlock_rdlock~ "
	  "n:get",
	  KIND_RWLOCK, "get" },
	{ "n:pthread_rwlock_timedwrlock~ n:put", KIND_RWLOCK, "put" },
	{ "n:__futex_abstimed_wait_common64<__futex_abstimed_wait_common~ "
	  "n:__pthread_cond_wait_common~ "
	  "n:___pthread_cond_wait~ n:consume",
	  KIND_CONDITION, "consume" },
	{ "n:pthread_cond_clockwait~ n:consume", KIND_CONDITION, "consume" },
	/* it has been signalled and wants its mutex again */
	{ "n:__lll_lock_wait~ n:__pthread_mutex_cond_lock~ n:__pthread_cond_wait_common~ n:consume",
	  KIND_MUTEX, "consume" },
	{ "n:do_futex_wait.constprop.0 n:__new_sem_wait_slow64.constprop.0~ n:sem_wait n:take",
	  KIND_SEMAPHORE, "take" },
	{ "n:sem_clockwait~ n:take", KIND_SEMAPHORE, "take" },
	{ "n:__pthread_barrier_wait~ n:round", KIND_BARRIER, "round" },
	{ "n:__pthread_clockjoin_ex~ n:pthread_join~ n:main", KIND_JOIN, "main" },
	{ "n:thrd_join~ n:main", KIND_JOIN, "main" },
	{ "n:__pthread_once_slow~ n:pthread_once~ n:setup", KIND_ONCE, "setup" },
	{ "n:syscall~ n:__cxa_guard_acquire~ n:instance()", KIND_ONCE, "instance()" },
	/* malloc, stdio, other locks of the C library */
	{ "n:__lll_lock_wait_private~ n:malloc~ n:work", KIND_MALLOC, "work" },
	{ "n:__lll_lock_wait_private~ n:_int_free~ n:__GI___libc_free~ n:work", KIND_MALLOC,
	  "work" },
	{ "n:__lll_lock_wait_private~ n:arena_get2.part.0~ n:tcache_init~ n:__libc_malloc~ n:work",
	  KIND_MALLOC, "work" },
	{ "n:__lll_lock_wait_private~ n:malloc~ n:operator___new(unsigned___long) n:work",
	  KIND_MALLOC, "work" },
	{ "n:__lll_lock_wait_private~ n:malloc~ n:fopen~ n:work", KIND_MALLOC, "work" },
	{ "n:__lll_lock_wait_private~ n:_IO_puts~ n:log_line", KIND_STDIO, "log_line" },
	{ "n:__lll_lock_wait_private~ n:__vfprintf_internal~ n:printf~ n:log_line", KIND_STDIO,
	  "log_line" },
	{ "n:__lll_lock_wait_private~ n:__GI__IO_fwrite~ n:log_line", KIND_STDIO, "log_line" },
	{ "n:__lll_lock_wait_private~ n:fflush_unlocked~ n:_IO_flush_all~ n:work", KIND_STDIO,
	  "work" },
	{ "n:__lll_lock_wait_private~ n:__run_exit_handlers~ n:exit~ n:main", KIND_LOW_LEVEL,
	  "main" },
	{ "n:__lll_lock_wait_private~ n:getpwnam~ n:main", KIND_LOW_LEVEL, "main" },
	{ "n:__lll_lock_wait~ n:pthread_mutex_lock~ n:_dl_open~ n:dlopen~ n:load", KIND_MUTEX,
	  "load" },
	/* C++ */
	{ "n:pthread_mutex_lock~ "
	  "n:__gthread_mutex_lock<std::mutex::lock<std::lock_guard::lock_guard<"
	  "Pool::get(int)",
	  KIND_MUTEX, "Pool::get(int)" },
	{ "n:__pthread_cond_wait_common~ n:pthread_cond_wait~ "
	  "n:std::condition_variable::wait(std::unique_lock&)~ n:Queue::pop()",
	  KIND_CONDITION, "Queue::pop()" },
	{ "n:pthread_rwlock_rdlock~ n:std::shared_mutex::lock_shared() n:Map::find()", KIND_RWLOCK,
	  "Map::find()" },
	{ "n:pthread_once~ n:void___std::call_once(std::once_flag&) n:init()", KIND_ONCE,
	  "init()" },
	{ "n:pthread_join~ n:std::thread::join()~ n:main", KIND_JOIN, "main" },
	{ "n:syscall~ n:std::__atomic_futex_unsigned_base::_M_futex_wait_until(unsigned*)~ "
	  "n:std::future::get() n:main",
	  KIND_CONDITION, "main" },
	{ "n:syscall~ n:std::__detail::__platform_wait() n:std::counting_semaphore::acquire() "
	  "n:f()",
	  KIND_SEMAPHORE, "f()" },
	/* Rust */
	{ "n:syscall~ n:std::sys::pal::unix::futex::futex_wait "
	  "n:std::sys::sync::mutex::futex::Mutex::lock_contended n:std::sync::mutex::Mutex::lock "
	  "n:app::worker",
	  KIND_RUST_MUTEX, "app::worker" },
	{ "n:syscall~ "
	  "n:std::sys::unix::locks::futex_mutex::Mutex::lock_contended::h0123456789abcdef "
	  "n:app::worker",
	  KIND_RUST_MUTEX, "app::worker" },
	{ "n:syscall~ n:std::sys::sync::rwlock::futex::RwLock::read_contended n:app::read",
	  KIND_RUST_RWLOCK, "app::read" },
	{ "n:syscall~ n:std::sys::sync::condvar::futex::Condvar::wait "
	  "n:std::sync::condvar::Condvar::wait "
	  "n:app::pop",
	  KIND_RUST_WAIT, "app::pop" },
	{ "n:syscall~ n:std::sys::sync::mutex::futex::Mutex::lock_contended "
	  "n:std::sys::sync::condvar::futex::Condvar::wait n:app::pop",
	  KIND_RUST_MUTEX, "app::pop" },
	{ "n:syscall~ n:std::sys::sync::once::futex::Once::call n:std::sync::once::Once::call_once "
	  "n:app::init",
	  KIND_ONCE, "app::init" },
	{ "n:syscall~ n:std::sys::sync::thread_parking::futex::Parker::park n:std::thread::park "
	  "n:std::sync::mpmc::Receiver::recv n:app::next",
	  KIND_RUST_WAIT, "app::next" },
	{ "n:pthread_join~ n:std::sys::pal::unix::thread::Thread::join "
	  "n:std::thread::JoinHandle::join "
	  "n:app::main",
	  KIND_JOIN, "app::main" },
	{ "n:syscall~ n:parking_lot_core::parking_lot::park "
	  "n:parking_lot::raw_mutex::RawMutex::lock_slow "
	  "n:lock_api::mutex::Mutex::lock n:app::f",
	  KIND_RUST_MUTEX, "app::f" },
	{ "n:syscall~ n:parking_lot_core::parking_lot::park "
	  "n:parking_lot::condvar::Condvar::wait_until_internal n:app::f",
	  KIND_RUST_WAIT, "app::f" },
	/* Go */
	{ "n:runtime.futex n:runtime.futexsleep n:runtime.lock2 n:runtime.lockWithRank "
	  "n:runtime.lock "
	  "n:runtime.findRunnable n:runtime.schedule",
	  KIND_GO_LOCK, "runtime.futex" },
	{ "n:runtime.futex n:runtime.futexsleep n:runtime.notesleep n:runtime.mPark "
	  "n:runtime.stopm "
	  "n:runtime.findRunnable n:runtime.schedule",
	  KIND_GO_WAIT, "runtime.futex" },
	{ "n:runtime.futex n:runtime.futexsleep n:main.work", KIND_GO_WAIT, "main.work" },
	/* the JVM */
	{ "n:pthread_cond_wait~ n:Parker::park(bool,___long)@libjvm.so n:Unsafe_Park@libjvm.so n:",
	  KIND_JAVA_WAIT, "pthread_cond_wait" },
	{ "n:pthread_cond_wait~ n:PlatformEvent::park()@libjvm.so "
	  "n:ObjectMonitor::EnterI()@libjvm.so "
	  "n:ObjectMonitor::enter()@libjvm.so",
	  KIND_JAVA_MONITOR, "pthread_cond_wait" },
	{ "n:pthread_cond_wait~ n:PlatformEvent::park()@libjvm.so "
	  "n:ObjectMonitor::wait()@libjvm.so "
	  "n:JVM_MonitorWait@libjvm.so",
	  KIND_JAVA_WAIT, "pthread_cond_wait" },
	{ "n:pthread_cond_wait~ n:PlatformEvent::park()@libjvm.so "
	  "n:ObjectMonitor::ReenterI()@libjvm.so "
	  "n:ObjectMonitor::wait()@libjvm.so",
	  KIND_JAVA_MONITOR, "pthread_cond_wait" },
	/* the user's own */
	{ "n:syscall~ n:my_lock n:work", KIND_FUTEX, "my_lock" },
	{ "n:ObjectMonitor::wait()@app n:work@app", KIND_FUTEX, "ObjectMonitor::wait()" },
	{ "n:my_printf n:work", KIND_FUTEX, "my_printf" },
	{ "n:IO_write n:work", KIND_FUTEX, "IO_write" },
	{ "n:work n:pthread_mutex_lock~", KIND_FUTEX, "work" },
	/* little is known */
	{ "n: n:pthread_mutex_lock~ n:work", KIND_FUTEX, "work" },
	{ "n:~@libc.so.6 n:pthread_mutex_lock~@libc.so.6 n:@app n:@app", KIND_MUTEX, "" },
	{ "n:pthread_mutex_lock~@libc.so.6 n:~@libc.so.6", KIND_MUTEX, "pthread_mutex_lock" },
	{ "n:~@libc.so.6 n:", KIND_FUTEX, "" },
	{ "n:a~ n:start_thread^", KIND_FUTEX, "a" },
	{ "n: n:", KIND_FUTEX, NULL },
	{ "k:do_read", KIND_FUTEX, "do_read" },
	{ "", KIND_FUTEX, NULL },
};

static void kinds(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(stories); i++) {
		const struct wait_story *s = &stories[i];
		const struct stack *stack = tell_stack(m, i + 1, s->stack, WHOLE);
		const struct frame *place = natlock_place(stack);
		enum lock_kind kind = natlock_kind(stack);

		if (kind != s->kind || !place != !s->place ||
		    (place && strcmp(place->function, s->place) != 0))
			fail_msg("%s: %s, place %s", s->stack, lock_kinds[kind].name,
				 place ? place->function : "-");
	}
	model_free(m);
}

/* A library that Python code calls takes locks of its own. */
static const struct foreign_story {
	const char *stack;
	bool foreign;
} foreign[] = {
	{ "n:sem_wait~@libc n:PyThread_acquire_lock@python3.11 n:loop!@python3.11 p:f", false },
	{ "n:sem_wait~@libc n:@libpython3.9.so n:loop!@libpython3.9.so p:f", false },
	{ "n:sem_wait~@libc n:ext_get@ext.so n:loop!@python3.11 p:f", true },
	{ "n:pthread_mutex_lock~@libc n:std::mutex::lock@ext.so n:ext@ext.so n:loop!@python3.11 "
	  "p:f",
	  true },
	{ "n:sem_wait~@libc n:ext_get@ext.so n:main@app p:f", false },
	{ "n:sem_wait~@libc n: n:loop!@python3.11 p:f", false },
	{ "n:sem_wait~@libc n:loop!@python3.11 p:f", false },
	{ "p:f", false },
};

static void foreigners(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(foreign); i++) {
		const struct stack *s = tell_stack(m, i + 1, foreign[i].stack, WHOLE);

		if (natlock_is_foreign(s) != foreign[i].foreign)
			fail_msg("%s", foreign[i].stack);
	}
	model_free(m);
}

/* --- a hot place among many ---------------------------------------------------------------------
 */

#define OTHERS 20000

static void tell_cpu(struct model *m, uint64_t stack)
{
	struct wire_sample s = { .head = { ++m->now_ns, PID, WIRE_SAMPLE, sizeof(s) } };

	s.stack = stack;
	s.weight_ns = 1000;
	tell(m, &s);
}

/* Beyond the limit time is at no stack, not at another one. */
static void hot_stack(void **state)
{
	struct wire_window w = { .head = { 1000, 0, WIRE_WINDOW, sizeof(w) }, .begin_ns = 1000 };
	struct model *m = model_new();
	uint64_t hot = 0, lost = 0, all = 0, n = MODEL_MAX_STACKS + 500;

	(void)state;
	tell(m, &w);
	m->now_ns = 1000;
	for (uint64_t id = 2; id <= n; id++) {
		struct wire_stack s = { .id = id, .n = 2 };

		s.head = (struct wire_head){ m->now_ns, PID, WIRE_STACK, WIRE_STACK_SIZE(2) };
		s.frames[0] = (struct wire_frame_id){ WIRE_CODE_NATIVE, id % 1000 };
		s.frames[1] = (struct wire_frame_id){ WIRE_CODE_NATIVE, id / 1000 };
		if (id == OTHERS / 2) { /* the hot one comes in the midst of them */
			s.id = 1;
			tell(m, &s);
			s.id = id;
		}
		tell(m, &s);
		tell_cpu(m, id);
		if (id >= OTHERS / 2)
			tell_cpu(m, 1);
	}
	model_finish(m);
	for (const struct site *s = m->all_processes->sites; s; s = s->next) {
		all += s->ns;
		hot += s->key.stack && s->key.stack->id == 1 ? s->ns : 0;
		lost += s->key.stack ? 0 : s->ns;
	}
	assert_int_equal(hot, (n - OTHERS / 2 + 1) * 1000);
	assert_int_equal(lost, 500 * 1000);
	assert_int_equal(all, (n - 1 + n - OTHERS / 2 + 1) * 1000);
	assert_true(OTHERS < MODEL_MAX_STACKS);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),     cmocka_unit_test(told_late),
		cmocka_unit_test(longest),   cmocka_unit_test(bare_names),
		cmocka_unit_test(kinds),     cmocka_unit_test(foreigners),
		cmocka_unit_test(hot_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
