/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Frames chunked bodies (RFC 9112 7.1) of responses: a bounded number of chunks in one send. */
#ifndef SOCKMESH_CHUNKS_H
#define SOCKMESH_CHUNKS_H
#include "maps.h"

#define MOST_CHUNKS 8
#define MOST_SIZE_DIGITS 7
#define CHUNKED (1ULL << BODY_CHUNKEDBIT)
#define NOT_SURE (~0ULL)

/* A size line at `at`; 2 bytes before it, where there are any, must be the line end of the chunk before. Returns the
 * bytes of the line, 0 when not sure, and the size. */
static __always_inline __u32 size_line(struct sk_msg_md *m, __u32 at, __u32 behind_chunk, __u32 *size)
{
	__u32 from = behind_chunk ? at - 2 : at, to = at + MOST_SIZE_DIGITS + 4, value = 0;
	__u8 *p;
	if (to > m->size)
		to = m->size;
	if (from >= to || bpf_msg_pull_data(m, from, to, 0))
		return 0;
	p = (void *)(long)m->data;
	if (behind_chunk) {
		if (p + 2 > (__u8 *)(long)m->data_end || p[0] != '\r' || p[1] != '\n')
			return 0;
		p += 2;
	}
	for (int i = 0; i <= MOST_SIZE_DIGITS; i++, p++) {
		if (p + 2 > (__u8 *)(long)m->data_end)
			return 0;
		if (p[0] == '\r') {
			*size = value;
			return i && p[1] == '\n' ? i + 2 : 0;
		}
		__u8 c = p[0] | 0x20;
		if (p[0] >= '0' && p[0] <= '9')
			value = value << 4 | (p[0] - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			return 0; /* an extension: TypeScript reads those */
	}
	return 0;
}

/* True when the two bytes before `at` are a line end. */
static __always_inline int line_end(struct sk_msg_md *m, __u32 at)
{
	__u8 *p;
	if (at < 2 || bpf_msg_pull_data(m, at - 2, at, 0))
		return 0;
	p = (void *)(long)m->data;
	return p + 2 <= (__u8 *)(long)m->data_end && p[0] == '\r' && p[1] == '\n';
}

/* Walks the chunks of a message from `at`, with `left` bytes of the current chunk and its line end still to come.
 * Returns the body word behind the message (0: the body is complete), or NOT_SURE. */
static __always_inline __u64 walk_chunks(struct sk_msg_md *m, __u32 at, __u64 left)
{
	for (int i = 0; i < MOST_CHUNKS; i++) {
		__u32 rest = m->size - at, size = 0, line;
		if (left > rest)
			/* The message ends within the chunk; between CR and LF nobody could check them any more. */
			return left - rest == 1 ? NOT_SURE : CHUNKED | (left - rest);
		at += left;
		if (at == m->size)
			return left && !line_end(m, at) ? NOT_SURE : CHUNKED;
		if (left == 1)
			return NOT_SURE;
		line = size_line(m, at, left != 0, &size);
		if (!line)
			return NOT_SURE;
		at += line;
		if (!size) /* the last chunk, without trailers, and nothing behind it */
			return at + 2 == m->size && line_end(m, at + 2) ? 0 : NOT_SURE;
		left = (__u64)size + 2;
	}
	return NOT_SURE; /* more chunks than one send should have */
}

#endif
