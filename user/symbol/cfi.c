// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cfi.c - see cfi.h.
 *
 * libdw finds the call frame information of an address and interprets it, but it does not tell for
 * which addresses there is some.  So the headers of all functions (FDEs) are read here, which gives
 * their spans; then libdw is asked from row to row through each of them.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/cfi.h"
#include "user/symbol/cover.h"
#include "user/symbol/module.h"

#define FDES_MAX (1 << 20)
#define PAGE 4096ull

/* DWARF numbers of registers */
#define RBP 6
#define RSP 7
#define RIP 16

/* How pointers are written in .eh_frame (Linux Standard Base, 10.5): parts of the byte. */
#define ENCODING_FORMAT 0x0f
#define ENCODING_BASE 0x70
#define ENCODING_INDIRECT 0x80

/* .eh_frame or .debug_frame */
struct frames {
	Elf_Data *data;
	uint64_t addr; /* of its first byte; pointers may be relative to their own place */
	bool eh;
	Dwarf_CFI *cfi;
};

struct tables {
	Elf *elf;
	const unsigned char *ident;
	uint64_t begin, end; /* of what is executable, in whole pages at the begin */
	struct frames frames[2]; /* .debug_frame, .eh_frame */
	Dwarf *dwarf;
	struct cover fdes; /* value: index into frames */
	struct wire_row *rows;
	size_t n, cap;
};

/* --- where functions are --------------------------------------------------------------------- */

/* Read an encoded pointer; false if it cannot be. */
static bool read_pointer(const struct frames *f, uint8_t encoding, const uint8_t **at,
			 const uint8_t *end, uint64_t *ret)
{
	static const uint8_t sizes[] = {
		[DW_EH_PE_absptr] = 8, [DW_EH_PE_udata2] = 2, [DW_EH_PE_udata4] = 4,
		[DW_EH_PE_udata8] = 8, [DW_EH_PE_sdata2] = 2, [DW_EH_PE_sdata4] = 4,
		[DW_EH_PE_sdata8] = 8, [ENCODING_FORMAT] = 0,
	};
	uint8_t format = encoding & ENCODING_FORMAT, base = encoding & ENCODING_BASE;
	size_t size = sizes[format];
	uint64_t value = 0;

	if (!size || (encoding & ENCODING_INDIRECT) || (size_t)(end - *at) < size)
		return false;
	memcpy(&value, *at, size);
	if (format == DW_EH_PE_sdata2)
		value = (uint64_t)(int16_t)value;
	if (format == DW_EH_PE_sdata4)
		value = (uint64_t)(int32_t)value;
	if (base == DW_EH_PE_pcrel)
		value += f->addr + (uint64_t)(*at - (const uint8_t *)f->data->d_buf);
	else if (base != DW_EH_PE_absptr && base != DW_EH_PE_datarel) /* its base is 0 here */
		return false;
	*at += size;
	*ret = value;
	return true;
}

/* How a CIE says that pointers of its FDEs are written; -1: not understood. */
static int cie_encoding(const Dwarf_CIE *cie)
{
	const uint8_t *at = cie->augmentation_data;
	const uint8_t *end = at + (at ? cie->augmentation_data_size : 0);
	const char *letter = cie->augmentation;

	if (!letter || *letter != 'z')
		return letter && *letter ? -1 : DW_EH_PE_absptr;
	while (*++letter) {
		static const uint8_t sizes[16] = { 8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8 };

		if (*letter == 'S')
			continue;
		if (!at || at >= end)
			return -1;
		if (*letter == 'R')
			return *at;
		if (*letter == 'P')
			at += sizes[*at & ENCODING_FORMAT];
		else if (*letter != 'L')
			return -1;
		at++;
	}
	return DW_EH_PE_absptr;
}

/* Knows the last CIE: most FDEs have the same as the one before. */
struct cie_cache {
	Dwarf_Off at;
	int encoding;
};

