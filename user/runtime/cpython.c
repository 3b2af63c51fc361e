// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython.c - finds _PyRuntime in a process and walks from there to its GILs; see cpython.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/runtime/cpython.h"
#include "user/symbol/elf.h"
#include "user/target/maps.h"
#include "user/target/proc.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- layouts --------------------------------------------------------------------------------- */

/*
 * struct _gil_runtime_state, the same from 3.9 to 3.15 but for an int in front in free-threaded
 * builds (Include/internal/pycore_gil.h; offsetof() with the headers of 3.9.18, 3.10.13, 3.11.7,
 * 3.12.1, 3.13.0; DWARF of Debian's 3.9 to 3.15 on x86-64 and arm64).
 */
enum {
	GIL_INTERVAL = 0, /* microseconds */
	GIL_LAST_HOLDER = 8,
	GIL_LOCKED = 16, /* -1: never taken */
	GIL_COND = 32,
#if defined(__x86_64__)
	GIL_END = 208, /* two pthread_cond_t of 48 and two pthread_mutex_t of 40 bytes */
#elif defined(__aarch64__)
	GIL_END = 224, /* ... and 48 bytes */
#else
	GIL_END = 0, /* not known */
#endif
	GIL_FREE_THREADED = 8, /* added to all of them: enabled and its padding */
};

#define INTERVAL_MAX 10000000 /* 10 s; the default is 5 ms */
#define OFFSET_MAX (1u << 20) /* the offsets that are read are below 8 KiB so far */
#define INTERPRETERS_MAX 256

/*
 * Versions that do not describe themselves.  Source: offsetof() compiled with the internal headers
 * of 3.9.18, 3.10.13, 3.11.7, 3.12.1 on x86-64; DWARF of Debian's arm64 builds of 3.9 and 3.11 has
 * the same.
 */
static const struct cpython_layout layouts[] = {
	{ .minor = 9, .head = 32, .gil = 352, .next = 0, .id = 24, .threads = 8, .interp = 16 },
	{ .minor = 10, .head = 32, .gil = 352, .next = 0, .id = 24, .threads = 8, .interp = 16 },
	{ .minor = 11, .head = 40, .gil = 360, .next = 0, .id = 48, .threads = 16, .interp = 16 },
	{ .minor = 12, .head = 40, .next = 0, .id = 8, .threads = 72, .gil_ptr = 384,
	  .gil_own = 1040, .interp = 16 },
};

/*
 * Versions without Py_Version, told by the size of _PyRuntime.  x86-64: sizeof() with the headers
 * of 3.9.18 and 3.10.13, and the symbols of Debian's 3.9.2.  aarch64: 3.9 from Debian's DWARF, 3.10
 * by the same 16 bytes of two larger mutexes.
 */
static const struct {
	unsigned minor;
	uint64_t size;
} runtime_sizes[] = {
#if defined(__x86_64__)
	{ 9, 656 },
	{ 10, 672 },
#elif defined(__aarch64__)
	{ 9, 672 },
	{ 10, 688 },
#else
	{ 0, 0 },
#endif
};

/*
 * Where _Py_DebugOffsets has them.  Source: offsetof() with pycore_debug_offsets.h of 3.13.0, and
 * with the headers of Debian's 3.13, 3.14 and 3.15.
 */
static const struct offsets {
	unsigned minor;
	uint16_t head, id, next, threads, gil_ptr, gil_own, locked, holder, interp;
} debug_offsets[] = {
	{ .minor = 13, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 112,
	  .gil_own = 120, .locked = 136, .holder = 144, .interp = 176 },
	{ .minor = 14, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 120,
	  .gil_own = 128, .locked = 144, .holder = 152, .interp = 200 },
	{ .minor = 15, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 120,
	  .gil_own = 128, .locked = 144, .holder = 152, .interp = 200 },
};

enum { COOKIE_LEN = 8, DEBUG_VERSION = 8, DEBUG_FREE_THREADED = 16 };

