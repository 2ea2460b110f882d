/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Runs the functions of sockmap/bpf over messages from a map, many in one test run. BPF_PROG_TEST_RUN accepts no sk_msg
 * program, so these are tc programs: what the functions see as the message is a window of the packet, which a pull fills
 * with exactly the bytes that it was asked for. The headers are those of the engine, unchanged. */
#include "maps.h"

/* Faults that the test must find, one at a time. */
#ifdef BREAK_ONCE /* a second Host or Content-Length passes */
#undef BIT_HOST
#undef BIT_LENGTH
#define BIT_HOST 0
#define BIT_LENGTH 0
#endif
#ifdef BREAK_RULE /* the next rule is counted */
#undef REQUIREMENT_RULE
#define REQUIREMENT_RULE REQUIREMENT_LAST
#endif
#ifdef BREAK_LAST /* the requirements of another method and path are looked at too */
#undef REQUIREMENT_LAST
#define REQUIREMENT_LAST 4
#endif
#ifdef BREAK_BODILESS /* 204 and 304 may have a body */
#undef BIT_BODILESS
#define BIT_BODILESS 0
#endif
#ifdef BREAK_SKIP /* behind a value that was passed over, another message begins */
#undef TABLE_LINE
#define TABLE_LINE TABLE_START
#endif
#ifdef BREAK_CLASSES /* bytes are taken for their neighbours */
#undef TABLE_CLASSES
#define TABLE_CLASSES 42
#endif
#ifdef BREAK_SERIAL /* what another table made of a head is remembered too */
#undef TABLE_SERIAL
#define TABLE_SERIAL TABLE_VERSION
#endif

#ifdef BREAK_SILENT /* commands that want no answer are answered */
#undef COMMAND_ANSWER_NONE
#define COMMAND_ANSWER_NONE 3
#endif
#ifdef BREAK_KEY /* keys may be a byte longer than memcached takes */
#undef COMMAND_KEY
#define COMMAND_KEY 251
#endif
#ifdef BREAK_LOOK /* only the beginning of a long line is looked at */
#undef COMMAND_LOOKS
#define COMMAND_LOOKS 2
#endif
#ifdef BREAK_LINE /* what ends the answer to a lookup is taken for an answer by itself */
#undef ANSWER_LINE_END
#define ANSWER_LINE_END 1
#endif

#ifdef BREAK_DIGITS /* the length of a value may have more than 32 bits */
#undef COMMAND_LENGTH_DIGITS
#define COMMAND_LENGTH_DIGITS 12
#endif

#define MOST_MESSAGE 8192
#define INPUT_BYTES (8 << 20)
#define MOST_ITEMS 16384
#define LINK_HEADER 14 /* the shortest packet */

#define ITEM_RESPONSE 1
#define ITEM_HEAD 2 /* the response is one to HEAD */
#define ITEM_CONTINUES 4 /* goes on where the item before it has ended, if that was understood */
#define ITEM_REMEMBERS 8 /* comes from the socket that has a memory */
#define OUTCOME_SKIPPED 0xffff /* not run: the item that it continues was not understood */

/* One message: what one sendmsg holds. Likewise in program.ts. */
struct item {
	__u32 start, size; /* bytes of the input */
	__u32 first; /* bytes that can be seen without a pull */
	__u32 slot, flags, pad;
};
struct result {
	__u32 outcome, rule, expect, starts;
	__u64 at, length, got, body;
};
struct progress {
	__u32 next, pad;
	__u64 zero;
};

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __uint(value_size, INPUT_BYTES + MOST_MESSAGE); } fuzz_input SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, MOST_ITEMS); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct item); } fuzz_items SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, MOST_ITEMS); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct result); } fuzz_results SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct progress); } fuzz_progress SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct record); } fuzz_record SEC(".maps");

struct fuzz_msg {
	void *data, *data_end;
	__u32 size;
	struct bpf_sock *sk;
	__u32 start;
	__u8 *input;
	struct memory *memory;
	struct __sk_buff *skb;
};

