// SPDX-License-Identifier: GPL-2.0-or-later
/* elf_test.c - facts about ELF files, honest and forged. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "user/symbol/elf.h"

/* --- a small file with all that is looked for ------------------------------------------------ */

enum { S_NULL, S_DYNSYM, S_DYNSTR, S_SYMTAB, S_STRTAB, S_DYNAMIC, S_RUNTIME, S_NAMES, SECTIONS };

static const char section_names[] = "\0.dynsym\0.dynstr\0.symtab\0.strtab\0.dynamic\0.PyRuntime\0"
				    ".shstrtab";
static const char dynamic_strings[] = "\0_PyRuntime\0undefined\0libforged.so.1\0libc.so.6\0"
				      "libpython3.99.so";
static const char static_strings[] = "\0hidden\0_PyRuntime";

struct forged {
	Elf64_Ehdr h;
	Elf64_Phdr loads[3];
	Elf64_Shdr s[SECTIONS];
	Elf64_Sym dynsym[3];
	Elf64_Sym symtab[3];
	Elf64_Dyn dynamic[4];
	char dynstr[sizeof(dynamic_strings)];
	char strtab[sizeof(static_strings)];
	char names[sizeof(section_names)];
};

static uint32_t name_at(const char *table, size_t size, const char *name)
{
	const char *at = memmem(table, size, name, strlen(name) + 1);

	assert_non_null(at);
	return (uint32_t)(at - table);
}

#define NAME(table, name) name_at(table, sizeof(table), name)
#define SECTION(kind, section_name, member, to, each)                                              \
	(Elf64_Shdr){ .sh_name = NAME(section_names, section_name), .sh_type = (kind),             \
		      .sh_offset = offsetof(struct forged, member),                                \
		      .sh_size = sizeof(((struct forged *)0)->member), .sh_link = (to),            \
		      .sh_entsize = (each), .sh_addralign = 1 }

static void forge_symbols(struct forged *f)
{
	f->dynsym[1] = (Elf64_Sym){ .st_name = NAME(dynamic_strings, "undefined") };
	f->dynsym[2] = (Elf64_Sym){ .st_name = NAME(dynamic_strings, "_PyRuntime"),
				    .st_shndx = S_RUNTIME, .st_value = 0x5000, .st_size = 656 };
	f->symtab[1] = (Elf64_Sym){ .st_name = NAME(static_strings, "hidden"), .st_shndx = 1,
				    .st_value = 0x1234, .st_size = 8 };
	f->symtab[2] = (Elf64_Sym){ .st_name = NAME(static_strings, "_PyRuntime"), .st_shndx = 1,
				    .st_value = 0x9999, .st_size = 1 };
	f->dynamic[0].d_tag = DT_NEEDED;
	f->dynamic[0].d_un.d_val = NAME(dynamic_strings, "libc.so.6");
	f->dynamic[1].d_tag = DT_NEEDED;
	f->dynamic[1].d_un.d_val = NAME(dynamic_strings, "libpython3.99.so");
	f->dynamic[2].d_tag = DT_SONAME;
	f->dynamic[2].d_un.d_val = NAME(dynamic_strings, "libforged.so.1");
}