static int fde_encoding(struct tables *t, const struct frames *f, const Dwarf_FDE *fde,
			struct cie_cache *cache)
{
	Dwarf_CFI_Entry entry;
	Dwarf_Off next;

	if (!f->eh)
		return DW_EH_PE_absptr;
	if (cache->at == fde->CIE_pointer)
		return cache->encoding;
	cache->at = fde->CIE_pointer;
	cache->encoding = -1;
	if (cache->at < f->data->d_size &&
	    !dwarf_next_cfi(t->ident, f->data, f->eh, cache->at, &next, &entry) &&
	    dwarf_cfi_cie_p(&entry))
		cache->encoding = cie_encoding(&entry.cie);
	return cache->encoding;
}

/* .eh_frame counts before .debug_frame, then the first before later ones. */
static void add_fde(struct tables *t, size_t i, const Dwarf_FDE *fde, size_t n,
		    struct cie_cache *cache)
{
	const struct frames *f = &t->frames[i];
	int encoding = fde_encoding(t, f, fde, cache);
	const uint8_t *at = fde->start;
	uint64_t begin, size, end;

	if (encoding < 0 || !read_pointer(f, (uint8_t)encoding, &at, fde->end, &begin) ||
	    !read_pointer(f, encoding & ENCODING_FORMAT, &at, fde->end, &size))
		return;
	end = size < UINT64_MAX - begin ? begin + size : UINT64_MAX;
	begin = begin < t->begin ? t->begin : begin;
	end = end > t->end ? t->end : end;
	cover_add(&t->fdes, begin, end, (uint32_t)i, (uint32_t)((i + 1) * FDES_MAX - n));
}

static void add_fdes(struct tables *t, size_t i)
{
	struct cie_cache cache = { .at = (Dwarf_Off)-1 };
	struct frames *f = &t->frames[i];
	Dwarf_CFI_Entry entry;
	Dwarf_Off at = 0, next;

	for (size_t n = 0; n < FDES_MAX; n++, at = next) {
		int err;

		next = (Dwarf_Off)-1;
		err = dwarf_next_cfi(t->ident, f->data, f->eh, at, &next, &entry);
		if (!err && !dwarf_cfi_cie_p(&entry))
			add_fde(t, i, &entry.fde, n, &cache);
		if (err > 0 || next == (Dwarf_Off)-1 || next <= at)
			return;
	}
}

/* --- rules ----------------------------------------------------------------------------------- */

static bool is_register(const Dwarf_Op *op, unsigned int reg, int64_t *ret_offset)
{
	if (op->atom == DW_OP_bregx && op->number == reg) {
		*ret_offset = (int64_t)op->number2;
		return true;
	}
	*ret_offset = (int64_t)op->number;
	return op->atom == DW_OP_breg0 + reg;
}

/* The expression of ld's stubs for lazy binding: 8 more is on the stack from some byte on. */
static int plt_byte(const Dwarf_Op *ops, size_t n)
{
	int64_t rsp, rip;

	if (n != 9 || !is_register(&ops[0], RSP, &rsp) || rsp != 8 ||
	    !is_register(&ops[1], RIP, &rip) || rip || ops[2].atom != DW_OP_lit15 ||
	    ops[3].atom != DW_OP_and || ops[4].atom < DW_OP_lit0 ||
	    ops[4].atom > DW_OP_lit15 || ops[5].atom != DW_OP_ge || ops[6].atom != DW_OP_lit3 ||
	    ops[7].atom != DW_OP_shl || ops[8].atom != DW_OP_plus)
		return -1;
	return ops[4].atom - DW_OP_lit0;
}

struct cfa {
	enum wire_rule_kind kind;
	int64_t offset; /* in bytes */
};

static struct cfa cfa_of(Dwarf_Frame *frame)
{
	static const struct cfa none = { .kind = WIRE_RULE_NONE };
	struct cfa cfa = none;
	Dwarf_Op *ops;
	bool at;
	size_t n;

