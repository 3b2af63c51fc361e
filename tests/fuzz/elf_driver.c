// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * elf_driver.c - asks the sandboxed parser about files that are meant to do harm.  Prints TAP.
 *
 *	elf_driver files FOLDER [NAME...]   each of elf_files.py's; slow ones are named
 *	elf_driver mutate FOLDER N [SEED]   N mutations of its seed-* files and of the system's own
 *	elf_driver rewrite FOLDER N         N files that change while they are read
 *	elf_driver ask FILE...              only ask; for looking at single files, and for strace
 *
 * What must hold, whatever is in a file: every question is answered, at most so long after it was
 * the parser's turn; this process neither ends nor grows; the parser keeps its limits; and a good
 * file is answered well afterwards.  A mutation is made from SEED and its number alone, so
 * `elf_driver mutate FOLDER 1 SEED+n` makes the n-th again.
 */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ASKER_FILES 64
#include "tests/unit/asker.h"
#include "user/symbol/jail.h"

#define GAP_S                                                                                      \
	(SYMBOLS_DEADLINE_MS / 1e3 + 1.5) /* between two answers; 2 CPUs, other work on them */
#define GROWTH_KB 2048
#define CHILD_KB (256 << 10)
#define AT_ONCE 16
#define SLOW_S 0.5
#define CHANGES_S 0.02

static struct asker *a;
static unsigned n_tests, n_failed;

