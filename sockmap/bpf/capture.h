/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Capture: which SYN goes to the sidecar's listener, and which connect is redirected to it. */
#ifndef SOCKMESH_CAPTURE_H
#define SOCKMESH_CAPTURE_H
#include "maps.h"

static __always_inline struct listening *found_at(void *map, const __u32 address[4], __u32 port)
{
	struct listen_key key = { .port = port };
	struct listening *found;
	__builtin_memcpy(key.address, address, 16);
	found = bpf_map_lookup_elem(map, &key);
	if (found && READ(found->count))
		return found;
	/* A listener on the wildcard address takes what no listener on the address itself takes. */
	__builtin_memset(key.address, 0, 16);
	found = bpf_map_lookup_elem(map, &key);
	return found && READ(found->count) ? found : 0;
}
static __always_inline struct listening *listener_at(const __u32 address[4], __u32 port)
{
	return found_at(&listens, address, port);
}

/* Datagrams to a port whose requests are judged, of a protocol that has a form without connections (memcached): nothing
 * judges them and senders can be forged. Port 0 stands for every port. */
static __always_inline int closed_to_datagrams(__u32 endpoint, __u32 port)
{
	struct opt_out_key key = { .endpoint = endpoint };
	if (bpf_map_lookup_elem(&closed_udp, &key))
		return 1;
	key.port = port;
	return bpf_map_lookup_elem(&closed_udp, &key) != 0;
}

/* Connected sockets, which are clients, are found before this is asked. */
static __always_inline int udp_closed(struct bpf_sk_lookup *ctx)
{
	struct listening *found;
	__u32 address[4];
	if (ctx->family == AF_INET)
		map_ipv4(address, CONTEXT(ctx, local_ip4));
	else {
		address[0] = CONTEXT(ctx, local_ip6[0]); address[1] = CONTEXT(ctx, local_ip6[1]);
		address[2] = CONTEXT(ctx, local_ip6[2]); address[3] = CONTEXT(ctx, local_ip6[3]);
	}
	found = found_at(&datagrams, address, ctx->local_port);
	return found && closed_to_datagrams(found->endpoint, ctx->local_port);
}

SEC("sk_lookup") int sockmesh_capture(struct bpf_sk_lookup *ctx)
{
	struct exempt_key key = {};
	struct bpf_sock *listener;
	__u32 at;
	if (ctx->protocol != IPPROTO_TCP)
		return udp_closed(ctx) ? SK_DROP : SK_PASS; /* only TCP is captured */
	if (ctx->family == AF_INET) {
		map_ipv4(key.remote, CONTEXT(ctx, local_ip4));
		map_ipv4(key.local, CONTEXT(ctx, remote_ip4));
		at = 0;
	} else {
		key.remote[0] = CONTEXT(ctx, local_ip6[0]); key.remote[1] = CONTEXT(ctx, local_ip6[1]);
		key.remote[2] = CONTEXT(ctx, local_ip6[2]); key.remote[3] = CONTEXT(ctx, local_ip6[3]);
		key.local[0] = CONTEXT(ctx, remote_ip6[0]); key.local[1] = CONTEXT(ctx, remote_ip6[1]);
		key.local[2] = CONTEXT(ctx, remote_ip6[2]); key.local[3] = CONTEXT(ctx, remote_ip6[3]);
		at = 1;
	}
	key.remote_port = ctx->local_port;
	key.local_port = bpf_ntohs((__u16)ctx->remote_port);
	if (!listener_at(key.remote, key.remote_port))
		return SK_PASS; /* no endpoint listens there */
	if (bpf_map_lookup_elem(&exempt, &key))
		return SK_PASS; /* the sidecar's own connect, recorded by its sock_ops before the SYN left */
	listener = bpf_map_lookup_elem(&listeners, &at);
	if (!listener)
		return SK_DROP; /* the sidecar does not listen: an endpoint must not be reached past its policy */
	long failed = bpf_sk_assign(ctx, listener, 0);
	bpf_sk_release(listener);
	return failed ? SK_DROP : SK_PASS; /* the same: closed rather than open */
}

static __always_inline int remember(struct bpf_sock_addr *ctx, const __u32 address[4])
{
	struct shown_address *at;
	struct bpf_sock *sk = ctx->sk;
	__u32 port = bpf_ntohs((__u16)ctx->user_port);
	if (ctx->protocol != IPPROTO_TCP || !sk)
		return 0; /* only TCP is captured */
	if (listener_at(address, port))
		return 0; /* sk_lookup captures it there and keeps the addresses */
	at = bpf_sk_storage_get(&shown, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!at)
		return -1;
	__builtin_memcpy(at->address, address, 16);
	at->port = port;
	return 1;
}

static __always_inline __u32 redirect_port(void)
{
	__u32 zero = 0, *port = bpf_map_lookup_elem(&sidecar_port, &zero);
	return port ? bpf_htons((__u16)*port) : 0;
}

/* Attached to the cgroups of endpoints whose egress is restricted. */
SEC("cgroup/connect4") int sockmesh_connect4(struct bpf_sock_addr *ctx)
{
	__u32 address[4];
	map_ipv4(address, ctx->user_ip4);
	switch (remember(ctx, address)) {
	case 0: return 1;
	case -1: return 0; /* out of memory: EPERM rather than past the policy */
	}
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->user_port = redirect_port();
	return 1;
}

SEC("cgroup/connect6") int sockmesh_connect6(struct bpf_sock_addr *ctx)
{
	__u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	int mapped = !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
	switch (remember(ctx, address)) {
	case 0: return 1;
	case -1: return 0; /* out of memory: EPERM rather than past the policy */
	}
	ctx->user_ip6[0] = 0;
	ctx->user_ip6[1] = 0;
	ctx->user_ip6[2] = mapped ? bpf_htonl(0xffff) : 0;
	ctx->user_ip6[3] = mapped ? bpf_htonl(0x7f000001) : bpf_htonl(1);
	ctx->user_port = redirect_port();
	return 1;
}

/* Applications see the address they meant, services the client's. */
SEC("cgroup/getpeername4") int sockmesh_peername4(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct shown_address *at = sk ? bpf_sk_storage_get(&shown, sk, 0, 0) : 0;
	__u32 address[4];
	if (!at || !at->port)
		return 1;
	__builtin_memcpy(address, at->address, 16);
	if (address[0] || address[1] || address[2] != bpf_htonl(0xffff))
		return 1; /* an IPv6 address does not fit */
	ctx->user_ip4 = address[3];
	ctx->user_port = bpf_htons((__u16)at->port);
	return 1;
}

SEC("cgroup/getpeername6") int sockmesh_peername6(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct shown_address *at = sk ? bpf_sk_storage_get(&shown, sk, 0, 0) : 0;
	__u32 address[4];
	if (!at || !at->port)
		return 1;
	__builtin_memcpy(address, at->address, 16);
	ctx->user_ip6[0] = address[0];
	ctx->user_ip6[1] = address[1];
	ctx->user_ip6[2] = address[2];
	ctx->user_ip6[3] = address[3];
	ctx->user_port = bpf_htons((__u16)at->port);
	return 1;
}

#endif
