/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: many connections at a time, each by its plan. Checks that every answer is the one to the oldest
 * request that has none, byte by byte. Some of its processes are killed. Ends with one line of JSON.
 */
#define _GNU_SOURCE
#include "net.h"
#include "report.h"
#include "side.h"
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct options {
	uint16_t port;
	uint64_t seed, requests;
	uint32_t connections, patience;
	int peer;
	bool two, trusting, asking;
};

static struct options options = { .requests = 10000, .connections = 16, .patience = 30, .two = true };

struct client {
	struct side side;
	struct conn_plan plan;
	uint32_t next; /* request to be sent */
	_Atomic uint32_t started, sent, answered, continued;
	_Atomic uint32_t closing;      /* the request whose answer closes, once it is begun */
	atomic_bool closed, fin_sent; /* its answer is here; our FIN is sent */
	struct message in;
	bool receiving;
	uint32_t part;
	struct plan expected;
};

static struct client *client_of(struct side *s)
{
	return (struct client *)s; /* the side is its first member */
}

static bool all_begun(struct client *c)
{
	return c->next > c->plan.count || (atomic_load(&c->closing) && !c->plan.beyond);
}

static bool client_begin(struct side *s)
{
	struct client *c = client_of(s);
	struct plan p;

	if (atomic_load(&c->closed) || all_begun(c) || c->next - 1 - atomic_load(&c->answered) >= c->plan.depth)
		return false;
	p = plan_request(&c->plan, c->next);
	message_request(&s->out, &p, false);
	if (plan_closes(&p) && !atomic_load(&c->closing))
		atomic_store(&c->closing, p.number);
	atomic_store(&c->started, c->next++);
	totals->requests++;
	return true;
}

static bool client_body_may_follow(struct side *s)
{
	struct client *c = client_of(s);
	const struct plan *p = &s->out.plan;

	return !atomic_load(&c->closed) && (!p->waits || atomic_load(&c->continued) >= p->number);
}

static void send_fin(struct client *c)
{
	if (!atomic_exchange(&c->fin_sent, true))
		shutdown(c->side.fd, SHUT_WR);
}

/* All is sent and answered: an early answer may come before the end of its request. */
static bool served(struct client *c)
{
	return atomic_load(&c->sent) == c->plan.count && atomic_load(&c->answered) == c->plan.count;
}

static void client_sent(struct side *s)
{
	struct client *c = client_of(s);

	if (s->sending)
		return;
	atomic_store(&c->sent, c->next - 1);
	if (c->plan.ending == END_EARLY_FIN ? all_begun(c) : c->plan.ending == END_LATE_FIN && served(c))
		send_fin(c);
}

static void answered(struct client *c)
{
	const struct plan *p = &c->expected;

	if (p->denial)
		totals->denied++;
	else
		totals->answered++;
	c->part = 0;
	atomic_store(&c->continued, p->number);
	if (plan_closes(p))
		atomic_store(&c->closed, true);
	atomic_store(&c->answered, p->number);
}

/* Begins the next message that must come. */
static bool expect_next(struct client *c)
{
	uint32_t number = atomic_load(&c->answered) + 1;

	if (atomic_load(&c->closed))
		return side_fail(&c->side, "bytes behind the last answer"), false;
	if (number > atomic_load(&c->started))
		return side_fail(&c->side, "bytes that no request waits for"), false;
	if (c->part == 0)
		c->expected = plan_request(&c->plan, number);
	message_answer(&c->in, &c->expected, c->part);
	c->receiving = true;
	return true;
}

static bool client_feed(struct side *s, const unsigned char *bytes, size_t n)
{
	struct client *c = client_of(s);
	struct message fresh;

	while (n > 0) {
		size_t right;

		if (!c->receiving && !expect_next(c))
			return false;
		right = message_compare(&c->in, bytes, n);
		bytes += right;
		n -= right;
		if (message_done(&c->in)) {
			c->receiving = false;
			if (++c->part == message_parts(&c->expected))
				answered(c);
			else
				atomic_store(&c->continued, c->expected.number);
		} else if (n > 0) {
			message_answer(&fresh, &c->expected, c->part);
			side_differs(s, &c->in, &fresh, bytes, n);
			return false;
		}
	}
	return true;
}

/* TCP resets who sends to a peer that has closed: then answers may be lost, as RFC 9112 9.6 warns. */
static bool sent_past_close(struct client *c)
{
	uint32_t closing = atomic_load(&c->closing);
	struct plan p;

	if (!closing)
		return false;
	p = plan_request(&c->plan, closing);
	return atomic_load(&c->started) > closing || p.body.framing != NO_BODY;
}

static void client_ended(struct side *s, int error)
{
	struct client *c = client_of(s);
	uint32_t waiting = atomic_load(&c->started) - atomic_load(&c->answered);

	if (error && sent_past_close(c)) {
		totals->cut++;
		return;
	}
	if (error)
		side_fail(s, "recv: %s, with %u requests unanswered", strerror(error), waiting);
	else if (!atomic_load(&c->closed) && !(atomic_load(&c->fin_sent) && waiting == 0 && !c->receiving))
		side_fail(s, "the connection ended with %u requests unanswered%s", waiting,
			  atomic_load(&c->fin_sent) ? "" : ", and the client has not ended it");
}