	if (dwarf_frame_cfa(frame, &ops, &n) || !n)
		return none;
	at = n == 2 && ops[1].atom == DW_OP_deref;
	if ((n == 1 || at) && is_register(&ops[0], RSP, &cfa.offset))
		cfa.kind = at ? WIRE_RULE_RSP_AT : WIRE_RULE_RSP;
	else if ((n == 1 || at) && is_register(&ops[0], RBP, &cfa.offset))
		cfa.kind = at ? WIRE_RULE_RBP_AT : WIRE_RULE_RBP;
	else if (plt_byte(ops, n) >= 0)
		return (struct cfa){ .kind = WIRE_RULE_PLT, .offset = plt_byte(ops, n) };
	if (cfa.offset % 8 || cfa.offset / 8 < -(1 << 19) || cfa.offset / 8 >= 1 << 19)
		return none;
	return cfa;
}

enum saved {
	SAVED_SAME,
	SAVED_NOWHERE,
	SAVED_AT_CFA, /* + offset */
	SAVED_IS_CFA, /* its value is CFA + offset */
	SAVED_AT_RBP, /* + offset */
	SAVED_OTHER,
};

static enum saved saved_of(Dwarf_Frame *frame, int reg, int64_t *ret_offset)
{
	Dwarf_Op mem[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, reg, mem, &ops, &n))
		return SAVED_OTHER;
	if (!n)
		return ops ? SAVED_NOWHERE : SAVED_SAME;
	if (ops[0].atom != DW_OP_call_frame_cfa)
		return SAVED_OTHER;
	if (n == 2 && is_register(&ops[1], RBP, ret_offset)) /* an expression that ignores it */
		return SAVED_AT_RBP;
	*ret_offset = 0;
	if (n > 1 && ops[1].atom == DW_OP_plus_uconst)
		*ret_offset = (int64_t)ops[1].number;
	if (n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst))
		return SAVED_AT_CFA;
	return ops[n - 1].atom == DW_OP_stack_value ? SAVED_IS_CFA : SAVED_OTHER;
}

static int rbp_of(Dwarf_Frame *frame, const struct cfa *cfa)
{
	int64_t offset;
	enum saved saved = saved_of(frame, RBP, &offset);

	if (saved == SAVED_SAME)
		return WIRE_RBP_SAME;
	if (saved == SAVED_AT_RBP && cfa->kind == WIRE_RULE_RBP_AT && !offset)
		return WIRE_RBP_AT_RBP;
	if (saved == SAVED_AT_RBP && cfa->kind == WIRE_RULE_RBP)
		offset -= cfa->offset;
	else if (saved != SAVED_AT_CFA)
		return WIRE_RBP_UNKNOWN;
	if (!offset || offset % 8 || offset / 8 < -125 || offset / 8 > 125)
		return WIRE_RBP_UNKNOWN;
	return (int)(offset / 8);
}

/* Signal frames are known by rsp's place in struct ucontext, from where the handler returns. */
static bool is_signal_frame(const struct cfa *cfa, bool flag)
{
	return flag && cfa->kind == WIRE_RULE_RSP_AT && cfa->offset == 160;
}

static uint32_t rule_of(Dwarf_Frame *frame, int ra, bool signal)
{
	struct cfa cfa = cfa_of(frame);
	int64_t offset;
	enum saved saved;

	if (is_signal_frame(&cfa, signal))
		return WIRE_RULE(WIRE_RULE_SIGNAL, WIRE_RBP_SAME, 0);
	saved = saved_of(frame, ra, &offset);
	if (saved == SAVED_NOWHERE)
		return WIRE_RULE(WIRE_RULE_END, WIRE_RBP_SAME, 0);
	if (cfa.kind == WIRE_RULE_NONE || saved != SAVED_AT_CFA || offset != -8)
		return WIRE_RULE(WIRE_RULE_NONE, WIRE_RBP_SAME, 0);
	if (saved_of(frame, RSP, &offset) != SAVED_IS_CFA || offset)
		return WIRE_RULE(WIRE_RULE_NONE, WIRE_RBP_SAME, 0);
	if (cfa.kind == WIRE_RULE_PLT)
		return WIRE_RULE(WIRE_RULE_PLT, rbp_of(frame, &cfa), cfa.offset);
	return WIRE_RULE(cfa.kind, rbp_of(frame, &cfa), cfa.offset / 8);
}

