/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Level splice: what the sidecar sends on goes into the same queue as what is moved past it. A reader that found the one
 * in its queue of moved bytes and the other in TCP's could take a short read, or FIONREAD's answer, for the end. */
#ifndef SOCKMESH_INJECT_H
#define SOCKMESH_INJECT_H
#include "records.h"

static __always_inline __u32 inject(struct sk_msg_md *m, struct socket_state *state, struct record *record)
{
	__u32 *strayed;
	__u64 peer;
	if (!record)
		return OUTCOME_SLOW_UNPAIRED; /* the connection is over */
	strayed = state->is_b ? &record->strayed_r : &record->strayed_f;
	if (READ(*strayed))
		return OUTCOME_SLOW_STRAYED; /* once over TCP, always */
	peer = READ(*(state->is_b ? &record->cookie_a : &record->cookie_b));
	/* No credit: the sidecar looks at what is unread before it writes. */
	if (peer && bpf_msg_redirect_hash(m, &sockets, &peer, BPF_F_INGRESS) == SK_PASS) {
		__u64 *injected = state->is_b ? &record->injected_r : &record->injected_f;
		WRITE(*injected, *injected + m->size);
		return OUTCOME_INJECTED;
	}
	WRITE(*strayed, 1); /* before the send returns, and so before the sidecar says that these bytes are dealt with */
	return peer ? OUTCOME_SLOW_REDIRECT_FAILED : OUTCOME_SLOW_UNPAIRED;
}

#endif
