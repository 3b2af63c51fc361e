// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_file_test.c - saved traces: whole or refused, never half believed; nothing left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "user/base/fail.h" /* before cmocka, which makes a macro of fail() */
#include "user/trace/trace.h"

#include <cmocka.h>

static char folder[] = "/tmp/trace_file_test.XXXXXX";

/* All paths are relative to the fresh folder of the group. */
static int enter_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int empty_folder(void **state)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(dir)))
		if (unlinkat(AT_FDCWD, entry->d_name, 0) < 0)
			unlinkat(AT_FDCWD, entry->d_name, AT_REMOVEDIR);
	closedir(dir);
	return 0;
}

static int leave_folder(void **state)
{
	empty_folder(state);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static int files(void)
{
	DIR *dir = opendir(".");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void store(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static size_t load(const char *path, void *data, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, data, cap);
	assert_true(n >= 0);
	close(fd);
	return (size_t)n;
}

/* Record number i: kinds and sizes change, the content follows from the number. */
static const struct wire_head *record(uint64_t i)
{
	static struct wire_stack stack;
	static struct wire_switch sw;
	static struct wire_exit gone;

	if (i % 3 == 0) {
		gone = (struct wire_exit){
			.head = { .ts_ns = i, .tid = 7, .kind = WIRE_EXIT, .size = sizeof(gone) },
			.code = (int)i,
		};
		return &gone.head;
	}
	if (i % 100 == 50) {
		uint32_t n = (uint32_t)(i / 100) % (WIRE_FRAMES_MAX + 1);

		stack = (struct wire_stack){
			.head = { .ts_ns = i, .kind = WIRE_STACK },
			.n = n,
		};
		stack.head.size = (uint16_t)WIRE_STACK_SIZE(n);
		for (size_t f = 0; f < n; f++)
			stack.frames[f] = (struct wire_frame_id){ i, f };
		return &stack.head;
	}
	sw = (struct wire_switch){
		.head = { .ts_ns = i, .tid = 8, .kind = WIRE_SWITCH },
		.flags = i % 2 ? WIRE_SWITCH_BLOCK : 0,
	};
	sw.head.size = i % 2 ? sizeof(sw) : WIRE_SWITCH_SHORT;
	if (i % 2)
		sw.block.addr = i;
	return &sw.head;
}

static void save(const char *path, uint64_t n)
{
	struct trace_writer *w = NULL;

	if (trace_writer_open(&w, path) < 0)
		fail_msg("%s", fail_text());
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(trace_writer_put(w, record(i)), 0);
	if (trace_writer_commit(w) < 0)
		fail_msg("%s", fail_text());
	trace_writer_close(w);
}

/* Read to the end; every record must be the right one.  How it ended, and how many there were. */
static int read_back(const char *path, uint64_t *ret_n)
{
	struct trace_reader *r = NULL;
	const struct wire_head *rec;
	int err = trace_reader_open(&r, path);

	*ret_n = 0;
	if (err)
		return err;
	while ((err = trace_reader_next(r, &rec)) > 0) {
		const struct wire_head *expected = record((*ret_n)++);

		assert_int_equal(rec->size, expected->size);
		assert_memory_equal(rec, expected, rec->size);
	}
	assert_int_equal(trace_reader_next(r, &rec), err); /* and so it stays */
	trace_reader_close(r);
	return err;
}

static void reads(const char *path, uint64_t n)
{
	uint64_t got;

	if (read_back(path, &got) != 0)
		fail_msg("%s", fail_text());
	assert_int_equal(got, n);
}

static void refused(const char *path, int err, const char *says)
{
	uint64_t n;

	assert_int_equal(read_back(path, &n), err);
	if (!strstr(fail_text(), says))
		fail_msg("'%s' not in: %s", says, fail_text());
}

static void not_opened(const char *path, int err, const char *says)
{
	struct trace_writer *w = NULL;

	assert_int_equal(trace_writer_open(&w, path), err);
	assert_null(w);
	if (!strstr(fail_text(), says))
		fail_msg("'%s' not in: %s", says, fail_text());
}

/* --- reading ------------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
	static const uint64_t counts[] = { 0, 1, 2, 50, 8000, 200000 };
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		save("trace", counts[i]);
		reads("trace", counts[i]);
		assert_int_equal(files(), 1);
	}
	assert_int_equal(stat("trace", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	save("./trace", 3);
	reads("./trace", 3);
}

static void test_truncated_anywhere(void **state)
{
	unsigned char data[4096];
	size_t len;

	(void)state;
	save("trace", 20);
	len = load("trace", data, sizeof(data));
	for (size_t cut = 0; cut < len; cut++) {
		uint64_t n;

		store("cut", data, cut);
		assert_int_equal(read_back("cut", &n), -EPIPE);
		assert_true(n == 0 || n == 20);
		assert_non_null(strstr(fail_text(), cut ? "truncated" : "empty"));
	}
}

/* Of several blocks the whole ones before the cut are good. */
static void test_truncated_in_a_late_block(void **state)
{
	struct stat st;
	uint64_t n;

	(void)state;
	save("trace", 50000);
	assert_int_equal(stat("trace", &st), 0);
	assert_int_equal(truncate("trace", st.st_size - 100), 0);
	assert_int_equal(read_back("trace", &n), -EPIPE);
	assert_in_range(n, 30000, 49999);
	assert_int_equal(truncate("trace", st.st_size / 2), 0);
	assert_int_equal(read_back("trace", &n), -EPIPE);
	assert_in_range(n, 5000, 25000);
}

static void test_every_byte_flipped(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	unsigned char data[4096];
	size_t len;

	(void)state;
	save("trace", 20);
	len = load("trace", data, sizeof(data));
	for (size_t i = 0; i < len * sizeof(masks); i++) {
		uint64_t n;
		int err;

		data[i % len] ^= masks[i / len];
		store("flipped", data, len);
		data[i % len] ^= masks[i / len];
		err = read_back("flipped", &n);
		assert_true(err == -EBADMSG || (i % len < 8 && err == -EINVAL));
	}
	assert_int_equal(len, load("trace", data, sizeof(data)));
	data[len++] = 'x';
	store("longer", data, len);
	refused("longer", -EBADMSG, "follows its end");
}

/* All sums are right, yet a block was taken out of the midst. */
static void test_block_missing(void **state)
{
	const size_t cap = 4 << 20;
	unsigned char *data = malloc(cap);
	size_t len, second, third;
	uint32_t bytes;

	(void)state;
	save("trace", 30000);
	len = load("trace", data, cap);
	memcpy(&bytes, data + 16 + 8, 4);
	second = 16 + 24 + bytes;
	memcpy(&bytes, data + second + 8, 4);
	third = second + 24 + bytes;
	assert_true(third < len);
	memmove(data + second, data + third, len - third);
	store("trace", data, len - (third - second));
	refused("trace", -EBADMSG, "a block is missing");
	free(data);
}

static void test_foreign_files(void **state)
{
	static const char text[] = "1000 switch tid=1\n";

	(void)state;
	store("text", text, sizeof(text));
	refused("text", -EINVAL, "is not a parascope trace");
	store("text", "P", 1);
	refused("text", -EINVAL, "is not a parascope trace");
	refused("/dev/zero", -EINVAL, "is not a parascope trace");
	refused("/dev/null", -EPIPE, "empty");
	refused("absent", -ENOENT, "absent");
	refused(".", -EISDIR, "directory");
}

static void test_other_versions(void **state)
{
	unsigned char data[4096];
	size_t len;

	(void)state;
	save("trace", 1);
	len = load("trace", data, sizeof(data));
	for (int at = 8; at <= 10; at += 2) {
		int ours = data[at];

		for (int version = ours - 1; version <= ours + 1; version += 2) {
			uint32_t crc;

			data[at] = (unsigned char)version;
			crc = (uint32_t)crc32(0, data, 12);
			memcpy(data + 12, &crc, 4);
			store("other", data, len);
			refused("other", -EPROTO, version > ours ? "newer" : "older");
			if (at == 10 && version == 4) /* before lean mode */
				refused("other", -EPROTO, "has version 1.4, not 1.5: use an older");
		}
		data[at] = (unsigned char)ours;
	}
}

static void test_fifo_and_stdin(void **state)
{
	int fd, saved = dup(STDIN_FILENO), status;
	pid_t pid;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	pid = fork();
	if (!pid) {
		save("fifo", 20000);
		_exit(0);
	}
	reads("fifo", 20000);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(files(), 1); /* the fifo is still there, and no other */

	save("trace", 100);
	fd = open("trace", O_RDONLY);
	dup2(fd, STDIN_FILENO);
	close(fd);
	reads("-", 100);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

/* --- writing ------------------------------------------------------------------------------- */

static void test_abandoned(void **state)
{
	struct trace_writer *w = NULL;

	(void)state;
	save("trace", 5);
	assert_int_equal(trace_writer_open(&w, "trace"), 0);
	assert_int_equal(files(), 2);
	for (uint64_t i = 0; i < 50000; i++)
		assert_int_equal(trace_writer_put(w, record(i)), 0);
	trace_writer_close(w);
	assert_int_equal(files(), 1);
	reads("trace", 5);
	trace_writer_close(NULL);
	trace_reader_close(NULL);
}

static void test_bad_record(void **state)
{
	struct wire_exit rec = { .head = { .kind = WIRE_EXIT, .size = sizeof(rec) } };
	struct trace_writer *w = NULL;

	(void)state;
	assert_int_equal(trace_writer_open(&w, "trace"), 0);
	rec.head.size = 16;
	assert_int_equal(trace_writer_put(w, &rec.head), -EINVAL);
	assert_int_equal(trace_writer_put(w, record(0)), 0);
	assert_int_equal(trace_writer_commit(w), 0);
	assert_int_equal(trace_writer_commit(w), 0);
	assert_int_equal(trace_writer_put(w, record(1)), -EINVAL);
	trace_writer_close(w);
	reads("trace", 1);
}

static void test_bad_paths(void **state)
{
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	not_opened("", -EINVAL, "empty");
	not_opened("no/such/trace", -ENOENT, "folder no/such: No such file");
	not_opened("absent/", -EISDIR, "directory");
	not_opened(".", -EISDIR, "directory");
	store("file", "x", 1);
	not_opened("file/trace", -ENOTDIR, "folder file: Not a directory");
	not_opened("/dev/full", -ENOSPC, "make room");
	assert_int_equal(files(), 1);
	/* Only the rename can tell: still no rest, no crash. */
	struct trace_writer *w = NULL;

	if (trace_writer_open(&w, longest) == 0) {
		assert_int_equal(trace_writer_commit(w), -ENAMETOOLONG);
		trace_writer_close(w);
	}
	assert_int_equal(files(), 1);
}

/* A FIFO without a reader any more, and /dev/null as the sink that always works. */
static void test_in_place(void **state)
{
	struct trace_writer *w = NULL;
	int err = 0, fd;

	(void)state;
	save("/dev/null", 20000);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(trace_writer_open(&w, "fifo"), 0);
	close(fd);
	for (uint64_t i = 0; i < 50000 && !err; i++)
		err = trace_writer_put(w, record(i));
	assert_int_equal(err, -EPIPE);
	assert_int_equal(trace_writer_put(w, record(0)), -EPIPE);
	assert_int_equal(trace_writer_commit(w), -EPIPE);
	assert_non_null(strstr(fail_text(), "its reader is gone"));
	trace_writer_close(w);
	assert_int_equal(files(), 1);
}

static void test_terminal(void **state)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);

	(void)state;
	if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0)
		skip();
	not_opened(ptsname(pty), -EINVAL, "terminal");
	close(pty);
}

