// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unwind rows against readelf's view of the same files, against directives of an assembler program,
 * and by unwinding this program's own stacks beside the compiler's unwinder.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>
#include <cmocka.h>

#include "tests/unit/built.h"
#include "user/base/buf.h"
#include "user/symbol/cfi.h"
#include "user/symbol/module.h"

/* --- tables ---------------------------------------------------------------------------------- */

struct table {
	struct wire_row *rows;
	size_t n, cap;
	uint64_t base;
};

static int read_rows(int fd, struct table *ret)
{
	Elf *elf;
	int err;

	*ret = (struct table){ .n = 0 };
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(elf);
	err = cfi_rows(elf, &ret->rows, &ret->n, &ret->base);
	elf_end(elf);
	return err;
}

/* The file's rows; they must be as the contract says. */
static struct table rows_of(const char *path)
{
	int fd = open_file(path);
	struct table t;

	assert_int_equal(read_rows(fd, &t), 0);
	close(fd);
	assert_true(t.n > 0);
	assert_int_equal(t.base % 4096, 0);
	for (size_t i = 1; i < t.n; i++) {
		assert_true(t.rows[i - 1].pc < t.rows[i].pc);
		assert_true(t.rows[i - 1].rule != t.rows[i].rule);
	}
	assert_int_equal(t.rows[t.n - 1].rule, WIRE_RULE_NONE);
	return t;
}

static uint32_t rule_at(const struct table *t, uint64_t addr)
{
	size_t low = 0, high = t->n;

	if (addr < t->base || addr - t->base > UINT32_MAX)
		return WIRE_RULE_NONE;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->rows[middle].pc <= addr - t->base)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? t->rows[low - 1].rule : (uint32_t)WIRE_RULE_NONE;
}

/* --- what readelf says ----------------------------------------------------------------------- */

#define ANY_EXPRESSION UINT32_MAX /* readelf does not say which */
#define COLUMNS 40

struct told {
	struct span {
		uint64_t begin, end;
		uint32_t rule;
	} *spans;
	size_t n, cap;
};

/* "rsp+8", "rbp+16", "exp"; and how registers were saved, as "c-16", "u", "s"; NULL: not told. */
static uint32_t told_rule(const char *cfa, const char *rbp, const char *rsp, const char *ra)
{
	int offset = 0, saved = 0, kind;

	if (!strcmp(ra, "u"))
		return WIRE_RULE(WIRE_RULE_END, 0, 0);
	if (!strcmp(cfa, "exp"))
		return ANY_EXPRESSION;
	if (strcmp(ra, "c-8") || (rsp && strcmp(rsp, "u")))
		return WIRE_RULE_NONE;
	if (sscanf(cfa, "rsp+%d", &offset) == 1)
		kind = WIRE_RULE_RSP;
	else if (sscanf(cfa, "rbp+%d", &offset) == 1)
		kind = WIRE_RULE_RBP;
	else
		return WIRE_RULE_NONE;
	if (offset % 8)
		return WIRE_RULE_NONE;
	if (!rbp || !strcmp(rbp, "u") || !strcmp(rbp, "s"))
		return WIRE_RULE(kind, WIRE_RBP_SAME, offset / 8);
	if (!strcmp(rbp, "exp") && kind == WIRE_RULE_RBP)
		return ANY_EXPRESSION;
	if (sscanf(rbp, "c%d", &saved) != 1 || saved % 8 || saved < -125 * 8)
		return WIRE_RULE(kind, WIRE_RBP_UNKNOWN, offset / 8);
	return WIRE_RULE(kind, saved / 8, offset / 8);
}

/* The columns of a line, where registers are written like "r9 (r9)"; returns how many. */
static int split(char *line, char *ret[COLUMNS])
{
	int n = 0;

	for (char *s = strtok(line, " \n"); s && n < COLUMNS; s = strtok(NULL, " \n"))
		if (*s != '(')
			ret[n++] = s;
	return n;
}

/* What a CIE says holds in its FDEs that have no rows of their own. */
struct cie {
	unsigned long long at;
	uint32_t rule;
};

struct reader {
	struct told told;
	struct cie *cies;
	size_t n_cies, cap_cies;
	bool function; /* in an FDE, else in a CIE */
	int columns, rbp, rsp, ra;
};

