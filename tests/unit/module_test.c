// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions, lines and variables of programs that are built here, in many ways, against their
 * sources; those of this program against llvm-symbolizer's; aliases of the C library.
 */
#undef _FORTIFY_SOURCE /* open() is replaced */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/built.h"
#include "user/symbol/module.h"

/* --- the sources ----------------------------------------------------------------------------- */

/* Labels of instructions; what is expected of them is found by the marks in comments. */
static const char c_source[] =
	"#define AT(name) __asm__ volatile(\".globl \" #name \"\\n.hidden \" #name \"\\n\" #name \":\\n\\tnop\")\n"
	"#define INLINE static inline __attribute__((always_inline))\n"
	"#define ALONE __attribute__((noinline, noclone))\n"
	"__attribute__((used)) int counters[10]; /* the only variable that is visible everywhere */\n"
	"__attribute__((used)) static long hidden_one;\n"
	"static __thread volatile int in_thread = 3;\n"
	"\n"
	"INLINE int inner(int x) /* first:inner */\n"
	"{\n"
	"	AT(at_inner); /* line:inner */\n"
	"	return x * 3;\n"
	"}\n"
	"\n"
	"INLINE int middle(int x) /* first:middle */\n"
	"{\n"
	"	{ int y = x + in_thread;\n"
	"	x = inner(y); /* line:middle */\n"
	"	} return x + 1;\n"
	"}\n"
	"\n"
	"ALONE int outer(int x) /* first:outer */\n"
	"{\n"
	"	static int calls;\n"
	"	calls++;\n"
	"	x = middle(x); /* line:outer */\n"
	"	AT(at_outer); /* line:at_outer */\n"
	"	return x + calls;\n"
	"}\n"
	"\n"
	"static ALONE int quiet(int x) /* first:quiet */\n"
	"{\n"
	"	AT(at_quiet); /* line:quiet */\n"
	"	return outer(x) + (hidden_one += 1);\n"
	"}\n"
	"\n"
	"extern int bare(int);\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	counters[1] = argc;\n"
	"	return quiet(argc) + bare(argc) + (argv == 0);\n"
	"}\n";

/* A function without a size, as people write it. */
static const char asm_source[] = ".text\n.globl bare\nbare:\n\tlea (%rdi,%rdi), %eax\n\tret\n"
				 ".section .note.GNU-stack,\"\",@progbits\n";

static const char cpp_source[] =
	"#define AT(name) __asm__ volatile(\".globl \" #name \"\\n.hidden \" #name \"\\n\" #name \":\\n\\tnop\")\n"
	"#define ALONE __attribute__((noinline))\n"
	"#define INLINE inline __attribute__((always_inline))\n"
	"namespace shop {\n"
	"struct Lock { int word = 0; };\n"
	"Lock till;\n"
	"namespace { Lock inner_till; }\n"
	"template <typename T> struct Shelf {\n"
	"	T items[4];\n"
	"	INLINE T take(int i) /* first:take */\n"
	"	{\n"
	"		AT(at_take); /* line:take */\n"
	"		return items[i];\n"
	"	}\n"
	"	ALONE T sell(int i); \n"
	"};\n"
	"template <typename T> T Shelf<T>::sell(int i) /* first:sell */\n"
	"{\n"
	"	T t = take(i); /* line:sell */\n"
	"	return t + till.word;\n"
	"}\n"
	"class Clerk {\n"
	"public:\n"
	"	Clerk(int n);\n"
	"	int work(Shelf<long> &s) const;\n"
	"	int n;\n"
	"};\n"
	"ALONE Clerk::Clerk(int i) /* first:Clerk */\n"
	"	: n(i)\n"
	"{\n"
	"	AT(at_clerk); /* line:Clerk */\n"
	"}\n"
	"ALONE int Clerk::work(Shelf<long> &s) const /* first:work */\n"
	"{\n"
	"	auto f = [&](int i) ALONE { AT(at_lambda); return s.sell(i); }; /* line:lambda */\n"
	"	AT(at_work); /* line:work */\n"
	"	return f(n) + inner_till.word;\n"
	"}\n"
	"namespace {\n"
	"ALONE int secret(Clerk &c, Shelf<long> &s) /* first:secret */\n"
	"{\n"
	"	AT(at_secret); /* line:secret */\n"
	"	return c.work(s);\n"
	"}\n"
	"}\n"
	"ALONE int open() /* first:open */\n"
	"{\n"
	"	AT(at_open); /* line:open */\n"
	"	Clerk c(1);\n"
	"	Shelf<long> s = {};\n"
	"	return secret(c, s) + (inner_till.word += 1);\n"
	"}\n"
	"}\n"
	"int main() { return shop::open(); }\n";