/* Alphas and betas change their layout from one to the next. */
static int check_release(uint32_t version)
{
	unsigned level = version >> 4 & 0xf;

	if (version >> 24 == 3 && level != 0xc && level != 0xf)
		return fail(-ENOTSUP, "CPython 3.%u is a pre-release (0x%08x), whose layout is not "
			    "known", version >> 16 & 0xff, version);
	return 0;
}

static int fail_version(uint32_t version)
{
	if (version >> 24 != 3)
		return fail(-ENOTSUP, "0x%08x is not a version of CPython 3", version);
	return fail(-ENOTSUP, "the layout of CPython 3.%u is not known", version >> 16 & 0xff);
}

int cpython_layout_of(uint32_t version, struct cpython_layout *ret)
{
	int err = check_release(version);

	if (err)
		return err;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		if (version >> 24 == 3 && (version >> 16 & 0xff) == layouts[i].minor) {
			*ret = layouts[i];
			return 0;
		}
	}
	return fail_version(version);
}

static uint64_t u64_at(const void *bytes, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)bytes + at, sizeof(v));
	return v;
}

static bool is_offset(uint64_t v)
{
	return v < OFFSET_MAX && v % 8 == 0;
}

/* The offsets that the interpreter states; they must place the GIL's fields where we know them. */
static int take_offsets(const void *bytes, const struct offsets *o, struct cpython_layout *ret)
{
	uint64_t head = u64_at(bytes, o->head), next = u64_at(bytes, o->next),
		 id = u64_at(bytes, o->id), threads = u64_at(bytes, o->threads),
		 ptr = u64_at(bytes, o->gil_ptr), own = u64_at(bytes, o->gil_own),
		 interp = u64_at(bytes, o->interp);
	unsigned shift = ret->free_threaded ? GIL_FREE_THREADED : 0;

	if (!is_offset(head) || !is_offset(next) || !is_offset(id) || !is_offset(threads) ||
	    !is_offset(ptr) || !is_offset(own) || !is_offset(interp) || !own ||
	    u64_at(bytes, o->locked) - own != shift + GIL_LOCKED ||
	    u64_at(bytes, o->holder) - own != shift + GIL_LAST_HOLDER)
		return fail(-ENOTSUP, "CPython 3.%u describes a GIL that is not laid out as known",
			    o->minor);
	ret->minor = o->minor;
	ret->head = (uint32_t)head;
	ret->next = (uint32_t)next;
	ret->id = (uint32_t)id;
	ret->threads = (uint32_t)threads;
	ret->gil_ptr = (uint32_t)ptr;
	ret->gil_own = (uint32_t)own;
	ret->interp = (uint32_t)interp;
	return 0;
}

int cpython_parse_offsets(const void *bytes, size_t len, struct cpython_layout *ret)
{
	struct cpython_layout l = { 0 };
	uint64_t version, free_threaded;
	int err;

	if (len < CPYTHON_OFFSETS_BYTES || memcmp(bytes, "xdebugpy", COOKIE_LEN))
		return fail(-ENOENT, "no _Py_DebugOffsets");
	version = u64_at(bytes, DEBUG_VERSION);
	free_threaded = u64_at(bytes, DEBUG_FREE_THREADED);
	if (version > UINT32_MAX || version >> 24 != 3 || free_threaded > 1)
		return fail(-ENOTSUP, "_Py_DebugOffsets of an unknown kind");
	err = check_release((uint32_t)version);
	if (err)
		return err;
	l.free_threaded = free_threaded;
	for (size_t i = 0; i < COUNT(debug_offsets); i++) {
		if (debug_offsets[i].minor != (version >> 16 & 0xff))
			continue;
		err = take_offsets(bytes, &debug_offsets[i], &l);
		if (!err)
			*ret = l;
		return err;
	}
	return fail_version((uint32_t)version);
}

/*
 *	libpython3.9.so.1.0  python3.10d  /usr/lib/python3.9/lib-dynload/x.cpython-39-x86_64-...so
 */
