/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Readers that sockmaps break, seen as they read (fentry, kernel 5.5). Loaded where the kernel can. */
#ifndef SOCKMESH_GUARD_H
#define SOCKMESH_GUARD_H
#include "maps.h"

#define SIOCINQ 0x541B

/* New connections of the endpoint stay out of the map. */
static __always_inline void put_back(struct socket_state *state, __u32 seen)
{
	__u32 at = state->endpoint;
	struct endpoint *endpoint = at ? bpf_map_lookup_elem(&endpoints, &at) : 0;
	count(seen);
	if (endpoint && cfg.guard && !READ(endpoint->incompatible))
		WRITE(endpoint->incompatible, 1);
}

static __always_inline void put_back_reader(struct sock *sk, __u32 seen)
{
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, (struct bpf_sock *)sk, 0, 0) : 0;
	if (state && !state->sidecars)
		put_back(state, seen);
}

/* splice(2) looks at TCP's queue alone, and waits for ever beside moved bytes. */
SEC("fentry/tcp_splice_read") int sockmesh_splice_reader(__u64 *ctx)
{
	struct socket *socket = (struct socket *)ctx[0];
	put_back_reader(socket->sk, OUTCOME_SEEN_SPLICE_READER);
	return 0;
}

/* Since 6.6.128, 6.12.75 and 6.18.14 FIONREAD of a socket in a sockmap does not come here (but to tcp_bpf_ioctl), and tells of
 * moved bytes. Before, it leaves them out: a reader that believes it stops too early. */
SEC("fentry/tcp_ioctl") int sockmesh_asking_reader(__u64 *ctx)
{
	if ((int)ctx[1] == SIOCINQ)
		put_back_reader((struct sock *)ctx[0], OUTCOME_SEEN_ASKING_READER);
	return 0;
}

#endif
