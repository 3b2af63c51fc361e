// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * elf.c - reads ELF files of hostile processes with libelf; see elf.h.
 *
 * libelf trusts what it has read before, but the owner of a file can change it between two reads:
 * a section count that was checked and is read again may have become four billion.  So libelf never
 * sees the file.  It gets a copy in memory, as large as the file but made of holes, into which the
 * needed pieces are copied once and within limits: first the headers, then each section when it is
 * asked for.  A hole reads as zeros.
 */
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/elf.h"

#define LARGEST_FILE (1ll << 40) /* of holes; nothing of this size is copied */
#define LOADS_MAX 64		 /* linkers make four or five */
#define COPY_BYTES (64 * 1024)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_DATA ELFDATA2LSB
#else
#define OUR_DATA ELFDATA2MSB
#endif

struct elf_file {
	int fd;	  /* of the file; the caller's */
	int copy; /* what libelf reads */
	uint64_t size;
	uint64_t copied; /* bytes, against ELF_FILE_BYTES */
	size_t n_sections;
	size_t names; /* index of the section that has their names */
	bool *shown;  /* sections that libelf may read */
	Elf *elf;
	size_t n_loads;
	struct elf_load loads[LOADS_MAX];
};

/* The bytes of one section, in libelf's memory. */
struct piece {
	const char *data;
	size_t len;
};

/* --- the copy -------------------------------------------------------------------------------- */

static int read_exactly(int fd, void *to, size_t len, uint64_t at)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(fd, (char *)to + have, len - have, (off_t)(at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(-errno, "cannot read the ELF file: %s", strerror(errno));
		if (!n)
			return fail(-EBADMSG, "the ELF file ends early");
		have += (size_t)n;
	}
	return 0;
}

static int write_exactly(int fd, const void *from, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(-EIO, "cannot copy the ELF file: %s", strerror(errno));
		from = (const char *)from + n;
		len -= (size_t)n;
		at += (size_t)n;
	}
	return 0;
}

/* Let libelf see [at, at + len) of the file. */
static int show(struct elf_file *f, uint64_t at, uint64_t len)
{
	char *bytes;
	int err = 0;

	if (at > f->size || len > f->size - at)
		return fail(-EBADMSG, "a part of the ELF file lies behind its end");
	if (len > ELF_SECTION_BYTES || len > ELF_FILE_BYTES - f->copied)
		return fail(-EFBIG, "the ELF file has tables too large to be read");
	f->copied += len;
	bytes = xcalloc(1, len < COPY_BYTES ? (size_t)len + 1 : COPY_BYTES);
	for (uint64_t done = 0; done < len && !err; done += COPY_BYTES) {
		size_t n = len - done < COPY_BYTES ? (size_t)(len - done) : COPY_BYTES;

		err = read_exactly(f->fd, bytes, n, at + done);
		if (!err)
			err = write_exactly(f->copy, bytes, n, at + done);
	}
	free(bytes);
	return err;
}

/* --- opening --------------------------------------------------------------------------------- */

static bool is_ours(const Elf64_Ehdr *h)
{
	return !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == OUR_DATA && h->e_ident[EI_VERSION] == EV_CURRENT;
}

/*
 * Counts too large for the header, which move to section 0, are refused: with them a file of 200
 * bytes can make libelf allocate for four billion sections.
 */
static int check_header(const Elf64_Ehdr *h)
{
	if (!is_ours(h))
		return fail(-ENOEXEC, "not an ELF file of this machine's kind");
	if (h->e_phnum == PN_XNUM || (h->e_shoff && !h->e_shnum) || h->e_shnum >= SHN_LORESERVE)
		return fail(-EFBIG, "the ELF file has too many sections or segments");
	if ((h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr)) ||
	    (h->e_shnum && (h->e_shentsize != sizeof(Elf64_Shdr) || !h->e_shoff)) ||
	    (h->e_shnum && h->e_shstrndx >= h->e_shnum))
		return fail(-EBADMSG, "the ELF file's header contradicts itself");
	return 0;
}

/* Check the header and show libelf the same bytes that were checked. */
static int show_headers(struct elf_file *f)
{
	Elf64_Ehdr h;
	int err;

	if (f->size < sizeof(h))
		return fail(-ENOEXEC, "too short for an ELF file");
	err = read_exactly(f->fd, &h, sizeof(h), 0);
	if (!err)
		err = check_header(&h);
	if (!err)
		err = show(f, h.e_phoff, h.e_phnum * sizeof(Elf64_Phdr));
	if (!err)
		err = show(f, h.e_shoff, h.e_shnum * sizeof(Elf64_Shdr));
	/* last: a table that overlaps it must not bring back what was not checked */
	if (!err)
		err = write_exactly(f->copy, &h, sizeof(h), 0);
	if (err)
		return err;
	f->n_sections = h.e_shnum;
	f->names = h.e_shstrndx;
	f->shown = xcalloc(f->n_sections + 1, sizeof(*f->shown));
	return 0;
}

