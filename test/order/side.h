/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection: sends what its role gives it, cut in random ways; feeds its role what it receives. */
#ifndef ORDER_SIDE_H
#define ORDER_SIDE_H
#include "message.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

struct side;

/* Client or service. */
struct role {
	/* Begins the next message in `out`, when one may be sent now. */
	bool (*begin)(struct side *);
	/* The head in `out` is made: its body may follow now. */
	bool (*body_may_follow)(struct side *);
	/* All that was made is with the kernel. */
	void (*sent)(struct side *);
	/* Takes what was received; false when it is not what it must be. */
	bool (*feed)(struct side *, const unsigned char *, size_t);
	/* The peer has ended (error 0) or broken the connection. */
	void (*ended)(struct side *, int error);
	/* Nothing is left to be done. */
	bool (*finished)(struct side *);
	/* What was sent, received, and is awaited. */
	void (*describe)(struct side *, FILE *);
	/* Goes on sending when the peer has ended. */
	bool outlasts_peer;
};

/* How a message is cut into sends. */
enum cut {
	CUT_BEHIND,	 /* one send */
	CUT_HEAD,	 /* one for the head, one for the body */
	CUT_ANYWHERE,
	CUT_NOT_BEHIND,	 /* the next message begins in the same send */
	CUT_ACROSS,	 /* the same, and cut anywhere */
};

/* What a side does wrong on purpose, to see that the other one finds out. */
enum fault { FAULT_NONE, FAULT_DROP, FAULT_DOUBLE, FAULT_SWAP, FAULT_CORRUPT, FAULT_SHORT };

#define PIECE_BYTES (256 << 10)
#define RECEIVE_BYTES (64 << 10)

struct side {
	const struct role *role;
	int fd;
	enum driver driver;
	bool slow, resets;
	/*
	 * Takes a short read for the last one: with epoll until the next edge, as epoll(7) allows and nginx does; with
	 * poll for good when the peer has hung up, as libuv does.
	 */
	bool trusting;
	bool asks; /* FIONREAD for whether a read was the last one, and believes it, as nginx does */
	bool drained, hung_up;
	struct rnd random, cuts; /* of the receiving and of the sending thread */

	struct message out;
	bool sending; /* `out` is not all made */
	enum cut cut;
	uint32_t cut_most, cut_left;
	unsigned char *piece; /* made, not sent yet: [piece_at, piece_end) */
	size_t piece_at, piece_end, piece_most;
	struct message *kept; /* by a fault: sent behind `out` */

	unsigned char *received_bytes;
	atomic_bool eof, failed, unsendable;
	_Atomic uint64_t sent, received, progress;
	/* For two threads. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over, idle;

	uint64_t seen_progress; /* of the watchdog */
	uint32_t still;
	struct side *next;
};

void side_open(struct side *s, const struct role *role, int fd, enum driver driver, uint64_t key);

/* Sees to it that a piece is made; false when nothing may be sent now. */
bool side_fill(struct side *s);

/* Sends and receives until the role has finished or failed, and closes the socket. */
void side_drive(struct side *s);

/* To be called when something was wrong: says what, with the state of the side. */
__attribute__((format(printf, 2, 3))) void side_fail(struct side *s, const char *format, ...);

/*
 * What was received is not what it must be: says where they differ. `in`: the message up to there. `fresh`: the same,
 * as begun.
 */
void side_differs(struct side *s, const struct message *in, struct message *fresh, const unsigned char *got,
		  size_t n);

/* One in so many messages is sent wrongly. */
void side_fault(const char *name, uint32_t every);

/* Prints what a side does, and how far the message is that it receives. */
void side_describe(struct side *s, const struct message *in, FILE *to);

#endif