/* The line with a mark. */
static uint32_t line_of(const char *source, const char *kind, const char *name)
{
	char mark[64];
	const char *at;
	uint32_t line = 1;

	snprintf(mark, sizeof(mark), "/* %s:%s */", kind, name);
	at = strstr(source, mark);
	if (!at)
		fail_msg("no %s", mark);
	for (const char *s = source; s < at; s++)
		line += *s == '\n';
	return line;
}

/* --- asking ---------------------------------------------------------------------------------- */

static struct module *open_module(const char *path, int *ret_fd)
{
	struct module *m;

	*ret_fd = open_file(path);
	assert_int_equal(module_open(*ret_fd, &m), 0);
	return m;
}

/* How much of the truth a build keeps. */
enum keeps {
	INLINES,  /* everything */
	LINES,	  /* a file, a line, and the name of a symbol */
	SYMBOLS,  /* names of all functions */
	EXPORTED, /* names of global ones */
};

static void assert_function(const struct module_function *f, const char *source, const char *file,
			    const char *name, const char *mark, const char *line_mark)
{
	size_t len = strlen(f->file), n = strlen(file);

	assert_string_equal(f->function, name);
	assert_int_equal(f->first, line_of(source, "first", mark));
	assert_int_equal(f->line, line_of(source, "line", line_mark));
	assert_true(len >= n && !strcmp(f->file + len - n, file));
}

static void assert_only_name(struct module *m, uint64_t addr, const char *name)
{
	struct module_function f[MODULE_INLINES_MAX];
	int n = module_code(m, addr, f, MODULE_INLINES_MAX);

	if (!name) {
		assert_int_equal(n, -ENOENT);
		return;
	}
	assert_int_equal(n, 1);
	assert_string_equal(f[0].function, name);
	assert_string_equal(f[0].file, "");
	assert_int_equal(f[0].line, 0);
	assert_int_equal(f[0].first, 0);
}

static void assert_only_line(struct module *m, uint64_t addr, const char *name, uint32_t line)
{
	struct module_function f[MODULE_INLINES_MAX];

	assert_int_equal(module_code(m, addr, f, MODULE_INLINES_MAX), 1);
	assert_string_equal(f[0].function, name);
	assert_true(strlen(f[0].file) >= 6 && !strcmp(f[0].file + strlen(f[0].file) - 6, "prog.c"));
	assert_int_equal(f[0].line, line);
	assert_int_equal(f[0].first, 0);
}

static void assert_chain(struct module *m, const char *truth)
{
	uint64_t at_inner = address_of(truth, "at_inner");
	struct module_function f[MODULE_INLINES_MAX];

	assert_int_equal(module_code(m, at_inner, f, MODULE_INLINES_MAX), 3);
	assert_function(&f[0], c_source, "prog.c", "inner", "inner", "inner");
	assert_function(&f[1], c_source, "prog.c", "middle", "middle", "middle");
	assert_function(&f[2], c_source, "prog.c", "outer", "outer", "outer");
	/* with less room: the real function and the innermost */
	assert_int_equal(module_code(m, at_inner, f, 2), 2);
	assert_string_equal(f[0].function, "inner");
	assert_string_equal(f[1].function, "outer");
	assert_int_equal(module_code(m, at_inner, f, 1), 1);
	assert_string_equal(f[0].function, "outer");
	assert_int_equal(module_code(m, address_of(truth, "at_outer"), f, 16), 1);
	assert_function(&f[0], c_source, "prog.c", "outer", "outer", "at_outer");
	assert_int_equal(module_code(m, address_of(truth, "at_quiet"), f, 16), 1);
	assert_function(&f[0], c_source, "prog.c", "quiet", "quiet", "quiet");
}

