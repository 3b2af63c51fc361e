// SPDX-License-Identifier: GPL-2.0-or-later
/* parser.c - answers questions about files that are not to be trusted; see parser.h. */
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/answer.h"
#include "user/symbol/ask.h"
#include "user/symbol/jail.h"
#include "user/symbol/module.h"
#include "user/symbol/parser.h"
#include "user/symbol/perfmap.h"

/* A file that is open here.  Its descriptors are -1 or open as long as the module is. */
struct slot {
	uint32_t file; /* 0: free */
	struct module *module;
	struct perfmap *map;
	int fd, debug_fd, alt_fd;
};

static struct slot slots[ASK_FILES];

/* --- the socket ------------------------------------------------------------------------------ */

static void send_answer(struct ask_answer *a, const void *tail, size_t len)
{
	struct iovec parts[] = {
		{ .iov_base = a, .iov_len = sizeof(*a) },
		{ .iov_base = (void *)(uintptr_t)tail, .iov_len = len },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = tail ? 2 : 1 };
	ssize_t n;

	do
		n = sendmsg(ASK_FD, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(0); /* nobody listens any more */
}

static struct ask_answer answer_to(const struct ask *q, int err)
{
	struct ask_answer a = { .version = ASK_VERSION,
				.kind = q->kind,
				.serial = q->serial,
				.file = q->file,
				.err = err < 0 ? err : 0,
				.last = 1 };

	if (err < 0) /* the rest of it is zeros already */
		strncpy(a.why, fail_text(), sizeof(a.why) - 1);
	return a;
}

static void send_result(const struct ask *q, int err)
{
	struct ask_answer a = answer_to(q, err);

	send_answer(&a, NULL, 0);
}

/* *ret_fd: -1 if none came along. */
static void receive(struct ask *q, int *ret_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = q, .iov_len = sizeof(*q) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(ASK_FD, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*q) || q->version != ASK_VERSION)
		_exit(0);
	*ret_fd = -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
}

/* --- files ----------------------------------------------------------------------------------- */

