/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spaces.h - what code the watched processes have in their memory, and the tables to unwind it;
 * private to this folder.
 *
 * A forked child has its parent's space until it maps code or calls exec.  Files are held by
 * descriptors that symbols.h has, so they stay readable when their process and name are gone.
 * Everything read belongs to the target and may be anything; a failed look is no error, only a gap.
 */
#ifndef PARASCOPE_SPACES_H
#define PARASCOPE_SPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/session/images.h"
#include "user/symbol/symbols.h"

struct spaces;
struct tables;

/* Both are the caller's. */
struct spaces *spaces_new(struct symbols *symbols, struct tables *tables);
void spaces_free(struct spaces *s); /* NULL is fine */

/* In the order in which records come: a process is there, forked or not; calls exec; maps code; ends. */
void spaces_process(struct spaces *s, uint32_t tgid, uint32_t parent, bool forked);
void spaces_exec(struct spaces *s, uint32_t tgid);
void spaces_mapped(struct spaces *s, uint32_t tgid);
void spaces_end(struct spaces *s, uint32_t tgid);

/* Answers of symbols.h. */
void spaces_opened(struct spaces *s, uint32_t file, int err, const struct module_about *about);
void spaces_rows(struct spaces *s, uint32_t file, int err, uint64_t base,
		 const struct wire_row *rows, size_t n);

/* Begin with the files that almost every process has. */
void spaces_warm(struct spaces *s);

/* Read again what changed and tell the BPF programs. */
void spaces_tick(struct spaces *s);
/* Something is to be read again: tick soon. */
bool spaces_hurry(const struct spaces *s);
/* No table is being made that a process waits for. */
bool spaces_settled(const struct spaces *s);

/* Where an address of a process lies. */
struct spaces_place {
	uint32_t file; /* as symbols.h numbers it, 0: there is none */
	uint64_t addr; /* there */
	char module[48]; /* end of the file's name; "[heap]" and the like */
	bool program;	 /* the file is the one that the process runs */
	bool jit;	 /* code made at run time; the file, if any, is its perf map, which may grow */
};

/*
 * Of code, or of a variable (module "" and file 0: in no file).  0, -ENOENT: nothing is mapped there
 * that is known of, or -EAGAIN: the file has not been looked into yet.
 */
int spaces_locate(struct spaces *s, uint32_t tgid, uint64_t addr, struct spaces_place *ret);
/* See whether its perf map has grown; at_once: the last time. */
void spaces_look(struct spaces *s, uint32_t tgid, bool at_once);
int spaces_locate_data(struct spaces *s, uint32_t tgid, uint64_t addr, struct spaces_place *ret);

/*
 * As tables.h numbers it; 0: its memory is not known (yet).  Another one once a process runs another
 * program, or has another file where one was.
 */
uint32_t spaces_slot(const struct spaces *s, uint32_t tgid);

struct images_count spaces_count(const struct spaces *s);

#endif
