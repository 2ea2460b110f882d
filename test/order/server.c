/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service: checks that every request that it sees is the next one that policy allows, byte by byte, and answers
 * it by the plan. Prints "ready", and at SIGTERM one line of JSON. SIGUSR1 describes all connections.
 */
#define _GNU_SOURCE
#include "net.h"
#include "report.h"
#include "side.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct options {
	uint16_t port;
	uint64_t seed;
	bool judges; /* there is no sidecar: denies itself */
	bool two, trusting, asking;
};

static struct options options = { .two = true };

struct server {
	struct side side;
	struct conn_plan plan; /* known with the first request */
	unsigned char first[512];
	size_t first_length;
	_Atomic uint32_t heads, whole; /* requests whose head, and all of which, is here */
	struct plan answer; /* to the request that is answered now */
	bool answering;
	uint32_t part;
	atomic_bool closed; /* the last answer is made */
	bool fin_sent;
	struct message in;
	bool receiving;
	struct plan expected;
};

static struct server *server_of(struct side *s)
{
	return (struct server *)s; /* the side is its first member */
}

/* The first request behind `number` that may be seen; false when there is none. */
static bool next_seen(struct server *v, uint32_t number, struct plan *p)
{
	if (number > 0 && !options.judges && p->close)
		return false; /* the sidecar takes nothing behind it */
	while (++number <= v->plan.count) {
		*p = plan_request(&v->plan, number);
		if (!p->denial || options.judges)
			return true;
		if (plan_closes(p))
			return false;
	}
	return false;
}

static bool server_begin(struct side *s)
{
	struct server *v = server_of(s);
	uint32_t heads = atomic_load(&v->heads), whole = atomic_load(&v->whole);
	struct plan *p = &v->answer;
	bool final;

	if (atomic_load(&v->closed))
		return false;
	if (!v->answering) {
		if (heads == p->number || !next_seen(v, p->number, p))
			return false;
		v->answering = true;
		v->part = 0;
	}
	final = v->part + 1 == message_parts(p);
	if ((!final || p->early || p->denial ? heads : whole) < p->number)
		return false;
	message_answer(&s->out, p, v->part++);
	if (final) {
		v->answering = false;
		if (plan_closes(p))
			atomic_store(&v->closed, true);
		totals->answered++;
	}
	return true;
}

static bool server_body_may_follow(struct side *s)
{
	(void)s;
	return true;
}

static void server_sent(struct side *s)
{
	struct server *v = server_of(s);

	if (!atomic_load(&v->closed) || s->sending || v->fin_sent)
		return;
	v->fin_sent = true;
	shutdown(s->fd, SHUT_WR); /* what the client still sends is read: closing now would reset the answer away */
}

/* Every connection is seen once. */
static bool is_new(uint32_t conn)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static unsigned char *seen;
	static size_t size;
	bool fresh;

	pthread_mutex_lock(&lock);
	if (conn / 8 >= size) {
		size_t more = (conn / 8 + 1) * 2;

		seen = realloc(seen, more);
		if (!seen)
			abort();
		memset(seen + size, 0, more - size);
		size = more;
	}
	fresh = !(seen[conn / 8] & 1 << conn % 8);
	seen[conn / 8] |= (unsigned char)(1 << conn % 8);
	pthread_mutex_unlock(&lock);
	return fresh;
}

/* The connection's number, found in the first request's path; 0 when it is not there yet. */
static uint32_t find_connection(const unsigned char *bytes, size_t n)
{
	for (size_t at = 0; at + 1 < n; at++) {
		uint32_t conn = 0;
		size_t i = at + 2;

		if (bytes[at] != '/' || bytes[at + 1] != 'c')
			continue;
		while (i < n && bytes[i] >= '0' && bytes[i] <= '9' && conn < 1u << 26)
			conn = conn * 10 + bytes[i++] - '0';
		if (i < n && bytes[i] == '/' && i > at + 2)
			return conn;
	}
	return 0;
}

static bool feed_known(struct server *v, const unsigned char *bytes, size_t n)
{
	static _Thread_local struct message fresh;

	while (n > 0) {
		size_t right;

		if (!v->receiving) {
			if (!next_seen(v, v->expected.number, &v->expected))
				return side_fail(&v->side, "a request behind the last one that may be seen: %.*s",
						 (int)(n < 100 ? n : 100), (const char *)bytes),
				       false;
			message_request(&v->in, &v->expected, !options.judges);
			v->receiving = true;
		}
		right = message_compare(&v->in, bytes, n);
		bytes += right;
		n -= right;
		if (n > 0 && !message_done(&v->in)) {
			message_request(&fresh, &v->expected, !options.judges);
			side_differs(&v->side, &v->in, &fresh, bytes, n);
			return false;
		}
		if (v->in.head_done)
			atomic_store(&v->heads, v->expected.number);
		if (message_done(&v->in)) {
			v->receiving = false;
			atomic_store(&v->whole, v->expected.number);
			totals->requests++;
		}
	}
	return true;
}

