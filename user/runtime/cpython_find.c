// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_find.c - the files of a process, and which of them is CPython; see cpython_find.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/runtime/cpython_find.h"
#include "user/runtime/cpython_walk.h"
#include "user/symbol/elf.h"
#include "user/target/mappings.h"
#include "user/target/proc.h"

/* --- the process ----------------------------------------------------------------------------- */

#define FILES_MAX 256		  /* that are opened; more than one is rare */
#define CHEAP_TABLE (256 * 1024)	  /* of symbols: searched in programs of other names */

/* Why a file is looked into; the earlier reasons first. */
enum reason {
	IS_PROGRAM,
	IS_NAMED,     /* its name has "python" */
	IS_LIBRARY,   /* it is mapped together with extension modules of CPython */
};

struct process {
	pid_t pid;
	struct cpython_place place;
	struct mappings maps; /* of files only */
	uint64_t entry;	 /* the first instruction of the program; 0: not known */
	bool extensions; /* modules of CPython are mapped */
	bool musl;
	bool awaits; /* the program needs a libpython */
	const struct mapping *tried[FILES_MAX];
	size_t n_tried;
	int err; /* of the first file that is CPython or cannot be read */
	char why[512];
};

static bool is_extension(const char *path)
{
	return strstr(mapping_base_name(path), ".cpython-3") || strstr(path, "/lib-dynload/");
}

static bool is_named(const char *path)
{
	return strstr(mapping_base_name(path), "python") && !is_extension(path);
}

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev == b->dev;
}

/* The mappings of files, and what their names tell. */
static int read_maps(struct process *p)
{
	int err = mappings_read(p->pid, &p->maps);
	size_t n = 0;

	for (size_t i = 0; i < p->maps.n; i++) {
		const struct mapping m = p->maps.items[i];

		if (!m.inode || *m.path != '/')
			continue;
		p->extensions |= is_extension(m.path);
		p->musl |= !strncmp(mapping_base_name(m.path), "ld-musl-", strlen("ld-musl-"));
		p->maps.items[n++] = m;
	}
	p->maps.n = n;
	return err;
}

/* The auxiliary vector is what the kernel told the program at its start. */
static void read_entry(struct process *p)
{
	struct buf auxv = { 0 };

	if (!proc_read(p->pid, "auxv", 4096, &auxv)) {
		for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.len;
		     at += sizeof(Elf64_auxv_t)) {
			Elf64_auxv_t entry;

			memcpy(&entry, auxv.data + at, sizeof(entry));
			if (entry.a_type == AT_ENTRY)
				p->entry = entry.a_un.a_val;
		}
	}
	buf_free(&auxv);
}

int cpython_open_memory(pid_t pid, pid_t *ret_tgid)
{
	struct proc_status status;
	char path[64];
	int mem, err = proc_read_status(pid, &status);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem >= 0) {
		*ret_tgid = (pid_t)status.tgid;
		return mem;
	}
	if (errno == ENOENT || errno == ESRCH)
		return fail(-ESRCH, "no process %d", pid);
	return fail(-errno, "cannot read the memory of process %d: %s", pid, strerror(errno));
}

int cpython_read_place(void *ctx, uint64_t addr, void *to, size_t len)
{
	const struct cpython_place *place = ctx;
	ssize_t n;

	do
		n = pread(place->mem, to, len, (off_t)addr);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return 0;
	if (!n) /* the address space was given up */
		return fail(-EAGAIN, "process %d ended or replaced its program", place->tgid);
	return fail(-EIO, "CPython points to memory that process %d does not have", place->tgid);
}

static int read_mem(struct process *p, uint64_t addr, void *to, size_t len)
{
	return cpython_read_place(&p->place, addr, to, len);
}

