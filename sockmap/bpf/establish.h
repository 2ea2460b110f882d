/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sock_ops: who listens, who connects, and who accepts. */
#ifndef SOCKMESH_ESTABLISH_H
#define SOCKMESH_ESTABLISH_H
#include "pair.h"

static __always_inline __u32 level_of(__u32 endpoint, __u32 port)
{
	struct opt_out_key key = { .endpoint = endpoint, .port = port };
	struct endpoint *terms = bpf_map_lookup_elem(&endpoints, &endpoint);
	if (!terms || READ(terms->incompatible) || bpf_map_lookup_elem(&opt_outs, &key))
		return LEVEL_OFF;
	return terms->level;
}
static __always_inline int incompatible(__u32 endpoint)
{
	struct endpoint *terms = bpf_map_lookup_elem(&endpoints, &endpoint);
	return terms && READ(terms->incompatible);
}
static __always_inline __u32 why_off(__u32 endpoint, __u32 port)
{
	struct opt_out_key key = { .endpoint = endpoint, .port = port };
	if (incompatible(endpoint))
		return OUTCOME_OFF_INCOMPATIBLE_READER;
	return bpf_map_lookup_elem(&opt_outs, &key) ? OUTCOME_OFF_OPTED_OUT : OUTCOME_OFF;
}