static void result(bool holds, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void result(bool holds, const char *fmt, ...)
{
	va_list ap;

	n_failed += !holds;
	printf("%sok %u - ", holds ? "" : "not ", ++n_tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

static long field_kb(const char *file, const char *name)
{
	char line[256];
	FILE *f = fopen(file, "re");
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kb = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return kb;
}

static long own_kb(void)
{
	malloc_trim(0);
	return field_kb("/proc/self/status", "RssAnon");
}

/* The parser's memory at its highest: of those that ended from the kernel, of this one from /proc.
 */
static long child_kb(void)
{
	struct rusage r;
	char path[64];
	long kb;

	getrusage(RUSAGE_CHILDREN, &r);
	snprintf(path, sizeof(path), "/proc/%d/status", asker_child());
	kb = field_kb(path, "VmHWM");
	return kb > r.ru_maxrss ? kb : r.ru_maxrss;
}

/* --- asking about one file
 * ---------------------------------------------------------------------------- */

static unsigned n_asked, n_hung, n_lost, n_refused, n_rows, n_named;
static double slowest_gap;

struct one {
	int file; /* 0: none, < 0: refused at once */
	char name[128];
	double began;
};

static const uint64_t addresses[] = { 0x1000, 0x1004,  0x1010,	 0x1081,	0x10f0,
				      0x1234, 0x26000, 0x100008, 0x3fffffffffff };
#define CODES (sizeof(addresses) / sizeof(addresses[0]))
#define QUESTIONS (CODES + 3) /* rows, two variables */

static void ask_all(struct one *o, int fd, const char *name)
{
	*o = (struct one){ .file = symbols_open(a->s, fd), .began = asker_now() };
	snprintf(o->name, sizeof(o->name), "%s", name);
	n_asked++;
	if (o->file < 0) {
		n_refused++;
		return;
	}
	memset(&a->files[o->file % ASKER_FILES], 0, sizeof(a->files[0]));
	symbols_ask_rows(a->s, (uint32_t)o->file);
	for (size_t i = 0; i < CODES; i++)
		symbols_ask_code(a->s, (uint32_t)o->file, addresses[i], (uint64_t)o->file);
	symbols_ask_data(a->s, (uint32_t)o->file, 0x3004, 0);
	symbols_ask_data(a->s, (uint32_t)o->file, 0x4010, 0);
}

/* Until all questions are answered; a gap that is too long is a hang. */
static void wait_for_all(void)
{
	size_t before = (size_t)-1;
	double last = asker_now();

	while (symbols_waiting(a->s)) {
		double now;

		asker_poll(a, 500);
		now = asker_now();
		if (symbols_waiting(a->s) != before) {
			before = symbols_waiting(a->s);
			slowest_gap = now - last > slowest_gap ? now - last : slowest_gap;
			last = now;
		} else if (now - last > GAP_S) {
			n_hung++;
			printf("# no answer for %.1f s\n", now - last);
			last = now + 60;
		}
	}
}

static void account(struct one *o)
{
	struct asker_file *f = &a->files[(o->file > 0 ? o->file : 0) % ASKER_FILES];

	if (o->file <= 0)
		return;
	n_lost += !f->told || (!f->err && f->rows_ends != 1);
	n_refused += f->err != 0;
	n_rows += !f->err && !f->rows_err;
	free(f->rows);
	f->rows = NULL;
	f->cap_rows = f->n_rows = 0;
	symbols_close(a->s, (uint32_t)o->file);
}

/* Is a good file still answered well?  So the parser lives. */
static void check_good(const char *what)
{
	struct one o;
	size_t unknown = a->n_unknown, code = a->n_code;
	struct asker_file *f;
	bool good;

	ask_all(&o, open("/bin/cat", O_RDONLY | O_CLOEXEC), "/bin/cat");
	wait_for_all();
	n_asked--;
	f = &a->files[o.file % ASKER_FILES];
	good = o.file > 0 && !f->err && !f->rows_err && f->n_rows > 50 && a->n_code == code + CODES;
	a->n_unknown = unknown;
	n_rows--;
	account(&o);
	result(good, "a good file is answered well after %s", what);
}

static void report(const char *what, long before_kb, double began, size_t questions)
{
	struct symbols_cost cost;
	long grown, child = child_kb();
	double took = asker_now() - began;

	wait_for_all();
	asker_poll(a, 0);
	asker_poll(a, 20);
	grown = own_kb() - before_kb;
	symbols_cost(a->s, &cost);
	result(!n_hung, "%s: no answer is late (the longest took %.2f s)", what, slowest_gap);
	result(!n_lost && a->n_code + a->n_data + a->n_rows <= questions &&
		       symbols_waiting(a->s) == 0,
	       "%s: as many answers as questions", what);
#ifdef __SANITIZE_ADDRESS__ /* keeps what was freed, and has no limits */
	printf("# grown by %ld KiB, the parser had %ld MiB\n", grown, child >> 10);
#else
	result(grown <= GROWTH_KB, "%s: this process has grown by %ld KiB", what, grown);
	result(child <= CHILD_KB, "%s: the parser had at most %ld MiB", what, child >> 10);
#endif
	printf("# %u files in %.1f s: %u refused, %u with unwind rows, %u with a function; %lu "
	       "parsers killed, "
	       "%.1f s of CPU time\n",
	       n_asked, took, n_refused, n_rows, n_named, (unsigned long)cost.killed,
	       (double)cost.cpu_ns / 1e9);
}

static size_t questions_of(unsigned files)
{
	return (size_t)files * QUESTIONS;
}

static void begin(void)
{
	n_asked = n_hung = n_lost = n_refused = n_rows = n_named = 0;
	slowest_gap = 0;
}

static void on_code(struct asker *asker, uint64_t cookie, size_t n)
{
	static uint64_t last;

	(void)asker;
	n_named += n && cookie != last;
	if (n)
		last = cookie;
}

/* What everything needs once is there before memory is looked at. */
static void warm_up(void)
{
	struct one o;

	for (int i = 0; i < 2 * AT_ONCE; i++) {
		ask_all(&o, open("/bin/cat", O_RDONLY | O_CLOEXEC), "/bin/cat");
		wait_for_all();
		account(&o);
		asker_poll(a, 0);
	}
	a->n_code = a->n_data = a->n_rows = 0;
	begin();
}

/* --- files
 * ---------------------------------------------------------------------------------------------- */

static bool expected(const char *folder, const char *name, const char *word)
{
	char path[512], line[256], want[256];
	FILE *f;
	bool found = false;

	snprintf(path, sizeof(path), "%s/.expect", folder);
	f = fopen(path, "re");
	snprintf(want, sizeof(want), "%s %s\n", name, word);
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strcmp(line, want);
	if (f)
		fclose(f);
	return found;
}

static unsigned n_unexpected;

static void check_expected(const char *folder, const struct one *o, unsigned named)
{
	const struct asker_file *f = &a->files[o->file > 0 ? o->file % ASKER_FILES : 0];
	const char *wrong = NULL;

	if (expected(folder, o->name, "refused") && o->file > 0 && !f->err)
		wrong = "is not refused";
	if (expected(folder, o->name, "fine") && (o->file <= 0 || f->err || f->rows_err || !named))
		wrong = "is not answered well";
	if (o->file > 0 && !f->err && strchr(f->about.link, '/'))
		wrong = "has a debug link that is a path";
	if (expected(folder, o->name, "nolink") && (o->file <= 0 || f->about.link[0]))
		wrong = "has a debug link";
	if (!wrong)
		return;
	n_unexpected++;
	printf("# %s %s\n", o->name, wrong);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static size_t list(const char *folder, char ***ret)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char **names = NULL;
	size_t n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			names = reallocarray(names, n + 1, sizeof(*names));
			names[n++] = strdup(e->d_name);
		}
	if (d)
		closedir(d);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	*ret = names;
	return n;
}

static void free_list(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static void ask_file(const char *folder, const char *name, bool talk)
{
	char path[1024];
	struct symbols_cost before, after;
	unsigned named = n_named;
	double began = asker_now(), took;
	struct one o;

	snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", name);
	symbols_cost(a->s, &before);
	ask_all(&o, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), name);
	wait_for_all();
	symbols_cost(a->s, &after);
	took = asker_now() - began;
	if (folder[0])
		check_expected(folder, &o, n_named - named);
	if (talk || took > SLOW_S || after.killed != before.killed)
		printf("# %s: %.2f s, %s%s%s\n", name, took,
		       o.file > 0 ? a->files[o.file % ASKER_FILES].why : fail_text(),
		       after.killed != before.killed ? " (killed) " : " ", a->why);
	account(&o);
	asker_poll(a, 0);
}

static void test_files(const char *folder, char **only, int n_only)
{
	char **names;
	size_t n = list(folder, &names);
	double began;
	long before;

	warm_up();
	before = own_kb();
	began = asker_now();
	for (size_t i = 0; i < n; i++)
		if (!n_only || bsearch(&names[i], only, (size_t)n_only, sizeof(*only), by_name))
			ask_file(folder, names[i], n_only > 0);
	free_list(names, n);
	result(n_only || n >= 400, "%zu crafted files", n);
	result(!n_unexpected, "crafted files: good ones are answered, others refused as expected");
	report("crafted files", before, began, questions_of(n_asked));
	check_good("crafted files");
}

/* --- mutations
 * ------------------------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t any(uint32_t below)
{
	state += 0x9e3779b97f4a7c15;
	uint64_t z = state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return below ? (uint32_t)((z >> 32) % below) : 0;
}

struct seed {
	uint8_t *bytes;
	size_t size;
	unsigned weight;     /* how often it is chosen: large ones take longer */
	size_t spots[64][2]; /* headers and sections worth a change: offset, size */
	unsigned n_spots;
};

static struct seed seeds[32];
static unsigned n_seeds, weights;

static void find_spots(struct seed *s)
{
	static const char *const names[] = { ".debug_info",
					     ".debug_abbrev",
					     ".debug_line",
					     ".debug_str",
					     ".debug_ranges",
					     ".debug_rnglists",
					     ".debug_aranges",
					     ".eh_frame",
					     ".eh_frame_hdr",
					     ".symtab",
					     ".dynsym",
					     ".strtab",
					     ".note.gnu.build-id",
					     ".gnu_debuglink",
					     ".gnu_debugaltlink",
					     ".debug_line_str",
					     ".shstrtab",
					     ".dynamic",
					     ".hash",
					     ".gnu.hash" };
	uint64_t shoff, at, size, names_at;
	uint16_t shnum, strndx;

	memcpy(&shoff, s->bytes + 40, 8);
	memcpy(&shnum, s->bytes + 60, 2);
	memcpy(&strndx, s->bytes + 62, 2);
	s->spots[s->n_spots][0] = 0;
	s->spots[s->n_spots++][1] = 64;
	s->spots[s->n_spots][0] = 64;
	s->spots[s->n_spots++][1] = 600;
	s->spots[s->n_spots][0] = shoff;
	s->spots[s->n_spots++][1] = shnum * 64u;
	memcpy(&names_at, s->bytes + shoff + strndx * 64u + 24, 8);
	for (unsigned i = 0; i < shnum && s->n_spots < 60; i++) {
		uint32_t name;

		memcpy(&name, s->bytes + shoff + i * 64u, 4);
		memcpy(&at, s->bytes + shoff + i * 64u + 24, 8);
		memcpy(&size, s->bytes + shoff + i * 64u + 32, 8);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (size && at + size <= s->size &&
			    !strcmp((char *)s->bytes + names_at + name, names[k])) {
				s->spots[s->n_spots][0] = at;
				s->spots[s->n_spots++][1] = size;
			}
	}
}

static void add_seed(const char *path, unsigned weight)
{
	struct seed *s = &seeds[n_seeds];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || n_seeds == 32)
		return;
	s->size = (size_t)st.st_size;
	s->bytes = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (s->bytes == MAP_FAILED)
		return;
	s->weight = weight;
	weights += weight;
	n_seeds++;
	find_spots(s);
}

