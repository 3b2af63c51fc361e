/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outfile.h - a file that the user asked for: whole under its name, or not there at all.
 *
 * parascope runs as root in folders that others may write to.  So a file is made beside its path
 * under a name nobody can foresee, private, and takes its real name only when it is whole: an older
 * file stays until then, and no link that lies in wait is ever followed.  Under sudo it belongs to
 * whoever called sudo.
 *
 * A path that is no regular file (a FIFO, /dev/null) and stdout ("-", "/dev/stdout") are written in
 * place; a folder, a block device and a symbolic link to a file are refused.
 */
#ifndef PARASCOPE_OUTFILE_H
#define PARASCOPE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>

struct outfile;

/* Is it another name of our standard output? */
bool outfile_is_stdout(const char *path);

/*
 * Will it be written in place?  Then opening and writing may wait for a reader, and nothing has to
 * be removed should a signal end us meanwhile.
 */
bool outfile_in_place(const char *path);

/*
 * what is the word for it in messages ("trace"); terminal: it may be one.  0, or -errno with a
 * message.  The caller ignores SIGPIPE and SIGXFSZ, and blocks signals while there is a temporary
 * file.
 */
int outfile_open(struct outfile **ret, const char *what, const char *path, bool terminal);

/* The first error sticks, with its message: again on each further call. */
int outfile_write(struct outfile *f, const void *data, size_t len);
int outfile_error(const struct outfile *f);

/* It is whole: give it its name. */
int outfile_commit(struct outfile *f);

/* Without commit the temporary file is removed.  NULL is fine. */
void outfile_close(struct outfile *f);

/* All of it to a descriptor, which may be non-blocking; 0 or -errno, no message. */
int write_all(int fd, const void *data, size_t len);

#endif
