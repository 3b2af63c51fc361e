// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_object.c - strings, numbers and attributes in a target; see cpython_object.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/runtime/cpython_object.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define TYPE_NAME_MAX 32
#define STR_HEAD_MAX 96 /* more than s_compact */
#define STR_LENGTH_MAX (1ull << 40)
#define INSTANCE_MAX (1 << 16) /* bytes of an instance */
#define ENTRIES_MAX 256	       /* attributes of one instance */
#define TABLE_MAX 20	       /* log2 of the bytes of a dict's hash table */

#define FLAG_INLINE_VALUES (1 << 2)
#define FLAG_MANAGED_DICT (1 << 4)

static int fail_odd(const char *what)
{
	return fail(-EIO, "no %s lies where CPython should have one", what);
}

static uint64_t u64_at(const void *bytes, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)bytes + at, sizeof(v));
	return v;
}

static uint32_t u32_at(const void *bytes, size_t at)
{
	uint32_t v;

	memcpy(&v, (const char *)bytes + at, sizeof(v));
	return v;
}

/* An address that is read from the target must look like one. */
static int read_address(const struct cpython_memory *m, uint64_t addr, uint64_t *ret)
{
	int err = cpython_read_u64(m, addr, ret);

	if (!err && !cpython_is_address(*ret))
		return fail_odd("object");
	return err;
}

/* --- types ----------------------------------------------------------------------------------- */

static int read_type(const struct cpython_memory *m, uint64_t object, uint64_t *ret)
{
	if (!cpython_is_address(object))
		return fail_odd("object");
	return read_address(m, object + m->layout->o_type, ret);
}

static int read_flags(const struct cpython_memory *m, uint64_t object, uint64_t *ret_type,
		      uint64_t *ret_flags)
{
	int err = read_type(m, object, ret_type);

	return err ? err : cpython_read_u64(m, *ret_type + m->layout->y_flags, ret_flags);
}

int cpython_check_flag(const struct cpython_memory *m, uint64_t object, uint64_t flag)
{
	uint64_t type, flags;
	int err = read_flags(m, object, &type, &flags);

	if (!err && !(flags & flag))
		return fail_odd("object of that type");
	return err;
}

int cpython_check_type(const struct cpython_memory *m, uint64_t object, const char *name)
{
	char there[TYPE_NAME_MAX] = "";
	size_t len = strlen(name) + 1;
	uint64_t type, at;
	int err = read_type(m, object, &type);

	if (!err) /* a string of C lies anywhere */
		err = cpython_read_u64(m, type + m->layout->y_name, &at);
	if (!err)
		err = cpython_read(m, at, there, len < sizeof(there) ? len : sizeof(there));
	if (!err && strncmp(there, name, sizeof(there)))
		return fail_odd(name);
	return err;
}

/* --- strings --------------------------------------------------------------------------------- */

#define UTF8_MAX 4