uint32_t cpython_version_in(const char *name)
{
	static const char *const marks[] = { "python3.", "cpython-3", "python2." };

	for (size_t i = 0; i < COUNT(marks); i++) {
		const char *at = strstr(name, marks[i]);
		unsigned long minor;
		char *end;

		if (!at)
			continue;
		at += strlen(marks[i]);
		if (*at < '0' || *at > '9')
			continue;
		minor = strtoul(at, &end, 10);
		if (end - at <= 2)
			return (i == 2 ? 2u : 3u) << 24 | (uint32_t)minor << 16;
	}
	return 0;
}

/* --- the walk -------------------------------------------------------------------------------- */

#define TRIES 3 /* the lists change while they are walked */

struct interpreter {
	uint64_t addr;
	uint64_t id;
	uint64_t gil; /* 0: not made yet */
};

struct walk {
	cpython_read_fn *read;
	void *ctx;
	uint64_t runtime;
	const struct cpython_layout *layout;
	size_t n; /* newest first */
	struct interpreter interpreters[INTERPRETERS_MAX];
};

static int fail_starting(const struct walk *w, const char *what)
{
	return fail(-EAGAIN, "CPython 3.%u is starting or ending: %s", w->layout->minor, what);
}

/* What does not fit is -EIO, as memory that cannot be read: tried again, then refused. */
static int fail_odd(const struct walk *w, const char *what)
{
	return fail(-EIO, "CPython 3.%u is not laid out as known: %s", w->layout->minor, what);
}

static int read_u64(const struct walk *w, uint64_t addr, uint64_t *ret)
{
	return w->read(w->ctx, addr, ret, sizeof(*ret));
}

static bool is_object(uint64_t addr)
{
	return addr >= 4096 && addr % 8 == 0 && addr < 1ull << 63;
}

static int read_interpreter(struct walk *w, uint64_t addr, uint64_t *ret_next)
{
	const struct cpython_layout *l = w->layout;
	struct interpreter in = { .addr = addr, .gil = w->runtime + l->gil };
	int err;

	if (!is_object(addr))
		return fail_odd(w, "an interpreter's address is impossible");
	err = read_u64(w, addr + l->id, &in.id);
	if (!err)
		err = read_u64(w, addr + l->next, ret_next);
	if (!err && !l->gil)
		err = read_u64(w, addr + l->gil_ptr, &in.gil);
	if (err)
		return err;
	/* each new one gets the next number and becomes the head: a circle cannot pass */
	if (in.id > INT32_MAX || (w->n && in.id >= w->interpreters[w->n - 1].id))
		return fail_odd(w, "the interpreters' numbers do not fall");
	w->interpreters[w->n++] = in;
	return 0;
}

static int read_interpreters(struct walk *w)
{
	uint64_t at;
	int err = read_u64(w, w->runtime + w->layout->head, &at);

	if (err)
		return err;
	if (!at)
		return fail_starting(w, "there is no interpreter");
	for (w->n = 0; at && !err; ) {
		if (w->n == INTERPRETERS_MAX)
			return fail_odd(w, "too many interpreters");
		err = read_interpreter(w, at, &at);
	}
	if (!err && w->interpreters[w->n - 1].id)
		return fail_odd(w, "the last interpreter is not the main one");
	return err;
}

/* The strongest proof that offsets and addresses are right: a thread that points back. */
static int check_main(const struct walk *w, const struct interpreter *main_interp)
{
	const struct cpython_layout *l = w->layout;
	uint64_t thread, back;
	int err = read_u64(w, main_interp->addr + l->threads, &thread);

	if (err)
		return err;
	if (!thread)
		return fail_starting(w, "the main interpreter has no thread");
	if (!is_object(thread))
		return fail_odd(w, "a thread's address is impossible");
	err = read_u64(w, thread + l->interp, &back);
	if (err)
		return err;
	if (back != main_interp->addr)
		return fail_odd(w, "a thread of the main interpreter does not point to it");
	if (!main_interp->gil)
		return fail_starting(w, "the GIL is not made yet");
	if (!l->gil && main_interp->gil != main_interp->addr + l->gil_own)
		return fail_odd(w, "the main interpreter's GIL is not inside it");
	return 0;
}

