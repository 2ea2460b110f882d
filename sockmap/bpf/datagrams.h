/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Datagram sockets of endpoints that serve: bound to a port by its number, and not connected. What comes for a closed port is
 * refused by sk_lookup, as if nobody were there, which sees neither broadcasts nor other network namespaces; and dropped at
 * the socket itself, which is exact. */
#ifndef SOCKMESH_DATAGRAMS_H
#define SOCKMESH_DATAGRAMS_H
#include "enter.h"

/* A socket that was bound to a port by its number, or is about to be. */
struct bound {
	struct listen_key at;
	__u32 endpoint; /* 0: not bound yet */
	__u32 told; /* 1: counted in `datagrams` */
};
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct bound); } bounds SEC(".maps");

/* Any port will do for a client that waits for answers: its socket stays unknown. Returns whether the bind may go on. */
static __always_inline int about_to_bind(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	if (!sk || ctx->protocol != IPPROTO_UDP || !ctx->user_port)
		return 1;
	return bpf_sk_storage_get(&bounds, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) != 0; /* out of memory: EPERM rather than open */
}

/* Counts a socket, or no longer. Where there is no room, or two at once meet in the last one's end, datagrams are not refused
 * but dropped. */
static __always_inline void tell_bound(struct bound *bound, int change)
{
	struct listening fresh = { .endpoint = bound->endpoint, .count = 1 };
	struct listening *known = bpf_map_lookup_elem(&datagrams, &bound->at);
	if (change < 0 && !bound->told)
		return;
	bound->told = change > 0;
	if (!known) {
		if (change > 0)
			bpf_map_update_elem(&datagrams, &bound->at, &fresh, BPF_NOEXIST);
		return;
	}
	if (change > 0)
		known->endpoint = bound->endpoint;
	if (__sync_fetch_and_add(&known->count, change) + change == 0)
		bpf_map_delete_elem(&datagrams, &bound->at); /* clients too may use any number of ports */
}

static __always_inline void after_bind(struct bpf_sock *ctx, const __u32 address[4], __u32 port)
{
	struct bound *bound = bpf_sk_storage_get(&bounds, ctx, 0, 0);
	struct group *group;
	if (!bound)
		return;
	tell_bound(bound, -1); /* of a former bind, which a disconnect ends */
	/* The program's context is the kernel's socket. */
	group = group_of((struct sock *)ctx);
	if (!group || group->kind != GROUP_ENDPOINT)
		return; /* it has just ended */
	bound->endpoint = group->endpoint;
	bound->at.port = port;
	__builtin_memcpy(bound->at.address, address, 16);
	if (is_mapped(address) && !address[3])
		__builtin_memset(bound->at.address, 0, 16); /* 0.0.0.0 and :: share the wildcard's key */
	if (bpf_get_netns_cookie(ctx) == cfg.netns)
		tell_bound(bound, 1);
}

SEC("cgroup/bind4") int sockmesh_bind4(struct bpf_sock_addr *ctx) { return about_to_bind(ctx); }
SEC("cgroup/bind6") int sockmesh_bind6(struct bpf_sock_addr *ctx) { return about_to_bind(ctx); }

SEC("cgroup/post_bind4") int sockmesh_bound4(struct bpf_sock *ctx)
{
	__u32 address[4];
	if (ctx->protocol != IPPROTO_UDP)
		return 1;
	map_ipv4(address, CONTEXT(ctx, src_ip4));
	after_bind(ctx, address, ctx->src_port);
	return 1;
}

SEC("cgroup/post_bind6") int sockmesh_bound6(struct bpf_sock *ctx)
{
	__u32 address[4];
	if (ctx->protocol != IPPROTO_UDP)
		return 1;
	address[0] = CONTEXT(ctx, src_ip6[0]); address[1] = CONTEXT(ctx, src_ip6[1]);
	address[2] = CONTEXT(ctx, src_ip6[2]); address[3] = CONTEXT(ctx, src_ip6[3]);
	after_bind(ctx, address, ctx->src_port);
	return 1;
}

SEC("cgroup/sock_release") int sockmesh_released(struct bpf_sock *ctx)
{
	struct bound *bound = ctx->protocol == IPPROTO_UDP ? bpf_sk_storage_get(&bounds, ctx, 0, 0) : 0;
	if (bound)
		tell_bound(bound, -1);
	return 1;
}

/* Attached to the cgroups of endpoints while a port of theirs is closed. */
SEC("cgroup_skb/ingress") int sockmesh_datagram(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct bound *bound;
	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_UDP || sk->state == BPF_TCP_ESTABLISHED)
		return 1; /* connected: from the one peer that it has chosen */
	bound = bpf_sk_storage_get(&bounds, sk, 0, 0);
	return !bound || !closed_to_datagrams(bound->endpoint, bound->at.port);
}

#endif