/* Returns how many bytes it wrote. */
static size_t put_utf8(uint32_t c, char *to)
{
	unsigned char *b = (unsigned char *)to;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = '?';
	if (c < 0x80) {
		b[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		b[0] = (unsigned char)(0xc0 | c >> 6);
		b[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		b[0] = (unsigned char)(0xe0 | c >> 12);
		b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	b[0] = (unsigned char)(0xf0 | c >> 18);
	b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	b[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t char_at(const unsigned char *data, size_t i, unsigned kind)
{
	uint32_t c = 0;

	memcpy(&c, data + i * kind, kind);
	return c;
}

static bool is_inside(const char *utf8, size_t at)
{
	return ((unsigned char)utf8[at] & 0xc0) == 0x80;
}

/* n characters of 1, 2 or 4 bytes to UTF-8; what does not fit is cut between two of them. */
static void encode(const unsigned char *data, size_t n, unsigned kind, enum cpython_keep keep,
		   char *ret, size_t size)
{
	char all[CPYTHON_STRING_MAX * UTF8_MAX];
	size_t len = 0, begin = 0, end;
	uint32_t c;

	for (size_t i = 0; i < n && (c = char_at(data, i, kind)); i++)
		len += put_utf8(c, all + len);
	end = len;
	if (len >= size && keep == CPYTHON_END) {
		begin = len - (size - 1);
		while (begin < end && is_inside(all, begin))
			begin++;
	} else if (len >= size) {
		end = size - 1;
		while (end && is_inside(all, end))
			end--;
	}
	memcpy(ret, all + begin, end - begin);
	ret[end - begin] = '\0';
}

int cpython_string(const struct cpython_memory *m, uint64_t str, enum cpython_keep keep, char *ret,
		   size_t size)
{
	const struct cpython_layout *l = m->layout;
	unsigned char head[STR_HEAD_MAX], data[CPYTHON_STRING_MAX * 4];
	uint64_t length, n, at;
	uint32_t state;
	unsigned kind;
	int err = cpython_check_flag(m, str, CPYTHON_IS_STR);

	*ret = '\0';
	if (!err)
		err = cpython_read(m, str, head, l->s_ascii);
	if (err)
		return err;
	length = u64_at(head, l->s_length);
	state = u32_at(head, l->s_state) >> l->s_shift;
	if (length > STR_LENGTH_MAX)
		return fail_odd("str");
	kind = state & 7;
	if ((kind != 1 && kind != 2 && kind != 4) || !(state >> 3 & 1)) {
		snprintf(ret, size, "?");
		return 0;
	}
	size = size < CPYTHON_STRING_MAX ? size : CPYTHON_STRING_MAX;
	n = length < size ? length : size; /* enough: none has less than one byte */
	at = str + (state >> 4 & 1 ? l->s_ascii : l->s_compact);
	if (keep == CPYTHON_END)
		at += (length - n) * kind;
	err = n ? cpython_read(m, at, data, n * kind) : 0;
	if (!err)
		encode(data, n, kind, keep, ret, size);
	return err;
}

/* --- numbers --------------------------------------------------------------------------------- */

#define DIGIT_BITS 30

int cpython_int(const struct cpython_memory *m, uint64_t object, uint64_t *ret)
{
	const struct cpython_layout *l = m->layout;
	uint64_t n, v = 0;
	uint32_t digits[3];
	int err = cpython_check_flag(m, object, CPYTHON_IS_INT);

	if (!err)
		err = cpython_read_u64(m, object + l->o_size, &n);
	if (err)
		return err;
	if (l->i_tagged && n & 3)
		return fail_odd("positive int");
	n >>= l->i_tagged ? 3 : 0;
	if (!n || n > COUNT(digits))
		return fail_odd("int of that size");
	err = cpython_read(m, object + l->i_digits, digits, n * sizeof(*digits));
	if (err)
		return err;
	if (n == COUNT(digits) && digits[2] >= 1u << (64 - 2 * DIGIT_BITS))
		return fail_odd("int of that size");
	while (n--)
		v = v << DIGIT_BITS | digits[n];
	*ret = v;
	return 0;
}

/* --- attributes ------------------------------------------------------------------------------ */

/* Names and, in the same order, values; no values: each is beside its name. */
struct store {
	uint64_t keys, values;
	uint64_t room; /* for so many values, if that is known */
};

static int store_of_dict(const struct cpython_memory *m, uint64_t dict, struct store *ret)
{
	const struct cpython_layout *l = m->layout;
	int err = cpython_check_flag(m, dict, CPYTHON_IS_DICT);

	if (!err)
		err = read_address(m, dict + l->d_keys, &ret->keys);
	if (!err)
		err = cpython_read_u64(m, dict + l->d_values, &ret->values);
	if (!err && ret->values)
		ret->values += l->v_data;
	return err;
}

struct instance {
	uint64_t addr, type, flags;
};

static int store_in_dict(const struct cpython_memory *m, const struct instance *in,
			 struct store *ret)
{
	uint64_t offset, dict;
	int err = cpython_read_u64(m, in->type + m->layout->y_dictoffset, &offset);

	if (err)
		return err;
	if (!offset || offset >= INSTANCE_MAX || offset % 8)
		return fail_odd("instance with a dict");
	err = read_address(m, in->addr + offset, &dict);
	return err ? err : store_of_dict(m, dict, ret);
}

static int store_in_values(const struct cpython_memory *m, const struct instance *in,
			   struct store *ret)
{
	uint64_t words[2]; /* PyDictValues *, then that of a dict; then the collector's 16 bytes */
	int err = cpython_read(m, in->addr - 32, words, sizeof(words));

	if (err)
		return err;
	if (!words[0])
		return store_of_dict(m, words[1], ret);
	ret->values = words[0];
	return read_address(m, in->type + m->layout->y_keys, &ret->keys);
}

static int store_in_either(const struct cpython_memory *m, const struct instance *in,
			   struct store *ret)
{
	uint64_t word;
	int err = cpython_read_u64(m, in->addr - m->layout->o_dict, &word);

	if (err)
		return err;
	if (!(word & 1))
		return store_of_dict(m, word, ret);
	ret->values = word + 1;
	return read_address(m, in->type + m->layout->y_keys, &ret->keys);
}

static int store_inline(const struct cpython_memory *m, const struct instance *in,
			struct store *ret)
{
	const struct cpython_layout *l = m->layout;
	uint8_t head[4]; /* capacity, size, embedded, valid */
	uint64_t dict, size;
	int err = cpython_read_u64(m, in->addr - l->o_dict, &dict);

	if (err || dict)
		return err ? err : store_of_dict(m, dict, ret);
	err = cpython_read_u64(m, in->type + l->y_basicsize, &size);
	if (err)
		return err;
	if (!(in->flags & FLAG_INLINE_VALUES) || size >= INSTANCE_MAX || size % 8)
		return fail_odd("instance with values");
	err = cpython_read(m, in->addr + size, head, sizeof(head));
	if (err)
		return err;
	if (!head[3])
		return fail_odd("instance with values");
	ret->values = in->addr + size + l->v_data;
	ret->room = head[0];
	return read_address(m, in->type + l->y_keys, &ret->keys);
}

static const struct {
	int (*find)(const struct cpython_memory *m, const struct instance *in, struct store *ret);
	uint64_t flags; /* the type must have */
} stores[] = {
	[CPYTHON_DICT] = { store_in_dict, 0 },
	[CPYTHON_VALUES] = { store_in_values, FLAG_MANAGED_DICT },
	[CPYTHON_DICT_OR_VALUES] = { store_in_either, FLAG_MANAGED_DICT },
	[CPYTHON_INLINE_VALUES] = { store_inline, FLAG_MANAGED_DICT },
};

/* Entries of a dict: (hash, key, value), or (key, value) if all keys are strings since 3.11. */
struct entries {
	uint64_t at, n;
	unsigned size, key, value;
};

#define KEYS_HEAD 40 /* bytes of PyDictKeysObject up to dk_nentries, in all versions */

static int find_entries(const struct cpython_memory *m, uint64_t keys, struct entries *ret)
{
	unsigned char head[KEYS_HEAD];
	uint64_t table, size;
	int err = cpython_read(m, keys, head, sizeof(head));

	if (err)
		return err;
	if (m->layout->minor >= 11) { /* log2 of the size, of its bytes, kind */
		bool general = !head[10];

		if (head[9] > TABLE_MAX || head[10] > 2)
			return fail_odd("dict");
		table = 1ull << head[9];
		*ret = (struct entries){ .n = u64_at(head, 24),
					 .size = general ? 24 : 16,
					 .key = general ? 8 : 0,
					 .value = general ? 16 : 8 };
	} else {
		size = u64_at(head, 8);
		if (size > 1 << TABLE_MAX)
			return fail_odd("dict");
		table = size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : 4);
		*ret = (struct entries){ .n = u64_at(head, 32), .size = 24, .key = 8, .value = 16 };
	}
	ret->at = keys + m->layout->k_entries + table;
	return ret->n > ENTRIES_MAX ? fail_odd("instance") : 0;
}

static int find_value(const struct cpython_memory *m, const struct store *store, const char *name,
		      uint64_t *ret)
{
	struct entries entries = { 0 };
	int err = find_entries(m, store->keys, &entries);

	for (uint64_t i = 0; !err && i < entries.n && i < store->room; i++) {
		uint64_t at = entries.at + i * entries.size, key;
		char there[TYPE_NAME_MAX];

		err = cpython_read_u64(m, at + entries.key, &key);
		if (err || !key) /* 0: it was deleted */
			continue;
		err = cpython_string(m, key, CPYTHON_BEGIN, there, sizeof(there));
		if (err || strcmp(there, name))
			continue;
		return read_address(m, store->values ? store->values + 8 * i : at + entries.value,
				    ret);
	}
	return err ? err : fail(-ENOENT, "no attribute %s", name);
}

int cpython_attribute(const struct cpython_memory *m, uint64_t object, const char *name,
		      uint64_t *ret)
{
	struct instance in = { .addr = object };
	struct store store = { .room = ENTRIES_MAX };
	int err = read_flags(m, object, &in.type, &in.flags);

	if (err)
		return err;
	if ((in.flags & stores[m->layout->attributes].flags) != stores[m->layout->attributes].flags)
		return fail_odd("instance of a class of Python");
	err = stores[m->layout->attributes].find(m, &in, &store);
	return err ? err : find_value(m, &store, name, ret);
}
