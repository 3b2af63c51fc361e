// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * natlock.c - see natlock.h.
 *
 * Library functions follow one another from the innermost frame on.  Most often the innermost one
 * that is in the table says what is waited for: malloc() that fopen() called is malloc.  But what
 * is built on a condition or a semaphore is what its own, outer function says; only to get the
 * mutex again after such a wait is a wait for that.
 */
#include <fnmatch.h>
#include <string.h>

#include "user/model/lock.h"
#include "user/model/mix.h"
#include "user/model/natlock.h"

enum library_how {
	HOW_THROUGH, /* part of a library, says nothing */
	HOW_WEAK,    /* if no other function says anything */
	HOW_MAY,     /* ... unless a function around it does */
	HOW_SAYS,    /* the innermost one that says something */
	HOW_ALWAYS,  /* whatever the functions inside of it do */
};

/* names: patterns of bare names, as for file names, with a space between. */
struct natlock_row {
	enum lock_kind kind;
	enum library_how how;
	const char *names;
};

/* The C library; names as c_name() has them. */
static const struct natlock_row c_library[] = {
	{ KIND_MUTEX, HOW_SAYS, "pthread_mutex_* mtx_lock mtx_timedlock" },
	{ KIND_RWLOCK, HOW_SAYS, "pthread_rwlock_*" },
	{ KIND_CONDITION, HOW_MAY, "pthread_cond_* cnd_wait cnd_timedwait" },
	{ KIND_SEMAPHORE, HOW_MAY, "sem_wait* sem_timedwait* sem_clockwait*" },
	{ KIND_BARRIER, HOW_SAYS, "pthread_barrier_wait*" },
	{ KIND_JOIN, HOW_SAYS, "pthread_*join* thrd_join lll_wait_tid*" },
	{ KIND_ONCE, HOW_SAYS, "pthread_once* call_once cxa_guard_acquire" },
	{ KIND_MALLOC, HOW_SAYS,
	  "malloc calloc realloc reallocarray free cfree memalign posix_memalign mid_memalign "
	  "int_memalign aligned_alloc valloc pvalloc int_malloc int_free* int_realloc arena_get* "
	  "reused_arena tcache_init* tcache_malloc_init* tcache_thread_shutdown* mallinfo* mallopt "
	  "malloc_trim malloc_info malloc_stats "
	  "malloc_consolidate malloc_hook_ini malloc_check sysmalloc" },
	{ KIND_STDIO, HOW_SAYS,
	  "printf fprintf vprintf vfprintf dprintf vdprintf wprintf fwprintf vwprintf vfwprintf "
	  "*printf_chk *printf_internal scanf fscanf vscanf vfscanf *scanf_internal puts fputs "
	  "fputws putc fputc putwc fputwc putchar putwchar getc fgetc getwc fgetwc getchar "
	  "getwchar gets fgets fgetws fgets_chk ungetc ungetwc getline getdelim fwrite fread "
	  "fread_chk fflush fclose fopen fopen64 fdopen freopen freopen64 fseek fseeko fseeko64 "
	  "ftell ftello ftello64 rewind fgetpos fsetpos perror setvbuf setbuf setbuffer flockfile "
	  "putw getw" },
	{ KIND_LOW_LEVEL, HOW_WEAK,
	  "lll_lock_wait* dlopen dlopen_* dlsym dlsym_* dlclose tls_get_addr* run_exit_handlers "
	  "cxa_atexit cxa_finalize new_exitfn" },
	{ KIND_FUTEX, HOW_THROUGH,
	  "lll_* futex_wait* futex_abstimed_wait* futex_lock_pi* do_futex_wait* syscall "
	  "gthread_*" },
};

