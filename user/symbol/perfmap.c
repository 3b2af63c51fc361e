// SPDX-License-Identifier: GPL-2.0-or-later
/* perfmap.c - see perfmap.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/symbol/cover.h"
#include "user/symbol/perfmap.h"

struct perfmap {
	char *text; /* ends with a newline and NUL */
	size_t len;
	struct cover cover; /* value: where in the text the name begins; rank: later lines' is higher */
};

static int read_end(int fd, struct perfmap *p)
{
	struct stat st;
	off_t from;

	if (fstat(fd, &st))
		return fail(-errno, "cannot look at the perf map: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(-ENOEXEC, "the perf map is not a regular file");
	from = st.st_size > PERFMAP_BYTES ? st.st_size - PERFMAP_BYTES : 0;
	p->text = xcalloc(1, (size_t)(st.st_size - from) + 2);
	while (p->len < (size_t)(st.st_size - from)) {
		ssize_t n = pread(fd, p->text + p->len, (size_t)(st.st_size - from) - p->len,
				  from + (off_t)p->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(-errno, "cannot read the perf map: %s", strerror(errno));
		if (!n)
			break;
		p->len += (size_t)n;
	}
	if (from && p->len)
		p->text[0] = '?'; /* the rest of a line is none */
	if (p->len && p->text[p->len - 1] != '\n')
		p->text[p->len++] = '\n';
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number and the blanks behind it; NULL: there is none, or it is too large. */
static const char *parse_number(const char *at, uint64_t *ret)
{
	const char *begin;

	if (at[0] == '0' && (at[1] | 0x20) == 'x')
		at += 2;
	for (begin = at, *ret = 0; hex_digit(*at) >= 0; at++) {
		if (*ret >> 60)
			return NULL;
		*ret = *ret << 4 | (uint64_t)hex_digit(*at);
	}
	if (at == begin || (*at != ' ' && *at != '\t'))
		return NULL;
	return at + strspn(at, " \t");
}

static void add_line(struct perfmap *p, const char *line, uint32_t rank)
{
	uint64_t begin, size;
	const char *name = parse_number(line, &begin);

	if (name)
		name = parse_number(name, &size);
	if (!name || *name == '\n' || !*name)
		return;
	if (size > UINT64_MAX - begin)
		size = UINT64_MAX - begin;
	cover_add(&p->cover, begin, begin + size, (uint32_t)(name - p->text), rank);
}

/* Backwards: the last lines are those that count. */
static void add_lines(struct perfmap *p)
{
	const char *end = p->text + p->len; /* behind a newline */

	for (uint32_t i = 0; end > p->text && i < PERFMAP_LINES; i++) {
		const char *before = memrchr(p->text, '\n', (size_t)(end - 1 - p->text));
		const char *line = before ? before + 1 : p->text;

		add_line(p, line, PERFMAP_LINES - i);
		end = line;
	}
	cover_settle(&p->cover);
}

int perfmap_open(int fd, struct perfmap **ret)
{
	struct perfmap *p = xcalloc(1, sizeof(*p));
	int err = read_end(fd, p);

	if (err) {
		perfmap_close(p);
		return err;
	}
	add_lines(p);
	*ret = p;
	return 0;
}

void perfmap_close(struct perfmap *p)
{
	if (!p)
		return;
	free(p->text);
	cover_free(&p->cover);
	free(p);
}

int perfmap_code(struct perfmap *p, uint64_t addr, struct module_function *ret)
{
	const struct cover_span *span = cover_find(&p->cover, addr);
	const char *name;
	size_t len;

	if (!span)
		return fail(-ENOENT, "the perf map knows no function at that address");
	name = p->text + span->value;
	len = strcspn(name, "\n");
	if (len && name[len - 1] == '\r')
		len--;
	*ret = (struct module_function){ .line = 0 };
	memcpy(ret->function, name, len < sizeof(ret->function) ? len : sizeof(ret->function) - 1);
	return 1;
}
