/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf.h - a growing byte buffer, and memory that never fails quietly.
 *
 * Running out of memory ends the program with a message (exit 125): nothing useful can be done and
 * the kernel releases all BPF objects with the process.
 */
#ifndef PARASCOPE_BUF_H
#define PARASCOPE_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* always NUL-terminated once something was added */
	size_t len;
	size_t cap;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_pad(struct buf *b, char c, size_t n);
void buf_free(struct buf *b);

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);

/*
 * Append one element to a plain array: vec_push(array, n, cap) makes room and yields the new last
 * element, zeroed, as an lvalue; n is the count, cap the allocated count.
 */
#define vec_push(array, n, cap)                                                                    \
	(*(typeof(array))vec_grow((void **)&(array), &(n), &(cap), sizeof(*(array))))
void *vec_grow(void **array, size_t *n, size_t *cap, size_t size);

#endif