/* As bpf_msg_pull_data: bytes [from, to) of the message, and no others, can be read then. */
static __always_inline long fuzz_pull(struct fuzz_msg *m, __u32 from, __u32 to, __u64 flags)
{
	__u32 length = to - from;
	if (flags || from >= to || to > m->size)
		return -22;
	barrier_var(length); /* the verifier does not conclude from the above what the length can be */
	if (!length || length > MOST_MESSAGE)
		return -22;
#ifdef BREAK_PULL /* a chunk's line end is not the one that was asked for */
	from ^= from > 1;
#endif
	if (bpf_skb_change_tail(m->skb, LINK_HEADER + length, 0))
		return -12;
	if (bpf_skb_store_bytes(m->skb, LINK_HEADER, m->input + ((m->start + from) & (INPUT_BYTES - 1)), length, 0))
		return -22;
	m->data = (void *)(long)m->skb->data + LINK_HEADER;
	m->data_end = (void *)(long)m->skb->data_end;
	return 0;
}

#define sk_msg_md fuzz_msg
#define bpf_msg_pull_data fuzz_pull
#define bpf_msg_redirect_hash(m, map, key, flags) ((void)(key), SK_PASS) /* in a program that is never loaded */
#include "records.h"
/* A function that is verified by itself takes no pointers to packets: it makes the message anew, and so must its caller. */
const struct __sk_buff *context_type __attribute__((unused)); /* makes the compiler describe it */
static __always_inline int message_again(struct __sk_buff *skb, struct fuzz_msg *m)
{
	__u32 none = 0, number;
	struct progress *progress = bpf_map_lookup_elem(&fuzz_progress, &none);
	struct item *item;
	if (!progress)
		return 0;
	number = progress->next - 1;
	item = bpf_map_lookup_elem(&fuzz_items, &number);
	m->input = bpf_map_lookup_elem(&fuzz_input, &none);
	if (!item || !m->input)
		return 0;
	m->skb = skb;
	m->start = READ(item->start);
	m->size = READ(item->size);
	m->data = (void *)(long)skb->data + LINK_HEADER;
	m->data_end = (void *)(long)skb->data_end;
	return 1;
}
__u64 fuzz_repeats(struct __sk_buff *skb, struct memory *memory);
int fuzz_copy(struct __sk_buff *skb, struct memory *memory, __u64 size);
#define MEMORY_OF(m, flags) ((m)->memory)
#define REPEATS(m, memory) fuzz_repeats((m)->skb, memory)
#define COPY(m, memory, size) fuzz_copy((m)->skb, memory, size)
#include "splice.h"
__noinline __u64 fuzz_repeats(struct __sk_buff *skb, struct memory *memory)
{
	struct fuzz_msg m = {};
	__u64 known;
	if (!memory || !message_again(skb, &m))
		return 0;
	known = repeats(&m, memory);
#ifdef BREAK_REPEATS /* the fields are taken for those of the memory because they are as long */
	if (!known && memory->fields && m.size > memory->fields)
		known = m.size - memory->fields;
#endif
	return known;
}
__noinline int fuzz_copy(struct __sk_buff *skb, struct memory *memory, __u64 size)
{
	struct fuzz_msg m = {};
	return memory && message_again(skb, &m) ? copy(&m, memory, size) : 0;
}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, struct memory); } fuzz_memory SEC(".maps");
static __always_inline __u64 read_line(struct fuzz_msg *m, __u32 at, __u32 seen, __u32 slot, const __u64 *zero);
__noinline __u64 fuzz_line(struct __sk_buff *skb, __u32 at, __u32 seen, __u32 slot, const __u64 *zero)
{
	struct fuzz_msg m = {};
	return message_again(skb, &m) ? read_line(&m, at, seen, slot, zero) : 0;
}
#define LINE(m, at, seen, slot, zero) ({ \
	__u64 line_ = fuzz_line((m)->skb, at, seen, slot, zero); \
	(m)->data = (void *)(long)(m)->skb->data + LINK_HEADER; \
	(m)->data_end = (void *)(long)(m)->skb->data_end; \
	line_; \
})
#include "memcached.h"
#undef sk_msg_md

struct state {
	struct item *item;
	struct result *result;
	struct record *record;
	const __u64 *zero;
	struct fuzz_msg message;
};