/* A listening socket of an endpoint opens (+1) or closes (-1). */
static __always_inline void on_listen(struct bpf_sock_ops *s, struct tcp_sock *tp, int change)
{
	struct listen_key key = { .port = s->local_port };
	struct listening fresh = { .count = 1 }, *known;
	struct group *group;
	__u32 address[4];
	if (bpf_get_netns_cookie(s) != cfg.netns)
		return; /* another namespace: not ours to capture */
	group = group_of((struct sock *)tp);
	if (!group || group->kind != GROUP_ENDPOINT)
		return;
	local_address(s, address);
	if (is_mapped(address) && !address[3])
		address[2] = 0; /* 0.0.0.0 and :: share the wildcard's key */
	__builtin_memcpy(key.address, address, 16);
	known = bpf_map_lookup_elem(&listens, &key);
	if (known) {
		known->endpoint = group->endpoint;
		__sync_fetch_and_add(&known->count, change);
	} else if (change > 0) {
		fresh.endpoint = group->endpoint;
		bpf_map_update_elem(&listens, &key, &fresh, BPF_ANY);
	}
	if (change > 0)
		bpf_sock_ops_cb_flags_set(s, BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void exempt_tuple(struct bpf_sock_ops *s, struct exempt_key *key)
{
	local_address(s, key->local);
	remote_address(s, key->remote);
	key->local_port = s->local_port;
	key->remote_port = bpf_ntohl(s->remote_port);
}

/* connect(2) before its SYN leaves. */
static __always_inline void on_connect(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp)
{
	struct group *group = group_of((struct sock *)tp);
	struct exempt_key key = {};
	struct shown_address *at;
	struct intent *intent;
	__u32 zero = 0;
	if (!group || group->kind != GROUP_SIDECAR)
		return; /* only the sidecar's own connects pass capture */
	exempt_tuple(s, &key);
	bpf_map_update_elem(&exempt, &key, &zero, BPF_ANY);
	bpf_sock_ops_cb_flags_set(s, BPF_SOCK_OPS_STATE_CB_FLAG);
	intent = bpf_map_lookup_elem(&intents, &zero);
	if (!intent || !intent->record)
		return;
	at = bpf_sk_storage_get(&shown, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (at) {
		__builtin_memcpy(at->address, intent->client_address, 16);
		at->port = intent->client_port;
		at->record = intent->record;
		at->level = intent->level;
		at->generation = intent->generation;
	}
	intent->record = 0; /* consumed: the next connect has its own */
}

static __always_inline void on_state(struct bpf_sock_ops *s, struct tcp_sock *tp)
{
	struct exempt_key key = {};
	if (s->args[0] == BPF_TCP_LISTEN && s->args[1] == BPF_TCP_CLOSE)
		on_listen(s, tp, -1);
	else if (s->args[0] == BPF_TCP_SYN_SENT && s->args[1] == BPF_TCP_CLOSE) {
		exempt_tuple(s, &key);
		bpf_map_delete_elem(&exempt, &key); /* the connect failed */
	}
}

/* connect() has succeeded: leave word for the acceptor's callback. */
static __always_inline void on_active(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp)
{
	struct opener opener = {};
	struct exempt_key key = {};
	struct tuple tuple = {};
	struct group *group = group_of((struct sock *)tp);
	struct shown_address *at = bpf_sk_storage_get(&shown, sk, 0, 0);
	__u32 level, endpoint = 0;
	tuple_of(s, tp, &tuple);
	opener.cookie = bpf_get_socket_cookie(s);
	if (group && group->kind == GROUP_SIDECAR) {
		exempt_tuple(s, &key);
		bpf_map_delete_elem(&exempt, &key);
		bpf_sock_ops_cb_flags_set(s, 0);
		if (!at || !at->record)
			return; /* no link asked for it */
		opener.record = at->record;
		opener.generation = at->generation;
		level = at->level;
		__builtin_memcpy(opener.client_address, at->address, 16);
		opener.client_port = at->port;
	} else {
		struct listening *service = at && at->port ? 0 : listener_at(tuple.remote, tuple.remote_port);
		opener.endpoint = endpoint = group ? group->endpoint : 0;
		if (at && at->port) { /* redirected: its egress is judged */
			level = level_of(opener.endpoint, at->port);
			opener.outcome = why_off(opener.endpoint, at->port);
			__builtin_memcpy(opener.original_address, at->address, 16);
			opener.original_port = at->port;
		} else if (service) {
			if (bpf_get_netns_cookie(s) != cfg.netns && is_loopback(tuple.remote))
				return; /* another namespace's own loopback */
			level = level_of(service->endpoint, tuple.remote_port);
			endpoint = endpoint ?: service->endpoint;
			opener.outcome = why_off(service->endpoint, tuple.remote_port);
		} else
			return; /* not a connection to an endpoint */
	}
	if (level != LEVEL_OFF && opener.endpoint && !opener.record && incompatible(opener.endpoint)) {
		level = LEVEL_OFF;
		opener.outcome = OUTCOME_OFF_INCOMPATIBLE_READER;
	}
	if (level != LEVEL_OFF) {
		struct socket_state state = { .level = level, .endpoint = endpoint };
		if (opener.record) {
			state.sidecars = 1;
			state.record = opener.record;
			state.generation = opener.generation;
		}
		opener.outcome = enter(s, sk, tp, &state);
	}
	opener.level = level;
	bpf_map_update_elem(&openers, &tuple, &opener, BPF_ANY);
}

/* accept side: find the opener of this very connection. */
static __always_inline void on_passive(struct bpf_sock_ops *s, struct bpf_sock *sk, struct tcp_sock *tp)
{
	struct connection connection = {};
	struct opener *found, opener = {};
	struct tuple tuple = {};
	struct group *group;
	opener_tuple(s, tp, &tuple);
	found = bpf_map_lookup_elem(&openers, &tuple);
	if (found) {
		opener = *found;
		bpf_map_delete_elem(&openers, &tuple);
	}
	if (opener.record) { /* from the sidecar: this is a service's socket */
		if (opener.client_port) {
			struct shown_address *at = bpf_sk_storage_get(&shown, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
			if (at) {
				__builtin_memcpy(at->address, opener.client_address, 16);
				at->port = opener.client_port;
			}
		}
		group = group_of((struct sock *)tp);
		if (opener.outcome == OUTCOME_SHORTCUT)
			opener.outcome = pair(s, sk, tp, &opener, opener.record, group ? group->endpoint : 0, 0);
		else if (opener.outcome == OUTCOME_SPLICE)
			opener.outcome = join_service(s, sk, tp, &opener, group ? group->endpoint : 0);
		count(opener.outcome ?: OUTCOME_OFF);
		return;
	}
	group = group_of((struct sock *)tp);
	if (!group || group->kind != GROUP_SIDECAR)
		return; /* not a socket of the mesh */
	struct listening *service = listener_at(tuple.remote, tuple.remote_port);
	connection.since = bpf_ktime_get_ns();
	connection.client_endpoint = opener.endpoint;
	connection.client_cookie = opener.cookie;
	connection.service_endpoint = service ? service->endpoint : 0;
	__builtin_memcpy(connection.original_address, opener.original_address, 16);
	connection.original_port = opener.original_port;
	connection.outcome = found ? opener.outcome : OUTCOME_OFF_NO_PEER;
	if (opener.outcome == OUTCOME_SHORTCUT || opener.outcome == OUTCOME_SPLICE) {
		if (bpf_map_pop_elem(&free_records, &connection.record)) { /* the one that is free for longest */
			connection.record = 0;
			connection.outcome = OUTCOME_OFF_NO_RECORD;
		} else if (opener.outcome == OUTCOME_SHORTCUT)
			connection.outcome = pair(s, sk, tp, &opener, connection.record, 0, 1);
		else
			connection.outcome = await_service(s, sk, tp, &opener, connection.record);
		if (connection.outcome != opener.outcome)
			connection.alone = opener.cookie;
	}
	count(connection.outcome);
	__u64 cookie = bpf_get_socket_cookie(s);
	bpf_map_update_elem(&connections, &cookie, &connection, BPF_ANY);
}

SEC("sockops") int sockmesh_establish(struct bpf_sock_ops *s)
{
	struct bpf_sock *sk;
	struct tcp_sock *tp;
	__u32 op = s->op;
	if (op != BPF_SOCK_OPS_TCP_LISTEN_CB && op != BPF_SOCK_OPS_STATE_CB && op != BPF_SOCK_OPS_TCP_CONNECT_CB &&
	    op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 0; /* options and estimates: not ours */
	if (s->family != AF_INET && s->family != AF_INET6)
		return 0;
	sk = s->sk;
	if (!sk)
		return 0; /* a request socket: nothing to keep state on */
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	switch (op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB: on_listen(s, tp, 1); break;
	case BPF_SOCK_OPS_STATE_CB: on_state(s, tp); break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB: on_connect(s, sk, tp); break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: on_active(s, sk, tp); break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB: on_passive(s, sk, tp); break;
	}
	return 0;
}

#endif