/* --- rows ------------------------------------------------------------------------------------ */

static void put_row(struct tables *t, uint64_t addr, uint32_t rule)
{
	if (t->n && t->rows[t->n - 1].rule == rule)
		return;
	vec_push(t->rows, t->n, t->cap) =
		(struct wire_row){ .pc = (uint32_t)(addr - t->begin), .rule = rule };
}

static int put_span(struct tables *t, const struct cover_span *span)
{
	Dwarf_CFI *cfi = t->frames[span->value].cfi;
	uint64_t at = span->begin;

	while (at < span->end) {
		Dwarf_Addr begin, end = 0;
		Dwarf_Frame *frame;
		uint32_t rule = 0;
		bool signal;
		int ra;

		if (t->n >= MODULE_ROWS_MAX)
			return fail(-EFBIG, "more than %d unwind rows", MODULE_ROWS_MAX);
		if (!dwarf_cfi_addrframe(cfi, at, &frame)) {
			ra = dwarf_frame_info(frame, &begin, &end, &signal);
			if (ra >= 0)
				rule = rule_of(frame, ra, signal);
			free(frame);
		}
		put_row(t, at, rule);
		at = end > at ? end : span->end;
	}
	return 0;
}

static int put_rows(struct tables *t)
{
	uint64_t at = t->begin;

	for (size_t i = 0; i < t->fdes.n; i++) {
		const struct cover_span *span = &t->fdes.spans[i];
		int err;

		if (span->begin > at)
			put_row(t, at, WIRE_RULE_NONE);
		err = put_span(t, span);
		if (err)
			return err;
		at = span->end;
	}
	put_row(t, at, WIRE_RULE_NONE);
	return 0;
}

/* --- the file -------------------------------------------------------------------------------- */

/* From the first to the last executable byte. */
static int find_code(struct tables *t)
{
	size_t n = 0;

	t->begin = UINT64_MAX;
	if (elf_getphdrnum(t->elf, &n))
		return fail(-EBADMSG, "bad ELF program headers");
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(t->elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		if (p.p_memsz > UINT64_MAX - p.p_vaddr)
			return fail(-EBADMSG, "a segment of the ELF file does not fit into memory");
		if ((p.p_vaddr & -PAGE) < t->begin)
			t->begin = p.p_vaddr & -PAGE;
		if (p.p_vaddr + p.p_memsz > t->end)
			t->end = p.p_vaddr + p.p_memsz;
	}
	if (t->begin >= t->end)
		return fail(-ENOENT, "the ELF file has no code");
	if (t->end - t->begin > UINT32_MAX)
		return fail(-EFBIG, "the ELF file has more than 4 GiB of code");
	return 0;
}

/* A section with data, by either name. */
static Elf_Scn *find_section(Elf *elf, const char *name, const char *other, GElf_Shdr *ret)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *s = gelf_getshdr(scn, ret) ? elf_strptr(elf, names, ret->sh_name) : NULL;

		if (s && (!strcmp(s, name) || !strcmp(s, other)) && ret->sh_type != SHT_NOBITS)
			return scn;
	}
	return NULL;
}

/* The bytes from an address on to the end of its segment. */
static Elf_Data *segment_data(Elf *elf, uint64_t addr)
{
	size_t n = 0;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || addr < p.p_vaddr ||
		    addr - p.p_vaddr >= p.p_filesz)
			continue;
		return elf_getdata_rawchunk(elf, (int64_t)(p.p_offset + (addr - p.p_vaddr)),
					    p.p_filesz - (addr - p.p_vaddr), ELF_T_BYTE);
	}
	return NULL;
}

