/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What one socket sent before. Clients repeat themselves: the same head, or another request line before the same fields.
 * What a table made of bytes it makes of the same bytes again. Programs on one socket run one after the other, under its
 * lock, so that nobody else writes here. */
#ifndef SOCKMESH_MEMORY_H
#define SOCKMESH_MEMORY_H
#include "maps.h"

#define WORD 8
#define REMEMBERED_BYTES (WORD * JUDGE_REMEMBERED)
#define BLOCK (4 * WORD)
#define MISSES_MOST 64
#define REPEATS_WHOLE (~0ULL)

/* A head that was understood, and if it is a request's allowed. */
struct memory {
	__u32 serial; /* of the table that did; 0 none */
	__u32 misses; /* since something was recalled */
	__u64 at; /* bytes of the head */
	__u64 fields; /* those behind its first line; 0 unknown */
	__u64 steps, got, length, expect, rule; /* as in struct run */
	__u8 head[REMEMBERED_BYTES];
};
#define DIFFERS(p, q, word) (((__u64 *)(p))[word] ^ ((__u64 *)(q))[word])

/* Whether the message has at `at` what the memory has in its last `bytes`. */
static __always_inline int same(struct sk_msg_md *m, struct memory *memory, __u64 at, __u64 bytes)
{
	__u8 *start = (void *)(long)m->data, *end = (void *)(long)m->data_end, *p = start, *q;
	__u64 last = READ(memory->at) - WORD, from = READ(memory->at) - bytes;
	if (bytes < WORD || last > REMEMBERED_BYTES - WORD || at >= JUDGE_HEAD)
		return 0;
	bound(at, JUDGE_HEAD - 1);
	p += at;
	for (int i = 0; i < REMEMBERED_BYTES / BLOCK && from + BLOCK <= last; i++) {
		if (p + BLOCK > end || from > REMEMBERED_BYTES - BLOCK)
			return 0;
		keep(from); /* checked, and then added */
		q = memory->head + from;
		if (DIFFERS(p, q, 0) | DIFFERS(p, q, 1) | DIFFERS(p, q, 2) | DIFFERS(p, q, 3))
			return 0;
		p += BLOCK;
		from += BLOCK;
	}
	for (int i = 0; i < BLOCK / WORD && from < last; i++) {
		keep(from); /* clang knows that it is less than `last`, not every verifier does */
		if (p + WORD > end || from > REMEMBERED_BYTES - WORD || DIFFERS(p, memory->head + from, 0))
			return 0;
		p += WORD;
		from += WORD;
	}
	/* The last word reaches back into the one before it. */
	at += bytes - WORD;
	if (at >= JUDGE_HEAD)
		return 0;
	bound(at, JUDGE_HEAD - 1);
	p = start + at;
	keep(p);
	return p + WORD <= end && !DIFFERS(p, memory->head + last, 0);
}

/* REPEATS_WHOLE: the message begins with the head. Else where the fields of the head begin, when the message ends with
 * them; else 0. */
static __always_inline __u64 repeats(struct sk_msg_md *m, struct memory *memory)
{
	__u64 fields = READ(memory->fields);
	if (same(m, memory, 0, READ(memory->at)))
		return REPEATS_WHOLE;
	return fields && m->size > fields && same(m, memory, m->size - fields, fields) ? m->size - fields : 0;
}

/* Copies the first `size` bytes of the message, and finds where the first line ends. Returns 0 when they are not kept. */
static __always_inline int copy(struct sk_msg_md *m, struct memory *memory, __u64 size)
{
	__u8 *start = (void *)(long)m->data, *end = (void *)(long)m->data_end, *p = start;
	__u64 last = size - WORD, at, word, ends;
	if (size < WORD || last > REMEMBERED_BYTES - WORD)
		return 0;
	memory->at = size;
	memory->fields = 0;
	for (at = 0; at < last && at <= REMEMBERED_BYTES - WORD; at += WORD) {
		if (p + WORD > end)
			return 0;
		word = *(__u64 *)p;
		*(__u64 *)(memory->head + at) = word;
		word ^= EACH('\n');
		ends = (word - EACH(1)) & ~word & EACH(0x80);
		/* Not a word of the stack: what the verifier knew of it would make each step another state. */
		if (ends && !READ(memory->fields))
			WRITE(memory->fields, size - at - first_byte(ends) - 1);
		p += WORD;
	}
	keep(last); /* the verifier of 6.12 has forgotten by now what it can be */
	if (last > REMEMBERED_BYTES - WORD)
		return 0;
	p = start + last;
	keep(p);
	if (p + WORD > end)
		return 0;
	*(__u64 *)(memory->head + last) = *(__u64 *)p;
	return 1;
}

#ifndef MEMORY_OF
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct memory); } memories SEC(".maps");
#define MEMORY_OF(m, flags) ((m)->sk ? bpf_sk_storage_get(&memories, (m)->sk, 0, flags) : 0)
#define REPEATS sockmesh_repeats
#define COPY sockmesh_copy
/* Not static: verified once for all of their callers. */
__noinline __u64 sockmesh_repeats(struct sk_msg_md *m, struct memory *memory)
{
	return memory ? repeats(m, memory) : 0;
}
__noinline int sockmesh_copy(struct sk_msg_md *m, struct memory *memory, __u64 size)
{
	return memory ? copy(m, memory, size) : 0;
}
#endif

static __always_inline void keep_head(struct sk_msg_md *m, const struct run *run, struct memory *memory)
{
	__u32 misses = memory->misses++;
	/* Heads that differ each time are not worth a copy: the first, second, fourth ..., and then not too seldom. */
	if (misses & (misses - 1) && misses % MISSES_MOST)
		return;
	memory->serial = 0;
	if (!COPY(m, memory, run->at))
		return;
	memory->steps = run->steps;
	memory->got = run->got;
	memory->length = run->length;
	memory->expect = run->expect;
	memory->rule = run->rule;
	memory->serial = run->serial;
}

#endif
