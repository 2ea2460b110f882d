/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on a connection, as a function of (seed, connection, number) alone: the client sends by it, the server
 * answers by it, and both know each byte that they must receive.
 */
#ifndef ORDER_PLAN_H
#define ORDER_PLAN_H
#include "random.h"

/* How a program drives its socket. */
enum driver {
	DRIVE_BLOCKING, /* one thread, blocking send and recv */
	DRIVE_POLL,	/* one thread, non-blocking, poll */
	DRIVE_EPOLL,	/* one thread, non-blocking, edge-triggered epoll */
	DRIVE_TWO,	/* a thread that sends and one that receives, both blocking */
	DRIVE_TWO_POLL, /* the same, non-blocking, poll */
	DRIVE_TWO_EPOLL,
	DRIVERS,
};

/* How a client leaves. */
enum ending {
	END_CLOSE,	  /* close once all is answered */
	END_LATE_FIN,	  /* shut down once all is answered, and read on: nothing may follow */
	END_EARLY_FIN,	  /* shut down behind the last request, and read on */
	END_LAST_REQUEST, /* the last request says Connection: close */
	END_RESET,	  /* RST anywhere */
};

struct conn_plan {
	uint64_t seed;
	uint32_t conn;
	enum driver driver;
	enum ending ending;
	uint32_t count;		 /* requests that the client means to send */
	uint32_t depth;		 /* most requests that wait for their answers */
	bool ipv6, slow;	 /* slow: small and late recv calls */
	bool beyond;		 /* goes on sending behind a request whose answer closes, as a client that cannot know does */
	bool small;		 /* bodies small enough for socket buffers: a blocking client reads nothing while it sends */
	uint32_t odd, denied, big; /* requests of each kind, of 1,000 */
	uint64_t reset_at;	 /* END_RESET: once that many bytes went either way */
};

enum method { GET, HEAD, POST, PUT, DELETE };

/* Why policy denies a request. */
enum denial {
	ALLOWED,
	NO_SUCH_PATH,
	OTHER_METHOD,
	HEADER_MISSING,
	HEADER_DIFFERS,
	UPGRADE, /* allowed but for the upgrade; closes */
	DENIALS,
};

/* What keeps a request from being canonical. */
enum oddity {
	CANONICAL,
	PERCENT,
	DOUBLE_SLASH,
	DOT_NAME,
	PARAMETER,
	CHUNKED,
	TAB_VALUE,
	OBS_TEXT,
	NO_SPACE,
	TRAILING_SPACE,
	EMPTY_VALUE,
	ABSOLUTE_FORM, /* the sidecar writes the head anew, in origin form */
	EMPTY_LINE,    /* in front of the request; the sidecar leaves it out */
	LONG_HEAD,     /* more than the 4 KiB that the kernel looks at */
	EXPECT,
	ODDITIES,
};

enum framing { NO_BODY, BY_LENGTH, BY_CHUNKS, UNTIL_CLOSE };

struct body {
	enum framing framing;
	uint32_t length;
	uint32_t chunk;	 /* longest chunk */
	bool trailers;
	bool lookalike; /* reads like messages of the same direction */
};

struct plan {
	uint32_t conn, number;
	uint64_t key;
	enum method method;
	enum denial denial;
	enum oddity oddity;
	bool waits;	   /* EXPECT: the body only after 100 Continue or a final answer */
	bool close;	   /* the request says Connection: close */
	bool with_pass;	   /* allowed by the rule that asks for a header */
	uint32_t filler;   /* bytes of headers without meaning */
	struct body body;
	/* The answer. */
	uint32_t status;
	uint32_t interims; /* 1xx heads in front of it */
	bool early;	   /* sent when the head is there, before the body */
	bool answer_close;
	bool declares;	   /* HEAD and 304: a length or coding without a body */
	uint32_t answer_filler;
	struct body answer;
};

/* What a connection is like; `two` false: no drivers with two threads. */
struct conn_plan plan_connection(uint64_t seed, uint32_t conn, bool two);

/* What request `number` (from 1) of a connection is like. */
struct plan plan_request(const struct conn_plan *conn, uint32_t number);

/* True when no answer follows the one to this request. */
bool plan_closes(const struct plan *plan);

#endif