static void read_entry(struct reader *r, const char *line)
{
	unsigned long long at, cie, begin, end;

	r->columns = -1;
	r->function = sscanf(line, "%llx %*x %*x FDE cie=%llx pc=%llx..%llx", &at, &cie, &begin,
			     &end) == 4;
	if (!r->function) {
		vec_push(r->cies, r->n_cies, r->cap_cies).at = at;
		return;
	}
	for (size_t i = 0; i < r->n_cies; i++)
		if (r->cies[i].at == cie)
			vec_push(r->told.spans, r->told.n, r->told.cap) =
				(struct span){ begin, end, r->cies[i].rule };
}

static void read_header(struct reader *r, char *const *words, int n)
{
	r->columns = n;
	r->rbp = r->rsp = -1;
	for (int i = 0; i < n; i++) {
		r->rbp = strcmp(words[i], "rbp") ? r->rbp : i;
		r->rsp = strcmp(words[i], "rsp") ? r->rsp : i;
		r->ra = strcmp(words[i], "ra") ? r->ra : i;
	}
}

static void read_row(struct reader *r, char *const *words)
{
	uint64_t at = strtoull(words[0], NULL, 16), end;
	uint32_t rule = told_rule(words[1], r->rbp < 0 ? NULL : words[r->rbp],
				  r->rsp < 0 ? NULL : words[r->rsp], words[r->ra]);
	struct span *last = r->told.n ? &r->told.spans[r->told.n - 1] : NULL;

	if (!r->function) {
		r->cies[r->n_cies - 1].rule = rule;
	} else if (at == last->begin) {
		last->rule = rule;
	} else if (at < last->end) { /* some functions end with a row for nothing */
		end = last->end;
		last->end = at;
		vec_push(r->told.spans, r->told.n, r->told.cap) = (struct span){ at, end, rule };
	}
}

static struct told readelf_of(const char *path)
{
	char command[512], line[512], *words[COLUMNS];
	struct reader r = { .columns = -1 };
	FILE *f;

	snprintf(command, sizeof(command), "readelf --debug-dump=frames-interp %s", path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		int n;

		if (strstr(line, " CIE \"") || strstr(line, " FDE cie=")) {
			read_entry(&r, line);
			continue;
		}
		n = split(line, words);
		if (n > 2 && !strcmp(words[0], "LOC"))
			read_header(&r, words, n);
		else if (n == r.columns && strcmp(words[1], "ZERO")) /* terminator */
			read_row(&r, words);
	}
	pclose(f); /* 1 if it has warned of something */
	assert_true(r.told.n > 0);
	free(r.cies);
	return r.told;
}

static int by_begin(const void *va, const void *vb)
{
	const struct span *a = va, *b = vb;

	return a->begin < b->begin ? -1 : a->begin > b->begin;
}

static void assert_rule(const char *path, uint64_t addr, uint32_t rule, uint32_t told)
{
	int kind = WIRE_RULE_KIND(rule);

	if (told == ANY_EXPRESSION ? kind != WIRE_RULE_RSP && kind != WIRE_RULE_END : rule == told)
		return;
	fail_msg("%s %lx: %d rbp %d cfa %d, readelf says %d rbp %d cfa %d", path, addr, kind,
		 WIRE_RULE_RBP_OF(rule), WIRE_RULE_CFA(rule), WIRE_RULE_KIND(told),
		 WIRE_RULE_RBP_OF(told), WIRE_RULE_CFA(told));
}

/* Every address at which either of them changes. */
static void compare_with_readelf(const char *path)
{
	struct told told = readelf_of(path);
	struct table t = rows_of(path);
	size_t at = 0, expressions = 0, row = 0, gaps = 0;

	qsort(told.spans, told.n, sizeof(*told.spans), by_begin);
	for (size_t i = 0; i < told.n; i++) {
		const struct span *s = &told.spans[i];
		uint64_t next = i + 1 < told.n ? told.spans[i + 1].begin : UINT64_MAX;

		assert_true(s->end <= next);
		if (s->begin == s->end)
			continue;
		expressions += s->rule == ANY_EXPRESSION;
		assert_rule(path, s->begin, rule_at(&t, s->begin), s->rule);
		assert_rule(path, s->end - 1, rule_at(&t, s->end - 1), s->rule);
		if (s->end < next) {
			gaps++;
			assert_rule(path, s->end, rule_at(&t, s->end), WIRE_RULE_NONE);
			assert_rule(path, next - 1, rule_at(&t, next - 1), WIRE_RULE_NONE);
		}
	}
	for (row = 0; row < t.n; row++) { /* none begins elsewhere */
		uint64_t pc = t.base + t.rows[row].pc;

		while (at < told.n && told.spans[at].end < pc)
			at++;
		assert_true(!row || (at < told.n && (told.spans[at].begin == pc || told.spans[at].end == pc)));
	}
	print_message("%s: %zu rows of %zu and %zu gaps, %zu by expressions\n", path, t.n, told.n, gaps,
		      expressions);
	free(told.spans);
	free(t.rows);
}