/* Names with a scope; Rust's own stand before those of C++. */
static const struct natlock_row scoped[] = {
	{ KIND_RUST_MUTEX, HOW_SAYS, "std::sys*::Mutex::lock* std::sys*::ReentrantLock*" },
	{ KIND_RUST_RWLOCK, HOW_SAYS, "std::sys*::RwLock::*" },
	{ KIND_ONCE, HOW_SAYS, "std::sys*::Once::*" },
	{ KIND_RUST_WAIT, HOW_MAY, "std::sys*::Condvar::* std::sys*::Parker::*" },
	{ KIND_JOIN, HOW_MAY, "std::sys*::Thread::join" },
	{ KIND_RUST_MUTEX, HOW_MAY, "std::sync::*Mutex::lock std::sync::*ReentrantLock::lock" },
	{ KIND_RUST_RWLOCK, HOW_MAY, "std::sync::*RwLock::*" },
	{ KIND_RUST_WAIT, HOW_MAY, "std::sync::*Condvar::* std::thread::*park*" },
	{ KIND_ONCE, HOW_MAY, "std::sync::*Once::* std::sync::*OnceLock::*" },
	{ KIND_BARRIER, HOW_MAY, "std::sync::*Barrier::wait" },
	{ KIND_JOIN, HOW_MAY, "std::thread::*JoinHandle::join std::thread::*JoinInner::join" },
	{ KIND_RUST_MUTEX, HOW_ALWAYS, "parking_lot*::*Mutex::*lock*" },
	{ KIND_RUST_RWLOCK, HOW_ALWAYS, "parking_lot*::*RwLock::*lock*" },
	{ KIND_ONCE, HOW_ALWAYS, "parking_lot*::*Once::*" },
	{ KIND_RUST_WAIT, HOW_ALWAYS, "parking_lot*::*Condvar::*" },
	{ KIND_RUST_WAIT, HOW_WEAK, "parking_lot*" },
	{ KIND_FUTEX, HOW_THROUGH, "lock_api::* core::* alloc::*" },
	{ KIND_CONDITION, HOW_MAY, "std::*condition_variable* std::*atomic_futex* std::*future*" },
	{ KIND_SEMAPHORE, HOW_MAY, "std::*semaphore*" },
	{ KIND_BARRIER, HOW_MAY, "std::*latch::* std::*barrier*::*" },
	{ KIND_RWLOCK, HOW_MAY, "std::*shared*mutex*::*" },
	{ KIND_MUTEX, HOW_MAY, "std::*mutex*::*lock*" },
	{ KIND_JOIN, HOW_MAY, "std::*thread::join" },
	{ KIND_ONCE, HOW_MAY, "std::*call_once*" },
	{ KIND_CONDITION, HOW_WEAK, "std::*atomic*wait*" },
	{ KIND_FUTEX, HOW_THROUGH, "std::* gnu_cxx::*" },
};

/* The JVM's own: elsewhere such names are the user's. */
static const struct natlock_row jvm[] = {
	{ KIND_JAVA_WAIT, HOW_MAY,
	  "ObjectMonitor::wait* ObjectSynchronizer::wait* Parker::park *Event::park* "
	  "*Monitor::wait* Unsafe_Park JVM_MonitorWait" },
	{ KIND_JAVA_MONITOR, HOW_ALWAYS, "ObjectMonitor::*" },
	{ KIND_JAVA_MONITOR, HOW_MAY,
	  "ObjectSynchronizer::* SharedRuntime::complete_monitor_locking* "
	  "SharedRuntime::monitor_enter_helper*" },
};

/* Names that are taken as they are. */
static const struct natlock_row plain[] = {
	{ KIND_STDIO, HOW_SAYS, "_IO_* __GI__IO_*" },
	{ KIND_LOW_LEVEL, HOW_WEAK, "_dl_* __dl_* __rtld_*" },
	{ KIND_JAVA_WAIT, HOW_MAY, "Unsafe_Park JVM_MonitorWait" },
	{ KIND_GO_LOCK, HOW_SAYS, "runtime.lock runtime.lock2 runtime.lockWithRank*" },
	{ KIND_GO_WAIT, HOW_SAYS, "runtime.note*sleep* runtime.mPark runtime.stopm" },
	{ KIND_GO_WAIT, HOW_WEAK, "runtime.futexsleep* runtime.semasleep*" },
	{ KIND_FUTEX, HOW_THROUGH,
	  "runtime.* runtime/* sync.* internal/* operator?new* operator?delete*" },
};

/* --- names ------------------------------------------------------------------------------------ */

/* What compilers append to a name, and a linker: "f.part.0", "f@@GLIBC_2.34", Rust's "f::h0123...".
 */