static int make_copy(struct elf_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return fail(-errno, "cannot look at the ELF file: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(-ENOEXEC, "not a regular file");
	if (st.st_size > LARGEST_FILE)
		return fail(-EFBIG, "too large for an ELF file");
	f->size = (uint64_t)st.st_size;
	f->copy = memfd_create("parascope-elf", MFD_CLOEXEC);
	if (f->copy < 0 || ftruncate(f->copy, st.st_size))
		return fail(-errno, "cannot make memory for an ELF file: %s", strerror(errno));
	return 0;
}

static int read_loads(struct elf_file *f)
{
	size_t n;

	if (elf_getphdrnum(f->elf, &n))
		return fail(-EBADMSG, "bad ELF program headers: %s", elf_errmsg(-1));
	for (size_t i = 0; i < n && f->n_loads < LOADS_MAX; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(f->elf, (int)i, &p))
			return fail(-EBADMSG, "bad ELF program header: %s", elf_errmsg(-1));
		if (p.p_type != PT_LOAD)
			continue;
		f->loads[f->n_loads++] = (struct elf_load){
			.vaddr = p.p_vaddr,
			.offset = p.p_offset,
			.filesz = p.p_filesz,
			.exec = p.p_flags & PF_X,
		};
	}
	return 0;
}

static int section_header(struct elf_file *f, size_t i, GElf_Shdr *ret)
{
	Elf_Scn *scn = i < f->n_sections ? elf_getscn(f->elf, i) : NULL;

	if (!scn || !gelf_getshdr(scn, ret))
		return fail(-EBADMSG, "bad ELF section %zu", i);
	return 0;
}

/*
 * libelf keeps what it has read.  Make it read all headers now: a section copied later may overlap
 * them and have changed.
 */
static int begin(struct elf_file *f)
{
	GElf_Shdr h;
	int err;

	f->elf = elf_begin(f->copy, ELF_C_READ, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF)
		return fail(-EBADMSG, "bad ELF file: %s", elf_errmsg(-1));
	err = read_loads(f);
	if (!err && f->n_sections)
		err = section_header(f, f->n_sections - 1, &h);
	return err;
}

int elf_file_open(int fd, struct elf_file **ret)
{
	struct elf_file *f = xcalloc(1, sizeof(*f));
	int err;

	f->fd = fd;
	f->copy = -1;
	elf_version(EV_CURRENT);
	err = make_copy(f);
	if (!err)
		err = show_headers(f);
	if (!err)
		err = begin(f);
	if (err) {
		elf_file_close(f);
		return err;
	}
	*ret = f;
	return 0;
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	elf_end(f->elf);
	if (f->copy >= 0)
		close(f->copy);
	free(f->shown);
	free(f);
}

bool elf_file_load(const struct elf_file *f, size_t i, struct elf_load *ret)
{
	if (i >= f->n_loads)
		return false;
	*ret = f->loads[i];
	return true;
}

/* --- sections -------------------------------------------------------------------------------- */

/* The first section of a type; -ENOENT. */
static int section_of_type(struct elf_file *f, uint32_t type, size_t *ret_index, GElf_Shdr *ret)
{
	for (size_t i = 1; i < f->n_sections; i++) {
		int err = section_header(f, i, ret);

		if (err)
			return err;
		if (ret->sh_type == type) {
			*ret_index = i;
			return 0;
		}
	}
	return fail(-ENOENT, "the ELF file has no section of type %u", type);
}

/* The bytes of a section of at most max bytes, which must be of the given type. */
static int section_bytes(struct elf_file *f, size_t i, uint32_t type, uint64_t max,
			 struct piece *ret)
{
	Elf_Data *data;
	GElf_Shdr h;
	int err = section_header(f, i, &h);

	if (err)
		return err;
	if (h.sh_type != type)
		return fail(-EBADMSG, "ELF section %zu is of another type than its user says", i);
	if (h.sh_flags & SHF_COMPRESSED)
		return fail(-EFBIG, "ELF section %zu is compressed", i);
	if (h.sh_size > max)
		return fail(-EFBIG, "ELF section %zu is too large", i);
	if (!f->shown[i])
		err = show(f, h.sh_offset, h.sh_size);
	if (err)
		return err;
	f->shown[i] = true;
	data = elf_rawdata(elf_getscn(f->elf, i), NULL);
	if (!data || (data->d_size && !data->d_buf))
		return fail(-EBADMSG, "bad ELF section %zu: %s", i, elf_errmsg(-1));
	*ret = (struct piece){ .data = data->d_buf, .len = data->d_size };
	return 0;
}