static void as_readelf_says(void **state)
{
	static const char *const files[] = {
		"/proc/self/exe",
		"/usr/bin/python3",
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/x86_64-linux-gnu/libm.so.6",
		"/bin/bash",
	};
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		compare_with_readelf(i ? files[i] : self);
}

/* --- an assembler program -------------------------------------------------------------------- */

#define R(kind, rbp, cfa) WIRE_RULE(WIRE_RULE_##kind, rbp, cfa)
#define NONE R(NONE, 0, 0)

/* Each piece is one instruction behind a label; what comes before it are directives. */
static const struct piece {
	const char *directives;
	uint32_t rule;
} pieces[] = {
	{ ".cfi_startproc", R(RSP, 0, 1) },
	{ ".cfi_def_cfa_offset 16\n.cfi_offset rbp, -16", R(RSP, -2, 2) },
	{ ".cfi_def_cfa_register rbp", R(RBP, -2, 2) },
	{ ".cfi_restore rbp", R(RBP, 0, 2) },
	{ ".cfi_same_value rbp", R(RBP, 0, 2) },
	{ ".cfi_undefined rbp", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_register rbp, r12", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_offset rbp, -1000", R(RBP, -125, 2) },
	{ ".cfi_offset rbp, -1008", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_offset rbp, 1000", R(RBP, 125, 2) },
	{ ".cfi_offset rbp, 1008", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_offset rbp, 0", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_val_offset rbp, -16", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	/* rbp: at rbp + 0, which is CFA - 16; at rsp + 8 */
	{ ".cfi_escape 0x10,6,2,0x76,0", R(RBP, -2, 2) },
	{ ".cfi_escape 0x10,6,2,0x77,8", R(RBP, WIRE_RBP_UNKNOWN, 2) },
	{ ".cfi_offset rbp, -24\n.cfi_def_cfa rsp, 4194296", R(RSP, -3, 524287) },
	{ ".cfi_def_cfa rsp, 4194304", NONE },
	{ ".cfi_def_cfa rsp, 20", NONE },
	{ ".cfi_def_cfa rsp, -8", R(RSP, -3, -1) },
	{ ".cfi_def_cfa r10, 0", NONE },
	{ ".cfi_def_cfa rsp, 32", R(RSP, -3, 4) },
	/* the return address */
	{ ".cfi_offset rip, -16", NONE },
	{ ".cfi_register rip, r11", NONE },
	{ ".cfi_same_value rip", NONE },
	{ ".cfi_offset rip, -8", R(RSP, -3, 4) },
	{ ".cfi_undefined rip", R(END, 0, 0) },
	{ ".cfi_offset rip, -8", R(RSP, -3, 4) },
	/* rsp: is the CFA unless somebody says otherwise */
	{ ".cfi_offset rsp, -32", NONE },
	{ ".cfi_val_offset rsp, -8", NONE },
	{ ".cfi_val_offset rsp, 0", R(RSP, -3, 4) },
	/* CFA: what lies at rbp - 8, rbp + 16, rsp + 8, r10; rbp + 16 as an expression; two more */
	{ ".cfi_restore rbp\n.cfi_escape 0x0f,3,0x76,0x78,6", R(RBP_AT, 0, -1) },
	{ ".cfi_escape 0x10,6,2,0x76,0", R(RBP_AT, WIRE_RBP_AT_RBP, -1) },
	{ ".cfi_escape 0x10,6,2,0x76,0x78", R(RBP_AT, WIRE_RBP_UNKNOWN, -1) },
	{ ".cfi_offset rbp, -16\n.cfi_escape 0x0f,3,0x76,16,6", R(RBP_AT, -2, 2) },
	{ ".cfi_escape 0x0f,3,0x77,8,6", R(RSP_AT, -2, 1) },
	{ ".cfi_escape 0x0f,3,0x7a,0,6", NONE },
	{ ".cfi_escape 0x0f,2,0x76,16", R(RBP, -2, 2) },
	{ ".cfi_escape 0x0f,5,0x76,16,6,0x23,8", NONE },
	{ ".cfi_escape 0x0f,3,0x76,17,6", NONE },
	/* PLT: from byte 11, from byte 10; nearly (7 instead of 8, shifted by 4) */
	{ ".cfi_restore rbp\n"
	  ".cfi_escape 0x0f,11,0x77,8,0x80,0,0x3f,0x1a,0x3b,0x2a,0x33,0x24,0x22", R(PLT, 0, 11) },
	{ ".cfi_escape 0x0f,11,0x77,8,0x80,0,0x3f,0x1a,0x3a,0x2a,0x33,0x24,0x22", R(PLT, 0, 10) },
	{ ".cfi_escape 0x0f,11,0x77,7,0x80,0,0x3f,0x1a,0x3a,0x2a,0x33,0x24,0x22", NONE },
	{ ".cfi_escape 0x0f,11,0x77,8,0x80,0,0x3f,0x1a,0x3a,0x2a,0x34,0x24,0x22", NONE },
	/* a signal's frame: only if the function says that it is one */
	{ ".cfi_escape 0x0f,4,0x77,0xa0,1,6", R(RSP_AT, 0, 20) },
	{ ".cfi_endproc", NONE },
	{ ".cfi_startproc\n.cfi_signal_frame\n.cfi_escape 0x0f,4,0x77,0xa0,1,6\n"
	  ".cfi_escape 0x10,16,3,0x77,0xa8,1", R(SIGNAL, 0, 0) },
	{ ".cfi_def_cfa rsp, 8", NONE }, /* rip by an expression */
	{ ".cfi_endproc\n.cfi_startproc", R(RSP, 0, 1) },
	{ ".cfi_remember_state\n.cfi_def_cfa_offset 24", R(RSP, 0, 3) },
	{ ".cfi_restore_state", R(RSP, 0, 1) },
	{ ".cfi_endproc\n.cfi_startproc\n.cfi_personality 0x9b, ref\n.cfi_lsda 0x1b, begin",
	  R(RSP, 0, 1) },
	{ ".cfi_endproc", NONE },
	{ ".cfi_startproc simple\n.cfi_def_cfa rsp, 16\n.cfi_offset rip, -8", R(RSP, 0, 2) },
	{ ".cfi_endproc", NONE },
};
#define PIECES (sizeof(pieces) / sizeof(*pieces))

static void write_pieces(const char *path, const char *sections)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, ".cfi_sections %s\n.text\n.hidden begin\n.globl begin\nbegin: nop\n", sections);
	for (size_t i = 0; i < PIECES; i++)
		fprintf(f, "%s\nnop\n.fill 3, 1, 0x90\n", pieces[i].directives);
	fprintf(f, ".data\nref: .quad begin\n");
	assert_int_equal(fclose(f), 0);
}