static struct slot *find_slot(uint32_t file)
{
	for (size_t i = 0; i < ASK_FILES; i++)
		if (slots[i].file == file)
			return &slots[i];
	return NULL;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_slot(struct slot *s)
{
	module_close(s->module);
	perfmap_close(s->map);
	close_fd(s->fd);
	close_fd(s->debug_fd);
	close_fd(s->alt_fd);
	*s = (struct slot){ 0 };
}

static void send_about(const struct ask *q, const struct module *m)
{
	struct ask_answer a = answer_to(q, 0);
	struct module_about about = { 0 };
	struct ask_about tail = { 0 };

	module_about(m, &about);
	memcpy(tail.build_id, about.build_id, sizeof(tail.build_id));
	memcpy(tail.alt_id, about.alt_id, sizeof(tail.alt_id));
	memcpy(tail.link, about.link, sizeof(tail.link));
	tail.link[sizeof(tail.link) - 1] = '\0';
	if (!strcmp(tail.link, ".") || !strcmp(tail.link, ".."))
		memset(tail.link, 0, sizeof(tail.link)); /* no name of a file */
	tail.build_id_len = about.build_id_len;
	tail.alt_id_len = about.alt_id_len;
	tail.link_crc = about.link_crc;
	tail.has_symbols = about.has_symbols;
	tail.has_lines = about.has_lines;
	for (uint32_t i = 0; i < about.n_loads; i++)
		if (answer_is_load(&about.loads[i]))
			tail.loads[tail.n_loads++] = about.loads[i];
	a.n = 1;
	send_answer(&a, &tail, sizeof(tail));
}

/* Kernels make up files, too: reading one may do something, or never end. */
static int check_file_system(int fd)
{
	static const long made_up[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,	      DEBUGFS_MAGIC,	   TRACEFS_MAGIC,
		SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, PSTOREFS_MAGIC,
		EFIVARFS_MAGIC,	  BPF_FS_MAGIC,
	};
	struct statfs st;

	if (fstatfs(fd, &st))
		return fail(-errno, "fstatfs: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++)
		if ((long)st.f_type == made_up[i])
			return fail(-ENOEXEC, "a file that the kernel makes up");
	return 0;
}

static int open_slot(const struct ask *q, int fd, struct slot **ret)
{
	struct slot *s = find_slot(0);
	int err;

	if (fd < 0)
		return fail(-EMFILE, "no descriptor came with the file");
	err = !s || find_slot(q->file) ? fail(-EMFILE, "too many files are open")
				       : check_file_system(fd);
	if (err) {
		close(fd);
		return err;
	}
	*s = (struct slot){ .file = q->file, .fd = fd, .debug_fd = -1, .alt_fd = -1 };
	*ret = s;
	return 0;
}

static void answer_open(const struct ask *q, int fd)
{
	struct slot *s = NULL;
	int err = open_slot(q, fd, &s);

	if (!err)
		err = module_open(fd, &s->module);
	if (!err) {
		send_about(q, s->module);
		return;
	}
	if (s)
		close_slot(s);
	send_result(q, err);
}

static void answer_map(const struct ask *q, int fd)
{
	struct slot *s = NULL;
	int err = open_slot(q, fd, &s);

	if (!err)
		err = perfmap_open(fd, &s->map);
	if (err && s)
		close_slot(s);
	send_result(q, err);
}

static struct slot *module_slot(const struct ask *q)
{
	struct slot *s = q->file ? find_slot(q->file) : NULL;

	return s && s->module ? s : NULL;
}

/* Whether it belongs to the file is checked by module.c. */
static void answer_debug(const struct ask *q, int fd)
{
	struct slot *s = module_slot(q);
	int err;

	if (!s || fd < 0 || s->debug_fd >= 0) {
		close_fd(fd);
		send_result(q, fail(-EINVAL, "no file for this debug file"));
		return;
	}
	err = module_add_debug(s->module, fd);
	if (err) {
		close(fd);
		send_result(q, err);
		return;
	}
	s->debug_fd = fd;
	send_about(q, s->module);
}

static void answer_alt(const struct ask *q, int fd)
{
	struct slot *s = module_slot(q);
	int err;

	if (!s || fd < 0 || s->alt_fd >= 0) {
		close_fd(fd);
		send_result(q, fail(-EINVAL, "no file for this debug file"));
		return;
	}
	err = module_add_alt(s->module, fd);
	if (err)
		close(fd);
	else
		s->alt_fd = fd;
	send_result(q, err);
}

static void answer_close(const struct ask *q, int fd)
{
	struct slot *s = q->file ? find_slot(q->file) : NULL;

	close_fd(fd);
	if (s)
		close_slot(s);
	send_result(q, 0);
}

/* --- questions ------------------------------------------------------------------------------- */

static int no_such_file(void)
{
	return fail(-EINVAL, "the file is not open");
}

static void answer_rows(const struct ask *q, int fd)
{
	struct slot *s = module_slot(q);
	struct wire_row *rows = NULL;
	struct ask_answer a;
	size_t n = 0;
	int err;

	close_fd(fd);
	a = answer_to(q, 0);
	err = s ? module_rows(s->module, &rows, &n, &a.base) : no_such_file();
	if (err < 0 || !n) {
		free(rows);
		send_result(q, err);
		return;
	}
	for (size_t done = 0; done < n; done += a.n) {
		a.n = (uint32_t)(n - done < ASK_ROWS_MAX ? n - done : ASK_ROWS_MAX);
		a.last = done + a.n == n;
		send_answer(&a, rows + done, a.n * sizeof(*rows));
	}
	free(rows);
}

static void answer_code(const struct ask *q, int fd)
{
	static struct module_function functions[MODULE_INLINES_MAX];
	struct slot *s = q->file ? find_slot(q->file) : NULL;
	struct ask_answer a;
	int n;

	close_fd(fd);
	memset(functions, 0, sizeof(functions));
	if (!s)
		n = no_such_file();
	else if (s->map)
		n = perfmap_code(s->map, q->addr, functions);
	else
		n = module_code(s->module, q->addr, functions, MODULE_INLINES_MAX);
	a = answer_to(q, n);
	a.n = n > 0 ? (uint32_t)n : 0;
	send_answer(&a, n > 0 ? functions : NULL, a.n * sizeof(*functions));
}

static void answer_data(const struct ask *q, int fd)
{
	struct slot *s = module_slot(q);
	struct module_variable v = { 0 };
	struct ask_answer a;
	int err;

	close_fd(fd);
	err = s ? module_data(s->module, q->addr, &v) : no_such_file();
	a = answer_to(q, err);
	a.n = err < 0 ? 0 : 1;
	send_answer(&a, err < 0 ? NULL : &v, a.n * sizeof(v));
}

static void (*const answers[ASK_KINDS])(const struct ask *q, int fd) = {
	[ASK_OPEN] = answer_open, [ASK_MAP] = answer_map,     [ASK_DEBUG] = answer_debug,
	[ASK_ALT] = answer_alt,	  [ASK_CLOSE] = answer_close, [ASK_ROWS] = answer_rows,
	[ASK_CODE] = answer_code, [ASK_DATA] = answer_data,
};

/* --- beginning ------------------------------------------------------------------------------- */

bool parser_wanted(int argc, char **argv)
{
	struct ucred maker;
	socklen_t len = sizeof(maker);
	int type = 0, domain = 0;
	socklen_t type_len = sizeof(type), domain_len = sizeof(domain);

	return argc == 2 && !strcmp(argv[1], PARSER_ARGUMENT) &&
	       !getsockopt(ASK_FD, SOL_SOCKET, SO_TYPE, &type, &type_len) &&
	       type == SOCK_SEQPACKET &&
	       !getsockopt(ASK_FD, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) &&
	       domain == AF_UNIX && !getsockopt(ASK_FD, SOL_SOCKET, SO_PEERCRED, &maker, &len) &&
	       maker.pid == getppid();
}

_Noreturn void parser_main(void)
{
	struct ask hello = { .kind = ASK_HELLO }, q;
	sigset_t none;
	int err, fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "parascope-elf");
	clearenv();
	err = jail_drop();
	if (!parser_wanted(2, (char *[]){ "", PARSER_ARGUMENT, NULL }))
		_exit(0); /* the parent died before it could take us along */
	if (!err)
		err = jail_lock();
	send_result(&hello, err);
	if (err)
		_exit(1);
	for (;;) {
		receive(&q, &fd);
		if (q.kind >= ASK_KINDS || !answers[q.kind])
			_exit(0);
		answers[q.kind](&q, fd);
	}
}
