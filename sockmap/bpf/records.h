/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the two ends of a record tell each other. */
#ifndef SOCKMESH_RECORDS_H
#define SOCKMESH_RECORDS_H
#include "maps.h"

/* Stops the compiler; x86 keeps the order of stores, and that of loads. */
#define barrier() asm volatile("" ::: "memory")
/* Orders a store before a later load too: an atomic operation that returns something is a full barrier. */
#define full_barrier(word) __sync_fetch_and_or(&(word), 0)

/* Moved bytes that a reader has not taken. The senders' counters are ahead of the queue: never too few. Below 0: it has also
 * read bytes of TCP. */
static __always_inline __s64 unread_f(struct record *record)
{
	return READ(record->fast_a) + READ(record->injected_f) - READ(record->read_b);
}
static __always_inline __s64 unread_r(struct record *record)
{
	return READ(record->fast_b) + READ(record->injected_r) - READ(record->read_a);
}

/* What the reader has taken, as far as can be told without tracing: since 6.13 (and stable) rmem_alloc counts what it has
 * not. Never goes back. Level shortcut only. */
static __always_inline void publish_unread(struct record *record, __u32 is_b, __u32 unread)
{
	__u64 sent = READ(*(is_b ? &record->fast_a : &record->fast_b));
	__u64 *read = is_b ? &record->read_b : &record->read_a;
	if (sent >= unread && sent - unread > READ(*read))
		WRITE(*read, sent - unread);
}

static __always_inline struct record *record_of(struct socket_state *state)
{
	__u32 at = state->record;
	struct record *record;
	if (!at) {
		struct link *link = bpf_map_lookup_elem(&links, &state->cookie);
		if (!link)
			return 0;
		state->generation = link->generation;
		state->record = at = link->record;
		bpf_map_delete_elem(&links, &state->cookie);
	}
	record = bpf_map_lookup_elem(&records, &at);
	return record && READ(record->generation) == state->generation ? record : 0;
}

/* Has the sidecar look again. */
static __always_inline void wake(__u32 at)
{
	__u32 *event = bpf_ringbuf_reserve(&wakes, sizeof(*event), 0);
	if (!event)
		return; /* the ring is full of events: the sidecar is about to look anyway */
	*event = at;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void tell(__u32 outcome, __u32 bytes)
{
	count(outcome);
	add(outcome == OUTCOME_FAST || outcome == OUTCOME_INJECTED ? TOTAL_FASTBYTES : TOTAL_TCPBYTES, bytes);
}

#endif