static void assert_pieces(const struct table *t, uint64_t begin)
{
	for (size_t i = 0; i < PIECES; i++)
		for (uint64_t at = begin + 1 + 4 * i; at < begin + 5 + 4 * i; at++)
			if (rule_at(t, at) != pieces[i].rule)
				fail_msg("%s: %x instead of %x", pieces[i].directives,
					 rule_at(t, at), pieces[i].rule);
	assert_int_equal(rule_at(t, begin), WIRE_RULE_NONE);
	assert_int_equal(rule_at(t, begin + 1 + 4 * PIECES), WIRE_RULE_NONE);
}

static void check_pieces(const char *path)
{
	struct table t = rows_of(path);

	assert_pieces(&t, address_of(path, "begin"));
	free(t.rows);
}

static void every_rule(void **state)
{
	struct table with, without;

	(void)state;
	write_pieces("pieces.s", ".eh_frame");
	run("gcc -shared -nostdlib -o pieces.so pieces.s");
	check_pieces("pieces.so");
	run("gcc -static -nostdlib -Wl,-e,begin -o pieces pieces.s");
	check_pieces("pieces");
	run("gcc -shared -nostdlib -Wl,--no-eh-frame-hdr -o linear.so pieces.s");
	check_pieces("linear.so");
	write_pieces("both.s", ".eh_frame, .debug_frame");
	run("gcc -shared -nostdlib -o both.so both.s");
	check_pieces("both.so");
	run("strip --strip-all -o stripped.so both.so");
	with = rows_of("both.so");
	without = rows_of("stripped.so");
	assert_int_equal(without.n, with.n);
	assert_memory_equal(without.rows, with.rows, with.n * sizeof(*with.rows));
	free(with.rows);
	free(without.rows);
}