static void forge(struct forged *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->h.e_ident, ELFMAG, SELFMAG);
	f->h.e_ident[EI_CLASS] = ELFCLASS64;
	f->h.e_ident[EI_DATA] = ELFDATA2LSB;
	f->h.e_ident[EI_VERSION] = EV_CURRENT;
	f->h.e_type = ET_DYN;
	f->h.e_version = EV_CURRENT;
	f->h.e_ehsize = sizeof(f->h);
	f->h.e_phoff = offsetof(struct forged, loads);
	f->h.e_phentsize = sizeof(Elf64_Phdr);
	f->h.e_phnum = 3;
	f->h.e_shoff = offsetof(struct forged, s);
	f->h.e_shentsize = sizeof(Elf64_Shdr);
	f->h.e_shnum = SECTIONS;
	f->h.e_shstrndx = S_NAMES;
	f->loads[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 0x800 };
	f->loads[1] = (Elf64_Phdr){ .p_type = PT_NOTE };
	f->loads[2] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x2000,
				    .p_offset = 0x1000, .p_filesz = 0x100 };
	f->s[S_DYNSYM] = SECTION(SHT_DYNSYM, ".dynsym", dynsym, S_DYNSTR, sizeof(Elf64_Sym));
	f->s[S_DYNSTR] = SECTION(SHT_STRTAB, ".dynstr", dynstr, 0, 0);
	f->s[S_SYMTAB] = SECTION(SHT_SYMTAB, ".symtab", symtab, S_STRTAB, sizeof(Elf64_Sym));
	f->s[S_STRTAB] = SECTION(SHT_STRTAB, ".strtab", strtab, 0, 0);
	f->s[S_DYNAMIC] = SECTION(SHT_DYNAMIC, ".dynamic", dynamic, S_DYNSTR, sizeof(Elf64_Dyn));
	f->s[S_RUNTIME] = (Elf64_Shdr){ .sh_name = NAME(section_names, ".PyRuntime"),
					.sh_type = SHT_NOBITS, .sh_addr = 0x5000, .sh_size = 700 };
	f->s[S_NAMES] = SECTION(SHT_STRTAB, ".shstrtab", names, 0, 0);
	forge_symbols(f);
	memcpy(f->dynstr, dynamic_strings, sizeof(dynamic_strings));
	memcpy(f->strtab, static_strings, sizeof(static_strings));
	memcpy(f->names, section_names, sizeof(section_names));
}

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("elf_test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	return fd;
}

/* Ask everything; the answers do not matter. */
static int ask_all(int fd)
{
	struct elf_symbol symbol;
	struct elf_section section;
	struct elf_load load;
	struct elf_file *f;
	char soname[32];
	int err = elf_file_open(fd, &f);

	if (err)
		return err;
	elf_file_find_symbol(f, "_PyRuntime", &symbol);
	elf_file_find_symbol(f, "hidden", &symbol);
	elf_file_find_section(f, ".PyRuntime", &section);
	elf_file_soname(f, soname, sizeof(soname));
	elf_file_needs(f, "libpython", 1 << 20);
	for (size_t i = 0; elf_file_load(f, i, &load); i++)
		;
	elf_file_close(f);
	return 0;
}

static int ask_forged(const struct forged *bytes)
{
	int fd = file_of(bytes, sizeof(*bytes)), err = ask_all(fd);

	close(fd);
	return err;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void facts(void **state)
{
	struct forged bytes;
	struct elf_symbol symbol;
	struct elf_section section;
	struct elf_load load;
	struct elf_file *f;
	char soname[15], shorter[14];
	int fd;

	(void)state;
	forge(&bytes);
	fd = file_of(&bytes, sizeof(bytes));
	assert_int_equal(elf_file_open(fd, &f), 0);
	assert_int_equal(elf_file_find_symbol(f, "_PyRuntime", &symbol), 0);
	assert_int_equal(symbol.value, 0x5000);
	assert_int_equal(symbol.size, 656);
	assert_int_equal(elf_file_find_symbol(f, "hidden", &symbol), 0);
	assert_int_equal(symbol.value, 0x1234);
	assert_int_equal(elf_file_find_symbol_in(f, ELF_DYNSYM, "hidden", 1 << 20, &symbol),
			 -ENOENT);
	assert_int_equal(elf_file_find_symbol_in(f, ELF_SYMTAB, "hidden", 71, &symbol), -EFBIG);
	assert_int_equal(elf_file_find_symbol_in(f, ELF_SYMTAB, "hidden", 72, &symbol), 0);
	assert_int_equal(elf_file_find_symbol(f, "undefined", &symbol), -ENOENT);
	assert_int_equal(elf_file_find_symbol(f, "_PyRun", &symbol), -ENOENT);
	assert_int_equal(elf_file_find_section(f, ".PyRuntime", &section), 0);
	assert_int_equal(section.addr, 0x5000);
	assert_int_equal(section.size, 700);
	assert_int_equal(elf_file_find_section(f, ".none", &section), -ENOENT);
	assert_int_equal(elf_file_soname(f, soname, sizeof(soname)), 0);
	assert_string_equal(soname, "libforged.so.1");
	assert_int_equal(elf_file_soname(f, shorter, sizeof(shorter)), -EBADMSG);
	assert_true(elf_file_needs(f, "libpython", 1 << 20));
	assert_false(elf_file_needs(f, "libforged", 1 << 20));
	assert_false(elf_file_needs(f, "libpython", 16));
	assert_true(elf_file_load(f, 1, &load));
	assert_true(load.exec && load.vaddr == 0x2000 && load.offset == 0x1000);
	assert_int_equal(load.filesz, 0x100);
	assert_false(elf_file_load(f, 2, &load));
	elf_file_close(f);
	close(fd);
}

static int own_bias(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	*(uint64_t *)ret = info->dlpi_addr;
	return 1; /* the program comes first */
}

static void ourselves(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct elf_symbol symbol;
	struct elf_section text;
	struct elf_file *f;
	uint64_t bias = 0;

	(void)state;
	dl_iterate_phdr(own_bias, &bias);
	assert_int_equal(elf_file_open(fd, &f), 0);
	assert_int_equal(elf_file_find_symbol(f, "elf_file_open", &symbol), 0);
	assert_int_equal(symbol.value + bias, (uintptr_t)elf_file_open);
	assert_int_equal(elf_file_find_section(f, ".text", &text), 0);
	assert_in_range(symbol.value, text.addr, text.addr + text.size - symbol.size);
	assert_true(elf_file_needs(f, "libc.so", 1 << 20));
	elf_file_close(f);
	close(fd);
}

/* Every length of the forged file, many of a real one; only the whole may be read wholly. */
static void truncated(void **state)
{
	static char real[1 << 20];
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, real, sizeof(real));
	struct forged bytes;

	(void)state;
	close(fd);
	forge(&bytes);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		fd = file_of(&bytes, len);
		if (len < offsetof(struct forged, dynsym))
			assert_true(ask_all(fd) < 0);
		else
			assert_int_equal(ask_all(fd), 0);
		close(fd);
	}
	assert_true(n > 1000);
	for (size_t len = 0; len < (size_t)n; len += 97) {
		fd = file_of(real, len);
		ask_all(fd);
		close(fd);
	}
}