/* Free-threaded builds have a GIL that is off, unless an extension or the user asked for it. */
static int check_enabled(const struct walk *w, uint64_t gil)
{
	int32_t enabled;
	int err = w->read(w->ctx, gil, &enabled, sizeof(enabled));

	if (err)
		return err;
	if (!enabled)
		return fail(-ENOTSUP, "CPython 3.%u is free-threaded and its GIL is off",
			    w->layout->minor);
	if (enabled != INT_MAX)
		return fail_starting(w, "the GIL is being switched on or off");
	return 0;
}

/*
 * last_holder is only checked for being an address: after a thread has ended CPython leaves it
 * pointing to what was freed.
 */
static int check_gil(const struct walk *w, uint64_t gil)
{
	unsigned char bytes[GIL_COND];
	uint64_t interval, holder;
	int32_t locked;
	int err = 0;

	if (w->layout->free_threaded) {
		err = check_enabled(w, gil);
		gil += GIL_FREE_THREADED;
	}
	if (!err)
		err = w->read(w->ctx, gil, bytes, sizeof(bytes));
	if (err)
		return err;
	interval = u64_at(bytes, GIL_INTERVAL);
	holder = u64_at(bytes, GIL_LAST_HOLDER);
	memcpy(&locked, bytes + GIL_LOCKED, sizeof(locked));
	if (!interval)
		return fail_starting(w, "the GIL is not made yet");
	if (interval > INTERVAL_MAX)
		return fail_odd(w, "the GIL's switch interval is above 10 s");
	if (locked < -1 || locked > 1)
		return fail_odd(w, "the GIL's lock word is none");
	if (holder && !is_object(holder))
		return fail_odd(w, "the GIL's last holder is no thread");
	return 0;
}

static void fill_region(const struct walk *w, const struct interpreter *in, struct wire_region *ret)
{
	const char *t = w->layout->free_threaded ? "t" : "";
	unsigned minor = w->layout->minor & 0xff;
	uint64_t gil = in->gil + (*t ? GIL_FREE_THREADED : 0);

	*ret = (struct wire_region){
		.head.kind = WIRE_REGION,
		.head.size = sizeof(*ret),
		.begin = gil + GIL_COND,
		.end = gil + GIL_END,
		.region_kind = WIRE_REGION_GIL,
	};
	if (!in->id)
		snprintf(ret->name, sizeof(ret->name), "GIL (CPython 3.%u%s)", minor, t);
	else
		snprintf(ret->name, sizeof(ret->name), "GIL of interpreter %u (CPython 3.%u%s)",
			 (unsigned)in->id, minor, t);
}

/* Does a sub-interpreter have its own GIL by now?  1 or 0, or an error. */
static int has_own_gil(const struct walk *w, const struct interpreter *in,
		       const struct interpreter *main_interp)
{
	int err;

	if (w->layout->gil || !in->gil || in->gil == main_interp->gil)
		return 0;
	if (in->gil != in->addr + w->layout->gil_own)
		return fail_odd(w, "a sub-interpreter's GIL is neither its own nor the main one");
	err = check_gil(w, in->gil);
	return err == -EAGAIN ? 0 : err ? err : 1;
}

static int walk_once(struct walk *w, struct wire_region *ret, size_t cap)
{
	const struct interpreter *main_interp;
	size_t n = 1;
	int err = read_interpreters(w);

	if (err)
		return err;
	main_interp = &w->interpreters[w->n - 1];
	err = check_main(w, main_interp);
	if (!err)
		err = check_gil(w, main_interp->gil);
	if (err)
		return err;
	if (cap)
		fill_region(w, main_interp, &ret[0]);
	for (size_t i = w->n - 1; i-- > 0; ) {
		int own = has_own_gil(w, &w->interpreters[i], main_interp);

		if (own < 0)
			return own;
		if (own && n < cap)
			fill_region(w, &w->interpreters[i], &ret[n]);
		n += (size_t)own;
	}
	return (int)n;
}