static void debug_frame_only(void **state)
{
	int fd;
	struct table t;

	(void)state;
	write_pieces("debug.s", ".debug_frame");
	run("gcc -shared -nostdlib -o debug.so debug.s");
	check_pieces("debug.so");
	run("objcopy --compress-debug-sections=zlib debug.so packed.so");
	run("readelf -tW packed.so | grep -A2 debug_frame | grep -q COMPRESSED");
	check_pieces("packed.so");
	run("objcopy --compress-debug-sections=zlib-gnu debug.so old.so");
	run("readelf -SW old.so | grep -q zdebug_frame");
	check_pieces("old.so");
	run("strip -o nothing.so debug.so");
	fd = open_file("nothing.so");
	assert_int_equal(read_rows(fd, &t), -ENOENT);
	close(fd);
}

/* Where both sections have something .eh_frame counts, and .debug_frame for the rest. */
static void both_sections(void **state)
{
	struct table t;
	uint64_t begin;

	(void)state;
	write_file("debug.s", ".cfi_sections .debug_frame\n.hidden begin\n.globl begin\nbegin: .cfi_startproc\n"
			      ".cfi_def_cfa_offset 80\n.fill 32, 1, 0x90\n.cfi_endproc\n"
			      ".cfi_startproc\n.cfi_def_cfa_offset 160\n.fill 32, 1, 0x90\n.cfi_endproc\n"
			      /* .eh_frame: CIE, then an FDE for 16 bytes, 8 behind the begin */
			      ".section .eh_frame, \"a\"\n"
			      "c: .long 2f - 1f\n1: .long 0\n.byte 1\n.string \"zR\"\n.uleb128 1\n"
			      ".sleb128 -8\n.byte 16\n.uleb128 1\n.byte 0x1b\n.byte 0xc,7,8,0x90,1\n"
			      ".balign 8\n2: .long 4f - 3f\n3: .long 3b - c\n.long begin + 8 - .\n"
			      ".long 48\n.uleb128 0\n.byte 0x0e, 32\n.balign 8\n4:\n"
			      /* a second one for the same, which does not count */
			      ".long 6f - 5f\n5: .long 5b - c\n.long begin + 16 - .\n"
			      ".long 8\n.uleb128 0\n.byte 0x0e, 64\n.balign 8\n6:\n");
	run("gcc -shared -nostdlib -Wl,--no-eh-frame-hdr -o sections.so debug.s");
	t = rows_of("sections.so");
	begin = address_of("sections.so", "begin");
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(rule_at(&t, begin + i),
				 i < 8 ? R(RSP, 0, 10) : i < 56 ? R(RSP, 0, 4) : R(RSP, 0, 20));
	assert_int_equal(rule_at(&t, begin + 64), WIRE_RULE_NONE);
	free(t.rows);
}

