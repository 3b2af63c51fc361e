/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.h - the few facts about an ELF file that finding things in a process needs.
 *
 * The files belong to the watched process.  They may lie in every field, be huge, and change while
 * they are read: the answer is then an error or a wrong address, never a crash and never more
 * memory than ELF_FILE_BYTES twice.  What an address is good for must be checked in the process.
 *
 * Only 64-bit files of this machine's byte order are read.  Functions return 0 or fail(-errno):
 * -ENOEXEC no such file, -ENOENT it does not have the thing, -EBADMSG it contradicts itself,
 * -EFBIG larger than the limits, or what reading it said.
 */
#ifndef PARASCOPE_ELF_H
#define PARASCOPE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SECTION_BYTES (64 << 20) /* the largest section that is read */
#define ELF_FILE_BYTES (160 << 20)   /* what is read of one file */

struct elf_file;

struct elf_symbol {
	uint64_t value;
	uint64_t size;
};

struct elf_section {
	uint64_t addr;
	uint64_t size;
};

/* One PT_LOAD. */
struct elf_load {
	uint64_t vaddr;
	uint64_t offset;
	uint64_t filesz;
	bool exec;
};

enum elf_table {
	ELF_DYNSYM,
	ELF_SYMTAB,
};

/* fd must be a regular file and stay open until elf_file_close(); its offset is not moved. */
int elf_file_open(int fd, struct elf_file **ret);
void elf_file_close(struct elf_file *f); /* NULL is fine */

/* A symbol that is defined in this file: in .dynsym, else in .symtab. */
int elf_file_find_symbol(struct elf_file *f, const char *name, struct elf_symbol *ret);

/*
 * The same in one table, and -EFBIG if that is larger than max bytes: for answers that must be
 * cheap.
 */
int elf_file_find_symbol_in(struct elf_file *f, enum elf_table table, const char *name,
			    uint64_t max, struct elf_symbol *ret);

int elf_file_find_section(struct elf_file *f, const char *name, struct elf_section *ret);

/* The i-th PT_LOAD, in the order of the file; false behind the last one. */
bool elf_file_load(const struct elf_file *f, size_t i, struct elf_load *ret);

/* DT_SONAME; -EBADMSG if it does not fit. */
int elf_file_soname(struct elf_file *f, char *ret, size_t size);

/* Does it need (DT_NEEDED) a library whose name begins so?  false if max bytes do not tell. */
bool elf_file_needs(struct elf_file *f, const char *prefix, uint64_t max);

#endif