int cpython_walk_gils(cpython_read_fn *read_fn, void *ctx, uint64_t runtime,
		      const struct cpython_layout *layout, struct wire_region *ret, size_t cap)
{
	struct walk w = { .read = read_fn, .ctx = ctx, .runtime = runtime, .layout = layout };
	int n = -EIO;

	if (!GIL_END)
		return fail(-ENOTSUP, "the layout of CPython's GIL is not known on this machine");
	for (int i = 0; i < TRIES && n == -EIO; i++)
		n = walk_once(&w, ret, cap);
	return n == -EIO ? fail(-ENOTSUP, "%s", fail_text()) : n;
}

/* --- the process ----------------------------------------------------------------------------- */

#define MAPS_BYTES (64 << 20)	  /* half a million lines; the kernel allows 65530 by default */
#define FILES_MAX 256		  /* that are opened; more than one is rare */
#define CHEAP_TABLE (256 * 1024)	  /* of symbols: searched in programs of other names */

/* A piece of a file in the process. */
struct mapping {
	uint64_t begin, end, offset, inode;
	uint32_t dev;
	bool exec;
	bool data; /* private and writable */
	const char *path;
};

/* Why a file is looked into; the earlier reasons first. */
enum reason {
	IS_PROGRAM,
	IS_NAMED,     /* its name has "python" */
	IS_LIBRARY,   /* it is mapped together with extension modules of CPython */
};

struct process {
	pid_t pid;
	int mem;
	struct buf text; /* of maps, cut into lines */
	struct mapping *maps;
	size_t n, cap;
	uint64_t entry;	 /* the first instruction of the program; 0: not known */
	bool extensions; /* modules of CPython are mapped */
	bool musl;
	bool awaits; /* the program needs a libpython */
	const struct mapping *tried[FILES_MAX];
	size_t n_tried;
	int err; /* of the first file that is CPython or cannot be read */
	char why[512];
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_extension(const char *path)
{
	return strstr(base_name(path), ".cpython-3") || strstr(path, "/lib-dynload/");
}

static bool is_named(const char *path)
{
	return strstr(base_name(path), "python") && !is_extension(path);
}

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev == b->dev;
}

static void add_mapping(struct process *p, const char *line)
{
	const char *perms = strchr(line, ' ');
	struct maps_line m;

	if (!perms || !maps_parse_line(line, &m) || !m.inode || *m.path != '/')
		return;
	p->extensions |= is_extension(m.path);
	p->musl |= !strncmp(base_name(m.path), "ld-musl-", strlen("ld-musl-"));
	vec_push(p->maps, p->n, p->cap) = (struct mapping){
		.begin = m.begin,
		.end = m.end,
		.offset = m.offset,
		.inode = m.inode,
		.dev = m.dev,
		.exec = perms[3] == 'x',
		.data = perms[2] == 'w' && !m.shared,
		.path = m.path,
	};
}

static int read_maps(struct process *p)
{
	int err = proc_read(p->pid, "maps", MAPS_BYTES, &p->text);
	char *line = p->text.data, *newline;

	if (err)
		return err;
	for (; line && (newline = strchr(line, '\n')); line = newline + 1) {
		*newline = '\0';
		add_mapping(p, line);
	}
	return 0;
}

/* The auxiliary vector is what the kernel told the program at its start. */
static void read_entry(struct process *p)
{
	struct buf auxv = { 0 };

	if (!proc_read(p->pid, "auxv", 4096, &auxv)) {
		for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.len;
		     at += sizeof(Elf64_auxv_t)) {
			if (u64_at(auxv.data, at) == AT_ENTRY)
				p->entry = u64_at(auxv.data, at + 8);
		}
	}
	buf_free(&auxv);
}

static int open_mem(struct process *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	p->mem = open(path, O_RDONLY | O_CLOEXEC);
	if (p->mem >= 0)
		return 0;
	if (errno == ENOENT || errno == ESRCH)
		return fail(-ESRCH, "no process %d", p->pid);
	return fail(-errno, "cannot read the memory of process %d: %s", p->pid, strerror(errno));
}

static int read_mem(void *ctx, uint64_t addr, void *to, size_t len)
{
	struct process *p = ctx;
	ssize_t n;

	do
		n = pread(p->mem, to, len, (off_t)addr);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return 0;
	if (!n) /* the address space was given up */
		return fail(-EAGAIN, "process %d ended or replaced its program", p->pid);
	return fail(-EIO, "CPython points to memory that process %d does not have", p->pid);
}