static void cut_end(char *name)
{
	static const char *const ends[] = { ".part.",	  ".cold",  ".isra.",	".constprop.",
					    ".lto_priv.", ".llvm.", " [clone ", "@" };
	char *at = name;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *end = strstr(name, ends[i]);

		if (end && end != name)
			*end = '\0';
	}
	while ((at = strstr(at, "::h"))) {
		if (strlen(at) == 19 && strspn(at + 3, "0123456789abcdef") == 16)
			*at = '\0';
		else
			at += 3;
	}
}

/* Where arguments begin; those of Go's methods "sync.(*Mutex).Lock" and "(anonymous" are none. */
static bool is_arguments(const char *s)
{
	return s[0] == '(' && s[1] != '*' && strncmp(s, "(anonymous", 10) != 0;
}

/*
 * <...> is left out, but for the type that Rust begins with: "<Mutex<T>>::lock", "<T as Trait>::f".
 * A blank is behind what a C++ function returns.
 */
void natlock_bare(const char *name, char *ret, size_t size)
{
	bool spaces = strncmp(name, "operator ", 9) == 0, leads = name[0] == '<';
	size_t n = 0, depth = 0;

	for (const char *s = name + leads; *s && n + 1 < size; s++) {
		if (leads && !depth && strncmp(s, " as ", 4) == 0) {
			leads = false;
			depth = 1;
		} else if (*s == '<') {
			depth++;
		} else if (*s == '>' && leads && !depth) {
			leads = false;
		} else if (*s == '>') {
			depth -= depth > 0;
		} else if (depth) {
			continue;
		} else if ((is_arguments(s) && n) || strncmp(s, " [", 2) == 0) {
			break;
		} else if (*s == ' ' && !spaces) {
			n = 0;
		} else if (n < 2 || memcmp(ret + n - 2, "::", 2) != 0 || *s != ':') {
			ret[n++] = *s; /* not the second pair of "Mutex::<T>::lock" */
		}
	}
	ret[n] = '\0';
	cut_end(ret);
}

/* glibc has many names for one function. */
static const char *c_name(const char *name)
{
	static const char *const prefixes[] = { "GI_", "libc_", "new_sem" };

	name += strspn(name, "_");
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], len) == 0)
			name += len;
		name += strspn(name, "_");
	}
	return strncmp(name, prefixes[2], 7) == 0 ? name + 4 : name;
}

/* --- frames ----------------------------------------------------------------------------------- */

/* The first row with a pattern that fits, NULL: none. */
static const struct natlock_row *find(const struct natlock_row *rows, size_t n, const char *name)
{
	char pattern[64];

	for (size_t i = 0; i < n; i++) {
		for (const char *at = rows[i].names; *at;) {
			size_t len = strcspn(at, " ");

			memcpy(pattern, at, len);
			pattern[len] = '\0';
			if (fnmatch(pattern, name, 0) == 0)
				return &rows[i];
			at += len + (at[len] == ' ');
		}
	}
	return NULL;
}
#define FIND(rows, name) find(rows, sizeof(rows) / sizeof((rows)[0]), name)

void natlock_note(struct frame *f)
{
	const struct natlock_row *found = NULL;
	char name[sizeof(f->function)];

	f->library = NULL;
	if (f->key.code != WIRE_CODE_NATIVE || !f->function[0])
		return;
	natlock_bare(f->function, name, sizeof(name));
	if (strstr(f->module, "libjvm"))
		found = FIND(jvm, name);
	if (!found)
		found = strstr(name, "::") ? FIND(scoped, name + strspn(name, "_"))
					   : FIND(plain, name);
	f->library = found ? found : FIND(c_library, c_name(name));
}

/* Is the frame part of a library?  False: it is the user's, or not known. */
static bool is_library(const struct frame *f)
{
	return f && f->known && (f->library || f->flags & WIRE_FRAME_LIBRARY);
}

/* What has been said so far, from the innermost frame on. */
struct hearing {
	enum lock_kind kind, weak;
	bool over;
};

static void hear(struct hearing *h, const struct natlock_row *l)
{
	switch (l->how) {
	case HOW_THROUGH:
		break;
	case HOW_WEAK:
		if (h->weak == KIND_FUTEX || h->weak == KIND_LOW_LEVEL)
			h->weak = l->kind;
		break;
	case HOW_MAY:
		h->kind = l->kind;
		break;
	case HOW_SAYS:
		if (h->kind == KIND_FUTEX)
			h->kind = l->kind;
		h->over = true;
		break;
	case HOW_ALWAYS:
		h->kind = l->kind;
		h->over = true;
		break;
	}
}