/* --- its files ------------------------------------------------------------------------------- */

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
		for (size_t i = 0; i < p->maps.n; i++) {
			const struct mapping *m = &p->maps.items[i];

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
	for (size_t i = 0; i < p->maps.n; i++) {
		const struct mapping *m = &p->maps.items[i];

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
		named = cpython_version_in(mapping_base_name(file->path));
	for (size_t i = 0; i < p->maps.n && !named; i++) {
		if (is_extension(p->maps.items[i].path))
			named = cpython_version_in(p->maps.items[i].path);
	}
	*ret = cpython_version_of_size(size, named);
	if (*ret)
		return 0;
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
	size_t len = CPYTHON_COOKIE_LEN; /* the older ones are shorter than all offsets */
	int err = read_mem(p, runtime->value + bias, bytes, len);

	if (!err && !memcmp(bytes, CPYTHON_COOKIE, len)) {
		len = sizeof(bytes);
		err = read_mem(p, runtime->value + bias, bytes, len);
	}
	if (err)
		return err;
	err = cpython_parse_offsets(bytes, len, ret);
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

/* 1: CPython is in this file, and all that is known of it fits together. */
static int try_elf(struct process *p, struct elf_file *elf, const struct mapping *file,
		   enum reason reason)
{
	struct cpython_place *place = &p->place;
	struct cpython_memory memory = { cpython_read_place, place, &place->layout };
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
		err = find_layout(p, elf, file, bias, &runtime, &place->layout);
	if (err)
		return err == -EIO ? fail(-ENOTSUP, "%s", fail_text()) : err;
	if (p->musl)
		return fail(-ENOTSUP, "CPython 3.%u with musl waits for the GIL on words of the "
			    "waiters' stacks", place->layout.minor);
	place->runtime = runtime.value + bias;
	err = cpython_walk_gils(&memory, place->runtime, NULL, 0);
	return err < 0 ? err : 1;
}

/* Files that merely look like candidates are no error. */
static int try_file(struct process *p, const struct mapping *file, enum reason reason)
{
	struct elf_file *elf = NULL;
	int fd = mapping_open(p->pid, file), n;

	if (fd < 0)
		return fd == -ENOEXEC ? 0 : fd;
	n = elf_file_open(fd, &elf);
	if (!n)
		n = try_elf(p, elf, file, reason);
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
	for (size_t i = 0; i < p->maps.n; i++) {
		if (p->entry >= p->maps.items[i].begin && p->entry < p->maps.items[i].end)
			return &p->maps.items[i];
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
	for (size_t i = 0; i < p->maps.n; i++) {
		if ((p->maps.items[i].exec || p->maps.items[i].data) && same_file(&p->maps.items[i], file))
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

static int try_files(struct process *p, enum reason reason)
{
	const struct mapping *program = find_program(p);

	for (size_t i = 0; i < p->maps.n && p->n_tried < FILES_MAX; i++) {
		const struct mapping *m = &p->maps.items[i];
		int n;

		if (!is_reason(p, m, program, reason) || was_tried(p, m))
			continue;
		p->tried[p->n_tried++] = m;
		if (!is_loaded(p, m))
			continue;
		n = try_file(p, m, reason);
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
	return p->maps.text.len ? 0 : fail(-EAGAIN, "thread %d has no memory", p->pid);
}

/*
 * The program that runs is the dynamic loader, called by name: it has yet to map the one that it was
 * asked for.
 */
static bool is_loader(const struct mapping *program)
{
	return program && (!strncmp(mapping_base_name(program->path), "ld-", 3) ||
			   !strncmp(mapping_base_name(program->path), "ld.so", 5));
}

static int search(struct process *p)
{
	int n;

	if (!p->maps.n)
		return explain_empty(p);
	n = try_files(p, IS_PROGRAM);
	if (!n)
		n = try_files(p, IS_NAMED);
	if (!n && !p->err)
		n = try_files(p, IS_LIBRARY);
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
	if (is_loader(find_program(p)))
		return fail(-EAGAIN, "process %d has not loaded its program yet", p->pid);
	return 0;
}

int cpython_find(pid_t pid, struct cpython_place *ret)
{
	struct process p = { .pid = pid };
	/* before maps: should another program replace this one, its memory is not taken for it */
	int n = p.place.mem = cpython_open_memory(pid, &p.place.tgid);

	if (n >= 0)
		n = read_maps(&p);
	if (!n) {
		read_entry(&p);
		n = search(&p);
	}
	if (n == 1)
		*ret = p.place;
	else if (p.place.mem >= 0)
		close(p.place.mem);
	mappings_free(&p.maps);
	return n;
}