static void assert_variables(struct module *m, const char *truth, enum keeps keeps)
{
	uint64_t at = address_of(truth, "counters"), hidden = address_of(truth, "hidden_one");
	struct module_variable v;

	for (uint64_t i = 0; i < 40; i++) {
		assert_int_equal(module_data(m, at + i, &v), 0);
		assert_string_equal(v.name, "counters");
		assert_int_equal(v.begin, at);
		assert_int_equal(v.size, 40);
	}
	if (!module_data(m, at + 40, &v))
		assert_string_not_equal(v.name, "counters");
	if (!module_data(m, at - 1, &v))
		assert_string_not_equal(v.name, "counters");
	assert_int_equal(module_data(m, hidden, &v), keeps == EXPORTED ? -ENOENT : 0);
	if (keeps == EXPORTED)
		return;
	assert_string_equal(v.name, "hidden_one");
	/* the offset of a thread's variable is no address */
	assert_int_equal(module_data(m, address_of(truth, "in_thread"), &v), -ENOENT);
}

/* truth: the same program with its symbols. */
static void assert_program(struct module *m, const char *truth, enum keeps keeps)
{
	uint64_t quiet = address_of(truth, "at_quiet"), bare = address_of(truth, "bare");

	if (keeps == INLINES)
		assert_chain(m, truth);
	if (keeps == LINES) {
		assert_only_line(m, address_of(truth, "at_inner"), "outer",
				 line_of(c_source, "line", "inner"));
		assert_only_line(m, quiet, "quiet", line_of(c_source, "line", "quiet"));
	}
	if (keeps >= SYMBOLS) {
		assert_only_name(m, address_of(truth, "at_inner"), "outer");
		assert_only_name(m, address_of(truth, "outer"), "outer");
		assert_only_name(m, quiet, keeps == EXPORTED ? NULL : "quiet");
	}
	for (uint64_t at = bare; at < bare + 4; at++) /* lea and ret */
		assert_only_name(m, at, "bare");
	assert_only_name(m, 0, NULL);
	assert_only_name(m, UINT64_MAX, NULL);
	assert_variables(m, truth, keeps);
}

static void check_program(const char *path, const char *truth, enum keeps keeps)
{
	struct module_about about;
	int fd;
	struct module *m = open_module(path, &fd);

	module_about(m, &about);
	assert_int_equal(about.has_lines, keeps <= LINES);
	assert_int_equal(about.has_symbols, keeps <= SYMBOLS);
	assert_program(m, truth, keeps);
	module_close(m);
	close(fd);
}