static bool client_finished(struct side *s)
{
	struct client *c = client_of(s);

	if (c->plan.ending == END_RESET &&
	    atomic_load(&s->sent) + atomic_load(&s->received) >= c->plan.reset_at) {
		s->resets = true;
		return true;
	}
	if (atomic_load(&s->eof))
		return true;
	if (atomic_load(&c->closed) || atomic_load(&c->answered) < c->plan.count)
		return false;
	if (c->plan.ending == END_LATE_FIN && served(c))
		send_fin(c);
	return c->plan.ending == END_CLOSE || c->plan.ending == END_RESET;
}

static void client_describe(struct side *s, FILE *to)
{
	static const char *const ENDINGS[] = { "close", "late FIN", "early FIN", "last request", "reset" };
	struct client *c = client_of(s);

	fprintf(to, "  client, seed %lu, connection %u, ending %s, depth %u: ", (unsigned long)c->plan.seed,
		c->plan.conn, ENDINGS[c->plan.ending], c->plan.depth);
	fprintf(to, "of %u requests begun %u, continued %u, answered %u and %u parts%s", c->plan.count,
		atomic_load(&c->started), atomic_load(&c->continued), atomic_load(&c->answered), c->part,
		c->receiving ? " and a bit" : "");
	fprintf(to, ", closing %u%s%s\n", atomic_load(&c->closing), atomic_load(&c->closed) ? ", closed" : "",
		atomic_load(&c->fin_sent) ? ", FIN sent" : "");
	side_describe(s, &c->in, to);
}

static const struct role CLIENT = {
	.begin = client_begin,
	.body_may_follow = client_body_may_follow,
	.sent = client_sent,
	.feed = client_feed,
	.ended = client_ended,
	.finished = client_finished,
	.describe = client_describe,
};

static void run_connection(struct client *c, uint32_t conn)
{
	int fd;

	memset(c, 0, offsetof(struct client, in));
	c->receiving = false;
	c->part = 0;
	memset(&c->in.plan, 0, sizeof(c->in.plan));
	c->in.total = c->in.head_length = 0;
	c->plan = plan_connection(options.seed, conn, options.two);
	c->next = 1;
	fd = net_dial(options.port, c->plan.ipv6, options.patience);
	if (fd < 0)
		return;
	side_open(&c->side, &CLIENT, fd, c->plan.driver, key_of(options.seed, 'c', conn));
	c->side.slow = c->plan.slow;
	c->side.trusting = options.trusting && rnd_chance(&c->side.random, 500);
	c->side.asks = options.asking && rnd_chance(&c->side.random, 500);
	net_prepare(&c->side);
	totals->connections++;
	side_drive(&c->side);
	totals->abandoned += atomic_load(&c->started) - atomic_load(&c->answered);
	totals->bytes += atomic_load(&c->side.sent) + atomic_load(&c->side.received);
	totals->resets += c->side.resets;
}

#define MOST_ERRORS 5

static void *run_connections(void *endless)
{
	struct client *c = malloc(sizeof(*c));

	if (!c)
		abort();
	while (totals->errors < MOST_ERRORS && (endless || totals->requests < options.requests))
		run_connection(c, ++totals->next_connection);
	free(c);
	return NULL;
}

static void *watch(void *unused)
{
	(void)unused;
	watch_run(options.patience, options.peer);
	return NULL;
}

/* A process with that many connections at a time. */
static pid_t start(uint32_t connections, bool endless)
{
	pthread_t threads[64], watchdog;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	pthread_create(&watchdog, NULL, watch, NULL);
	for (uint32_t i = 0; i < connections; i++)
		if (pthread_create(&threads[i], NULL, run_connections, endless ? &options : NULL) != 0)
			abort();
	for (uint32_t i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* Runs until enough requests are made. Beside the lasting process there is always one that is killed before long. */
static int supervise(void)
{
	struct rnd r = { key_of(options.seed, 'k', 0) };
	pid_t lasting = start(options.connections - 2, false), victim = 0;
	long left = 0;
	int status = -1;

	while (waitpid(lasting, &status, WNOHANG) == 0) {
		if (victim == 0) {
			victim = start(2, true);
			left = rnd_range(&r, 20, 1500);
		}
		net_pause(10);
		left -= 10;
		if (left > 0 && waitpid(victim, NULL, WNOHANG) == 0)
			continue;
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
		totals->killed++;
		victim = 0;
	}
	if (victim > 0) {
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
	}
	return status;
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	int status, option;

	while ((option = getopt(argc, argv, "p:s:n:c:w:P:1tqf:")) != -1)
		switch (option) {
		case 'p': options.port = (uint16_t)atoi(optarg); break;
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 'n': options.requests = strtoull(optarg, NULL, 10); break;
		case 'c': options.connections = (uint32_t)atoi(optarg); break;
		case 'w': options.patience = (uint32_t)atoi(optarg); break;
		case 'P': options.peer = atoi(optarg); break;
		case '1': options.two = false; break;
		case 't': options.trusting = true; break;
		case 'q': options.trusting = options.asking = true; break;
		case 'f': side_fault(optarg, 500); break;
		default: return 2;
		}
	if (options.connections < 3 || options.connections > 64)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	totals_init();
	clock_gettime(CLOCK_MONOTONIC, &from);
	status = supervise();
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (status != 0 && totals->stuck == 0)
		totals->errors++;
	totals_print((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return totals->errors || totals->stuck ? 1 : 0;
}
