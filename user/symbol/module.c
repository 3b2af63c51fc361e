// SPDX-License-Identifier: GPL-2.0-or-later
/* module.c - see module.h. */
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/cfi.h"
#include "user/symbol/cold.h"
#include "user/symbol/lines.h"
#include "user/symbol/module.h"
#include "user/symbol/name.h"
#include "user/symbol/symtab.h"

#ifdef __x86_64__
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "which e_machine is this?"
#endif
#define OUR_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct module {
	Elf *elf;
	Elf *debug; /* NULL: none was added */
	Elf *alt;
	bool has_read; /* what is below */
	Dwarf *dwarf;  /* of debug, else of elf; NULL: they have none */
	Dwarf *alt_dwarf;
	struct lines *lines;
	struct symtab code, data;
	struct module_about about;
};

/* --- files ----------------------------------------------------------------------------------- */

/* debug: only what is about another file, which may be as unlinked as an object file. */
static int open_elf(int fd, bool debug, Elf **ret)
{
	GElf_Ehdr h;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &h) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != OUR_DATA ||
	    h.e_machine != OUR_MACHINE ||
	    (h.e_type != ET_EXEC && h.e_type != ET_DYN && (!debug || h.e_type != ET_REL))) {
		elf_end(elf);
		return fail(-ENOEXEC, "not an ELF file of this machine's kind");
	}
	*ret = elf;
	return 0;
}

/* A section by name; with or without data. */
static Elf_Scn *find_section(Elf *elf, const char *name, GElf_Shdr *ret)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *s = gelf_getshdr(scn, ret) ? elf_strptr(elf, names, ret->sh_name) : NULL;

		if (s && !strcmp(s, name))
			return scn;
	}
	return NULL;
}

static bool has_section(Elf *elf, const char *name)
{
	GElf_Shdr h;

	return find_section(elf, name, &h) && h.sh_type != SHT_NOBITS && h.sh_size;
}

static bool has_dwarf(Elf *elf)
{
	return has_section(elf, ".debug_info") || has_section(elf, ".zdebug_info");
}

static uint32_t read_build_id(Elf *elf, uint8_t *ret)
{
	const void *id;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id);

	if (len <= 0 || len > MODULE_BUILD_ID_MAX)
		return 0;
	memcpy(ret, id, (size_t)len);
	return (uint32_t)len;
}

/* Only a bare name: the file is looked for in places of our choice. */
static void read_link(Elf *elf, struct module_about *about)
{
	GElf_Word crc;
	const char *name = dwelf_elf_gnu_debuglink(elf, &crc);

	if (!name || !*name || strchr(name, '/') || strlen(name) >= sizeof(about->link))
		return;
	strcpy(about->link, name);
	about->link_crc = crc;
}

/* A path, which is none of our business, then the build id. */
static uint32_t read_alt_id(Elf *elf, uint8_t *ret)
{
	GElf_Shdr h;
	Elf_Scn *scn = find_section(elf, ".gnu_debugaltlink", &h);
	Elf_Data *data = scn ? elf_rawdata(scn, NULL) : NULL;
	const uint8_t *id;
	size_t len;

	if (!data || !data->d_buf)
		return 0;
	id = memchr(data->d_buf, '\0', data->d_size);
	if (!id)
		return 0;
	id++;
	len = data->d_size - (size_t)(id - (const uint8_t *)data->d_buf);
	if (!len || len > MODULE_BUILD_ID_MAX)
		return 0;
	memcpy(ret, id, len);
	return (uint32_t)len;
}

static void read_loads(Elf *elf, struct module_about *about)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return;
	for (size_t i = 0; i < n && about->n_loads < MODULE_LOADS_MAX; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p))
			return;
		if (p.p_type != PT_LOAD)
			continue;
		about->loads[about->n_loads++] = (struct module_load){
			.vaddr = p.p_vaddr,
			.offset = p.p_offset,
			.filesz = p.p_filesz,
			.memsz = p.p_memsz,
			.exec = (p.p_flags & PF_X) != 0,
		};
	}
}

