/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one message, made piece by piece: to send them, or to compare what was received with them. */
#ifndef ORDER_MESSAGE_H
#define ORDER_MESSAGE_H
#include "plan.h"

#define HEAD_BYTES (20 << 10)

struct message {
	struct plan plan;
	uint64_t key;	    /* of the body */
	struct rnd chunks;
	struct body body;
	uint32_t left;	    /* bytes of the body that are not begun */
	bool ended;	    /* the last chunk is begun */
	bool head_done;	    /* the head is made */
	bool wrong;	    /* other bytes were received: it is never done */
	const char *text;   /* what is made now: first text, then a run of the body */
	size_t text_left;
	uint32_t run;
	uint64_t made;	    /* bytes of the body */
	uint64_t total;	    /* bytes of the message */
	size_t head_length;
	char line[64];	    /* between chunks */
	char template[160]; /* of a lookalike body */
	size_t template_length;
	char head[HEAD_BYTES];
};

/*
 * Begins a request. Forwarded: as the sidecar sends it to the service, in the few cases where that differs.
 */
void message_request(struct message *m, const struct plan *plan, bool forwarded);

/* Begins an answer's part: interims first, then the final one. A denied request has one part: what the sidecar says. */
void message_answer(struct message *m, const struct plan *plan, uint32_t part);

/* How many parts the answer has. */
uint32_t message_parts(const struct plan *plan);

/* True when nothing is left to be made. */
bool message_done(const struct message *m);

/* Makes up to `most` bytes; stops at the end of the head. */
size_t message_make(struct message *m, unsigned char *to, size_t most);

/* Compares bytes with the message's next ones; returns how many of them are right, at most to the message's end. */
size_t message_compare(struct message *m, const unsigned char *bytes, size_t n);

#endif
