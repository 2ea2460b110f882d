/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sk_msg at level splice for memcached's text commands: one canonical command in one send, its answer framed line by
 * line. The order of bytes is kept as for HTTP, see splice.h. */
#ifndef SOCKMESH_MEMCACHED_H
#define SOCKMESH_MEMCACHED_H
#include "splice.h"
#include "answer.h"

#define CLASS_HIT 2
#define CLASS_MISS 4
#define CLASS_ERROR 5
#define KEY_WINDOW (COMMAND_KEY + 1) /* bytes of which one is a space, or a key is too long */

/* Where in a line of printable bytes it is looked for keys that are too long. */
struct look {
	void *data, *end;
	__u64 at; /* a key, or the name, begins there */
	__u64 last; /* where the line's CR is */
	__u64 fit; /* 1: every key is short enough */
};

/* Looks for a space as far behind the beginning of a key as one must be: keys between are as short. */
static long look_back(__u32 step, struct look *look)
{
	__u8 *p = look->data, *end = look->end;
	__u64 at = look->at, spaces;
	(void)step;
	if (look->last - at <= COMMAND_KEY) {
		look->fit = 1;
		return 1;
	}
	if (at >= JUDGE_HEAD)
		return 1; /* no line that we judge */
	bound(at, JUDGE_HEAD - 1);
	p += at;
	if (p + KEY_WINDOW > end)
		return 1; /* likewise */
	for (int word = KEY_WINDOW - 8; word > -8; word -= 8) {
		int from = word > 0 ? word : 0;
		/* The top bit of each byte that is a space; there is none above 0x7e. */
		spaces = ~((*(__u64 *)(p + from) ^ EACH(' ')) + EACH(0x7f)) & EACH(0x80);
		if (spaces) {
			look->at = at + from + first_byte(spaces) + 1;
			return 0;
		}
	}
	return 1;
}

/* Whether each key of a line that the table has read is as short as memcached takes. What is no key is shorter. */
static __always_inline int keys_fit(const struct run *run, const __u64 *zero)
{
	struct look look = { .data = run->data, .end = run->end };
	if (run->at <= COMMAND_KEY)
		return 1;
	look.at = READ(*zero);
	look.last = run->at - LINE_END;
	look.fit = READ(*zero);
	bpf_loop(COMMAND_LOOKS, look_back, &look, 0);
	return look.fit;
}

static __always_inline __u32 read_command(struct sk_msg_md *m, struct record *record, struct request *request, const __u64 *zero)
{
	__u64 body = record->body_f, length = 0;
	struct run run;
	__u32 outcome, before;
	if (body) {
		if (m->size > body || body & CHUNKED)
			return OUTCOME_SLOW_BODY_OVERRUN; /* a value and the next command in one send */
		request->body = body - m->size;
		return OUTCOME_ALLOWED;
	}
	outcome = read_head(m, READ(record->slot), &run, 1, 0, zero);
	if (outcome != OUTCOME_ALLOWED)
		return outcome;
	if (!keys_fit(&run, zero))
		return OUTCOME_SLOW_NOT_CANONICAL; /* memcached refuses such a key, and reads what follows otherwise */
	if (run.got & 1ULL << BIT_LENGTH)
		length = run.length + LINE_END;
	if (m->size - run.at > length)
		return OUTCOME_SLOW_PIPELINED; /* two commands in one send */
	before = waiting(record);
	request->head_request = answered(record);
	if ((int)(READ(record->head_request) - request->head_request) > 0)
		return OUTCOME_SLOW_PIPELINED; /* the answer to a lookup is awaited, and only one of those is remembered */
	if (run.expect == COMMAND_ANSWER_VALUES) {
		if (before)
			return OUTCOME_SLOW_PIPELINED;
		request->head_request++;
	}
	request->body = length - (m->size - run.at);
	request->tally = run.rule;
	request->starts = 1;
	request->silent = run.expect == COMMAND_ANSWER_NONE;
	request->started = before ? 0 : bpf_ktime_get_ns();
	return OUTCOME_ALLOWED;
}