/* Each byte changed in several ways, then many at random. */
static void changed(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct forged bytes, orig;
	unsigned char *at = (unsigned char *)&bytes;

	(void)state;
	forge(&orig);
	bytes = orig;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			at[i] = values[v];
			ask_forged(&bytes);
		}
		at[i] = ((unsigned char *)&orig)[i];
	}
	srandom(1);
	for (int round = 0; round < 10000; round++) {
		bytes = orig;
		for (int i = 0; i < 8; i++)
			at[(size_t)random() % sizeof(bytes)] = (unsigned char)random();
		ask_forged(&bytes);
	}
}

static void lies(void **state)
{
	struct forged good, f;

	(void)state;
	forge(&good);
	f = good;
	f.h.e_shnum = 0; /* the number is in section 0 */
	f.s[0].sh_size = UINT32_MAX;
	assert_int_equal(ask_forged(&f), -EFBIG);
	f = good;
	f.h.e_phnum = PN_XNUM;
	f.s[0].sh_info = UINT32_MAX;
	assert_int_equal(ask_forged(&f), -EFBIG);
	f = good;
	f.h.e_shnum = SHN_LORESERVE;
	assert_int_equal(ask_forged(&f), -EFBIG);
	f = good;
	f.h.e_shnum = SHN_LORESERVE - 1;
	assert_int_equal(ask_forged(&f), -EBADMSG);
	f = good;
	f.h.e_shoff = UINT64_MAX - 8;
	assert_int_equal(ask_forged(&f), -EBADMSG);
	f = good;
	f.h.e_shstrndx = SHN_XINDEX;
	assert_int_equal(ask_forged(&f), -EBADMSG);
	f = good;
	f.h.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(ask_forged(&f), -ENOEXEC);
	f = good;
	f.h.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(ask_forged(&f), -ENOEXEC);
}

/* What a lookup in a changed file says. */
static int look_up(const struct forged *bytes, const char *name, size_t file_size)
{
	int fd = file_of(bytes, sizeof(*bytes)), err;
	struct elf_symbol symbol;
	struct elf_file *f;

	if (file_size)
		assert_int_equal(ftruncate(fd, (off_t)file_size), 0);
	assert_int_equal(elf_file_open(fd, &f), 0);
	err = elf_file_find_symbol(f, name, &symbol);
	elf_file_close(f);
	close(fd);
	return err;
}

