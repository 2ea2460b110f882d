/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts share: the words of the record, the queues, and what only the checker sees. */

/* Units of a stream: a message whole, or its first and its last half. DENIED is added to those of a request that policy
 * denies, and marks the sidecar's own answer. A last half that is taken for a message looks like one that is allowed. */
#define WHOLE 0
#define FIRST 1
#define LAST 2
#define DENIED 4
#define FIN 8
#define PART(unit) ((unit) & 3)
#define IS_DENIED(unit) (((unit) & DENIED) != 0)
#define LOOKS_DENIED(unit) (IS_DENIED(unit) && PART(unit) != LAST)

/* The record. Two counters that are only compared stand here as their difference, so that they need not grow. */
byte behind_f, behind_r;           /* slow bytes sent - in */
byte unread_f, unread_r;           /* out - consumed, as published */
byte unpublished_f, unpublished_r; /* consumed - consumed, as published */
bit level_f, level_r;              /* a program has found consumed == out, and out has not moved since */
bit body_f, body_r;                /* the rest of a message is to come */
bit slowed, off;                   /* flags: responses slow; not on */
byte requests, responses;          /* counted since the sidecar has read them */
byte send_begin, send_end;         /* only their difference counts: see settle_sends */
bit woken;                         /* an event in the ring buffer */
#if GATE
byte moved_f, moved_r;   /* fast - read, as published */
byte picked_f, picked_r; /* read - read, as published */
bit awaits_f, awaits_r;  /* flags: the sidecar waits until what was moved is read */
#define MOVED(change) change
#else
#define MOVED(change)
#endif
#if BREAK == DELTA_RULE
byte flight_f, flight_r; /* slow bytes sent + delta - consumed */
#define FLIGHT(change) change
#else
#define FLIGHT(change)
#endif

/* TCP to and from the sidecar; the psock queues. */
#define ROOM (2 * WINDOW + 2)
chan client_tcp = [ROOM] of { byte };
chan to_service_tcp = [ROOM] of { byte };
chan service_tcp = [ROOM] of { byte };
chan to_client_tcp = [ROOM] of { byte };
chan service_psock = [ROOM] of { byte };
chan client_psock = [ROOM] of { byte };

/* A reader that is told of news by edge, and takes a short read for the last one. */
#if GATE
bit edge_f, edge_r;     /* news that it has not been told */
bit active_f, active_r; /* it reads */
#define NEWS(x) edge_##x = 1
#define READS(x) active_##x
#define SHORT(x, queue) active_##x = len(queue) > 0
#else
#define NEWS(x) skip
#define READS(x) true
#define SHORT(x, queue) skip
#endif

/* What only the checker sees: the way of each unit in the order of sending, who is to answer each request, who holds the
 * framing, answers that the sidecar knows of and C has not read. */
#define SLOW 0
#define FAST 1
chan sent_f = [ROOM] of { bit };
chan sent_r = [ROOM] of { bit };
chan expected = [WINDOW] of { bit };
bit holds_f, holds_r;
bit barrier, service_gone, drained;
#if DRAINS
short promised;
#define PROMISED(change) promised = promised change
#define PROMISE_BROKEN (promised > 0)
#else
#define PROMISED(change) skip
#define PROMISE_BROKEN false
#endif

/* Known within an application. */
byte outstanding;  /* C: requests without a complete answer */
byte due;          /* S: requests whose head has come, without an answer */
bit half_request;  /* S: the rest of a request is to come */
bit client_eof, service_eof;

/* An application with one thread is in one call at a time. */
#if THREADS == 1
bit client_busy, service_busy;
#define IDLE(who) !who##_busy
#define ENTER(who) who##_busy = 1
#define LEAVE(who) who##_busy = 0
#else
#define IDLE(who) true
#define ENTER(who) skip
#define LEAVE(who) skip
#endif

/* The end of one step and the beginning of the next where only the finest grain tells them apart. */
#if FINE
#define STEP }; atomic {
#else
#define STEP
#endif

/* The name of what is violated shows in the checker's report. */
bool denied_at_service, request_out_of_order, answer_out_of_order, framing_lost, two_owners, more_answers_than_requests,
	lost_at_close, stuck;
#define CHECK(name, wrong) name = (wrong); assert(!name)

/* The sidecar's exchanges, oldest in bit 0, set for a denial; here because of cancel. */
byte exchanges, count, denials;
bit reading, comparing;

/* Keeps send_begin and send_end small without changing any comparison to come. */
inline settle_sends() {
	if
	:: !comparing -> send_begin = (send_begin != send_end); send_end = 0
	:: else
	fi
}

/* The same for fast requests that are counted and answered while the sidecar has not looked. While it is reading,
 * more stay than it could take for another number. */
inline cancel() {
	do
	:: denials == 0 && requests > (reading -> WINDOW + 1 : 0) && responses > (reading -> WINDOW + 1 : count) ->
		requests--; responses--; PROMISED(+ 1)
	:: else -> break
	od
}

/* An application's own program makes known what it has read: at the end of a recv call, or else when it sends. */
#if BREAK == READ_COUNTS_UNQUEUED
#define PUBLISH_READ(x, psock) moved_##x = (moved_##x < len(psock) -> moved_##x : len(psock)); picked_##x = 0
#else
#define PUBLISH_READ(x, psock) moved_##x = moved_##x - picked_##x; picked_##x = 0
#endif
inline publish_f() {
	FLIGHT(flight_f = flight_f - unpublished_f;)
	MOVED(PUBLISH_READ(f, service_psock);)
	unread_f = unread_f - unpublished_f; unpublished_f = 0
}
inline publish_r() {
	FLIGHT(flight_r = flight_r - unpublished_r;)
	MOVED(PUBLISH_READ(r, client_psock);)
	unread_r = unread_r - unpublished_r; unpublished_r = 0
}
#if TRACE
#define PUBLISH_AT_SEND(publish) skip
#else
#define PUBLISH_AT_SEND(publish) publish()
#endif

/* The end of a recv call, from within an atomic. */
#if GATE && BREAK == GATE_FLAGS_READ_FIRST
#define END_OF_RECV(x) }; atomic { flag = awaits_##x }; atomic { publish_##x(); woken = woken | flag; flag = 0;
#elif GATE
#define END_OF_RECV(x) }; atomic { publish_##x(); STEP woken = woken | awaits_##x;
#elif TRACE
#define END_OF_RECV(x) }; atomic { publish_##x();
#else
#define END_OF_RECV(x)
#endif
#if BREAK == GATE_FLAGS_READ_FIRST
#define END_OF_FAST_RECV(x) END_OF_RECV(x)
#else
#define END_OF_FAST_RECV(x) STEP publish_##x(); STEP woken = woken | awaits_##x;
#endif

#if BREAK == DELTA_RULE
#define BEHIND(x) false
#define COMPARE(x) level_##x = (flight_##x == 0)
#elif BREAK == NO_IN_CHECK
#define BEHIND(x) false
#define COMPARE(x) level_##x = (unread_##x == 0)
#elif BREAK == NO_CONSUMPTION_CHECK
#define BEHIND(x) (behind_##x != 0)
#define COMPARE(x) level_##x = 1
#else
#define BEHIND(x) (behind_##x != 0)
#define COMPARE(x) level_##x = (unread_##x == 0)
#endif