static void add_seeds(const char *folder)
{
	char **names, path[512];
	size_t n = list(folder, &names);

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (!strncmp(names[i], "seed-", 5))
			add_seed(path, 200);
	}
	free_list(names, n);
	snprintf(path, sizeof(path), "%s/honest", folder);
	add_seed(path, 300);
	add_seed("/bin/true", 100);
	add_seed("/lib64/ld-linux-x86-64.so.2", 30);
	add_seed("/lib/ld-linux-aarch64.so.1", 30);
	add_seed("/lib/x86_64-linux-gnu/libc.so.6", 6);
	add_seed("/lib/aarch64-linux-gnu/libc.so.6", 6);
	add_seed("/usr/bin/python3.11", 2);
}

static const struct seed *choose_seed(void)
{
	uint32_t at = any(weights);
	unsigned i = 0;

	for (; at >= seeds[i].weight; i++)
		at -= seeds[i].weight;
	return &seeds[i];
}

static void change(int fd, size_t size, size_t at, size_t within)
{
	static const uint64_t odd[] = { 0,
					1,
					0x7f,
					0x80,
					0xff,
					0xffff,
					0x7fffffff,
					0xffffffff,
					1ull << 44,
					1ull << 60,
					1ull << 63,
					UINT64_MAX,
					0x8080808080808080 };
	uint64_t v = any(3) ? odd[any(13)] : (uint64_t)any(UINT32_MAX) << 16 | any(65536);
	size_t len = (size_t)1 << any(4), where = at + any((uint32_t)within);
	uint8_t byte = (uint8_t)v;

	if (any(2))
		where &= ~(len - 1);
	if (where + len > size)
		return;
	if (any(3) == 0 && pread(fd, &byte, 1, (off_t)where) == 1) { /* a bit */
		byte ^= (uint8_t)(1u << any(8));
		v = byte;
		len = 1;
	}
	if (pwrite(fd, &v, len, (off_t)where) < 0)
		abort();
}

