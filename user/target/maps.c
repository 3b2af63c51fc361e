// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * maps.c - looks an address up in /proc/PID/maps; see maps.h.
 *
 * Since Linux 6.11 the file answers a question about one address (ioctl PROCMAP_QUERY), which costs
 * the same however many mappings there are.  Before, its lines are read in order up to the address;
 * the kernel takes the target's mmap_lock for each piece, so that is done only then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/target/maps.h"

#define NAME_BYTES 4096
#define TEXT_BYTES (64 * 1024) /* longer than any line: PATH_MAX with every byte escaped */

/* struct procmap_query of <linux/fs.h>, which headers before 6.11 do not have */
struct query {
	__u64 size;
	__u64 query_flags; /* 0: the mapping that covers query_addr */
	__u64 query_addr;
	__u64 vma_start;
	__u64 vma_end;
	__u64 vma_flags;
	__u64 vma_page_size;
	__u64 vma_offset;
	__u64 inode;
	__u32 dev_major;
	__u32 dev_minor;
	__u32 vma_name_size;
	__u32 build_id_size;
	__u64 vma_name_addr;
	__u64 build_id_addr;
};
_Static_assert(sizeof(struct query) == 104, "struct procmap_query");
#define QUERY _IOWR('f', 17, struct query)
#define QUERY_SHARED 0x08

static uint32_t device(uint64_t major, uint64_t minor)
{
	return (uint32_t)(major << 20 | minor);
}

/* --- the line -------------------------------------------------------------------------------- */

static bool take_number(const char **s, int base, char after, uint64_t *ret)
{
	char *end;

	if (**s == ' ' || **s == '-' || **s == '+')
		return false;
	errno = 0;
	*ret = strtoull(*s, &end, base);
	if (end == *s || errno || (*end != after && *end))
		return false;
	*s = end + (*end != '\0');
	return true;
}

/*
 *	7f0c8a000000-7f0c8a021000 rw-s 00001000 00:01 1031     /dev/zero (deleted)
 */