/* --- its files ------------------------------------------------------------------------------- */

/*
 * The mapped file itself, wherever its path leads now.  What kind of file it is must be known
 * before it is opened for reading: opening a device does things.
 */
static int open_mapped(const struct process *p, const struct mapping *m)
{
	char path[96];
	struct stat st;
	int fd, look;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", p->pid,
		 (unsigned long long)m->begin, (unsigned long long)m->end);
	look = open(path, O_PATH | O_CLOEXEC);
	if (look < 0 && errno == ENOENT)
		return fail(-EAGAIN, "the mappings of process %d change", p->pid);
	if (look < 0)
		return fail(-errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(look, &st) || !S_ISREG(st.st_mode)) {
		close(look);
		return fail(-ENOEXEC, "%s is not a regular file", path);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", look);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = fail(-errno, "cannot open a file of process %d: %s", p->pid, strerror(errno));
	close(look);
	return fd;
}

static bool bias_of(const struct elf_file *elf, const struct mapping *m, bool exec, uint64_t *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct elf_load load;

	for (size_t i = 0; elf_file_load(elf, i, &load); i++) {
		uint64_t begin = load.offset & ~(page - 1), vaddr = load.vaddr & ~(page - 1);

		if ((exec && !load.exec) || m->offset < begin ||
		    m->offset - begin >= load.filesz + (load.offset - begin))
			continue;
		*ret = m->begin - (vaddr + (m->offset - begin));
		return true;
	}
	return false;
}

/*
 * How far the file lies from where it was linked.  Its code tells best: a program may map files a
 * second time to read them.  Code that was moved to huge pages has no file any more; then its data
 * must do.
 */
static int find_bias(const struct process *p, const struct elf_file *elf,
		     const struct mapping *file, uint64_t *ret)
{
	for (int exec = 1; exec >= 0; exec--) {
		for (size_t i = 0; i < p->n; i++) {
			const struct mapping *m = &p->maps[i];

			if (same_file(m, file) && (exec ? m->exec : m->data) &&
			    bias_of(elf, m, exec, ret))
				return 0;
		}
	}
	return fail(-ENOTSUP, "CPython is mapped in process %d as its file does not say", p->pid);
}

/*
 * The loader first maps all of a library as its first segment is, then lays the others over it, the
 * data last.  Until then other bytes of the file lie where _PyRuntime will be.
 */
static int check_mapped(const struct process *p, uint64_t addr)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct mapping *m = &p->maps[i];

		if (addr >= m->begin && addr < m->end && !m->data)
			return fail(-EAGAIN, "process %d is loading CPython", p->pid);
	}
	return 0;
}

/* --- its version ----------------------------------------------------------------------------- */

/* 3.9 and 3.10 have no version in memory: size and names must agree. */
static int version_by_size(const struct process *p, struct elf_file *elf,
			   const struct mapping *file, uint64_t size, uint32_t *ret)
{
	uint32_t named = 0;
	char soname[256];

	if (!elf_file_soname(elf, soname, sizeof(soname)))
		named = cpython_version_in(soname);
	if (!named)
		named = cpython_version_in(base_name(file->path));
	for (size_t i = 0; i < p->n && !named; i++) {
		if (is_extension(p->maps[i].path))
			named = cpython_version_in(p->maps[i].path);
	}
	for (size_t i = 0; i < COUNT(runtime_sizes); i++) {
		uint32_t sized = 3u << 24 | runtime_sizes[i].minor << 16;

		if (size != runtime_sizes[i].size || (named && named != sized))
			continue;
		*ret = sized | 0xf0; /* as of a release */
		return 0;
	}
	if (named)
		return fail(-ENOTSUP, "the layout of CPython %u.%u with a _PyRuntime of %llu bytes is "
			    "not known", named >> 24, named >> 16 & 0xff, (unsigned long long)size);
	return fail(-ENOTSUP, "the version of CPython in process %d is not known", p->pid);
}

