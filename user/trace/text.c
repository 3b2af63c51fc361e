// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text.c - records as lines, for fixtures and for reading; fields.c says what there is.
 *
 *	1000 switch tid=12 next_tid=13 cpu=1 prev_state=futex flags=0x5 block.addr=0x7f00
 *	2000 sums tid=12 tgid=12 state_ns.on_cpu=900 waits=3
 *	3000 proc tid=12 cmdline="python3 a\x1b.py"
 *	4000 stack tid=12 id=0x1 frames=0x7f10:0x20,0x7f80:0x8
 *
 * What trace_format() writes, trace_parse() turns into the same bytes.  For writers of fixtures the
 * parser is a little more generous: numbers may be decimal or 0x…, strings without special
 * characters need no quotes, a block.* field sets the flags that say there is a block and what is
 * in it, and everything after a word that begins with '#' is a comment.  The n of a stack is not
 * written: it is the number of its frames.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/fail.h"
#include "user/trace/fields.h"
#include "user/trace/trace.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are copied as they lie");

/* --- records to text ----------------------------------------------------------------------- */

static void put_escaped(struct buf *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '"' || bytes[i] == '\\')
			buf_printf(out, "\\%c", bytes[i]);
		else if (bytes[i] >= ' ' && bytes[i] <= '~')
			buf_pad(out, (char)bytes[i], 1);
		else
			buf_printf(out, "\\x%02x", bytes[i]);
	}
}

static int64_t sign_extend(uint64_t value, size_t size)
{
	unsigned int shift = 64 - 8 * (unsigned int)size;

	return (int64_t)(value << shift) >> shift;
}

/* code:instr of the n innermost frames; what follows them is zero. */
static void put_frames(struct buf *out, const struct field *f, const struct wire_stack *s)
{
	for (size_t i = 0; i < s->n && i < WIRE_FRAMES_MAX; i++) {
		if (!i)
			buf_printf(out, " %s=", f->name);
		buf_printf(out, "%s0x%" PRIx64 ":0x%" PRIx64, i ? "," : "",
			   (uint64_t)s->frames[i].code, (uint64_t)s->frames[i].instr);
	}
}

static void put_number(struct buf *out, const struct field *f, const uint8_t *at)
{
	uint64_t value = 0;

	memcpy(&value, at, f->size);
	switch (f->form) {
	case FIELD_SINT:
		buf_printf(out, "%" PRId64, sign_extend(value, f->size));
		break;
	case FIELD_HEX:
		buf_printf(out, "0x%" PRIx64, value);
		break;
	case FIELD_NAME:
		buf_puts(out, value < f->limit ? f->names[value] : "?");
		break;
	default:
		buf_printf(out, "%" PRIu64, value);
	}
}

/* Zeros at the end are left out everywhere, so a string keeps even what follows its first NUL. */
static void put_field(struct buf *out, const struct field *f, const struct wire_head *rec)
{
	const uint8_t *at = (const uint8_t *)rec + f->offset;
	size_t len = f->size;

	if (f->form == FIELD_FRAMES)
		put_frames(out, f, (const struct wire_stack *)rec);
	if (f->form == FIELD_FRAMES || f->form == FIELD_COUNT)
		return;
	while (len && !at[len - 1])
		len--;
	if (!len)
		return;
	buf_printf(out, " %s=", f->name);
	if (f->form == FIELD_STRING) {
		buf_puts(out, "\"");
		put_escaped(out, at, len);
		buf_puts(out, "\"");
	} else if (f->form == FIELD_BYTES) {
		for (size_t i = 0; i < len; i++)
			buf_printf(out, "%02x", at[i]);
	} else {
		put_number(out, f, at);
	}
}

void trace_format(struct buf *out, const struct wire_head *rec)
{
	const struct kind *k = kind_get(rec->kind);

	if (!k) {
		buf_printf(out, "%" PRIu64 " kind_%u size=%u", (uint64_t)rec->ts_ns, rec->kind,
			   rec->size);
		return;
	}
	buf_printf(out, "%" PRIu64 " %s", (uint64_t)rec->ts_ns, k->name);
	if (rec->tid)
		buf_printf(out, " tid=%u", rec->tid);
	for (const struct field *f = k->fields; f < k->fields + k->n_fields; f++)
		if (kind_has_field(k, f, rec))
			put_field(out, f, rec);
}

/* --- text to records ----------------------------------------------------------------------- */

struct parser {
	const char *line;
	const char *pos;
	const char *word; /* what an error is about: the field or the word in its place */
	size_t word_len;
	uint8_t flags;		   /* that follow from the fields given */
	const struct field *picky; /* a field given that forbids flags */
};

