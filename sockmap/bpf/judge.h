/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Runs a judge table (core/table.ts) over the head of a message. Sure or not: what is not sure takes the slow way. */
#ifndef SOCKMESH_JUDGE_H
#define SOCKMESH_JUDGE_H
#include "maps.h"

#define MOST_HEAD 4096
#define CHUNK 128 /* bytes of one verified loop */
#define MOST_ACTIONS 256 /* of one head */
#define ONCE_BITS (1ULL << BIT_HOST | 1ULL << BIT_LENGTH)

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
};

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

/* Reads the head at the beginning of a message with the table of a slot. OUTCOME_ALLOWED: it is understood, and a
 * request is allowed. `zero` points to a 0 that the verifier does not know. */
static __always_inline __u32 read_head(struct sk_msg_md *m, __u32 slot, struct run *run, __u32 judge, const __u64 *zero)
{
	__u32 wanted = m->size < MOST_HEAD ? m->size : MOST_HEAD;
	if (!slot)
		return OUTCOME_SLOW_NO_SLOT; /* judged in TypeScript only */
	/* The first fragment of a send holds its head, as a rule. What user space could still write to is not visible
	 * until it is copied here. */
	if ((__u64)(long)m->data_end - (__u64)(long)m->data < wanted && bpf_msg_pull_data(m, 0, wanted, 0))
		return OUTCOME_SLOW_NOT_CANONICAL;
	run->data = (void *)(long)m->data;
	run->end = (void *)(long)m->data_end;
	/* Read for each word anew: copies of one value would be known to be equal. */
	run->at = READ(*zero);
	run->got = READ(*zero);
	run->length = READ(*zero);
	run->list = READ(*zero);
	run->expect = READ(*zero);
	run->rule = READ(*zero);
	run->outcome = READ(*zero);
	run->done = READ(*zero);
	switch (slot >> SLOT_BITS_SIZE) {
	case 0: return read_0(run, slot & 0xffff, judge);
	case 1: return read_1(run, slot & 0xffff, judge);
	default: return read_2(run, slot & 0xffff, judge);
	}
}

#endif