static void build(const char *flags)
{
	write_file("prog.c", c_source);
	write_file("bare.s", asm_source);
	run("gcc -c bare.s && gcc -O2 -fomit-frame-pointer %s -o prog prog.c bare.o", flags);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void c_programs(void **state)
{
	static const struct {
		const char *flags;
		enum keeps keeps;
	} builds[] = {
		{ "-g", INLINES },
		{ "-g -gdwarf-2 -gno-strict-dwarf", INLINES },
		{ "-g -gdwarf-3 -gno-strict-dwarf", INLINES },
		{ "-g -gdwarf-4", INLINES },
		{ "-g -gdwarf-5", INLINES },
		{ "-g -gdwarf64", INLINES },
		{ "-g1", INLINES },
		{ "-g -gz", INLINES },
		{ "-g -no-pie", INLINES },
		{ "-g -static", INLINES },
		{ "-g -static-pie", INLINES },
		{ "-g -flto", INLINES },
		{ "-g -ffunction-sections -Wl,--gc-sections", INLINES },
		{ "-g -gsplit-dwarf", LINES },
		{ "-g -gsplit-dwarf -gdwarf-4", LINES },
		{ "", SYMBOLS },
		{ "-no-pie", SYMBOLS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(*builds); i++) {
		print_message("gcc %s\n", builds[i].flags);
		build(builds[i].flags);
		check_program("prog", "prog", builds[i].keeps);
	}
}

/* No .debug_aranges, other ways to write ranges. */
static void clang_programs(void **state)
{
	static const char *const flags[] = { "-gdwarf-4", "-gdwarf-5", "-gz -gdwarf-5" };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		write_file("prog.c", c_source);
		write_file("bare.s", asm_source);
		run("sed -i s/,.noclone// prog.c");
		run("gcc -c bare.s && clang -O2 -g %s -o prog prog.c bare.o", flags[i]);
		check_program("prog", "prog", INLINES);
	}
}

static void stripped(void **state)
{
	(void)state;
	build("-rdynamic");
	run("strip -o less prog");
	check_program("less", "prog", EXPORTED);
}

static void assert_adds(const char *file, const char *debug, int expected)
{
	struct module_about about;
	int fd, debug_fd = open_file(debug);
	struct module *m = open_module(file, &fd);

	assert_int_equal(module_add_debug(m, debug_fd), expected);
	module_about(m, &about);
	assert_int_equal(about.has_lines, !expected);
	if (!expected)
		assert_program(m, "prog", INLINES);
	module_close(m);
	close(debug_fd);
	close(fd);
}

static void separate_debug(void **state)
{
	static const uint8_t id[] = { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4 };
	struct module_about about;
	struct module *m;
	int fd, debug_fd;

	(void)state;
	build("-g -rdynamic -Wl,--build-id=0xdeadbeef01020304");
	run("objcopy --only-keep-debug prog prog.debug");
	run("strip -o less prog && objcopy --add-gnu-debuglink=prog.debug less");
	assert_adds("less", "prog.debug", 0);
	assert_adds("less", "prog", 0); /* by build id */
	m = open_module("less", &fd);
	module_about(m, &about);
	assert_int_equal(about.build_id_len, 8);
	assert_memory_equal(about.build_id, id, 8);
	assert_string_equal(about.link, "prog.debug");
	assert_int_not_equal(about.link_crc, 0);
	assert_int_equal(about.alt_id_len, 0);
	assert_false(about.has_symbols || about.has_lines);
	/* it may have been asked before */
	assert_program(m, "prog", EXPORTED);
	debug_fd = open_file("prog.debug");
	assert_int_equal(module_add_debug(m, debug_fd), 0);
	assert_program(m, "prog", INLINES);
	module_close(m);
	close(fd);
	close(debug_fd);
	run("cp prog.debug prog.right; cp less less.right");
	build("-g -rdynamic -Wl,--build-id=0xdeadbeef01020305");
	assert_adds("less.right", "prog", -EBADMSG);
	assert_adds("less.right", "bare.s", -ENOEXEC);
	/* no build id: the checksum */
	build("-g -rdynamic -Wl,--build-id=none");
	run("objcopy --only-keep-debug prog prog.debug");
	run("strip -o less prog && objcopy --add-gnu-debuglink=prog.debug less");
	assert_adds("less", "prog.debug", 0);
	assert_adds("less", "prog.right", -EBADMSG);
}

static void odd_links(void **state)
{
	struct module_about about;
	struct module *m;
	int fd;

	(void)state;
	build("-g");
	run("printf '../prog.debug\\0\\0\\0\\1\\2\\3\\4' > link");
	run("objcopy --add-section .gnu_debuglink=link prog odd");
	m = open_module("odd", &fd);
	module_about(m, &about);
	assert_string_equal(about.link, "");
	module_close(m);
	close(fd);
	run("printf 'alt\\0%%0100d' 1 > link");
	run("objcopy --add-section .gnu_debugaltlink=link prog odd");
	m = open_module("odd", &fd);
	module_about(m, &about);
	assert_int_equal(about.alt_id_len, 0);
	module_close(m);
	close(fd);
}

static int opens; /* by anybody in this process, libdw included */

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	opens++;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* dwz moves what two files have in common into a third one. */
static void shared_debug(void **state)
{
	struct module_function f[MODULE_INLINES_MAX];
	struct module_about about;
	int fd, alt_fd, before;
	struct module *m;
	uint64_t at;

	(void)state;
	build("-g");
	run("cp prog one; cp prog two");
	run("dwz -l none -L none -m common one two");
	run("readelf -SW one | grep -q debugaltlink");
	m = open_module("one", &fd);
	module_about(m, &about);
	assert_int_equal(about.alt_id_len, 20);
	at = address_of("one", "at_inner");
	/* without it: no names, but nothing breaks and nobody goes to look for it */
	before = opens;
	assert_int_equal(module_code(m, at, f, MODULE_INLINES_MAX), 3);
	assert_int_equal(f[0].line, line_of(c_source, "line", "inner"));
	assert_string_equal(f[2].function, "outer");
	assert_int_equal(opens, before);
	assert_int_equal(module_add_alt(m, fd), -EBADMSG);
	alt_fd = open_file("common");
	assert_int_equal(module_add_alt(m, alt_fd), 0);
	assert_program(m, "one", INLINES);
	module_close(m);
	close(fd);
	close(alt_fd);
}

static void no_split_files(void **state)
{
	struct module_function f[4];
	int fd, before;
	struct module *m;

	(void)state;
	build("-g -gsplit-dwarf");
	m = open_module("prog", &fd);
	before = opens;
	assert_int_equal(module_code(m, address_of("prog", "at_inner"), f, 4), 1);
	assert_int_equal(opens, before);
	module_close(m);
	close(fd);
}

static void assert_one(struct module *m, const char *label, const char *name, const char *mark)
{
	struct module_function f[MODULE_INLINES_MAX];

	assert_int_equal(module_code(m, address_of("cpp", label), f, MODULE_INLINES_MAX), 1);
	assert_function(&f[0], cpp_source, "prog.cpp", name, mark, mark);
}

static void cpp_names(struct module *m, bool gcc)
{
	struct module_function f[MODULE_INLINES_MAX];
	struct module_variable v;

	assert_int_equal(module_code(m, address_of("cpp", "at_take"), f, MODULE_INLINES_MAX), 2);
	assert_function(&f[0], cpp_source, "prog.cpp", "shop::Shelf<long>::take", "take", "take");
	assert_function(&f[1], cpp_source, "prog.cpp", "shop::Shelf<long>::sell", "sell", "sell");
	assert_one(m, "at_clerk", "shop::Clerk::Clerk", "Clerk");
	assert_one(m, "at_work", "shop::Clerk::work", "work");
	assert_one(m, "at_secret", "shop::(anonymous namespace)::secret", "secret");
	assert_one(m, "at_open", "shop::open", "open");
	assert_int_equal(module_code(m, address_of("cpp", "at_lambda"), f, MODULE_INLINES_MAX), 1);
	assert_int_equal(f[0].line, line_of(cpp_source, "line", "lambda"));
	assert_non_null(strstr(f[0].function, "shop::Clerk::work"));
	assert_non_null(strstr(f[0].function, "::operator()"));
	assert_int_equal(module_data(m, address_of("cpp", "_ZN4shop4tillE"), &v), 0);
	assert_string_equal(v.name, "shop::till");
	if (!gcc) /* mangles it in another way */
		return;
	assert_int_equal(module_data(m, address_of("cpp", "_ZN4shop12_GLOBAL__N_110inner_tillE"), &v),
			 0);
	assert_string_equal(v.name, "shop::(anonymous namespace)::inner_till");
}

static void cpp_programs(void **state)
{
	static const char *const compilers[] = { "g++ -gdwarf-4", "g++ -gdwarf-5", "clang++ -gdwarf-5" };

	(void)state;
	write_file("prog.cpp", cpp_source);
	for (size_t i = 0; i < sizeof(compilers) / sizeof(*compilers); i++) {
		struct module *m;
		int fd;

		print_message("%s\n", compilers[i]);
		run("%s -g -O1 -Wno-attributes -o cpp prog.cpp", compilers[i]);
		m = open_module("cpp", &fd);
		cpp_names(m, i < 2);
		module_close(m);
		close(fd);
	}
}

/* Entry points by the names that programs call them. */
static void libc_aliases(void **state)
{
	static const char *const names[] = {
		"pthread_mutex_lock", "pthread_cond_wait", "pthread_cond_timedwait", "sem_wait",
		"sem_timedwait", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "pthread_join",
		"pthread_barrier_wait", "pthread_once", "pthread_create", "malloc", "free", "calloc",
		"realloc", "fputs", "fwrite", "fflush", "getc", "poll", "read", "write", "nanosleep",
		"clock_nanosleep", "usleep", "qsort", "fork", "dlopen", "syscall", "sched_yield",
	};
	struct module_function f[MODULE_INLINES_MAX];
	void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	struct module *m;
	Dl_info libc;
	int fd;

	(void)state;
	assert_non_null(handle);
	assert_int_not_equal(dladdr(dlsym(handle, "gnu_get_libc_version"), &libc), 0);
	m = open_module(libc.dli_fname, &fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t at = (uintptr_t)dlsym(handle, names[i]) - (uintptr_t)libc.dli_fbase;
		int n = module_code(m, at, f, MODULE_INLINES_MAX);

		assert_true(n > 0);
		assert_string_equal(f[n - 1].function, names[i]);
	}
	dlclose(handle);
	module_close(m);
	close(fd);
}

static void not_ours(void **state)
{
	struct module *m;
	int fd, ends[2];

	(void)state;
	build("");
	run("cp prog other; printf '\\xb7' | dd of=other bs=1 seek=18 conv=notrunc status=none");
	run("cp prog big; printf '\\2' | dd of=big bs=1 seek=5 conv=notrunc status=none");
	run("cp prog narrow; printf '\\1' | dd of=narrow bs=1 seek=4 conv=notrunc status=none");
	run("gcc -c bare.s -o object && ar rcs archive object && head -c 40 prog > short && : > empty");
	for (int i = 0; i < 7; i++) {
		static const char *const paths[] = { "other", "big",   "narrow", "object",
						     "archive", "short", "empty" };

		fd = open_file(paths[i]);
		assert_int_equal(module_open(fd, &m), -ENOEXEC);
		close(fd);
	}
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_int_equal(module_open(ends[0], &m), -ENOEXEC);
	close(ends[0]);
	module_close(NULL);
}

static void rows(void **state)
{
	struct wire_row *rows;
	uint64_t base;
	struct module *m;
	size_t n;
	int fd;

	(void)state;
	build("");
	m = open_module("prog", &fd);
	assert_int_equal(module_rows(m, &rows, &n, &base), 0);
	assert_true(n > 10);
	free(rows);
	module_close(m);
	close(fd);
}

/* --- against llvm-symbolizer ----------------------------------------------------------------------- */

/* The end of a path, as in "c:12"; lines that are not known are 0. */
static void assert_place(uint64_t addr, const struct module_function *f, char *place)
{
	const char *file = strrchr(place, '/'), *mine = strrchr(f->file, '/');
	char *colon = strrchr(place, ':');

	assert_non_null(colon);
	if (atoi(colon + 1) != (int)f->line)
		fail_msg("%lx: line %u, llvm-symbolizer says %s", addr, f->line, place);
	*colon = '\0';
	if (f->file[0] && strcmp(file ? file + 1 : place, mine ? mine + 1 : f->file))
		fail_msg("%lx: file %s, llvm-symbolizer says %s", addr, f->file, place);
}

/* Every so many bytes of this program: functions, files and lines of all that is inlined there. */
static void as_llvm_says(void **state)
{
	char self[512], command[1024], line[1024], place[1024];
	struct module_function f[MODULE_INLINES_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	uint64_t begin, end, compared = 0, inlined = 0;
	struct module *m;
	FILE *list, *told;
	int fd;

	(void)state;
	assert_true(len > 0);
	self[len] = '\0';
	begin = address_of(self, "main");
	end = begin + 0x20000;
	list = fopen("list", "w");
	begin = begin > 0x20000 ? begin - 0x20000 : 0;
	for (uint64_t at = begin; at < end; at += 11)
		fprintf(list, "0x%lx\n", at);
	fclose(list);
	snprintf(command, sizeof(command), "llvm-symbolizer --output-style=GNU -aif --no-demangle -e %s < list", self);
	told = popen(command, "r");
	m = open_module(self, &fd);
	assert_non_null(fgets(line, sizeof(line), told));
	for (uint64_t at = begin; at < end; at += 11) {
		int n = module_code(m, at, f, MODULE_INLINES_MAX), i = 0;
		bool known = n > 0 && f[0].line && f[n - 1].first;

		assert_int_equal(strtoull(line, NULL, 16), at);
		for (; fgets(line, sizeof(line), told) && strncmp(line, "0x", 2); i++) {
			assert_non_null(fgets(place, sizeof(place), told));
			if (!known || i >= n) /* between functions it guesses */
				continue;
			line[strcspn(line, ".\n")] = '\0'; /* ".constprop.0" */
			place[strcspn(place, " \n")] = '\0';
			if (strcmp(line, f[i].function))
				fail_msg("%lx: %s, llvm-symbolizer says %s", at, f[i].function, line);
			assert_place(at, &f[i], place);
		}
		assert_true(!known || i == n);
		compared += known;
		inlined += known && n > 1;
	}
	pclose(told);
	module_close(m);
	close(fd);
	print_message("%lu addresses, %lu with something inlined\n", compared, inlined);
	assert_true(compared > 1000 && inlined > 10);
}

/* Of CPython's loop only what a hot path needs has a symbol; a function that it ends with is none of it. */
static const char loop_source[] =
	"#define RARELY(n) if (__builtin_expect(sum == n, 0)) { sum += 2 * n + 1; __builtin_abort(); }\n"
	"volatile int sum;\n"
	"static __attribute__((noinline, noclone)) int after(int x) { return sum += x; }\n"
	"__attribute__((noinline)) int _PyEval_EvalFrameDefault(int x)\n"
	"{\n"
	"	sum += x; RARELY(2) RARELY(3) RARELY(4) RARELY(5)\n"
	"	return after(x);\n"
	"}\n"
	"int main(int argc, char **argv) { (void)argv; return _PyEval_EvalFrameDefault(argc + 10); }\n";

static void cold_loop(void **state)
{
	struct module_function f[MODULE_INLINES_MAX];
	uint64_t cold, after;
	struct module *m;
	int fd;

	(void)state;
#ifndef __x86_64__
	skip();
#endif
	write_file("loop.c", loop_source);
	run("gcc -O2 -freorder-blocks-and-partition -rdynamic loop.c -o loop");
	cold = address_of("loop", "_PyEval_EvalFrameDefault.cold");
	after = address_of("loop", "after");
	run("strip loop");
	fd = open_file("loop");
	assert_int_equal(module_open(fd, &m), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(module_code(m, cold + (uint64_t)i, f, MODULE_INLINES_MAX), 1);
		assert_string_equal(f[0].function, "_PyEval_EvalFrameDefault");
	}
	assert_true(module_code(m, after, f, MODULE_INLINES_MAX) < 0);
	module_close(m);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c_programs),	  cmocka_unit_test(clang_programs),
		cmocka_unit_test(stripped),	  cmocka_unit_test(separate_debug),
		cmocka_unit_test(odd_links),	  cmocka_unit_test(shared_debug),
		cmocka_unit_test(no_split_files), cmocka_unit_test(cpp_programs),
		cmocka_unit_test(libc_aliases),	  cmocka_unit_test(not_ours),
		cmocka_unit_test(rows),		  cmocka_unit_test(as_llvm_says),
		cmocka_unit_test(cold_loop),
	};

	return cmocka_run_group_tests(tests, built_begin, built_end);
}