/* One address: the functions that are inlined there. */
static void hear_address(struct hearing *h, const struct frame *f)
{
	size_t i = 0;

	do {
		if (!is_library(f))
			h->over = true;
		else if (f->library)
			hear(h, f->library);
		f = mix_caller(f);
	} while (f && !h->over && ++i < MIX_INLINED_MAX);
}

enum lock_kind natlock_kind(const struct stack *s)
{
	struct hearing h = { KIND_FUTEX, KIND_FUTEX, false };

	for (size_t i = s->n_kernel; i < s->n_kernel + s->n_native && !h.over; i++)
		hear_address(&h, s->frames[i]);
	return h.kind != KIND_FUTEX ? h.kind : h.weak;
}

/* How well a frame tells where the user's code is; the innermost of the best ones does. */
enum worth {
	NO_PLACE,
	LIBRARY_PLACE,
	LIBRARY_FUNCTION,
	USER_PLACE,
	USER_FUNCTION
};

static enum worth worth(const struct frame *f)
{
	bool library = is_library(f) || (f && f->flags & WIRE_FRAME_START);

	if (!f || !f->known || (!f->function[0] && !f->module[0]))
		return NO_PLACE;
	if (library)
		return f->function[0] ? LIBRARY_FUNCTION : LIBRARY_PLACE;
	return f->function[0] ? USER_FUNCTION : USER_PLACE;
}

const struct frame *natlock_place(const struct stack *s)
{
	const struct frame *best = s->n_kernel ? s->frames[0] : NULL;
	enum worth most = NO_PLACE;

	for (size_t i = s->n_kernel; i < s->n_kernel + s->n_native && most < USER_FUNCTION; i++) {
		const struct frame *f = s->frames[i];

		for (size_t k = 0; f && k < MIX_INLINED_MAX; k++, f = mix_caller(f)) {
			if (worth(f) <= most)
				continue;
			most = worth(f);
			best = f;
		}
	}
	return best && worth(best) ? best : NULL;
}

/* The innermost frame outside of the C library and its like decides: whose file is it in? */
bool natlock_is_foreign(const struct stack *s)
{
	const struct frame *const *native = s->frames + s->n_kernel;
	size_t eval = 0;

	while (eval < s->n_native && !mix_is_eval(native[eval]))
		eval++;
	for (size_t i = 0; eval < s->n_native && i < eval; i++) {
		const struct frame *f = native[i];

		if (!f || !f->known || !f->module[0] ||
		    strcmp(f->module, native[eval]->module) == 0)
			return false;
		if (!is_library(f))
			return true;
	}
	return false;
}

/* --- locks ------------------------------------------------------------------------------------ */

/* What only memory or behaviour tells stays: it is a kind of mutex, or of condition. */
static bool keeps(const struct lock *l, enum lock_kind kind)
{
	if (l->gil || l->by_object || l->kind == KIND_HANDOFF || lock_is_python(l))
		return true;
	if (kind == KIND_LOW_LEVEL)
		return l->kind != KIND_FUTEX;
	return kind == KIND_MUTEX && (l->kind == KIND_PI_MUTEX || l->kind == KIND_ROBUST_MUTEX);
}

static void learn_kind(struct lock *l, enum lock_kind kind)
{
	if (kind == KIND_FUTEX || keeps(l, kind))
		return;
	l->kind = kind;
	l->by_frames = true;
}

void natlock_learn(struct lock *l, const struct stack *s)
{
	if (s)
		learn_kind(l, natlock_kind(s));
}

void natlock_settle(struct lock *l)
{
	uint64_t ns[KIND_COUNT] = { 0 };
	enum lock_kind most = KIND_FUTEX;

	if (l->gil || lock_is_python(l))
		return;
	for (const struct party *p = l->parties; p; p = p->hh.next)
		for (const struct site *site = p->sites; site; site = site->next)
			if (site->key.role == SITE_WAIT && site->key.stack)
				ns[natlock_kind(site->key.stack)] += site->ns;
	ns[KIND_FUTEX] = 0;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (ns[kind] > ns[most])
			most = (enum lock_kind)kind;
	learn_kind(l, most);
}