/* Is this the string at an offset of a string table? */
static bool string_is(const struct piece *table, uint64_t at, const char *s, size_t len)
{
	return at < table->len && table->len - at > len && !memcmp(table->data + at, s, len + 1);
}

int elf_file_find_section(struct elf_file *f, const char *name, struct elf_section *ret)
{
	size_t len = strlen(name);
	struct piece names;
	int err;

	if (!f->n_sections)
		return fail(-ENOENT, "the ELF file has no sections");
	err = section_bytes(f, f->names, SHT_STRTAB, ELF_SECTION_BYTES, &names);
	for (size_t i = 1; i < f->n_sections && !err; i++) {
		GElf_Shdr h;

		err = section_header(f, i, &h);
		if (!err && string_is(&names, h.sh_name, name, len)) {
			*ret = (struct elf_section){ .addr = h.sh_addr, .size = h.sh_size };
			return 0;
		}
	}
	return err ? err : fail(-ENOENT, "the ELF file has no section %s", name);
}

/* --- symbols --------------------------------------------------------------------------------- */

static int find_in(const struct piece *symbols, const struct piece *strings, const char *name,
		   struct elf_symbol *ret)
{
	size_t len = strlen(name);

	for (size_t at = 0; symbols->len - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, symbols->data + at, sizeof(sym));
		if (sym.st_shndx == SHN_UNDEF || !string_is(strings, sym.st_name, name, len))
			continue;
		*ret = (struct elf_symbol){ .value = sym.st_value, .size = sym.st_size };
		return 0;
	}
	return fail(-ENOENT, "the ELF file has no symbol %s", name);
}

int elf_file_find_symbol_in(struct elf_file *f, enum elf_table table, const char *name,
			    uint64_t max, struct elf_symbol *ret)
{
	uint32_t type = table == ELF_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB;
	struct piece symbols, strings;
	GElf_Shdr h;
	size_t i = 0;
	int err = section_of_type(f, type, &i, &h);

	if (!err)
		err = section_bytes(f, i, type, max, &symbols);
	if (!err)
		err = section_bytes(f, h.sh_link, SHT_STRTAB, ELF_SECTION_BYTES, &strings);
	return err ? err : find_in(&symbols, &strings, name, ret);
}

int elf_file_find_symbol(struct elf_file *f, const char *name, struct elf_symbol *ret)
{
	int err = elf_file_find_symbol_in(f, ELF_DYNSYM, name, ELF_SECTION_BYTES, ret);

	if (err != -ENOENT)
		return err;
	return elf_file_find_symbol_in(f, ELF_SYMTAB, name, ELF_SECTION_BYTES, ret);
}

/* --- .dynamic -------------------------------------------------------------------------------- */

struct dynamic {
	struct piece entries;
	struct piece strings;
};

static int read_dynamic(struct elf_file *f, uint64_t max, struct dynamic *ret)
{
	GElf_Shdr h;
	size_t i = 0;
	int err = section_of_type(f, SHT_DYNAMIC, &i, &h);

	if (!err)
		err = section_bytes(f, i, SHT_DYNAMIC, max, &ret->entries);
	if (!err)
		err = section_bytes(f, h.sh_link, SHT_STRTAB, max, &ret->strings);
	return err;
}

/* The next string with a tag at or behind *at, which moves on; NULL: no more. */
static const char *next_string(const struct dynamic *d, int64_t tag, size_t *at)
{
	while (d->entries.len - *at >= sizeof(Elf64_Dyn)) {
		Elf64_Dyn dyn;
		uint64_t s;

		memcpy(&dyn, d->entries.data + *at, sizeof(dyn));
		*at += sizeof(dyn);
		s = dyn.d_un.d_val;
		if (dyn.d_tag == DT_NULL)
			return NULL;
		if (dyn.d_tag == tag && s < d->strings.len &&
		    memchr(d->strings.data + s, '\0', d->strings.len - s))
			return d->strings.data + s;
	}
	return NULL;
}

int elf_file_soname(struct elf_file *f, char *ret, size_t size)
{
	struct dynamic d;
	const char *name;
	size_t at = 0;
	int err = read_dynamic(f, ELF_SECTION_BYTES, &d);

	if (err)
		return err;
	name = next_string(&d, DT_SONAME, &at);
	if (!name)
		return fail(-ENOENT, "the ELF file has no SONAME");
	if (strlen(name) >= size)
		return fail(-EBADMSG, "the ELF file's SONAME is too long");
	strcpy(ret, name);
	return 0;
}

bool elf_file_needs(struct elf_file *f, const char *prefix, uint64_t max)
{
	struct dynamic d;
	const char *name;
	size_t at = 0;

	if (read_dynamic(f, max, &d))
		return false;
	while ((name = next_string(&d, DT_NEEDED, &at))) {
		if (!strncmp(name, prefix, strlen(prefix)))
			return true;
	}
	return false;
}