static int find_layout(struct process *p, struct elf_file *elf, const struct mapping *file,
		       uint64_t bias, const struct elf_symbol *runtime, struct cpython_layout *ret)
{
	char bytes[CPYTHON_OFFSETS_BYTES];
	struct elf_symbol symbol;
	uint32_t version = 0;
	int err = read_mem(p, runtime->value + bias, bytes, sizeof(bytes));

	if (err)
		return err;
	err = cpython_parse_offsets(bytes, sizeof(bytes), ret);
	if (err != -ENOENT)
		return err;
	if (!elf_file_find_symbol(elf, "Py_Version", &symbol))
		err = read_mem(p, symbol.value + bias, &version, sizeof(version));
	else
		err = version_by_size(p, elf, file, runtime->size, &version);
	return err ? err : cpython_layout_of(version, ret);
}

/* --- one file -------------------------------------------------------------------------------- */

/* How much is searched: programs that have nothing to do with Python may be large. */
static uint64_t table_limit(const struct mapping *file)
{
	return is_named(file->path) ? ELF_SECTION_BYTES : CHEAP_TABLE;
}

static int find_runtime(struct elf_file *elf, uint64_t max, struct elf_symbol *ret)
{
	struct elf_section section;
	int err = elf_file_find_symbol_in(elf, ELF_DYNSYM, "_PyRuntime", max, ret);

	if (err != -ENOENT && err != -EFBIG)
		return err;
	/* nothing else is in it; looking for it is cheaper than in .symtab */
	err = elf_file_find_section(elf, ".PyRuntime", &section);
	if (!err)
		*ret = (struct elf_symbol){ .value = section.addr, .size = section.size };
	if (err != -ENOENT)
		return err;
	return elf_file_find_symbol_in(elf, ELF_SYMTAB, "_PyRuntime", max, ret);
}

/* A file without _PyRuntime: is it an older interpreter, or a program that will get a newer one? */
static int try_without(struct process *p, struct elf_file *elf, const struct mapping *file,
		       enum reason reason)
{
	struct elf_symbol symbol;

	if (!elf_file_find_symbol_in(elf, ELF_DYNSYM, "PyEval_SaveThread", table_limit(file),
				     &symbol))
		return fail(-ENOTSUP, "process %d runs a Python without _PyRuntime: CPython older "
			    "than 3.7, or none", p->pid);
	if (reason == IS_PROGRAM)
		p->awaits = elf_file_needs(elf, "libpython", table_limit(file));
	return 0;
}

static int try_elf(struct process *p, struct elf_file *elf, const struct mapping *file,
		   enum reason reason, struct wire_region *ret, size_t cap)
{
	struct cpython_layout layout = { 0 };
	struct elf_symbol runtime = { 0 };
	uint64_t bias = 0;
	int err = find_runtime(elf, table_limit(file), &runtime);

	if (err == -ENOENT || err == -EFBIG)
		return try_without(p, elf, file, reason);
	if (!err)
		err = find_bias(p, elf, file, &bias);
	if (!err)
		err = check_mapped(p, runtime.value + bias);
	if (!err)
		err = find_layout(p, elf, file, bias, &runtime, &layout);
	if (err)
		return err == -EIO ? fail(-ENOTSUP, "%s", fail_text()) : err;
	if (p->musl)
		return fail(-ENOTSUP, "CPython 3.%u with musl waits for the GIL on words of the "
			    "waiters' stacks", layout.minor);
	return cpython_walk_gils(read_mem, p, runtime.value + bias, &layout, ret, cap);
}

/* Files that merely look like candidates are no error. */
static int try_file(struct process *p, const struct mapping *file, enum reason reason,
		    struct wire_region *ret, size_t cap)
{
	struct elf_file *elf = NULL;
	int fd = open_mapped(p, file), n;

	if (fd < 0)
		return fd == -ENOEXEC ? 0 : fd;
	n = elf_file_open(fd, &elf);
	if (!n)
		n = try_elf(p, elf, file, reason, ret, cap);
	elf_file_close(elf);
	close(fd);
	if (n == -ENOEXEC || n == -EBADMSG)
		n = is_named(file->path) ? fail(-ENOTSUP, "%s", fail_text()) : 0;
	return n;
}

