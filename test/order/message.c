/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES 16

/* Header lines are collected first, because their order is random. */
struct lines {
	size_t start[LINES], length[LINES], count, used;
	char text[HEAD_BYTES];
};

static const char *const METHODS[] = { "GET", "HEAD", "POST", "PUT", "DELETE" };

static void put(struct message *m, const char *text, size_t n)
{
	if (m->head_length + n > sizeof(m->head))
		abort();
	memcpy(m->head + m->head_length, text, n);
	m->head_length += n;
}

static void puts_to(struct message *m, const char *text)
{
	put(m, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(lines->text + lines->used, sizeof(lines->text) - lines->used, format, args);
	va_end(args);
	if (lines->count == LINES || n < 0 || (size_t)n >= sizeof(lines->text) - lines->used)
		abort();
	lines->start[lines->count] = lines->used;
	lines->length[lines->count++] = (size_t)n;
	lines->used += (size_t)n;
}

/* Headers that mean nothing, of that many bytes together. */
static void add_filler(struct lines *lines, struct rnd *r, uint32_t bytes)
{
	char value[4097];

	for (uint32_t n = 0; bytes > 0; n++) {
		uint32_t size = bytes < sizeof(value) ? bytes : sizeof(value) - 1;

		for (uint32_t i = 0; i < size; i += 8) {
			uint64_t word = rnd_next(r);

			for (uint32_t k = i; k < i + 8 && k < size; k++, word >>= 8)
				value[k] = (char)('a' + (word & 15));
		}
		value[size] = 0;
		add(lines, "X-Filler-%u: %s\r\n", n, value);
		bytes -= size;
	}
}

/* The lines in random order; names are of either case. */
static void put_shuffled(struct message *m, struct lines *lines, struct rnd *r)
{
	bool lower = rnd_chance(r, 300);

	for (size_t left = lines->count; left > 0; left--) {
		size_t i = rnd_below(r, (uint32_t)left);

		char *line = lines->text + lines->start[i];

		for (char *c = line; lower && *c != ':'; c++)
			*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
		put(m, line, lines->length[i]);
		lines->start[i] = lines->start[left - 1];
		lines->length[i] = lines->length[left - 1];
	}
	puts_to(m, "\r\n");
}

/* Begins a message; its head is to be put. A lookalike body is made of whole messages of that format. */
static void begin(struct message *m, const struct plan *plan, uint64_t key, const struct body *body, const char *format)
{
	m->plan = *plan;
	m->key = key;
	m->chunks.state = key;
	m->body = *body;
	m->ended = m->head_done = m->wrong = false;
	m->run = 0;
	m->made = m->total = 0;
	m->head_length = m->template_length = 0;
	if (body->lookalike && body->framing != NO_BODY) {
		uint32_t conn = plan->conn, number = plan->number;
		int n = snprintf(m->template, sizeof(m->template), format, conn, number, conn, number);

		m->template_length = (size_t)n;
		m->body.length += (uint32_t)n - m->body.length % (uint32_t)n;
	}
	m->left = body->framing == NO_BODY ? 0 : m->body.length;
}

/* The head is complete: it is made first. */
static void set_off(struct message *m)
{
	m->text = m->head;
	m->text_left = m->head_length;
}

static void put_target(struct message *m, bool forwarded)
{
	static const char *const ENDS[ODDITIES] = {
		[PERCENT] = "/a%20b", [DOUBLE_SLASH] = "//x", [DOT_NAME] = "/.name", [PARAMETER] = "/x;v=1"
	};
	const struct plan *p = &m->plan;
	const char *below = p->method == POST || p->method == PUT ? "w" : "r";
	char text[128];

	if (p->with_pass || p->denial == HEADER_MISSING || p->denial == HEADER_DIFFERS)
		below = "h";
	if (p->denial == NO_SUCH_PATH)
		below = "no";
	if (p->oddity == ABSOLUTE_FORM && !forwarded)
		puts_to(m, "http://order.test");
	snprintf(text, sizeof(text), "/%s/c%u/n%u%s%s", below, p->conn, p->number,
		 ENDS[p->oddity] ? ENDS[p->oddity] : "", p->key & 3 ? "" : "?a=b&c=d");
	puts_to(m, text);
}

static void add_oddity(struct lines *lines, enum oddity oddity)
{
	switch (oddity) {
	case TAB_VALUE: add(lines, "X-Odd: a\tb\r\n"); break;
	case OBS_TEXT: add(lines, "X-Odd: caf\xe9\r\n"); break;
	case NO_SPACE: add(lines, "X-Odd:none\r\n"); break;
	case TRAILING_SPACE: add(lines, "X-Odd: behind \r\n"); break;
	case EMPTY_VALUE: add(lines, "X-Odd:\r\n"); break;
	case EXPECT: add(lines, "Expect: 100-continue\r\n"); break;
	default: break;
	}
}

void message_request(struct message *m, const struct plan *p, bool forwarded)
{
	struct rnd r = { p->key };
	struct lines lines;

	lines.count = lines.used = 0;
	begin(m, p, key_of(p->key, 'q', 0), &p->body,
	      "GET /r/c%u/n%u HTTP/1.1\r\nHost: order.test\r\nX-Id: %u.%u\r\n\r\n");
	if (p->oddity == EMPTY_LINE && !forwarded)
		puts_to(m, "\r\n");
	puts_to(m, METHODS[p->method]);
	puts_to(m, " ");
	put_target(m, forwarded);
	puts_to(m, " HTTP/1.1\r\n");
	add(&lines, "Host: order.test\r\n");
	add(&lines, "X-Id: %u.%u\r\n", p->conn, p->number);
	if (p->body.framing == BY_LENGTH)
		add(&lines, "Content-Length: %u\r\n", m->body.length);
	else if (p->body.framing == BY_CHUNKS)
		add(&lines, "Transfer-Encoding: chunked\r\n");
	if (p->with_pass || p->denial == HEADER_DIFFERS)
		add(&lines, "X-Pass: %s\r\n", p->with_pass ? "yes" : "no");
	if (p->denial == UPGRADE)
		add(&lines, "Connection: Upgrade\r\n"), add(&lines, "Upgrade: order\r\n");
	else if (p->close)
		add(&lines, "Connection: close\r\n");
	else if (p->key & 16)
		add(&lines, "Connection: keep-alive\r\n");
	add_oddity(&lines, p->oddity);
	add_filler(&lines, &r, p->filler);
	put_shuffled(m, &lines, &r);
	set_off(m);
}

uint32_t message_parts(const struct plan *p)
{
	return p->denial ? 1 : p->interims + 1;
}

/* What the sidecar answers in the service's place. */
static void put_denial(struct message *m)
{
	const struct plan *p = &m->plan;

	puts_to(m, "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 15\r\n");
	puts_to(m, plan_closes(p) ? "connection: close\r\n\r\n" : "\r\n");
	if (p->method != HEAD)
		puts_to(m, "Access denied\r\n");
}

static void put_interim(struct message *m, uint32_t part)
{
	if (m->plan.oddity == EXPECT)
		return puts_to(m, "HTTP/1.1 100 Continue\r\n\r\n");
	if (part == 0)
		return puts_to(m, "HTTP/1.1 103 Early Hints\r\nLink: </r>; rel=preload\r\n\r\n");
	puts_to(m, "HTTP/1.1 102 Processing\r\n\r\n");
}

/* A length or coding, where there is a body or one is only declared. */
static void add_framing(struct lines *lines, const struct message *m)
{
	const struct plan *p = &m->plan;
	bool bodiless = m->body.framing == NO_BODY;

	if (bodiless && (!p->declares || p->status == 204))
		return;
	if (p->answer.framing == BY_LENGTH)
		add(lines, "Content-Length: %u\r\n", bodiless ? p->answer.length : m->body.length);
	else if (p->answer.framing == BY_CHUNKS)
		add(lines, "Transfer-Encoding: chunked\r\n");
}

void message_answer(struct message *m, const struct plan *p, uint32_t part)
{
	static const struct body none = { .framing = NO_BODY };
	struct rnd r = { key_of(p->key, 'h', 0) };
	struct lines lines;
	bool only_head = p->denial || part < p->interims || p->method == HEAD || p->status == 204 || p->status == 304;
	char line[48];

	begin(m, p, key_of(p->key, 'a', 0), only_head ? &none : &p->answer,
	      "HTTP/1.1 200 OK\r\nX-Id: %u.%u\r\nX-Also: %u.%u\r\nContent-Length: 0\r\n\r\n");
	if (p->denial)
		put_denial(m);
	else if (part < p->interims)
		put_interim(m, part);
	else {
		snprintf(line, sizeof(line), "HTTP/1.1 %u Status\r\n", p->status);
		puts_to(m, line);
		lines.count = lines.used = 0;
		add(&lines, "X-Id: %u.%u\r\n", p->conn, p->number);
		add_framing(&lines, m);
		if (plan_closes(p))
			add(&lines, "Connection: close\r\n");
		add_filler(&lines, &r, p->answer_filler);
		put_shuffled(m, &lines, &r);
	}
	set_off(m);
}

bool message_done(const struct message *m)
{
	return !m->wrong && m->head_done && m->text_left == 0 && m->run == 0 && m->left == 0 &&
	       (m->body.framing != BY_CHUNKS || m->ended);
}

/* Text and run are made: sets up what follows. */
static void advance(struct message *m)
{
	if (m->body.framing != BY_CHUNKS) {
		m->run = m->left;
		m->left = 0;
		return;
	}
	const char *before = m->made > 0 ? "\r\n" : "";
	uint32_t size = m->left == 0 ? 0 : rnd_range(&m->chunks, 1, m->left < m->body.chunk ? m->left : m->body.chunk);
	int n;

	if (size > 0)
		n = snprintf(m->line, sizeof(m->line), m->chunks.state & 16 ? "%s%x\r\n" : "%s%06X\r\n", before, size);
	else if (m->body.trailers)
		n = snprintf(m->line, sizeof(m->line), "%s0\r\nX-End: %u.%u\r\n\r\n", before, m->plan.conn,
			     m->plan.number);
	else
		n = snprintf(m->line, sizeof(m->line), "%s0\r\n\r\n", before);
	m->ended = size == 0;
	m->text = m->line;
	m->text_left = (size_t)n;
	m->run = size;
	m->left -= size;
}

static void make_body(struct message *m, unsigned char *to, size_t n)
{
	if (m->template_length == 0)
		return random_bytes(m->key, m->made, to, n);
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)m->template[(m->made + i) % m->template_length];
}

