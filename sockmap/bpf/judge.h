/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Runs a judge table (core/table.ts) over the head of a message. Sure or not: what is not sure takes the slow way. */
#ifndef SOCKMESH_JUDGE_H
#define SOCKMESH_JUDGE_H
#include "maps.h"

#define ONCE_BITS (1ULL << BIT_HOST | 1ULL << BIT_LENGTH | 1ULL << BIT_CHUNKED)
#define TWO_LENGTHS (1ULL << BIT_LENGTH | 1ULL << BIT_CHUNKED)
#define EACH(byte) (0x0101010101010101ULL * (byte)) /* a word of eight equal bytes */

/* One value in one register: what the verifier learns of it from a comparison holds where it is used. */
#define keep(value) asm volatile("" : "+r"(value))
/* A mask that clang must not leave out although it knows that it changes nothing: the verifier does not know. */
#define bound(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))

/* State of a run; what the message was found to be. All words are of one size and none of a value that the verifier
 * knows at the start: so its states are alike from one step to the next. */
struct run {
	__u8 *table;
	void *data, *end;
	__u64 row, action_end;
	__u64 at; /* bytes of the head */
	__u64 got, length; /* of the body */
	__u64 list, expect, rule;
	__u64 outcome; /* why it is refused; OUTCOME_ALLOWED while it is not */
	__u64 done; /* the head is complete */
	__u64 steps; /* that were taken */
	__u64 serial; /* of the table */
};

/* Number of the first byte of a word that has its top bit set, where no other bits are and one is: that bit moves the byte
 * with its number to the top. */
static __always_inline __u64 first_byte(__u64 odd)
{
	return (((odd & -odd) >> 7) * 0x0001020304050607ULL) >> 56;
}

/* Passes over printable bytes from `at` on, where a value without meaning stands. Returns where they end; behind CR LF
 * when that ends them, with the run before the next line. */
static __always_inline __u64 skip(struct run *run, __u64 at, __u32 line)
{
	__u8 *p = run->data, *end = run->end;
	__u64 word, odd = 0, before;
	if (at >= JUDGE_HEAD)
		return at; /* the next step stops there */
	bound(at, JUDGE_HEAD - 1);
	p += at;
	for (int i = 0; i < JUDGE_WORDS; i++) {
		if (p + 8 > end)
			return at;
		word = *(__u64 *)p;
		/* The top bit of each byte that is below 0x20 or above 0x7e; right up to the first of them. */
		odd = (~(word + EACH(0x60)) | (word + EACH(1)) | word) & EACH(0x80);
		if (odd)
			break;
		p += 8;
		at += 8;
	}
	if (!odd)
		return at;
	before = first_byte(odd);
	bound(before, 7);
	p += before;
	at += before;
	keep(p);
	if (p + 2 > end || *(__u16 *)p != ('\r' | '\n' << 8))
		return at; /* byte by byte from here: the rows know what it means */
	run->row = line;
	return at + 2;
}

static __always_inline __u32 judge_steps(void)
{
	return cfg.lines < JUDGE_STEPS ? cfg.lines : JUDGE_STEPS;
}

#include "memory.h"

#define N 0
#define TABLE_BYTES TABLE_SIZE_0
#include "table.h"
#undef N
#undef TABLE_BYTES
#define N 1
#define TABLE_BYTES TABLE_SIZE_1
#include "table.h"
#undef N
#undef TABLE_BYTES
#define N 2
#define TABLE_BYTES TABLE_SIZE_2
#include "table.h"

/* A run from a byte of what can be read of the message. `zero` points to a 0 that the verifier does not know; it is read for
 * each word anew: copies of one value would be known to be equal. */
static __always_inline void begin_run(struct sk_msg_md *m, struct run *run, __u32 from, const __u64 *zero)
{
	run->data = (void *)(long)m->data;
	run->end = (void *)(long)m->data_end;
	run->at = from + READ(*zero);
	run->got = READ(*zero);
	run->length = READ(*zero);
	run->list = READ(*zero);
	run->expect = READ(*zero);
	run->rule = READ(*zero);
	run->outcome = READ(*zero);
	run->done = READ(*zero);
	run->steps = READ(*zero);
	run->serial = READ(*zero);
}

/* Whether the memory of the socket says all of a message. `judge`: of a request, which may have another first line. */
static __always_inline int recall(struct sk_msg_md *m, __u32 slot, struct run *run, __u32 judge, const __u64 *zero)
{
	struct memory *memory = MEMORY_OF(m, 0);
	__u64 known = memory ? REPEATS(m, memory) : 0;
	if (!known || (!judge && known != REPEATS_WHOLE))
		return 0;
	begin_run(m, run, 0, zero);
	switch (slot >> SLOT_BITS_SIZE) {
	case 0: return recall_0(run, slot & 0xffff, memory, known);
	case 1: return recall_1(run, slot & 0xffff, memory, known);
	default: return recall_2(run, slot & 0xffff, memory, known);
	}
}

/* Reads the head at the beginning of a message with the table of a slot. OUTCOME_ALLOWED: it is understood, and a
 * request is allowed. `remembers`: heads like it are likely to come again. */
static __always_inline __u32 read_head(struct sk_msg_md *m, __u32 slot, struct run *run, __u32 judge, __u32 remembers, const __u64 *zero)
{
	struct memory *memory;
	__u32 outcome, wanted = m->size < JUDGE_HEAD ? m->size : JUDGE_HEAD;
	if (!slot)
		return OUTCOME_SLOW_NO_SLOT; /* judged in TypeScript only */
	/* The first fragment of a send holds its head, as a rule. What user space could still write to is not visible
	 * until it is copied here. */
	if ((__u64)(long)m->data_end - (__u64)(long)m->data < wanted && bpf_msg_pull_data(m, 0, wanted, 0))
		return OUTCOME_SLOW_NOT_CANONICAL;
	if (!remembers || !recall(m, slot, run, judge, zero)) {
		begin_run(m, run, 0, zero);
		switch (slot >> SLOT_BITS_SIZE) {
		case 0: outcome = read_0(run, slot & 0xffff, judge); break;
		case 1: outcome = read_1(run, slot & 0xffff, judge); break;
		default: outcome = read_2(run, slot & 0xffff, judge);
		}
		if (outcome != OUTCOME_ALLOWED)
			return outcome;
		memory = remembers ? MEMORY_OF(m, BPF_SK_STORAGE_GET_F_CREATE) : 0;
		if (memory)
			keep_head(m, run, memory);
	}
	/* Limits below the kernel's own: the sidecar says what is wrong with such a head. */
	return run->at > cfg.head ? OUTCOME_SLOW_NOT_CANONICAL : OUTCOME_ALLOWED;
}

#endif