/* The next message. Only its first bytes can be seen, as in a send of several fragments. */
static __always_inline int next(struct __sk_buff *skb, struct state *s)
{
	__u32 zero = 0, at, size, first;
	struct progress *progress = bpf_map_lookup_elem(&fuzz_progress, &zero);
	if (!progress)
		return 0;
	at = progress->next++;
	s->zero = &progress->zero;
	s->item = bpf_map_lookup_elem(&fuzz_items, &at);
	s->result = bpf_map_lookup_elem(&fuzz_results, &at);
	s->record = bpf_map_lookup_elem(&fuzz_record, &zero);
	s->message.input = bpf_map_lookup_elem(&fuzz_input, &zero);
	s->message.memory = 0;
	if (!s->item || !s->result || !s->record || !s->message.input)
		return 0;
	size = READ(s->item->size);
	first = READ(s->item->first);
	s->message.start = READ(s->item->start);
	s->message.size = size;
	s->message.skb = skb;
	s->message.sk = 0;
	if (READ(s->item->flags) & ITEM_REMEMBERS)
		s->message.memory = bpf_map_lookup_elem(&fuzz_memory, &zero);
	return !fuzz_pull(&s->message, 0, first, 0);
}

/* What the table says of a head. */
SEC("tc") int fuzz_judge(struct __sk_buff *skb)
{
	struct state s;
	struct run run = {};
	if (!next(skb, &s))
		return 0;
	s.result->outcome = read_head(&s.message, READ(s.item->slot), &run, !(READ(s.item->flags) & ITEM_RESPONSE), 1, s.zero);
	s.result->at = run.at;
	s.result->length = run.length;
	s.result->expect = run.expect;
	s.result->rule = run.rule;
	s.result->got = run.got;
	return 0;
}

/* The next request, the first of its connection. */
static __always_inline int next_request(struct __sk_buff *skb, struct state *s)
{
	if (!next(skb, s))
		return 0;
	s->record->body_f = 0;
	s->record->requests = s->record->responses = s->record->head_request = 0;
	s->record->slot = READ(s->item->slot);
	return 1;
}
static __always_inline void keep_request(struct state *s, const struct request *request, __u32 outcome)
{
	s->result->outcome = outcome;
	s->result->body = request->body;
	s->result->rule = request->tally;
	s->result->starts = request->starts;
	s->result->expect = request->head_request | request->silent << 1;
}

/* The next piece of a response. ITEM_HEAD: to a request that is marked. */
static __always_inline int next_response(struct __sk_buff *skb, struct state *s)
{
	__u32 flags;
	if (!next(skb, s))
		return 0;
	flags = READ(s->item->flags);
	if (!(flags & ITEM_CONTINUES)) {
		s->record->body_r = 0;
		s->record->requests = 1;
		s->record->responses = 0;
		s->record->head_request = !!(flags & ITEM_HEAD);
		s->record->slot = 0;
		s->record->answers = READ(s->item->slot);
	} else if (!s->record->requests) {
		s->result->outcome = OUTCOME_SKIPPED;
		return 0;
	}
	return 1;
}
static __always_inline void keep_response(struct state *s, const struct response *response, __u32 outcome)
{
	s->result->outcome = outcome;
	s->result->body = response->body;
	s->result->starts = response->ends;
	s->result->expect = response->class;
	s->record->body_r = response->body;
	s->record->answer_class = response->class;
	if (outcome != OUTCOME_ALLOWED || response->ends)
		s->record->requests = 0;
}

/* What becomes of a request or of a piece of a response: as sockmesh_splice decides it. */
SEC("tc") int fuzz_request(struct __sk_buff *skb)
{
	struct state s;
	struct request request = {};
	if (next_request(skb, &s))
		keep_request(&s, &request, read_request(&s.message, s.record, &request, s.zero));
	return 0;
}

SEC("tc") int fuzz_response(struct __sk_buff *skb)
{
	struct state s;
	struct response response = {};
	if (next_response(skb, &s))
		keep_response(&s, &response, read_response(&s.message, s.record, &response, s.zero));
	return 0;
}

/* Likewise for memcached's commands and answers. */
SEC("tc") int fuzz_command(struct __sk_buff *skb)
{
	struct state s;
	struct request request = {};
	if (next_request(skb, &s))
		keep_request(&s, &request, read_command(&s.message, s.record, &request, s.zero));
	return 0;
}

SEC("tc") int fuzz_answer(struct __sk_buff *skb)
{
	struct state s;
	struct response response = {};
	if (next_response(skb, &s))
		keep_response(&s, &response, read_answer(&s.message, s.record, &response, s.zero));
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
