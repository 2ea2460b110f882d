/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sk_msg at level splice: a message goes straight from the client's socket to the service's, or back, when that keeps
 * the order of bytes and the message is understood and allowed; else over TCP to the sidecar. docs/splice.md has the
 * rule and why it holds. */
#ifndef SOCKMESH_SPLICE_H
#define SOCKMESH_SPLICE_H
#include "judge.h"
#include "chunks.h"
#include "inject.h"

#define EXPECT_HEAD 1
#define CREDIT_GROWS 3 /* credits, at most */

/* Requests that reached the service and have no final response yet. */
static __always_inline __u32 waiting(struct record *record)
{
	return READ(record->requests) + READ(record->requests_slow) - READ(record->responses) - READ(record->responses_slow);
}
static __always_inline __u32 answered(struct record *record)
{
	return READ(record->responses) + READ(record->responses_slow);
}
static __always_inline struct tally *tally_of(struct record *record)
{
	__u32 at = READ(record->tally);
	return bpf_map_lookup_elem(&tallies, &at);
}

/* What a message of the client changes when it is moved. */
struct request {
	__u64 body, started;
	__u32 starts; /* 1: it begins a request */
	__u32 silent; /* 1: which is not answered */
	__u32 tally, head_request;
};

static __always_inline __u32 read_request(struct sk_msg_md *m, struct record *record, struct request *request, const __u64 *zero)
{
	__u64 body = record->body_f;
	struct run run;
	__u32 outcome, before;
	if (body) {
		if (m->size > body || body & CHUNKED)
			return OUTCOME_SLOW_BODY_OVERRUN; /* a body and the next request in one send */
		request->body = body - m->size;
		return OUTCOME_ALLOWED;
	}
	outcome = read_head(m, READ(record->slot), &run, 1, 1, zero);
	if (outcome != OUTCOME_ALLOWED)
		return outcome;
	if (m->size - run.at > run.length)
		return OUTCOME_SLOW_PIPELINED; /* two requests in one send */
	before = waiting(record);
	request->head_request = answered(record);
	if ((int)(READ(record->head_request) - request->head_request) > 0)
		return OUTCOME_SLOW_PIPELINED; /* the answer to a HEAD is awaited, and only one of those is remembered */
	if (run.expect == EXPECT_HEAD) {
		if (before)
			return OUTCOME_SLOW_PIPELINED;
		request->head_request++;
	}
	request->body = run.length - (m->size - run.at);
	request->tally = run.rule;
	request->starts = 1;
	request->started = before ? 0 : bpf_ktime_get_ns();
	return OUTCOME_ALLOWED;
}

/* Most unread bytes of a reader that has taken so many: one that keeps reading is given more at a time, as TCP's window grows;
 * one that stands still never holds more than the credit. */
static __always_inline __s64 credit_of(__u64 taken)
{
	__u64 most = (__u64)cfg.credit * CREDIT_GROWS;
	return cfg.credit + (taken < most ? taken : most);
}

/* Whether the order of bytes lets a message of the client be moved. */
static __always_inline __u32 may_forward(struct sk_msg_md *m, struct record *record, __u32 sent)
{
	if (sent != READ(record->in_f))
		return OUTCOME_SLOW_IN_FLIGHT; /* bytes under way to the sidecar, or held by it */
	barrier(); /* in first: what it says is sent on has strayed by then, or is queued */
	if (READ(record->strayed_f))
		return OUTCOME_SLOW_STRAYED; /* a moved byte would be read before those that went over TCP */
	if (unread_f(record) + m->size > credit_of(READ(record->read_b)))
		return OUTCOME_SLOW_CREDIT; /* the service is behind: TCP's flow control takes over, towards the sidecar */
	return OUTCOME_ALLOWED;
}

static __always_inline __u32 move_forward(struct sk_msg_md *m, struct record *record, const struct request *request)
{
	__u64 peer = READ(record->cookie_b);
	if (bpf_msg_redirect_hash(m, &sockets, &peer, BPF_F_INGRESS) != SK_PASS)
		return OUTCOME_SLOW_REDIRECT_FAILED; /* the service is gone; TCP will tell */
	/* The message is queued after this program has returned: the counters are ahead of it, never behind. */
	record->body_f = request->body;
	if (request->starts) {
		struct tally *tally = bpf_map_lookup_elem(&tallies, &request->tally);
		if (tally)
			tally->requests++;
	}
	if (request->starts && !request->silent) {
		WRITE(record->started, request->started);
		WRITE(record->tally, request->tally);
		WRITE(record->head_request, request->head_request);
		WRITE(record->requests, record->requests + 1);
	}
	WRITE(record->fast_a, record->fast_a + m->size);
	return OUTCOME_FAST;
}

static __always_inline __u32 forward(struct sk_msg_md *m, struct record *record, __u32 flags, __u32 sent, const __u64 *zero)
{
	struct request request = {};
	__u32 outcome = may_forward(m, record, sent);
	if (outcome == OUTCOME_ALLOWED && !(flags & RECORD_OPAQUE))
		outcome = read_request(m, record, &request, zero);
	return outcome == OUTCOME_ALLOWED ? move_forward(m, record, &request) : outcome;
}

/* What a message of the service changes when it is moved. */
struct response {
	__u64 body;
	__u32 ends; /* 1: it completes a response */
	__u32 class;
};