/* The n-th file: a memory file, opened for reading. */
static int mutation(uint64_t number)
{
	const struct seed *s;
	char path[64];
	int fd, ret;

	state = number * 0x2545f4914f6cdd1d;
	s = choose_seed();
	fd = memfd_create("mutation", MFD_CLOEXEC);
	if (fd < 0 || write(fd, s->bytes, s->size) != (ssize_t)s->size)
		abort();
	for (uint32_t n = any(4) ? any(6) + 1 : any(100) + 1; n; n--) {
		const size_t *spot = s->spots[any(s->n_spots)];

		if (any(10))
			change(fd, s->size, spot[0], spot[1]);
		else
			change(fd, s->size, 0, s->size);
	}
	if (!any(20) && ftruncate(fd, any((uint32_t)s->size) + 1))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return ret;
}

static void test_mutations(const char *folder, unsigned n, uint64_t seed)
{
	struct one ones[AT_ONCE] = { 0 };
	struct symbols_cost before, after;
	char name[64];
	double began;
	long before_kb;

	add_seeds(folder);
	warm_up();
	before_kb = own_kb();
	began = asker_now();
	for (unsigned i = 0; i < n; i += AT_ONCE) {
		symbols_cost(a->s, &before);
		for (unsigned k = 0; k < AT_ONCE && i + k < n; k++) {
			snprintf(name, sizeof(name), "mutation %u", i + k);
			ask_all(&ones[k], mutation(seed + i + k), name);
		}
		wait_for_all();
		symbols_cost(a->s, &after);
		for (unsigned k = 0; k < AT_ONCE && i + k < n; k++) {
			const struct asker_file *f =
				&a->files[ones[k].file > 0 ? ones[k].file % ASKER_FILES : 0];

			if (after.killed != before.killed &&
			    (f->err == -EIO || f->err == -ETIMEDOUT || f->rows_err == -EIO))
				printf("# mutate FOLDER 1 %llu: %s\n",
				       (unsigned long long)(seed + i + k), f->why);
			account(&ones[k]);
		}
		if (i % 20000 < AT_ONCE && i)
			printf("# after %u\n", i), fflush(stdout);
	}
	result(n_asked == n, "%u mutations from seed %llu", n, (unsigned long long)seed);
	report("mutations", before_kb, began, questions_of(n));
	check_good("mutations");
}