/* .eh_frame by hand: how addresses may be written. */
static void encodings(void **state)
{
	static const struct {
		unsigned int byte;
		const char *address, *size;
		bool read;
	} cases[] = {
		{ 0x00, ".quad begin", ".quad 4", true },
		{ 0x03, ".long begin", ".long 4", true },
		{ 0x04, ".quad begin", ".quad 4", true },
		{ 0x0b, ".long begin", ".long 4", true },
		{ 0x0c, ".quad begin", ".quad 4", true },
		{ 0x10, ".quad begin - .", ".quad 4", true },
		{ 0x1b, ".long begin - .", ".long 4", true },
		{ 0x1c, ".quad begin - .", ".quad 4", true },
		{ 0x9b, ".long begin - .", ".long 4", false }, /* indirect */
		{ 0x50, ".quad begin", ".quad 4", false },     /* aligned */
		{ 0xff, "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[1024];
		struct table t;
		int fd, err;

		snprintf(text, sizeof(text),
			 ".globl begin\nbegin: .fill 8, 1, 0x90\n.section .eh_frame, \"a\"\n"
			 "c: .long 2f - 1f\n1: .long 0\n.byte 1\n.string \"zRS\"\n.uleb128 1\n"
			 ".sleb128 -8\n.byte 16\n.uleb128 1\n.byte 0x%x\n.byte 0xc,7,8,0x90,1\n"
			 ".balign 8\n2: .long 4f - 3f\n3: .long 3b - c\n%s\n%s\n.uleb128 0\n"
			 ".byte 0x0e, 32\n.balign 8\n4: .long 0\n",
			 cases[i].byte, cases[i].address, cases[i].size);
		write_file("encoding.s", text);
		run("gcc -static -no-pie -nostdlib -Wl,--no-eh-frame-hdr -Wl,-e,begin"
		    " -o encoding encoding.s 2>/dev/null");
		fd = open_file("encoding");
		err = read_rows(fd, &t);
		assert_int_equal(err, cases[i].read ? 0 : -ENOENT);
		close(fd);
		if (err)
			continue;
		assert_int_equal(rule_at(&t, address_of("encoding", "begin")), R(RSP, 0, 4));
		assert_int_equal(rule_at(&t, address_of("encoding", "begin") + 3), R(RSP, 0, 4));
		assert_int_equal(rule_at(&t, address_of("encoding", "begin") + 4), NONE);
		free(t.rows);
	}
}

/* --- odd files ------------------------------------------------------------------------------- */

struct image {
	unsigned char *bytes;
	size_t size;
};

static struct image image_of(const char *path)
{
	int fd = open_file(path);
	struct image ret;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	ret = (struct image){ xcalloc(1, (size_t)st.st_size), (size_t)st.st_size };
	assert_int_equal(read(fd, ret.bytes, ret.size), st.st_size);
	close(fd);
	return ret;
}

static int image_rows(const void *bytes, size_t size, struct table *ret)
{
	int fd = memfd_create("image", MFD_CLOEXEC), err;

	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	err = read_rows(fd, ret);
	close(fd);
	return err;
}

static Elf64_Phdr *segment(const struct image *image, size_t type, unsigned int flags)
{
	Elf64_Ehdr *h = (Elf64_Ehdr *)image->bytes;
	Elf64_Phdr *p = (Elf64_Phdr *)(image->bytes + h->e_phoff);

	for (size_t i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == type && (p[i].p_flags & flags) == flags)
			return &p[i];
	fail_msg("no segment of type %zu", type);
	return NULL;
}

static void odd_files(void **state)
{
	struct table t, whole;
	struct image image;
	Elf64_Ehdr *h;
	Elf64_Phdr *p;
	uint64_t begin;

	(void)state;
	write_pieces("pieces.s", ".eh_frame");
	run("gcc -shared -nostdlib -o pieces.so pieces.s");
	begin = address_of("pieces.so", "begin");
	whole = rows_of("pieces.so");
	image = image_of("pieces.so");
	h = (Elf64_Ehdr *)image.bytes;
	h->e_shoff = h->e_shnum = h->e_shstrndx = 0; /* no section headers */
	assert_int_equal(image_rows(h, image.size, &t), 0);
	assert_pieces(&t, begin);
	assert_int_equal(t.n, whole.n);
	free(t.rows);
	h->e_machine = EM_AARCH64;
	assert_int_equal(image_rows(h, image.size, &t), -ENOENT);
	h->e_machine = EM_X86_64;
	p = segment(&image, PT_LOAD, PF_X);
	p->p_memsz = (1ull << 32) - 4096;
	assert_int_equal(image_rows(h, image.size, &t), 0);
	free(t.rows);
	p->p_memsz = 1ull << 32;
	assert_int_equal(image_rows(h, image.size, &t), -EFBIG);
	p->p_memsz = UINT64_MAX;
	assert_int_equal(image_rows(h, image.size, &t), -EBADMSG);
	p->p_flags = PF_R;
	assert_int_equal(image_rows(h, image.size, &t), -ENOENT);
	segment(&image, PT_GNU_EH_FRAME, 0)->p_type = PT_NULL;
	p->p_flags = PF_X;
	p->p_memsz = 4096;
	assert_int_equal(image_rows(h, image.size, &t), -ENOENT);
	free(image.bytes);
	free(whole.rows);
}

/* The kernel's own: it is in no file, but looks like one. */
static void vdso(void **state)
{
	const unsigned char *at = (void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *h = (const void *)at;
	size_t size = h ? h->e_shoff + h->e_shnum * h->e_shentsize : 0;
	FILE *f;

	(void)state;
	if (!size)
		skip();
	f = fopen("vdso.so", "w");
	assert_int_equal(fwrite(at, 1, size, f), size);
	fclose(f);
	compare_with_readelf("vdso.so");
}

/* --- unwinding ------------------------------------------------------------------------------- */

#define FRAMES 64

/* As _Unwind_Backtrace() has it: the place to return to, and the stack pointer there. */
struct frame {
	uint64_t pc, cfa;
};

struct stack {
	struct frame frames[FRAMES];
	int n;
};

struct regs {
	uint64_t pc, sp, bp;
};

struct loaded {
	struct table table;
	uint64_t begin, end, bias;
};

static struct loaded loaded[16];
static size_t n_loaded;

static int load_rows(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct loaded *l = &loaded[n_loaded];
	const char *path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";

	(void)size;
	(void)ctx;
	if (access(path, R_OK) || n_loaded == 16)
		return 0;
	*l = (struct loaded){ .bias = info->dlpi_addr, .begin = UINT64_MAX };
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		l->begin = info->dlpi_addr + p->p_vaddr;
		l->end = l->begin + p->p_memsz;
	}
	l->table = rows_of(path);
	n_loaded++;
	return 0;
}

static uint32_t live_rule(uint64_t pc)
{
	for (size_t i = 0; i < n_loaded; i++)
		if (pc >= loaded[i].begin && pc < loaded[i].end)
			return rule_at(&loaded[i].table, pc - loaded[i].bias);
	return WIRE_RULE_NONE;
}

static uint64_t word_at(uint64_t addr)
{
	return *(const uint64_t *)addr;
}

/* One frame up as the BPF unwinder would; returns the kind of the rule. */
static int step(struct regs *r, bool called, uint64_t *ret_cfa)
{
	uint32_t rule = live_rule(r->pc - called);
	int64_t offset = WIRE_RULE_CFA(rule) * 8, rbp = WIRE_RULE_RBP_OF(rule);
	uint64_t cfa;

	switch (WIRE_RULE_KIND(rule)) {
	case WIRE_RULE_RSP:
		cfa = r->sp + offset;
		break;
	case WIRE_RULE_RBP:
		cfa = r->bp + offset;
		break;
	case WIRE_RULE_RBP_AT:
		cfa = word_at(r->bp + offset);
		break;
	case WIRE_RULE_SIGNAL: /* struct ucontext begins at rsp */
		*ret_cfa = word_at(r->sp + 160);
		*r = (struct regs){ word_at(r->sp + 168), *ret_cfa, word_at(r->sp + 120) };
		return WIRE_RULE_SIGNAL;
	default:
		return WIRE_RULE_KIND(rule);
	}
	r->pc = word_at(cfa - 8);
	r->sp = cfa;
	if (rbp == WIRE_RBP_AT_RBP)
		r->bp = word_at(r->bp);
	else if (rbp != WIRE_RBP_SAME && rbp != WIRE_RBP_UNKNOWN)
		r->bp = word_at(cfa + (uint64_t)(rbp * 8));
	*ret_cfa = cfa;
	return WIRE_RULE_KIND(rule);
}

static struct {
	struct stack ours, theirs;
	int last; /* kind of the rule that ended ours */
} seen;

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *ctx, void *arg)
{
	struct stack *s = arg;

	if (s->n == FRAMES || !_Unwind_GetIP(ctx))
		return _URC_END_OF_STACK;
	s->frames[s->n++] = (struct frame){ _Unwind_GetIP(ctx), _Unwind_GetCFA(ctx) };
	return _URC_NO_REASON;
}

