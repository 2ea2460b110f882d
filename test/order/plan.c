/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

enum { KEY_CONNECTION = 1, KEY_REQUEST };

/* One of the indexes of `weights`, as often as its weight says. */
static uint32_t pick(struct rnd *r, const uint32_t *weights, uint32_t n)
{
	uint32_t sum = 0, at;

	for (uint32_t i = 0; i < n; i++)
		sum += weights[i];
	at = rnd_below(r, sum);
	for (uint32_t i = 0; i < n; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return 0;
}

static uint32_t plan_count(struct rnd *r)
{
	switch (pick(r, (uint32_t[]){ 35, 50, 15 }, 3)) {
	case 0: return rnd_range(r, 1, 10);
	case 1: return rnd_range(r, 20, 200);
	default: return rnd_range(r, 200, 1000);
	}
}

struct conn_plan plan_connection(uint64_t seed, uint32_t conn, bool two)
{
	struct rnd r = { key_of(seed, KEY_CONNECTION, conn) };
	struct conn_plan c = { .seed = seed, .conn = conn };
	uint32_t one = pick(&r, (uint32_t[]){ 50, 25, 25 }, 3);
	uint32_t pair = rnd_range(&r, DRIVE_TWO, DRIVE_TWO_EPOLL);

	c.driver = rnd_chance(&r, 250) && two ? pair : one;
	c.ending = pick(&r, (uint32_t[]){ 25, 25, 25, 13, 12 }, 5);
	c.count = plan_count(&r);
	c.ipv6 = rnd_chance(&r, 300);
	c.slow = rnd_chance(&r, 60);
	c.beyond = rnd_chance(&r, 500);
	switch (pick(&r, (uint32_t[]){ 50, 25, 25 }, 3)) {
	case 0: c.depth = 1; break;
	case 1: c.depth = rnd_range(&r, 2, 4); break;
	default: c.depth = rnd_range(&r, 5, 24); break;
	}
	if (c.driver == DRIVE_BLOCKING && c.depth > 8)
		c.depth = 8;
	c.small = c.driver == DRIVE_BLOCKING && c.depth > 1;
	switch (pick(&r, (uint32_t[]){ 40, 40, 20 }, 3)) {
	case 0: c.odd = 5, c.denied = 5; break;
	case 1: c.odd = 100, c.denied = 50; break;
	default: c.odd = 500, c.denied = 200; break;
	}
	c.big = rnd_chance(&r, 80) ? 120 : 3;
	if (c.slow && c.count > 40)
		c.count = 40;
	c.reset_at = rnd_range(&r, 1, c.count * 400);
	return c;
}

static uint32_t plan_length(struct rnd *r, const struct conn_plan *c, uint32_t most)
{
	if (c->small)
		return rnd_below(r, 2000);
	if (rnd_chance(r, c->big))
		return rnd_chance(r, 30) ? most : rnd_range(r, 64 << 10, 600 << 10);
	switch (pick(r, (uint32_t[]){ 60, 30, 10 }, 3)) {
	case 0: return rnd_below(r, 300);
	case 1: return rnd_below(r, 4 << 10);
	default: return rnd_below(r, 48 << 10);
	}
}

static void plan_chunks(struct rnd *r, struct body *body)
{
	uint32_t shortest = body->length / 64 + 1; /* not too many of them */

	body->framing = BY_CHUNKS;
	body->chunk = rnd_range(r, shortest, shortest + (rnd_chance(r, 500) ? 20 : 5000));
	body->trailers = rnd_chance(r, 200);
}

static void plan_body(struct rnd *r, const struct conn_plan *c, struct plan *p)
{
	bool carries = p->method == POST || p->method == PUT;

	if (p->oddity == EXPECT || p->oddity == CHUNKED) {
		p->method = carries ? p->method : POST;
		carries = true;
	}
	if (!carries && !(p->method != HEAD && rnd_chance(r, 30)))
		return; /* a GET may have a body too, if rarely */
	p->body.framing = BY_LENGTH;
	p->body.length = plan_length(r, c, 4 << 20);
	p->body.lookalike = rnd_chance(r, 150);
	if (p->oddity == CHUNKED || (p->oddity == EXPECT && rnd_chance(r, 300)))
		plan_chunks(r, &p->body);
	p->early = rnd_chance(r, 60);
	if (p->oddity == EXPECT) {
		p->waits = rnd_chance(r, 500);
		if (p->body.framing == BY_LENGTH && p->body.length == 0)
			p->body.length = 1; /* else there is nothing to wait for */
		/* Who waits gets 100 Continue, or the final answer at once. */
		p->early = rnd_chance(r, 300);
		p->interims = p->waits && !p->early ? 1 : rnd_below(r, 2);
	}
}

static void plan_answer(struct rnd *r, const struct conn_plan *c, struct plan *p)
{
	static const uint32_t statuses[] = { 200, 201, 404, 500, 204, 304 };

	p->status = statuses[pick(r, (uint32_t[]){ 70, 8, 8, 4, 6, 4 }, 6)];
	if (rnd_chance(r, 15) && p->oddity != EXPECT)
		p->interims = rnd_range(r, 1, 2);
	p->answer_close = rnd_chance(r, 1);
	p->answer_filler = rnd_chance(r, 150) ? rnd_below(r, 1500) : 0;
	p->declares = rnd_chance(r, 500);
	p->answer.length = plan_length(r, c, 2 << 20);
	p->answer.lookalike = rnd_chance(r, 100);
	p->answer.framing = BY_LENGTH;
	if (rnd_chance(r, 150))
		plan_chunks(r, &p->answer);
	else if (p->answer_close && rnd_chance(r, 300))
		p->answer.framing = UNTIL_CLOSE;
	if (c->driver == DRIVE_BLOCKING && p->early) {
		/* Neither side may need the other to read before it has sent all. */
		p->answer.length %= 16 << 10;
		p->body.length %= 16 << 10;
		if (p->waits && p->body.length == 0)
			p->body.length = 1;
	}
}

struct plan plan_request(const struct conn_plan *c, uint32_t number)
{
	struct plan p = { .conn = c->conn, .number = number };
	struct rnd r = { p.key = key_of(c->seed, KEY_REQUEST, ((uint64_t)c->conn << 32) | number) };

	p.method = pick(&r, (uint32_t[]){ 50, 8, 30, 12 }, 4);
	p.oddity = rnd_chance(&r, c->odd) ? rnd_range(&r, 1, ODDITIES - 1) : CANONICAL;
	p.denial = rnd_chance(&r, c->denied) ? rnd_range(&r, 1, DENIALS - 1) : ALLOWED;
	/* What closes the connection would otherwise end most of them early. */
	if ((p.denial == UPGRADE || (p.denial && p.oddity == EXPECT)) && !rnd_chance(&r, 100))
		p.denial = NO_SUCH_PATH, p.oddity = p.oddity == EXPECT ? CANONICAL : p.oddity;
	plan_body(&r, c, &p);
	if (p.denial == OTHER_METHOD)
		p.method = DELETE;
	if (p.denial == UPGRADE)
		p.method = GET, p.body.framing = NO_BODY, p.oddity = CANONICAL;
	p.with_pass = p.denial == ALLOWED && rnd_chance(&r, 200);
	p.filler = p.oddity == LONG_HEAD ? rnd_range(&r, 4096, 14000) : rnd_chance(&r, 150) ? rnd_below(&r, 1500) : 0;
	p.close = (c->ending == END_LAST_REQUEST && number == c->count) || (!p.denial && rnd_chance(&r, 1));
	plan_answer(&r, c, &p);
	return p;
}

bool plan_closes(const struct plan *p)
{
	if (p->close)
		return true;
	/* A client that waits for 100 Continue may or may not send its body after a denial: the framing is lost. */
	return p->denial ? p->denial == UPGRADE || p->oddity == EXPECT : p->answer_close;
}