static const struct field tid_field = {
	.name = "tid",
	.offset = offsetof(struct wire_head, tid),
	.size = 4,
	.form = FIELD_UINT,
};

/* The line may be anything: no more of it than helps, and nothing that a terminal would obey. */
static int bad(const struct parser *p, const char *why)
{
	struct buf text = { 0 };

	buf_puts(&text, "bad trace line: '");
	escape_add(&text, p->word, p->word_len, 30, false);
	buf_printf(&text, "' %s, in '", why);
	escape_add(&text, p->line, strcspn(p->line, "\r\n"), 120, false);
	fail(-EINVAL, "%s'", text.data);
	buf_free(&text);
	return -EINVAL;
}

static int is_end(char c)
{
	return !c || isspace((unsigned char)c);
}

static int at_end(struct parser *p)
{
	while (isspace((unsigned char)*p->pos))
		p->pos++;
	return !*p->pos || *p->pos == '#';
}

/* Take everything up to a space or the character stop. */
static void take_word(struct parser *p, char stop)
{
	p->word = p->pos;
	while (!is_end(*p->pos) && *p->pos != stop)
		p->pos++;
	p->word_len = (size_t)(p->pos - p->word);
}

/* Digits, decimal or 0x…, up to a space or the character stop. */
static int take_number(struct parser *p, char stop, uint64_t *ret)
{
	char *end;
	int base;

	if (!isdigit((unsigned char)*p->pos))
		return bad(p, "needs a number");
	base = p->pos[0] == '0' && (p->pos[1] == 'x' || p->pos[1] == 'X') ? 16 : 10;
	errno = 0;
	*ret = strtoull(p->pos, &end, base);
	if (!is_end(*end) && *end != stop)
		return bad(p, "needs a number");
	if (errno)
		return bad(p, "has a number that does not fit");
	p->pos = end;
	return 0;
}

static int parse_number(struct parser *p, const struct field *f, uint8_t *at)
{
	int negative = f->form == FIELD_SINT && *p->pos == '-';
	uint64_t most = f->size < 8 ? (1ULL << 8 * f->size) - 1 : UINT64_MAX;
	uint64_t value;
	int err;

	if (f->form == FIELD_SINT)
		most /= 2;
	p->pos += negative;
	err = take_number(p, '\0', &value);
	if (err)
		return err;
	if (value > most + (uint64_t)negative || (f->limit && value >= f->limit))
		return bad(p, "has a number that does not fit");
	if (negative)
		value = -value;
	memcpy(at, &value, f->size);
	return 0;
}

static int bad_name(const struct parser *p, const struct field *f)
{
	struct buf why = { 0 };

	buf_puts(&why, "needs one of");
	for (unsigned int i = 0; i < f->limit; i++)
		buf_printf(&why, " %s", f->names[i]);
	bad(p, why.data);
	buf_free(&why);
	return -EINVAL;
}

static int parse_name(struct parser *p, const struct field *f, uint8_t *at)
{
	struct parser value = { .pos = p->pos };

	take_word(&value, '\0');
	for (uint64_t i = 0; i < f->limit; i++) {
		const char *name = f->names[i];

		if (strlen(name) == value.word_len && !memcmp(name, value.word, value.word_len)) {
			memcpy(at, &i, f->size);
			p->pos = value.pos;
			return 0;
		}
	}
	return bad_name(p, f);
}