static __attribute__((noinline)) void look(void)
{
	struct regs r;
	bool called = false;
	uint64_t cfa = 0;

	seen.ours.n = seen.theirs.n = 0;
	__asm__ volatile("lea (%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
			 : "=&r"(r.pc), "=&r"(r.sp), "=&r"(r.bp));
	for (;;) {
		seen.last = step(&r, called, &cfa);
		if (seen.last == WIRE_RULE_NONE || seen.last == WIRE_RULE_END || seen.ours.n == FRAMES)
			break;
		called = seen.last != WIRE_RULE_SIGNAL;
		seen.ours.frames[seen.ours.n++] = (struct frame){ r.pc, cfa };
	}
	_Unwind_Backtrace(on_frame, &seen.theirs);
}

/* The address sanitizer stands between us and the compiler's unwinder. */
static void drop_inner(struct stack *s, uint64_t cfa)
{
	int n = 0;

	while (n < s->n && s->frames[n].cfa < cfa)
		n++;
	assert_in_range(n, 0, 1);
	s->n -= n;
	memmove(s->frames, s->frames + n, (size_t)s->n * sizeof(*s->frames));
}

static void assert_same_stacks(int at_least)
{
	drop_inner(&seen.theirs, seen.ours.frames[0].cfa);
	assert_int_equal(seen.last, WIRE_RULE_END);
	assert_in_range(seen.ours.n, at_least, FRAMES);
	assert_int_equal(seen.theirs.n, seen.ours.n);
	for (int i = 0; i < seen.ours.n; i++) {
		assert_int_equal(seen.ours.frames[i].pc, seen.theirs.frames[i].pc);
		assert_int_equal(seen.ours.frames[i].cfa, seen.theirs.frames[i].cfa);
	}
}