static void bad_tables(void **state)
{
	struct forged good, f;

	(void)state;
	forge(&good);
	f = good;
	f.s[S_DYNSYM].sh_flags |= SHF_COMPRESSED;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -EFBIG);
	f = good;
	f.s[S_DYNSTR].sh_flags |= SHF_COMPRESSED;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -EFBIG);
	f = good;
	f.s[S_DYNSYM].sh_size = ELF_SECTION_BYTES + 24;
	assert_int_equal(look_up(&f, "_PyRuntime", 1ul << 39), -EFBIG);
	f.s[S_DYNSYM].sh_size = 24 * 1000;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -EBADMSG);
	f = good;
	f.s[S_DYNSYM].sh_link = S_DYNSYM;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -EBADMSG);
	f.s[S_DYNSYM].sh_link = UINT32_MAX;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -EBADMSG);
	f = good;
	f.dynsym[2].st_name = UINT32_MAX; /* then the one in .symtab is found */
	assert_int_equal(look_up(&f, "_PyRuntime", 0), 0);
	f.symtab[2].st_name = sizeof(f.strtab) - 1;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -ENOENT);
	f = good; /* the name runs out of the table */
	f.s[S_DYNSTR].sh_size = NAME(dynamic_strings, "_PyRuntime") + strlen("_PyRuntime");
	f.s[S_SYMTAB].sh_type = SHT_PROGBITS;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -ENOENT);
}

static void no_sections(void **state)
{
	struct forged f;

	(void)state;
	forge(&f);
	f.h.e_shnum = f.h.e_shstrndx = f.h.e_shentsize = 0;
	f.h.e_shoff = 0;
	assert_int_equal(look_up(&f, "_PyRuntime", 0), -ENOENT);
	assert_int_equal(ask_forged(&f), 0);
}

static void not_files(void **state)
{
	int ends[2], fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct elf_file *f;

	(void)state;
	assert_int_equal(elf_file_open(fd, &f), -ENOEXEC);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(elf_file_open(ends[0], &f), -ENOEXEC);
	close(ends[0]);
	close(ends[1]);
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_file_open(fd, &f), -ENOEXEC);
	close(fd);
	fd = file_of("", 0);
	assert_int_equal(elf_file_open(fd, &f), -ENOEXEC);
	assert_int_equal(ftruncate(fd, 1ll << 62), 0);
	assert_int_equal(elf_file_open(fd, &f), -EFBIG);
	close(fd);
	assert_int_equal(elf_file_open(-1, &f), -EBADF);
}

/* A process that turns the file from good to bad and back while we read it. */
static void flicker(struct forged *shared)
{
	for (;;) {
		shared->h.e_shnum = 0;
		shared->s[0].sh_size = 50 * 1000 * 1000;
		shared->s[S_DYNSYM].sh_size = 1ull << 40;
		__sync_synchronize();
		shared->h.e_shnum = SECTIONS;
		shared->s[S_DYNSYM].sh_size = 72;
		__sync_synchronize();
	}
}

static void rewritten(void **state)
{
	struct rusage before, after;
	struct forged bytes, *shared;
	int fd, good = 0, status;
	pid_t child;

	(void)state;
	forge(&bytes);
	fd = file_of(&bytes, sizeof(bytes));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(shared != MAP_FAILED);
	getrusage(RUSAGE_SELF, &before);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		flicker(shared);
	}
	for (int i = 0; i < 20000; i++)
		good += !ask_all(fd);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	getrusage(RUSAGE_SELF, &after);
	print_message("%d of 20000 reads of a file that changes gave answers\n", good);
	/* KiB; with the number of sections believed it would be gigabytes */
	assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 512 * 1024);
	munmap(shared, sizeof(*shared));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts),      cmocka_unit_test(ourselves),
		cmocka_unit_test(truncated),  cmocka_unit_test(changed),
		cmocka_unit_test(lies),	      cmocka_unit_test(bad_tables),
		cmocka_unit_test(no_sections), cmocka_unit_test(not_files),
		cmocka_unit_test(rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