bool maps_parse_line(const char *line, struct maps_line *ret)
{
	struct maps_line m;
	uint64_t major, minor;
	const char *s = line;

	if (!take_number(&s, 16, '-', &m.begin) || !take_number(&s, 16, ' ', &m.end))
		return false;
	if (strnlen(s, 5) < 5 || s[4] != ' ' || (s[3] != 's' && s[3] != 'p'))
		return false;
	m.shared = s[3] == 's';
	s += 5;
	if (!take_number(&s, 16, ' ', &m.offset) || !take_number(&s, 16, ':', &major) ||
	    !take_number(&s, 16, ' ', &minor))
		return false;
	if (!take_number(&s, 10, ' ', &m.inode)) {
		/* the newline may follow at once */
		size_t digits = strspn(s, "0123456789");

		if (!digits || s[digits] != '\n')
			return false;
		m.inode = strtoull(s, NULL, 10);
		s += digits;
	}
	m.dev = device(major, minor);
	m.path = s + strspn(s, " ");
	*ret = m;
	return m.begin < m.end;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The end of a path, newlines as \012, from the first whole character that fits. */
static void copy_tail(char *to, size_t size, const char *path)
{
	struct buf text = { 0 };
	const char *tail;

	buf_puts(&text, "");
	for (; *path; path++) {
		if (*path == '\n')
			buf_puts(&text, "\\012");
		else
			buf_add(&text, path, 1);
	}
	tail = text.data + (text.len < size ? 0 : text.len - (size - 1));
	while (tail > text.data && ((unsigned char)*tail & 0xc0) == 0x80)
		tail++;
	memset(to, 0, size);
	memcpy(to, tail, strlen(tail));
	buf_free(&text);
}

/*
 * In a private mapping the kernel finds the word in the process's own copy of the page, whatever
 * file it came from, and knows the futex by process and address.  A shared one always has a file,
 * but not always an inode above 0: System V segments have their id, which counts from 0.
 */
static int answer(const struct maps_line *m, pid_t pid, uint64_t addr, struct wire_shared *ret)
{
	if (!m->shared)
		return fail(-ENOENT, "0x%llx of process %d is private memory, not shared through a "
			    "file", (unsigned long long)addr, pid);
	ret->addr = addr;
	ret->inode = m->inode;
	ret->offset = m->offset + (addr - m->begin);
	ret->dev = m->dev;
	ret->pad = 0;
	copy_tail(ret->path, sizeof(ret->path), m->path);
	return 0;
}

static int fail_unmapped(pid_t pid, uint64_t addr)
{
	return fail(-ENOENT, "process %d has nothing mapped at 0x%llx", pid,
		    (unsigned long long)addr);
}

static int fail_maps(int err, pid_t pid)
{
	if (err == -ENOENT || err == -ESRCH)
		return fail(-ESRCH, "no process %d", pid);
	return fail(err, "cannot read /proc/%d/maps: %s", pid, strerror(-err));
}

static int open_maps(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail_maps(-errno, pid) : fd;
}

/* -ENOTTY without a message: the kernel does not know the question. */
static int ask(int fd, pid_t pid, uint64_t addr, struct wire_shared *ret)
{
	char name[NAME_BYTES];
	struct query q = {
		.size = sizeof(q),
		.query_addr = addr,
		.vma_name_size = sizeof(name),
		.vma_name_addr = (uintptr_t)name,
	};
	struct maps_line m;

	name[0] = '\0';
	if (ioctl(fd, QUERY, &q)) {
		if (errno == ENOENT)
			return fail_unmapped(pid, addr);
		if (errno == ESRCH)
			return fail_maps(-errno, pid);
		return -ENOTTY; /* whatever it is, the text will say it or do without */
	}
	m = (struct maps_line){
		.begin = q.vma_start,
		.end = q.vma_end,
		.offset = q.vma_offset,
		.inode = q.inode,
		.dev = device(q.dev_major, q.dev_minor),
		.shared = q.vma_flags & QUERY_SHARED,
		.path = q.vma_name_size ? name : "",
	};
	name[sizeof(name) - 1] = '\0';
	return answer(&m, pid, addr, ret);
}

/* --- the text -------------------------------------------------------------------------------- */

/* Read more text behind the len bytes that are left over; the number of bytes, 0 at the end. */
static ssize_t read_more(int fd, char *text, size_t len)
{
	ssize_t n;

	do
		n = read(fd, text + len, TEXT_BYTES - 1 - len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* 1: found; 0: go on; -ENOENT: the lines are past the address. Sets *used to what was looked at. */
static int scan(char *text, uint64_t addr, size_t *used, struct maps_line *ret)
{
	char *newline;

	for (char *line = text; (newline = strchr(line, '\n')); line = newline + 1) {
		*newline = '\0';
		*used = (size_t)(newline + 1 - text);
		if (!maps_parse_line(line, ret))
			continue;
		if (addr < ret->begin)
			return -ENOENT;
		if (addr < ret->end)
			return 1;
	}
	return 0;
}

static int search_text(int fd, pid_t pid, uint64_t addr, char *text, struct wire_shared *ret)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read_more(fd, text, len);
		struct maps_line m;
		size_t used = 0;
		int found;

		if (n < 0)
			return fail_maps((int)n, pid);
		if (!n)
			return fail_unmapped(pid, addr);
		len += (size_t)n;
		text[len] = '\0';
		found = scan(text, addr, &used, &m);
		if (found > 0)
			return answer(&m, pid, addr, ret);
		if (found < 0)
			return fail_unmapped(pid, addr);
		if (!used && len == TEXT_BYTES - 1)
			return fail(-EINVAL, "/proc/%d/maps has a line without end", pid);
		len -= used;
		memmove(text, text + used, len);
	}
}

int maps_find_file_in_text(pid_t pid, uint64_t addr, struct wire_shared *ret)
{
	int fd = open_maps(pid);
	char *text;
	int err;

	if (fd < 0)
		return fd;
	text = xcalloc(1, TEXT_BYTES);
	err = search_text(fd, pid, addr, text, ret);
	free(text);
	close(fd);
	return err;
}

int maps_find_file(pid_t pid, uint64_t addr, struct wire_shared *ret)
{
	int fd = open_maps(pid);
	int err;

	if (fd < 0)
		return fd;
	err = ask(fd, pid, addr, ret);
	close(fd);
	return err == -ENOTTY ? maps_find_file_in_text(pid, addr, ret) : err;
}