static int comparing(const void *a, const void *b)
{
	look();
	return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) int with_alloca(size_t n)
{
	volatile char *room = __builtin_alloca(n);

	room[0] = 1;
	look();
	return room[0];
}

static __attribute__((noinline)) int realigned(size_t n)
{
	_Alignas(64) volatile char room[64];
	volatile char *more = __builtin_alloca(n);

	assert_int_equal((uintptr_t)room % 64, 0);
	room[0] = more[0] = 2;
	look();
	return room[0];
}

static void on_signal(int sig)
{
	(void)sig;
	look();
}

static void *in_thread(void *arg)
{
	(void)arg;
	look();
	return NULL;
}

static void own_stacks(void **state)
{
	int numbers[] = { 3, 1, 2 };
	pthread_t thread;

	(void)state;
	n_loaded = 0;
	dl_iterate_phdr(load_rows, NULL);
	look();
	assert_same_stacks(5);
	qsort(numbers, 3, sizeof(*numbers), comparing);
	assert_same_stacks(6);
	assert_int_equal(with_alloca((size_t)numbers[2] * 100), 1);
	assert_same_stacks(6);
	assert_int_equal(realigned((size_t)numbers[2] * 100), 2);
	assert_same_stacks(6);
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	assert_same_stacks(8);
	assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_same_stacks(3);
	for (size_t i = 0; i < n_loaded; i++)
		free(loaded[i].table.rows);
}

/* --- cost ------------------------------------------------------------------------------------ */

static void cost(void **state)
{
	static const char *const files[] = {
		"/usr/bin/python3",
		"/lib/x86_64-linux-gnu/libc.so.6",
		"/lib64/ld-linux-x86-64.so.2",
	};
	double ms = 0;
	size_t rows = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct timespec a, b;
		struct table t;
		int fd = open_file(files[i]);

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		assert_int_equal(read_rows(fd, &t), 0);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		ms += (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		rows += t.n;
		free(t.rows);
		close(fd);
	}
	print_message("python3, libc, ld.so: %zu rows, %zu KiB, %.1f ms\n", rows,
		      rows * sizeof(struct wire_row) / 1024, ms);
	assert_true(rows * sizeof(struct wire_row) < 3 << 20);
}

int main(void)
{
#ifdef __x86_64__
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_readelf_says), cmocka_unit_test(every_rule),
		cmocka_unit_test(debug_frame_only), cmocka_unit_test(both_sections),
		cmocka_unit_test(encodings),	    cmocka_unit_test(odd_files),
		cmocka_unit_test(vdso),		    cmocka_unit_test(own_stacks),
		cmocka_unit_test(cost),
	};

	return cmocka_run_group_tests(tests, built_begin, built_end);
#else
	return 0;
#endif
}