int module_open(int fd, struct module **ret)
{
	struct module *m;
	Elf *elf;
	int err = open_elf(fd, false, &elf);

	if (err)
		return err;
	m = xcalloc(1, sizeof(*m));
	m->elf = elf;
	m->data.data = true;
	m->about.build_id_len = read_build_id(elf, m->about.build_id);
	read_link(elf, &m->about);
	read_loads(elf, &m->about);
	m->about.alt_id_len = read_alt_id(elf, m->about.alt_id);
	m->about.has_symbols = has_section(elf, ".symtab");
	m->about.has_lines = has_dwarf(elf);
	*ret = m;
	return 0;
}

/* Forget what was made from the files. */
static void forget(struct module *m)
{
	lines_free(m->lines);
	m->lines = NULL;
	dwarf_end(m->dwarf);
	dwarf_end(m->alt_dwarf);
	m->dwarf = m->alt_dwarf = NULL;
	symtab_free(&m->code);
	symtab_free(&m->data);
	m->has_read = false;
}

void module_close(struct module *m)
{
	if (!m)
		return;
	forget(m);
	elf_end(m->alt);
	elf_end(m->debug);
	elf_end(m->elf);
	free(m);
}

void module_about(const struct module *m, struct module_about *ret)
{
	*ret = m->about;
}

/* --- debug files ----------------------------------------------------------------------------- */

static int file_crc(int fd, uint32_t *ret)
{
	static uint8_t bytes[1 << 16];
	uLong crc = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		crc = crc32(crc, bytes, (uInt)n);
		at += n;
	}
	if (n < 0)
		return fail(-errno, "cannot read the debug file: %s", strerror(errno));
	*ret = (uint32_t)crc;
	return 0;
}

/* By build id; only if there is none by the link's checksum. */
static int check_debug(const struct module *m, Elf *debug, int fd)
{
	const struct module_about *about = &m->about;
	uint8_t id[MODULE_BUILD_ID_MAX];
	uint32_t len = read_build_id(debug, id), crc = 0;
	int err;

	if (about->build_id_len && len) {
		if (len != about->build_id_len || memcmp(id, about->build_id, len))
			return fail(-EBADMSG, "the debug file is of another build");
		return 0;
	}
	if (!about->link[0])
		return 0;
	err = file_crc(fd, &crc);
	if (!err && crc != about->link_crc)
		err = fail(-EBADMSG, "the debug file is not the one that the file names");
	return err;
}

int module_add_debug(struct module *m, int fd)
{
	Elf *debug;
	int err = open_elf(fd, true, &debug);

	if (err)
		return err;
	err = check_debug(m, debug, fd);
	if (err) {
		elf_end(debug);
		return err;
	}
	forget(m);
	elf_end(m->debug);
	m->debug = debug;
	m->about.has_symbols = m->about.has_symbols || has_section(debug, ".symtab");
	m->about.has_lines = m->about.has_lines || has_dwarf(debug);
	if (has_dwarf(debug) || !m->about.alt_id_len)
		m->about.alt_id_len = read_alt_id(debug, m->about.alt_id);
	return 0;
}

int module_add_alt(struct module *m, int fd)
{
	uint8_t id[MODULE_BUILD_ID_MAX];
	Elf *alt;
	int err = open_elf(fd, true, &alt);

	if (err)
		return err;
	if (!m->about.alt_id_len || read_build_id(alt, id) != m->about.alt_id_len ||
	    memcmp(id, m->about.alt_id, m->about.alt_id_len)) {
		elf_end(alt);
		return fail(-EBADMSG, "the shared debug file is of another build");
	}
	forget(m);
	elf_end(m->alt);
	m->alt = alt;
	return 0;
}

/*
 * libdw goes and opens a shared debug file by the path in .gnu_debugaltlink, unless it was told
 * one: this one has nothing in it.
 */
