/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The lines of memcached's answers. */
#ifndef SOCKMESH_ANSWER_H
#define SOCKMESH_ANSWER_H
#include "judge.h"

#define LINE_END 2
#define VALUE_NAME ('V' | 'A' << 8 | 'L' << 16 | 'U' << 24)
#define VALUE_NAME_END ('E' | ' ' << 8)
#define VALUE_BYTES 6

/* The byte of the message at `at`, where at least so many can be read; else 0. What the verifier knows of `at` is forgotten
 * by the way: else each way to get there would be a state of its own. */
static __always_inline __u8 *byte_at(struct sk_msg_md *m, __u64 *at, int bytes, const __u64 *zero)
{
	__u8 *p = (void *)(long)m->data;
	*at += READ(*zero);
	if (*at >= JUDGE_HEAD)
		return 0;
	bound(*at, JUDGE_HEAD - 1);
	p += *at;
	keep(p);
	return p + bytes <= (__u8 *)(long)m->data_end ? p : 0;
}

/* Passes over digits, `most` and not none, and the byte behind them. */
static __always_inline int pass_number(struct sk_msg_md *m, __u64 *at, int most, __u8 behind, __u64 *value, const __u64 *zero)
{
	__u8 *p = byte_at(m, at, 1, zero), *end = (void *)(long)m->data_end;
	__u64 read = 0;
	int digits;
	if (!p)
		return 0;
	for (digits = 0; digits < most && p + 1 <= end && (__u8)(*p - '0') <= 9; digits++)
		read = read * 10 + (*p++ - '0');
	if (!digits || p + 1 > end || *p != behind)
		return 0;
	*at += digits + 1;
	*value = read;
	return 1;
}

/* The line before a value, without a unique number: what most lines of long answers are, and the table takes four times as
 * long for. Returns what read_line returns; 0: the table may know more. */
static __always_inline __u64 value_line(struct sk_msg_md *m, __u64 from, const __u64 *zero)
{
	__u64 at = from, length, flags, odd = 0, word;
	__u8 *p = byte_at(m, &at, VALUE_BYTES, zero), *end = (void *)(long)m->data_end;
	if (!p || *(__u32 *)p != VALUE_NAME || *(__u16 *)(p + 4) != VALUE_NAME_END)
		return 0;
	p += VALUE_BYTES;
	at += VALUE_BYTES;
	for (int i = 0; i < JUDGE_WORDS && p + 8 <= end && !odd; i++) {
		word = *(__u64 *)p;
		/* As in skip; a space ends the key. */
		odd = (~(word + EACH(0x5f)) | (word + EACH(1)) | word) & EACH(0x80);
		at += odd ? first_byte(odd) : 8;
		p += 8;
	}
	p = byte_at(m, &at, 1, zero);
	if (!odd || at == from + VALUE_BYTES || !p || *p != ' ')
		return 0; /* no key, or a very long one, or something else in it */
	at++;
	if (!pass_number(m, &at, COMMAND_FLAGS_DIGITS, ' ', &flags, zero) || !pass_number(m, &at, COMMAND_LENGTH_DIGITS, '\r', &length, zero))
		return 0;
	p = byte_at(m, &at, 1, zero);
	return p && *p == '\n' ? (__u64)ANSWER_LINE_VALUE << 48 | (at + 1 - from) << 32 | (__u32)length : 0;
}

/* Reads the line of an answer at `at`. Returns what it is (4 bits), its bytes (16) and the length of the value behind it
 * (32); 0 when not sure. `seen`: the message can be read from its beginning to the end of the line, or of itself. */
static __always_inline __u64 read_line(struct sk_msg_md *m, __u32 at, __u32 seen, __u32 slot, const __u64 *zero)
{
	struct run run;
	__u64 line;
	__u32 from = seen ? at : 0, to = at + COMMAND_ANSWER;
	if (!zero || !slot || slot >> SLOT_BITS_SIZE)
		return 0;
	if (to > m->size)
		to = m->size;
	if (at >= to || (!seen && bpf_msg_pull_data(m, at, to, 0)))
		return 0;
	line = value_line(m, from, zero);
	if (line)
		return line;
	begin_run(m, &run, from, zero);
	if (read_0(&run, slot & 0xffff, 0) != OUTCOME_ALLOWED)
		return 0;
	return (run.expect & 0xf) << 48 | ((run.at - from) & 0xffff) << 32 | (__u32)run.length;
}

#ifndef LINE
#define LINE sockmesh_line
/* Not static: verified once for all of its callers. */
__noinline __u64 sockmesh_line(struct sk_msg_md *m, __u32 at, __u32 seen, __u32 slot, const __u64 *zero)
{
	return read_line(m, at, seen, slot, zero);
}
#endif

/* As line_end, where the message can be read from its beginning up to `at`. */
static __always_inline int line_end_seen(struct sk_msg_md *m, __u64 at)
{
	__u8 *p = (void *)(long)m->data;
	if (at < LINE_END || at > JUDGE_HEAD)
		return 0;
	at -= LINE_END;
	bound(at, JUDGE_HEAD - 1);
	p += at;
	return p + LINE_END <= (__u8 *)(long)m->data_end && p[0] == '\r' && p[1] == '\n';
}

#endif