static void test_links(void **state)
{
	char text[16] = { 0 };
	struct stat st;

	(void)state;
	store("precious", "precious", 8);
	assert_int_equal(symlink("precious", "link"), 0);
	assert_int_equal(symlink("absent", "dangling"), 0);
	assert_int_equal(symlink("/dev/null", "null"), 0);
	not_opened("link", -ELOOP, "symbolic link");
	not_opened("dangling", -ELOOP, "symbolic link");
	save("null", 3);
	assert_int_equal(load("precious", text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
	assert_int_equal(lstat("null", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(files(), 4);

	/* A hard link elsewhere keeps the old content: the file is replaced, not written over. */
	save("trace", 2);
	assert_int_equal(link("trace", "second"), 0);
	save("trace", 4);
	reads("second", 2);
	reads("trace", 4);
}

/* A link that comes while we write is replaced, not followed. */
static void test_link_comes_late(void **state)
{
	struct trace_writer *w = NULL;
	char text[16] = { 0 };

	(void)state;
	store("precious", "precious", 8);
	assert_int_equal(trace_writer_open(&w, "trace"), 0);
	assert_int_equal(symlink("precious", "trace"), 0);
	assert_int_equal(trace_writer_commit(w), 0);
	trace_writer_close(w);
	reads("trace", 0);
	assert_int_equal(load("precious", text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
}

/* Each size of limit stops another write: the head, a block in its midst, the end. */
static void test_file_size_limit(void **state)
{
	static const rlim_t limits[] = { 0, 10, 16, 30, 5000, 262160, 300000 };

	(void)state;
	save("trace", 5);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit old, limit;
		struct trace_writer *w = NULL;
		int err;

		getrlimit(RLIMIT_FSIZE, &old);
		limit = old;
		limit.rlim_cur = limits[i];
		setrlimit(RLIMIT_FSIZE, &limit);
		err = trace_writer_open(&w, "trace");
		for (uint64_t n = 0; n < 20000 && !err; n++)
			err = trace_writer_put(w, record(n));
		if (w)
			err = trace_writer_commit(w);
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(err, -EFBIG);
		assert_non_null(strstr(fail_text(), "ulimit -f"));
		assert_int_equal(files(), 1); /* at once: the room may be needed */
		trace_writer_close(w);
		reads("trace", 5);
	}
}

/* Under sudo the file belongs to the user who called it, else to whoever runs. */
static void test_owner(void **state)
{
	struct stat st;

	(void)state;
	setenv("SUDO_UID", "1234", 1);
	setenv("SUDO_GID", "567", 1);
	save("trace", 1);
	assert_int_equal(stat("trace", &st), 0);
	assert_int_equal(st.st_uid, geteuid() == 0 ? 1234 : geteuid());
	assert_int_equal(st.st_gid, geteuid() == 0 ? 567 : getegid());
	setenv("SUDO_UID", "1234x", 1);
	save("trace", 1);
	assert_int_equal(stat("trace", &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, NULL, empty_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_truncated_anywhere),
		TEST(test_truncated_in_a_late_block),
		TEST(test_every_byte_flipped),
		TEST(test_block_missing),
		TEST(test_foreign_files),
		TEST(test_other_versions),
		TEST(test_fifo_and_stdin),
		TEST(test_abandoned),
		TEST(test_bad_record),
		TEST(test_bad_paths),
		TEST(test_in_place),
		TEST(test_terminal),
		TEST(test_links),
		TEST(test_link_comes_late),
		TEST(test_file_size_limit),
		TEST(test_owner),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