static __always_inline __u32 read_response(struct sk_msg_md *m, struct record *record, struct response *response, const __u64 *zero)
{
	__u64 body = record->body_r;
	struct run run;
	__u32 outcome, size = m->size, at = 0;
	response->class = record->answer_class;
	if (body & CHUNKED) {
		response->body = walk_chunks(m, 0, body & ~CHUNKED);
		if (response->body == NOT_SURE)
			return OUTCOME_SLOW_RESPONSE_FRAMING;
	} else if (body) {
		if (size > body)
			return OUTCOME_SLOW_BODY_OVERRUN;
		response->body = body - size;
	} else {
		if (!waiting(record))
			return OUTCOME_SLOW_NO_REQUEST; /* the sidecar ends such connections */
		outcome = read_head(m, READ(record->answers), &run, 0, 1, zero);
		if (outcome != OUTCOME_ALLOWED)
			return OUTCOME_SLOW_RESPONSE_FRAMING;
		at = run.at;
		response->class = run.expect;
		if (run.got & 1ULL << BIT_BODILESS || READ(record->head_request) == answered(record) + 1)
			run.length = 0;
		else if (run.got & 1ULL << BIT_CHUNKED) {
			response->body = walk_chunks(m, at, 0);
			if (response->body == NOT_SURE)
				return OUTCOME_SLOW_RESPONSE_FRAMING;
			goto framed;
		} else if (!(run.got & 1ULL << BIT_LENGTH))
			return OUTCOME_SLOW_RESPONSE_FRAMING; /* ends with the connection */
		if (size - at > run.length)
			return OUTCOME_SLOW_BODY_OVERRUN; /* several responses in one send */
		response->body = run.length - (size - at);
	}
framed:
	response->ends = !response->body;
	return OUTCOME_ALLOWED;
}

static __always_inline void tally_response(struct record *record, __u32 class)
{
	struct tally *tally = tally_of(record);
	__u64 started = READ(record->started), micros;
	__u32 bucket = 0;
	if (!tally)
		return;
	tally->classes[class & 7]++;
	if (!started || waiting(record) != 1)
		return; /* not alone: the time would be that of others too */
	micros = (bpf_ktime_get_ns() - started) / 1000;
	for (int step = 16; step; step >>= 1)
		if (micros >> step) {
			micros >>= step;
			bucket += step;
		}
	tally->latency[bucket & 31]++;
}

/* Whether the order of bytes lets a message of the service be moved. */
static __always_inline __u32 may_reverse(struct sk_msg_md *m, struct record *record, __u32 flags, __u32 sent)
{
	if (flags & RECORD_RESPONSESSLOW)
		return OUTCOME_SLOW_INJECTING; /* the sidecar is about to answer itself */
	if (sent != READ(record->in_r))
		return OUTCOME_SLOW_IN_FLIGHT;
	barrier();
	if (READ(record->strayed_r))
		return OUTCOME_SLOW_STRAYED;
	if (unread_r(record) + m->size > credit_of(READ(record->read_a)))
		return OUTCOME_SLOW_CREDIT;
	return OUTCOME_ALLOWED;
}

static __always_inline __u32 move_reverse(struct sk_msg_md *m, struct record *record, const struct response *response)
{
	__u64 peer = READ(record->cookie_a), thread = bpf_get_current_pid_tgid();
	if (bpf_msg_redirect_hash(m, &sockets, &peer, BPF_F_INGRESS) != SK_PASS)
		return OUTCOME_SLOW_REDIRECT_FAILED;
	record->body_r = response->body;
	record->answer_class = response->class;
	if (record->send_begin != READ(record->send_end) && record->sender != thread)
		WRITE(record->ambiguous, 1); /* two threads inside send: whose end is an end cannot be told */
	record->sender = thread;
	if (response->ends)
		tally_response(record, response->class);
	WRITE(record->send_begin, record->send_begin + 1);
	barrier(); /* before responses: the sidecar reads them in the opposite order */
	WRITE(record->responses, record->responses + response->ends);
	WRITE(record->fast_b, record->fast_b + m->size);
	return OUTCOME_FAST;
}

static __always_inline __u32 reverse(struct sk_msg_md *m, struct record *record, __u32 flags, __u32 sent, const __u64 *zero)
{
	struct response response = {};
	__u32 outcome = may_reverse(m, record, flags, sent);
	if (outcome == OUTCOME_ALLOWED && !(flags & RECORD_OPAQUE))
		outcome = read_response(m, record, &response, zero);
	return outcome == OUTCOME_ALLOWED ? move_reverse(m, record, &response) : outcome;
}

static __always_inline __u32 splice(struct sk_msg_md *m, struct socket_state *state, struct record *record, struct tcp_sock *tp)
{
	__u32 flags, sent = tp->write_seq - state->sent0;
	if (!record || !READ(record->paired))
		return OUTCOME_SLOW_UNPAIRED; /* the service's socket is not known yet */
	flags = READ(record->flags);
	if ((flags & (RECORD_ON | RECORD_MEMCACHED)) != RECORD_ON)
		return OUTCOME_SLOW_SWITCHED_OFF; /* also when it became memcached's since this program was chosen */
	return state->is_b ? reverse(m, record, flags, sent, &state->zero) : forward(m, record, flags, sent, &state->zero);
}

SEC("sk_msg") int sockmesh_splice(struct sk_msg_md *m)
{
	struct bpf_sock *sk = m->sk;
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, sk, 0, 0) : 0;
	struct record *record;
	struct tcp_sock *tp;
	if (!state)
		return SK_PASS; /* never moved: TCP keeps the order */
	if (state->level == LEVEL_SHORTCUT)
		bpf_tail_call(m, &stages, STAGE_SHORTCUT);
	record = record_of(state);
	if (state->sidecars) {
		tell(inject(m, state, record), m->size);
		return SK_PASS;
	}
	if (record && READ(record->flags) & RECORD_MEMCACHED)
		bpf_tail_call(m, &stages, STAGE_MEMCACHED);
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp && state->level == LEVEL_SPLICE)
		tell(splice(m, state, record, tp), m->size);
	return SK_PASS;
}

#endif
