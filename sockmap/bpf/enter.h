/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which socket it is, whose it is, and its way into the map of sockets. */
#ifndef SOCKMESH_ENTER_H
#define SOCKMESH_ENTER_H
#include "capture.h"

#define GROUP_DEPTH 6 /* how far below its endpoint's cgroup a process may have moved itself */

static __always_inline void local_address(struct bpf_sock_ops *s, __u32 out[4])
{
	if (s->family == AF_INET) {
		map_ipv4(out, CONTEXT(s, local_ip4));
		return;
	}
	out[0] = CONTEXT(s, local_ip6[0]); out[1] = CONTEXT(s, local_ip6[1]); out[2] = CONTEXT(s, local_ip6[2]); out[3] = CONTEXT(s, local_ip6[3]);
}
static __always_inline void remote_address(struct bpf_sock_ops *s, __u32 out[4])
{
	if (s->family == AF_INET) {
		map_ipv4(out, CONTEXT(s, remote_ip4));
		return;
	}
	out[0] = CONTEXT(s, remote_ip6[0]); out[1] = CONTEXT(s, remote_ip6[1]); out[2] = CONTEXT(s, remote_ip6[2]); out[3] = CONTEXT(s, remote_ip6[3]);
}
static __always_inline int is_mapped(const __u32 a[4]) { return !a[0] && !a[1] && a[2] == bpf_htonl(0xffff); }
static __always_inline int is_loopback(const __u32 a[4])
{
	if (is_mapped(a))
		return (a[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !a[0] && !a[1] && !a[2] && a[3] == bpf_htonl(1);
}

/* The known cgroup that holds the socket, itself or an ancestor. */
static __always_inline struct group *group_of(struct sock *sk)
{
	struct cgroup *cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	int level = cgroup ? BPF_CORE_READ(cgroup, level) : -1;
	for (int up = 0; up < GROUP_DEPTH; up++, level--) {
		struct cgroup *ancestor = 0;
		if (level < 0)
			break; /* past the root */
		if (bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
					  (void *)__builtin_preserve_access_index(&cgroup->ancestors) + level * sizeof(void *)))
			break; /* unreadable: unknown */
		__u64 id = BPF_CORE_READ(ancestor, kn, id);
		struct group *group = bpf_map_lookup_elem(&groups, &id);
		if (group)
			return group;
	}
	return 0;
}

/* Why a socket must not enter a sockmap; 0 when it may. */
static __always_inline __u32 ineligible(struct tcp_sock *tp)
{
	if (tp->inet_conn.icsk_ulp_ops)
		return OUTCOME_OFF_ULP_SOCKET;
	if (bpf_core_field_exists(tp->is_mptcp) && BPF_CORE_READ_BITFIELD(tp, is_mptcp))
		return OUTCOME_OFF_MPTCP_SOCKET;
	if (BPF_CORE_READ_BITFIELD(tp, syn_data) || BPF_CORE_READ_BITFIELD(tp, syn_fastopen))
		return OUTCOME_OFF_EARLY_DATA;
	return 0;
}

static __always_inline __u32 outcome_of(__u32 level) { return level == LEVEL_SPLICE ? OUTCOME_SPLICE : OUTCOME_SHORTCUT; }

/* Puts a socket into the map of sockets with its state; returns the level's outcome or why not. */
static __always_inline __u32 enter(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp, const struct socket_state *with)
{
	struct socket_state *state;
	__u64 cookie = bpf_get_socket_cookie(s);
	__u32 why = ineligible(tp);
	if (why)
		return why;
	state = bpf_sk_storage_get(&states, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return OUTCOME_OFF_MAP_FULL;
	*state = *with;
	state->cookie = cookie;
	state->sent0 = tp->write_seq;
	long failed = bpf_sock_hash_update(s, &sockets, &cookie, BPF_NOEXIST);
	if (!failed)
		return outcome_of(with->level);
	bpf_sk_storage_delete(&states, sk); /* who has a state is in the map */
	return failed == -16 /* EBUSY */ ? OUTCOME_OFF_HELD_ELSEWHERE : OUTCOME_OFF_MAP_FULL;
}

static __always_inline void tuple_of(struct bpf_sock_ops *s, struct tcp_sock *tp, struct tuple *t)
{
	local_address(s, t->local);
	remote_address(s, t->remote);
	t->local_port = s->local_port;
	t->remote_port = bpf_ntohl(s->remote_port);
	t->sent = tp->write_seq;
	t->received = tp->copied_seq;
}
/* The same connection seen from its opener. */
static __always_inline void opener_tuple(struct bpf_sock_ops *s, struct tcp_sock *tp, struct tuple *t)
{
	remote_address(s, t->local);
	local_address(s, t->remote);
	t->local_port = bpf_ntohl(s->remote_port);
	t->remote_port = s->local_port;
	t->sent = tp->copied_seq;
	t->received = tp->write_seq;
}

#endif