static Dwarf *empty_dwarf(Elf **ret)
{
	static struct {
		Elf64_Ehdr h;
		Elf64_Shdr s[3];
		char names[32];
		char info[8];
	} image = {
		.h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, OUR_DATA,
				    EV_CURRENT },
		       .e_type = ET_DYN, .e_machine = OUR_MACHINE, .e_version = EV_CURRENT,
		       .e_shoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
		       .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3, .e_shstrndx = 1 },
		.names = "\0.shstrtab\0.debug_info",
	};

	image.s[1] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_STRTAB, .sh_addralign = 1,
				   .sh_offset = (size_t)(image.names - (char *)&image),
				   .sh_size = sizeof(image.names) };
	image.s[2] = (Elf64_Shdr){ .sh_name = 11, .sh_type = SHT_PROGBITS, .sh_addralign = 1,
				   .sh_offset = (size_t)(image.info - (char *)&image),
				   .sh_size = sizeof(image.info) };
	*ret = elf_memory((char *)&image, sizeof(image));
	return *ret ? dwarf_begin_elf(*ret, DWARF_C_READ, NULL) : NULL;
}

static void read_dwarf(struct module *m)
{
	Elf *elf = m->debug && has_dwarf(m->debug) ? m->debug : m->elf;

	if (!has_dwarf(elf))
		return;
	m->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!m->dwarf)
		return;
	if (m->alt)
		m->alt_dwarf = dwarf_begin_elf(m->alt, DWARF_C_READ, NULL);
	if (!m->alt_dwarf && m->about.alt_id_len) {
		elf_end(m->alt);
		m->alt_dwarf = empty_dwarf(&m->alt);
	}
	if (m->alt_dwarf)
		dwarf_setalt(m->dwarf, m->alt_dwarf);
	m->lines = lines_new(m->dwarf);
}

static void read_all(struct module *m)
{
	if (m->has_read)
		return;
	m->has_read = true;
	read_dwarf(m);
	if (m->debug) {
		symtab_read(&m->code, m->debug);
		symtab_read(&m->data, m->debug);
	}
	symtab_read(&m->code, m->elf);
	symtab_read(&m->data, m->elf);
	cold_read(&m->code, m->elf);
}

/* --- answers --------------------------------------------------------------------------------- */

/*
 * DWARF has the name in the source, which a library may have made up for its inside ("___foo",
 * exported as "foo"), or one without its scope; or there is none, only a line.
 */
static void choose_name(struct module *m, const struct lines_found *found, uint64_t addr,
			struct module_function *f)
{
	const struct symtab_symbol *s = NULL;

	if (!f->function[0])
		s = symtab_find(&m->code, addr);
	else if (found->bare && found->entry)
		s = symtab_at(&m->code, found->entry);
	if (s && (!f->function[0] || name_is_mangled(s->name) ||
		  name_underscores(s->name) < name_underscores(f->function)))
		name_readable(s->name, f->function, sizeof(f->function));
}

int module_code(struct module *m, uint64_t addr, struct module_function *ret, size_t max)
{
	struct lines_found found = { 0 };
	const struct symtab_symbol *s;

	if (!max)
		return fail(-EINVAL, "no room for a function");
	read_all(m);
	if (m->lines)
		found = lines_find(m->lines, addr, ret, max);
	if (found.n) {
		choose_name(m, &found, addr, &ret[found.n - 1]);
		return (int)found.n;
	}
	s = symtab_find(&m->code, addr);
	if (!s)
		return fail(-ENOENT, "no function is known at that address");
	ret[0] = (struct module_function){ .line = 0 };
	name_readable(s->name, ret[0].function, sizeof(ret[0].function));
	return 1;
}

int module_data(struct module *m, uint64_t addr, struct module_variable *ret)
{
	const struct symtab_symbol *s;

	read_all(m);
	s = symtab_find(&m->data, addr);
	if (!s)
		return fail(-ENOENT, "no variable is known at that address");
	*ret = (struct module_variable){ .begin = s->begin, .size = s->end - s->begin };
	name_readable(s->name, ret->name, sizeof(ret->name));
	return 0;
}

int module_rows(struct module *m, struct wire_row **ret, size_t *ret_n, uint64_t *ret_base)
{
	return cfi_rows(m->elf, ret, ret_n, ret_base);
}