/* --- files that change while they are read
 * ------------------------------------------------------------------ */

static pid_t start_rewriter(const char *path, const char *from)
{
	pid_t pid = fork();
	static uint8_t bytes[1 << 20];
	ssize_t size;
	int fd;

	if (pid)
		return pid;
	fd = open(from, O_RDONLY);
	size = read(fd, bytes, sizeof(bytes));
	close(fd);
	fd = open(path, O_RDWR);
	state = (uint64_t)getpid();
	for (;;) {
		size_t at = any((uint32_t)size);
		uint64_t v = any(UINT32_MAX);

		switch (any(4)) {
		case 0:
			if (ftruncate(fd, any((uint32_t)size)))
				_exit(1);
			break;
		case 1:
			if (pwrite(fd, bytes, (size_t)size, 0) != size)
				_exit(1);
			break;
		default:
			if (pwrite(fd, &v, 8, (off_t)at) != 8)
				_exit(1);
		}
	}
}

static void test_rewritten(const char *folder, unsigned n)
{
	char path[512], from[512], command[1100];
	double began;
	long before;
	pid_t pid;

	snprintf(from, sizeof(from), "%s/seed-dwarf5", folder);
	snprintf(path, sizeof(path), "/tmp/parascope-rewritten-%d", getpid());
	snprintf(command, sizeof(command), "cp %s %s", from, path);
	if (system(command))
		abort();
	warm_up();
	before = own_kb();
	began = asker_now();
	pid = start_rewriter(path, from);
	for (unsigned i = 0; i < n; i++) {
		struct one o;

		ask_all(&o, open(path, O_RDONLY | O_CLOEXEC), "rewritten");
		wait_for_all();
		account(&o);
		asker_poll(a, 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	report("files rewritten while they are read", before, began, questions_of(n));
	check_good("files rewritten while they are read");
}

int main(int argc, char **argv)
{
	asker_parser(argc, argv);
	if (argc < 3)
		return 2;
	mallopt(M_MMAP_THRESHOLD, 128 << 10); /* what is freed is given back */
	a = asker_new(false);
	a->on_code = on_code;
	if (!strcmp(argv[1], "files"))
		test_files(argv[2], argv + 3, argc - 3);
	else if (!strcmp(argv[1], "mutate"))
		test_mutations(argv[2], argc > 3 ? (unsigned)atoi(argv[3]) : 1000,
			       argc > 4 ? strtoull(argv[4], NULL, 0) : 1);
	else if (!strcmp(argv[1], "rewrite"))
		test_rewritten(argv[2], argc > 3 ? (unsigned)atoi(argv[3]) : 1000);
	else
		for (int i = 2; i < argc; i++)
			ask_file("", argv[i], true);
	if (n_tests)
		printf("1..%u\n", n_tests);
	asker_free(a);
	return n_failed ? 1 : 0;
}