/* Without section headers: the table for binary search knows where .eh_frame is. */
static void find_eh_frame_by_segment(struct tables *t, struct frames *f)
{
	size_t n = 0;

	elf_getphdrnum(t->elf, &n);
	for (size_t i = 0; i < n; i++) {
		struct frames header = { .eh = true };
		const uint8_t *at, *bytes;
		GElf_Phdr p;

		if (!gelf_getphdr(t->elf, (int)i, &p) || p.p_type != PT_GNU_EH_FRAME)
			continue;
		header.addr = p.p_vaddr;
		header.data = segment_data(t->elf, p.p_vaddr);
		if (!header.data || header.data->d_size < 4)
			return;
		bytes = header.data->d_buf;
		at = bytes + 4; /* version, three encodings: of this pointer is the first */
		if (read_pointer(&header, bytes[1], &at, bytes + header.data->d_size, &f->addr))
			f->data = segment_data(t->elf, f->addr);
		return;
	}
}

static void open_eh_frame(struct tables *t, struct frames *f)
{
	GElf_Shdr h;
	Elf_Scn *scn = find_section(t->elf, ".eh_frame", "", &h);

	f->eh = true;
	if (scn) {
		f->addr = h.sh_addr;
		f->data = elf_getdata(scn, NULL);
	} else {
		find_eh_frame_by_segment(t, f);
	}
	if (f->data && f->data->d_buf)
		f->cfi = dwarf_getcfi_elf(t->elf);
}

static void open_debug_frame(struct tables *t, struct frames *f)
{
	GElf_Shdr h;
	Elf_Scn *scn = find_section(t->elf, ".debug_frame", ".zdebug_frame", &h);

	if (!scn)
		return;
	t->dwarf = dwarf_begin_elf(t->elf, DWARF_C_READ, NULL);
	if (!t->dwarf) /* it also decompresses the section */
		return;
	f->data = elf_getdata(scn, NULL);
	if (f->data && f->data->d_buf)
		f->cfi = dwarf_getcfi(t->dwarf);
}

static int find_functions(struct tables *t)
{
	GElf_Ehdr h;
	int err;

	if (!gelf_getehdr(t->elf, &h) || h.e_machine != EM_X86_64)
		return fail(-ENOENT, "no unwind rows for this machine");
	err = find_code(t);
	if (err)
		return err;
	t->ident = (const unsigned char *)elf_getident(t->elf, NULL);
	open_debug_frame(t, &t->frames[0]);
	open_eh_frame(t, &t->frames[1]);
	for (size_t i = 0; i < 2; i++)
		if (t->frames[i].cfi)
			add_fdes(t, i);
	cover_settle(&t->fdes);
	if (!t->fdes.n)
		return fail(-ENOENT, "the ELF file has no call frame information");
	return 0;
}

static void close_frames(struct tables *t)
{
	dwarf_cfi_end(t->frames[1].cfi); /* the other one is the Dwarf's */
	dwarf_end(t->dwarf);
}

int cfi_rows(Elf *elf, struct wire_row **ret, size_t *ret_n, uint64_t *ret_base)
{
	struct tables t = { .elf = elf };
	int err = find_functions(&t);

	if (!err)
		err = put_rows(&t);
	close_frames(&t);
	cover_free(&t.fdes);
	if (err) {
		free(t.rows);
		return err;
	}
	*ret = t.rows;
	*ret_n = t.n;
	*ret_base = t.begin;
	return 0;
}

int cfi_functions(Elf *elf, struct cover *ret)
{
	struct tables t = { .elf = elf };
	int err = find_functions(&t);

	close_frames(&t);
	*ret = t.fdes;
	return err;
}

const uint8_t *cfi_code(Elf *elf, uint64_t begin, size_t size)
{
	Elf_Data *data = segment_data(elf, begin);

	return data && data->d_buf && data->d_size >= size ? data->d_buf : NULL;
}
