/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The ends of recv and send calls: what was read, and what is queued, is known for certain there. Kernels before 6.3 have no
 * tracepoints for them; there the functions that these calls lead to are traced as they return (fexit). */
#ifndef SOCKMESH_TRACE_H
#define SOCKMESH_TRACE_H
#include "guard.h"
#include "records.h"

/* A blocking recv without a timeout returned EAGAIN: on a socket in a sockmap a wake-up without data does that to
 * applications that never saw it on TCP. New connections of the endpoint stay out of the map. */
static __always_inline void blame(struct sock *sk, struct socket_state *state, int flags)
{
	if (flags & MSG_DONTWAIT || sk->sk_rcvtimeo != LONG_MAX)
		return; /* it asked for that */
	put_back(state, OUTCOME_SEEN_BLOCKING_AGAIN);
}

static __always_inline int has_read(struct sock *sk, int taken, int flags)
{
	struct socket_state *state;
	struct record *record;
	if (!sk || (taken <= 0 && taken != -EAGAIN))
		return 0;
	state = bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0);
	if (!state)
		return 0; /* not of the mesh */
	if (taken < 0) {
		blame(sk, state, flags);
		return 0;
	}
	if (flags & (MSG_PEEK | MSG_ERRQUEUE) || (state->sidecars && state->level == LEVEL_SPLICE))
		return 0; /* nothing was taken; nothing is moved to the sidecar's own sockets */
	record = record_of(state);
	if (!record)
		return 0; /* not paired, or the connection is over */
	/* Also TCP's bytes, where there are any: then nothing is moved in this direction any more. Not told from the sender's
	 * counter: that is ahead of the queue, and a message that is about to arrive would count as read. A full barrier too:
	 * the sidecar sets its flag, then reads what was read: one of us sees the other. */
	__sync_fetch_and_add(state->is_b ? &record->read_b : &record->read_a, taken);
	if (READ(record->flags) & (state->is_b ? RECORD_AWAITSREADB : RECORD_AWAITSREADA) &&
	    (state->is_b ? unread_f(record) : unread_r(record)) <= (__s64)cfg.credit / 2)
		wake(state->record); /* not at every read: there is room for a good deal */
	return 0;
}

static __always_inline int has_sent(struct sock *sk)
{
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0) : 0;
	struct record *record;
	if (!state || state->level != LEVEL_SPLICE || !state->is_b || state->sidecars || !state->record)
		return 0; /* only the service's sends are waited for */
	record = record_of(state);
	if (!record || record->send_end == record->send_begin)
		return 0; /* nothing was moved */
	WRITE(record->send_end, record->send_begin);
	full_barrier(record->send_end); /* as above */
	if (!(READ(record->flags) & RECORD_RESPONSESSLOW))
		return 0; /* nobody waits */
	wake(state->record);
	return 0;
}

SEC("tp_btf/sock_recv_length") int sockmesh_read(__u64 *ctx)
{
	return has_read((struct sock *)ctx[0], (int)ctx[1], (int)ctx[2]);
}

SEC("tp_btf/sock_send_length") int sockmesh_sent(__u64 *ctx)
{
	return has_sent((struct sock *)ctx[0]);
}

SEC("fexit/inet_recvmsg") int sockmesh_read4(__u64 *ctx)
{
	return has_read(((struct socket *)ctx[0])->sk, (int)ctx[4], (int)ctx[3]);
}

SEC("fexit/inet6_recvmsg") int sockmesh_read6(__u64 *ctx)
{
	return has_read(((struct socket *)ctx[0])->sk, (int)ctx[4], (int)ctx[3]);
}

SEC("fexit/inet_sendmsg") int sockmesh_sent4(__u64 *ctx)
{
	return has_sent(((struct socket *)ctx[0])->sk);
}

SEC("fexit/inet6_sendmsg") int sockmesh_sent6(__u64 *ctx)
{
	return has_sent(((struct socket *)ctx[0])->sk);
}

/* sendfile(2); of either family. */
SEC("fexit/inet_sendpage") int sockmesh_sent_page(__u64 *ctx)
{
	return has_sent(((struct socket *)ctx[0])->sk);
}

#endif
