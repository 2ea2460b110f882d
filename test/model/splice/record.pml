/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts share: the words of the record, the queues, and what only the checker sees. */

/* Units of a stream: a message whole, or its first and its last half. DENIED is added to those of a request that policy
 * denies, and marks the sidecar's own answer. A last half that is taken for a message looks like one that is allowed.
 * MARK: a request whose answer is framed otherwise, and that answer. QUIET: a request without an answer. VIA: only the
 * checker sees it: the unit went through the sidecar. */
#define WHOLE 0
#define FIRST 1
#define LAST 2
#define DENIED 4
#define FIN 8
#define MARK 16
#define QUIET 32
#define VIA 64
#define PART(unit) ((unit) & 3)
#define IS(unit, what) (((unit) & what) != 0)
#define IS_DENIED(unit) IS(unit, DENIED)
#define LOOKS_DENIED(unit) (IS_DENIED(unit) && PART(unit) != LAST)

/* The record. Two counters that are only compared stand here as their difference, so that they need not grow. */
byte behind_f, behind_r;   /* slow bytes sent - in */
bit body_f, body_r;        /* the rest of a message is to come */
bit slowed, off;           /* flags: responses slow; not on */
byte requests, responses;  /* counted since the sidecar has read them */
byte send_begin, send_end; /* only their difference counts: see settle_sends */
bit woken;                 /* an event in the ring buffer */
#if CREDIT
byte moved_f, moved_r;   /* fast + injected - read, as published */
byte picked_f, picked_r; /* read - read, as published */
bit awaits_f, awaits_r;  /* flags: the sidecar waits until less is unread */
#define MOVED(change) change
#define CREDIT_LEFT(x) (moved_##x < CREDIT)
#else
#define MOVED(change)
#define CREDIT_LEFT(x) true
#endif
#if STRAY || FAILS || BREAK == WRITTEN_BY_TCP
#define MAY_STRAY 1
byte strayed_f; bit strayed_r; /* the sidecar has written by TCP; of f at STRAY 3: what S has not read of that */
#else
#define MAY_STRAY 0
#endif
#if STRAY
bit paired; /* S's socket is in the map */
#else
#define paired true
#endif
#if MARKED
byte mark;    /* head_request - answered while that is positive */
byte waiting; /* requests - answered */
#define COUNT_REQUEST waiting++
#define COUNT_ANSWER(complete) waiting = waiting - (complete); mark = mark - ((complete) && mark > 0)
#define MARK_TAKEN (mark > 0 && BREAK != TWO_MARKS)
#else
#define COUNT_REQUEST skip
#define COUNT_ANSWER(complete) skip
#define MARK_TAKEN false
#endif

/* TCP to and from the sidecar; the psock queues. */
#define ROOM (2 * WINDOW + 2 + 2 * SILENT)
chan client_tcp = [ROOM] of { byte };
chan to_service_tcp = [ROOM] of { byte };
chan service_tcp = [ROOM] of { byte };
chan to_client_tcp = [ROOM] of { byte };
chan service_psock = [ROOM] of { byte };
chan client_psock = [ROOM] of { byte };

/* A reader that is told of news by edge. It takes a short read for the last one, or (EDGE 2) believes FIONREAD, which
 * tells of the psock queue alone where there is one. */
#if EDGE
bit edge_f, edge_r;     /* news that it has not been told */
bit active_f, active_r; /* it reads */
#define NEWS(x) edge_##x = 1
#define READS(x) active_##x
#if EDGE == 2
#define SHORT(x, queue, psock, in_map) active_##x = ((in_map) -> len(psock) > 0 : len(queue) > 0)
#else
#define SHORT(x, queue, psock, in_map) active_##x = len(queue) > 0
#endif
#else
#define NEWS(x) skip
#define READS(x) true
#define SHORT(x, queue, psock, in_map) skip
#endif

/* What only the checker sees: the way of each unit in the order of sending, who is to answer each request, who holds the
 * framing, answers that the sidecar knows of and C has not read. */
#define SLOW 1
#define FAST 0
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
#if MARKED
chan marks = [WINDOW] of { bit }; /* S: which of those due are marked */
#endif

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
	lost_at_close, over_credit, stuck;
#define CHECK(name, wrong) name = (wrong); assert(!name)

/* The sidecar's exchanges, oldest in bit 0: denials, marked ones, those whose answer it must see; here because of cancel. */
byte exchanges, count, denials;
#if MARKED
byte marked, watched;
#endif
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

/* The end of a recv call, from within an atomic: an application's own program makes known what was read of the psock
 * queue, and tells the sidecar when little enough is left. */
#if BREAK == READ_COUNTS_UNQUEUED
#define PUBLISH(x, psock) moved_##x = (moved_##x < len(psock) -> moved_##x : len(psock)); picked_##x = 0
#else
#define PUBLISH(x, psock) moved_##x = moved_##x - picked_##x; picked_##x = 0
#endif
#define LITTLE(x) (moved_##x <= CREDIT / 2)
#if CREDIT && BREAK == PACE_FLAGS_READ_FIRST
#define END_OF_RECV(x, psock) \
	}; atomic { flag = awaits_##x }; atomic { PUBLISH(x, psock); woken = woken | (flag && LITTLE(x)); flag = 0;
#elif CREDIT
#define END_OF_RECV(x, psock) }; atomic { PUBLISH(x, psock); STEP woken = woken | (awaits_##x && LITTLE(x));
#else
#define END_OF_RECV(x, psock)
#endif

/* What is queued at a reader is within the credit. */
#if CREDIT && (BREAK == 0 || BREAK == READ_COUNTS_UNQUEUED)
#define QUEUE(psock) CHECK(over_credit, len(psock) >= CREDIT); psock!unit
#else
#define QUEUE(psock) assert(nfull(psock)); psock!unit
#endif

#if BREAK == NO_IN_CHECK
#define BEHIND(x) false
#else
#define BEHIND(x) (behind_##x != 0)
#endif
/* Strayed is looked at last: it is set before what went by TCP is counted in `in`, or the responses are released. */
#if MAY_STRAY && BREAK == STRAYED_READ_FIRST
#define LOOK_FOR_STRAY(x) astray = strayed_##x
#define STRAYED(x) astray
#elif MAY_STRAY && BREAK != STRAYED_IGNORED
#define LOOK_FOR_STRAY(x) skip
#define STRAYED(x) strayed_##x
#else
#define LOOK_FOR_STRAY(x) skip
#define STRAYED(x) false
#endif