static int parse_frames(struct parser *p, struct wire_stack *s)
{
	if (s->n)
		return bad(p, "is given twice");
	do {
		uint64_t code, instr;
		int err;

		p->pos += s->n > 0; /* the comma */
		err = take_number(p, ':', &code);
		if (err)
			return err;
		if (*p->pos++ != ':')
			return bad(p, "needs pairs of code:instr");
		err = take_number(p, ',', &instr);
		if (err)
			return err;
		if (s->n == WIRE_FRAMES_MAX)
			return bad(p, "has too many frames");
		s->frames[s->n++] = (struct wire_frame_id){ code, instr };
	} while (*p->pos == ',');
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two hexadecimal digits; -1 if they are not there. */
static int take_hex_byte(struct parser *p)
{
	int high = hex_digit(p->pos[0]);
	int low = high < 0 ? -1 : hex_digit(p->pos[1]);

	if (low < 0)
		return -1;
	p->pos += 2;
	return high << 4 | low;
}

static int parse_bytes(struct parser *p, const struct field *f, uint8_t *at)
{
	size_t len = 0;

	while (!is_end(*p->pos)) {
		int byte = take_hex_byte(p);

		if (byte < 0)
			return bad(p, "needs pairs of hexadecimal digits");
		if (len == f->size)
			return bad(p, "has too many bytes");
		at[len++] = (uint8_t)byte;
	}
	return 0;
}

/* One character of a quoted string, after a backslash what it stands for; -1: no such escape. */
static int take_char(struct parser *p)
{
	char c = *p->pos++;

	if (c != '\\')
		return (uint8_t)c;
	c = *p->pos;
	if (!c)
		return -1;
	p->pos++;
	switch (c) {
	case 'x':
		return take_hex_byte(p);
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '"':
	case '\\':
		return c;
	default:
		return -1;
	}
}

static int parse_string(struct parser *p, const struct field *f, uint8_t *at)
{
	int quoted = *p->pos == '"';
	size_t len = 0;

	p->pos += quoted;
	while (quoted ? *p->pos && *p->pos != '"' : !is_end(*p->pos)) {
		int c = !quoted && strchr("\"\\", *p->pos) ? -1 : take_char(p);

		if (c < 0)
			return bad(p, quoted ? "has an unknown escape" : "needs quotes");
		if (len == (size_t)f->size - 1)
			return bad(p, "is too long");
		at[len++] = (uint8_t)c;
	}
	if (quoted && *p->pos++ != '"')
		return bad(p, "has no closing quote");
	if (!is_end(*p->pos))
		return bad(p, "has something behind its closing quote");
	return 0;
}

static const struct field *find_field(const struct parser *p, const struct kind *k)
{
	if (p->word_len == 3 && !memcmp(p->word, "tid", 3))
		return &tid_field;
	for (const struct field *f = k->fields; f < k->fields + k->n_fields; f++)
		if (f->form != FIELD_COUNT && strlen(f->name) == p->word_len &&
		    !memcmp(f->name, p->word, p->word_len))
			return f;
	return NULL;
}

static int parse_field(struct parser *p, const struct kind *k, uint8_t *rec)
{
	const struct field *f;
	uint8_t *at;

	take_word(p, '=');
	f = find_field(p, k);
	if (!f)
		return bad(p, "is no field of this kind");
	if (*p->pos++ != '=')
		return bad(p, "needs a value");
	at = rec + f->offset;
	for (size_t i = 0; i < f->size; i++)
		if (at[i])
			return bad(p, "is given twice");
	p->flags |= f->needs;
	if (f->forbids)
		p->picky = f;
	switch (f->form) {
	case FIELD_NAME:
		return parse_name(p, f, at);
	case FIELD_FRAMES:
		return parse_frames(p, (struct wire_stack *)rec);
	case FIELD_STRING:
		return parse_string(p, f, at);
	case FIELD_BYTES:
		return parse_bytes(p, f, at);
	default:
		return parse_number(p, f, at);
	}
}

static int parse_head(struct parser *p, struct wire_head *head, const struct kind **ret)
{
	static const struct field time = { .name = "time", .size = 8, .form = FIELD_UINT };
	unsigned int kind = 0;
	int err;

	take_word(p, '\0');
	p->pos = p->word;
	err = parse_number(p, &time, (uint8_t *)&head->ts_ns);
	if (err)
		return err;
	if (at_end(p))
		return bad(p, "is followed by no kind of record");
	take_word(p, '\0');
	*ret = kind_find(p->word, p->word_len, &kind);
	if (!*ret)
		return bad(p, "is no kind of record");
	head->kind = (uint16_t)kind;
	return 0;
}

int trace_parse(const char *line, void *rec, size_t cap)
{
	union {
		struct wire_head head;
		uint8_t bytes[TRACE_RECORD_MAX];
	} made = { .bytes = { 0 } };
	struct parser p = { .line = line, .pos = line };
	const struct kind *k = NULL;
	int err;

	if (at_end(&p))
		return 0;
	err = parse_head(&p, &made.head, &k);
	if (err)
		return err;
	while (!at_end(&p)) {
		err = parse_field(&p, k, made.bytes);
		if (err)
			return err;
	}
	if (p.flags)
		made.bytes[k->flags] |= p.flags;
	if (p.picky && p.picky->forbids & made.bytes[k->flags])
		return fail(-EINVAL, "bad trace line: with its flags there is no '%s'",
			    p.picky->name);
	made.head.size = (uint16_t)kind_size(k, made.bytes);
	err = trace_check(&made.head, sizeof(made));
	if (err)
		return err;
	if (made.head.size > cap)
		return fail(-EINVAL, "bad trace line: a %s record takes %u bytes, there are %zu",
			    k->name, made.head.size, cap);
	memcpy(rec, made.bytes, made.head.size);
	return 1;
}
