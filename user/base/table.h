/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - uthash with a hash function for our keys: a few numbers, often neighbours (thread ids,
 * addresses).  Include it in place of <uthash.h>.
 *
 * uthash's own takes its keys byte by byte and was the first in the profile of the reader.  Here each
 * word is multiplied to 128 bits and folded, and the whole once more, so that every bit reaches the low
 * ones, which choose the bucket.  The order of HASH_ITER is that of insertion and does not depend on it.
 */
#ifndef PARASCOPE_TABLE_H
#define PARASCOPE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t table_fold(uint64_t hash, uint64_t word)
{
	__extension__ unsigned __int128 product =
		(unsigned __int128)(hash ^ word) * 0x9e3779b97f4a7c15ULL;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t table_hash(const void *key, size_t len)
{
	const char *at = key;
	uint64_t hash = len ^ 0xe7037ed1a0b428dbULL, word;

	for (; len > sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = table_fold(hash, word);
	}
	word = 0;
	memcpy(&word, at, len);
	return (uint32_t)table_fold(table_fold(hash, word), 0x8ebc6af09c88c6e3ULL);
}

#define HASH_FUNCTION(key, len, ret) ((ret) = table_hash(key, len))

#include <uthash.h>

#endif