/* --- all files ------------------------------------------------------------------------------- */

/* The program is known by where it began to run, not by its name. */
static const struct mapping *find_program(const struct process *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->entry >= p->maps[i].begin && p->entry < p->maps[i].end)
			return &p->maps[i];
	}
	return NULL;
}

static bool is_reason(const struct process *p, const struct mapping *m,
		      const struct mapping *program, enum reason reason)
{
	switch (reason) {
	case IS_PROGRAM:
		return program && same_file(m, program);
	case IS_NAMED:
		return is_named(m->path);
	default:
		return p->extensions && m->exec && !is_extension(m->path);
	}
}

/* Is it there to run, and not just to be read? */
static bool is_loaded(const struct process *p, const struct mapping *file)
{
	for (size_t i = 0; i < p->n; i++) {
		if ((p->maps[i].exec || p->maps[i].data) && same_file(&p->maps[i], file))
			return true;
	}
	return false;
}

static bool was_tried(const struct process *p, const struct mapping *m)
{
	for (size_t i = 0; i < p->n_tried; i++) {
		if (same_file(p->tried[i], m))
			return true;
	}
	return false;
}

static int try_files(struct process *p, enum reason reason, struct wire_region *ret, size_t cap)
{
	const struct mapping *program = find_program(p);

	for (size_t i = 0; i < p->n && p->n_tried < FILES_MAX; i++) {
		const struct mapping *m = &p->maps[i];
		int n;

		if (!is_reason(p, m, program, reason) || was_tried(p, m))
			continue;
		p->tried[p->n_tried++] = m;
		if (!is_loaded(p, m))
			continue;
		n = try_file(p, m, reason, ret, cap);
		if (n > 0)
			return n;
		if (n < 0 && !p->err) {
			p->err = n;
			snprintf(p->why, sizeof(p->why), "%s", fail_text());
		}
	}
	return 0;
}

/* No mapping of a file at all: a kernel thread, or a process that has ended or is about to. */
static int explain_empty(const struct process *p)
{
	struct proc_stat stat;
	int err = proc_read_stat(p->pid, &stat);

	if (err || proc_is_kernel_thread(&stat))
		return err;
	if (proc_is_zombie(&stat))
		return fail(-ESRCH, "process %d has ended", p->pid);
	/* its first thread has left, or it is between two programs, or it has unmapped them */
	return p->text.len ? 0 : fail(-EAGAIN, "thread %d has no memory", p->pid);
}

static int search(struct process *p, struct wire_region *ret, size_t cap)
{
	int n;

	if (!p->n)
		return explain_empty(p);
	n = try_files(p, IS_PROGRAM, ret, cap);
	if (!n)
		n = try_files(p, IS_NAMED, ret, cap);
	if (!n && !p->err)
		n = try_files(p, IS_LIBRARY, ret, cap);
	if (n)
		return n;
	if (p->err) {
		struct proc_stat stat;

		if (proc_read_stat(p->pid, &stat) || proc_is_zombie(&stat))
			return fail(-ESRCH, "process %d has ended", p->pid);
		return fail(p->err, "%s", p->why);
	}
	if (p->awaits)
		return fail(-EAGAIN, "process %d has not loaded its libpython yet", p->pid);
	return 0;
}

int cpython_find_gils(pid_t pid, struct wire_region *ret, size_t cap)
{
	struct process p = { .pid = pid, .mem = -1 };
	struct proc_status status;
	int n = proc_read_status(pid, &status);

	/* before maps: should another program replace this one, its memory is not taken for it */
	if (!n)
		n = open_mem(&p);
	if (!n)
		n = read_maps(&p);
	if (!n) {
		read_entry(&p);
		n = search(&p, ret, cap);
	}
	for (int i = 0; i < n && (size_t)i < cap; i++)
		ret[i].head.tid = (uint32_t)status.tgid;
	if (p.mem >= 0)
		close(p.mem);
	buf_free(&p.text);
	free(p.maps);
	return n;
}