static bool server_feed(struct side *s, const unsigned char *bytes, size_t n)
{
	struct server *v = server_of(s);
	size_t take = sizeof(v->first) - v->first_length;
	uint32_t conn;

	if (v->plan.conn)
		return feed_known(v, bytes, n);
	if (take > n)
		take = n;
	memcpy(v->first + v->first_length, bytes, take);
	v->first_length += take;
	conn = find_connection(v->first, v->first_length);
	if (conn == 0 && v->first_length < sizeof(v->first))
		return true;
	if (conn == 0 || !is_new(conn))
		return side_fail(s, "connection %u: %s", conn, conn ? "seen twice" : "no such request"), false;
	v->plan = plan_connection(options.seed, conn, options.two);
	return feed_known(v, v->first, v->first_length) && feed_known(v, bytes + take, n - take);
}

static void server_ended(struct side *s, int error)
{
	(void)s, (void)error; /* clients may reset, and be killed: what is lost, they miss */
}

static bool server_finished(struct side *s)
{
	(void)s;
	return false; /* the client ends first */
}

static void server_describe(struct side *s, FILE *to)
{
	struct server *v = server_of(s);

	fprintf(to, "  service, connection %u: heads up to %u, whole up to %u, ", v->plan.conn, atomic_load(&v->heads),
		atomic_load(&v->whole));
	if (v->answering)
		fprintf(to, "answering %u, %u parts begun", v->answer.number, v->part);
	else
		fprintf(to, "answered up to %u", v->answer.number);
	fprintf(to, "%s\n", atomic_load(&v->closed) ? ", closed" : "");
	side_describe(s, &v->in, to);
}

static const struct role SERVER = {
	.begin = server_begin,
	.body_may_follow = server_body_may_follow,
	.sent = server_sent,
	.feed = server_feed,
	.ended = server_ended,
	.finished = server_finished,
	.describe = server_describe,
	.outlasts_peer = true,
};

static void *serve(void *argument)
{
	struct server *v = argument;

	side_drive(&v->side);
	free(v);
	return NULL;
}

/* A connection gets a thread and a driver of its own. */
static void accepted(int fd, uint64_t key, const pthread_attr_t *attributes)
{
	struct rnd r = { key };
	enum driver driver = rnd_below(&r, options.two ? DRIVERS : DRIVE_TWO);
	struct server *v = calloc(1, sizeof(*v));
	pthread_t thread;

	if (!v)
		abort();
	side_open(&v->side, &SERVER, fd, driver, key);
	v->side.slow = rnd_chance(&r, 40);
	v->side.trusting = options.trusting && rnd_chance(&r, 500);
	v->side.asks = options.asking && rnd_chance(&r, 500);
	net_prepare(&v->side);
	totals->connections++;
	if (pthread_create(&thread, attributes, serve, v) != 0)
		abort();
}

static void *accept_all(void *unused)
{
	struct pollfd listeners[2] = {
		{ .fd = net_listen(options.port, false), .events = POLLIN },
		{ .fd = net_listen(options.port, true), .events = POLLIN },
	};
	pthread_attr_t attributes;

	(void)unused;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	puts("ready");
	fflush(stdout);
	for (uint64_t count = 0;;) {
		poll(listeners, 2, -1);
		for (int i = 0; i < 2; i++) {
			int fd = listeners[i].revents ? accept4(listeners[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;

			if (fd >= 0)
				accepted(fd, key_of(options.seed, 'v', count++), &attributes);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	sigset_t signals;
	pthread_t thread;
	int option, got = 0;

	while ((option = getopt(argc, argv, "p:s:j1tqf:")) != -1)
		switch (option) {
		case 'p': options.port = (uint16_t)atoi(optarg); break;
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 'j': options.judges = true; break;
		case '1': options.two = false; break;
		case 't': options.trusting = true; break;
		case 'q': options.trusting = options.asking = true; break;
		case 'f': side_fault(optarg, 500); break;
		default: return 2;
		}
	signal(SIGPIPE, SIG_IGN);
	totals_init();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for all threads to come */
	if (pthread_create(&thread, NULL, accept_all, NULL) != 0)
		abort();
	while (sigwait(&signals, &got) == 0 && got == SIGUSR1)
		watch_describe();
	totals_print(0);
	fflush(stdout);
	_exit(totals->errors ? 1 : 0);
}
