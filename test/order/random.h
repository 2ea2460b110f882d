/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-random numbers: everything that both sides must agree on follows from a seed and a position. */
#ifndef ORDER_RANDOM_H
#define ORDER_RANDOM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Spreads the bits of a number (the finalizer of splitmix64). */
static inline uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* A key that depends on all of its parts. */
static inline uint64_t key_of(uint64_t a, uint64_t b, uint64_t c)
{
	return mix(mix(mix(a + 0x9e3779b97f4a7c15u) + b) + c);
}

/* A sequence of random numbers. */
struct rnd {
	uint64_t state;
};

static inline uint64_t rnd_next(struct rnd *r)
{
	return mix(r->state += 0x9e3779b97f4a7c15u);
}

/* A number from 0 to `limit` - 1. */
static inline uint32_t rnd_below(struct rnd *r, uint32_t limit)
{
	return (uint32_t)(((rnd_next(r) >> 32) * limit) >> 32);
}

/* A number from `from` to `to`, both possible. */
static inline uint32_t rnd_range(struct rnd *r, uint32_t from, uint32_t to)
{
	return from + rnd_below(r, to - from + 1);
}

/* True in that many of 1,000 cases. */
static inline bool rnd_chance(struct rnd *r, uint32_t permille)
{
	return rnd_below(r, 1000) < permille;
}

/* Bytes [offset, offset + n) of the endless text that a key stands for. */
static inline void random_bytes(uint64_t key, uint64_t offset, unsigned char *to, size_t n)
{
	while (n > 0) {
		uint64_t word = mix(key + offset / 8);
		size_t skip = offset % 8, take = 8 - skip < n ? 8 - skip : n;

		memcpy(to, (unsigned char *)&word + skip, take);
		to += take;
		offset += take;
		n -= take;
		for (; n >= 8; n -= 8, to += 8, offset += 8) {
			word = mix(key + offset / 8);
			memcpy(to, &word, 8);
		}
	}
}

#endif