size_t message_make(struct message *m, unsigned char *to, size_t most)
{
	size_t made = 0;

	while (made < most && !message_done(m)) {
		if (m->text_left > 0) {
			size_t n = m->text_left < most - made ? m->text_left : most - made;

			memcpy(to + made, m->text, n);
			m->text += n;
			m->text_left -= n;
			made += n;
			if (m->text_left == 0 && !m->head_done) {
				m->head_done = true;
				break;
			}
		} else if (m->run > 0) {
			size_t n = m->run < most - made ? m->run : most - made;

			make_body(m, to + made, n);
			m->run -= (uint32_t)n;
			m->made += n;
			made += n;
		} else
			advance(m);
	}
	m->total += made;
	return made;
}

size_t message_compare(struct message *m, const unsigned char *bytes, size_t n)
{
	unsigned char expected[16 << 10];
	size_t right = 0;

	while (right < n && !message_done(m)) {
		size_t made = message_make(m, expected, n - right < sizeof(expected) ? n - right : sizeof(expected));

		if (memcmp(expected, bytes + right, made) != 0) {
			size_t i = 0;

			while (expected[i] == bytes[right + i])
				i++;
			m->total -= made - i;
			m->wrong = true;
			return right + i;
		}
		right += made;
	}
	return right;
}