static __always_inline __u32 read_answer(struct sk_msg_md *m, struct record *record, struct response *response, const __u64 *zero)
{
	__u64 body = record->body_r, left = 0, line;
	__u32 size = m->size, at = 0, slot = READ(record->answers), values = 1, rest, kind, to, seen;
	/* The first fragment, as a rule all of a small answer, can be read as it is; a pull shows another part instead. */
	__u64 window = (__u64)(long)m->data_end - (__u64)(long)m->data;
	response->class = record->answer_class;
	if (body & CHUNKED)
		left = body & ~CHUNKED;
	else if (body) {
		if (size > body)
			return OUTCOME_SLOW_BODY_OVERRUN;
		response->body = body - size;
		response->ends = !response->body;
		return OUTCOME_ALLOWED;
	} else {
		if (!waiting(record))
			return OUTCOME_SLOW_NO_REQUEST; /* the sidecar ends such connections */
		values = READ(record->head_request) == answered(record) + 1;
		response->class = CLASS_MISS;
	}
	for (int i = 0; i < COMMAND_LINES; i++) {
		rest = size - at;
		if (left > rest) {
			/* Between CR and LF nobody could check them any more. */
			if (left - rest == 1)
				return OUTCOME_SLOW_RESPONSE_FRAMING;
			response->body = CHUNKED | (left - rest);
			return OUTCOME_ALLOWED;
		}
		at += left;
		to = size - at > COMMAND_ANSWER ? at + COMMAND_ANSWER : size;
		seen = to <= window && to <= JUDGE_HEAD;
		if (!seen)
			window = 0;
		if (left && !(seen ? line_end_seen(m, at) : line_end(m, at)))
			return OUTCOME_SLOW_RESPONSE_FRAMING;
		if (at == size) {
			response->body = CHUNKED; /* another line is to come */
			return OUTCOME_ALLOWED;
		}
		line = LINE(m, at, seen, slot, zero);
		kind = line >> 48;
		at += line >> 32 & 0xffff;
		if (kind == ANSWER_LINE_VALUE && values) {
			left = (line & 0xffffffff) + LINE_END;
			response->class = CLASS_HIT;
			continue;
		}
		if (!kind || kind == ANSWER_LINE_VALUE || (kind != ANSWER_LINE_ERROR && values != (kind == ANSWER_LINE_END)))
			return OUTCOME_SLOW_RESPONSE_FRAMING; /* the sidecar knows what such an answer means */
		if (at != size)
			return OUTCOME_SLOW_BODY_OVERRUN; /* several answers in one send */
		if (kind == ANSWER_LINE_ERROR)
			response->class = CLASS_ERROR;
		else if (!values)
			response->class = kind == ANSWER_LINE_DONE ? CLASS_HIT : CLASS_MISS;
		response->ends = 1;
		return OUTCOME_ALLOWED;
	}
	return OUTCOME_SLOW_RESPONSE_FRAMING; /* more values than one send should have */
}

static __always_inline __u32 splice_memcached(struct sk_msg_md *m, struct socket_state *state, struct record *record, struct tcp_sock *tp)
{
	struct request request = {};
	struct response response = {};
	__u32 flags, outcome, sent = tp->write_seq - state->sent0;
	if (!READ(record->paired))
		return OUTCOME_SLOW_UNPAIRED;
	flags = READ(record->flags);
	if ((flags & (RECORD_ON | RECORD_MEMCACHED)) != (RECORD_ON | RECORD_MEMCACHED))
		return OUTCOME_SLOW_SWITCHED_OFF;
	if (state->is_b) {
		outcome = may_reverse(m, record, flags, sent);
		if (outcome == OUTCOME_ALLOWED)
			outcome = read_answer(m, record, &response, &state->zero);
		return outcome == OUTCOME_ALLOWED ? move_reverse(m, record, &response) : outcome;
	}
	outcome = may_forward(m, record, sent);
	if (outcome == OUTCOME_ALLOWED)
		outcome = read_command(m, record, &request, &state->zero);
	return outcome == OUTCOME_ALLOWED ? move_forward(m, record, &request) : outcome;
}

SEC("sk_msg") int sockmesh_memcached(struct sk_msg_md *m)
{
	struct bpf_sock *sk = m->sk;
	struct socket_state *state = sk ? bpf_sk_storage_get(&states, sk, 0, 0) : 0;
	struct record *record = state ? record_of(state) : 0;
	struct tcp_sock *tp = record ? bpf_skc_to_tcp_sock(sk) : 0;
	if (tp)
		tell(splice_memcached(m, state, record, tp), m->size);
	return SK_PASS;
}

#endif
