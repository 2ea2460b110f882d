// SPDX-License-Identifier: Apache-2.0
/* A memcached client that knows every byte that must come back. Each thread has a connection and keys of its own, so that
 * all answers follow from what it has sent: lookups of one key and of many, stores, counters, noreply, commands that policy
 * denies, keys of all lengths, values up to 1 MiB that look like the protocol, one command a send, several, and cut anywhere.
 * Usage: memcached -p PORT -s SEED -n COMMANDS -c CONNECTIONS [-d]    -d: nothing that policy denies
 * Ends with a line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "random.h"

#define KEYS 12
#define COUNTERS 2
#define MOST_KEY 250
#define MOST_OUT (4 << 20)
#define MOST_IN (16 << 20)
#define PATIENCE_MS 60000
#define DENIED "CLIENT_ERROR access denied\r\n"

static int port, denials = 1;
static long wanted;
static atomic_long commands, denied, bytes_in, lookups, connections, errors;

/* What a key holds; `length` -1 nothing. */
struct value { long length; uint32_t flags, seed; };

struct client {
	int fd, number;
	struct rnd random;
	struct value values[KEYS];
	unsigned long counters[COUNTERS];
	char *out, *in; /* to be sent; to be received, a 1 in `any` where a digit of any number stands */
	long out_length, in_length, starts[64];
	int start_count;
};

static uint32_t any_below(struct client *c, uint32_t below) { return rnd_below(&c->random, below); }

/* Name of a key, short or padded up to the most that memcached takes. */
static const char *name_of(struct client *c, int key, const char *prefix)
{
	static const int LENGTHS[KEYS] = { 0, 0, 0, 40, 40, 40, 40, 40, 120, MOST_KEY - 1, MOST_KEY, 0 };
	static __thread char name[MOST_KEY + 1];
	int length = sprintf(name, "%s.%d.%d", prefix, c->number, key);
	while (length < LENGTHS[key])
		name[length++] = 'k';
	name[length] = 0;
	return name;
}

static void fill(char *to, struct value v)
{
	static const char *const WORDS[] = { "END\r\n", "VALUE ok.1 0 5\r\n", "STORED\r\n", "get no.0\r\n", "\r\n", "x", "flush_all\r\n", "1234567890" };
	struct rnd random = { v.seed };
	for (long at = 0; at < v.length;) {
		const char *word = WORDS[rnd_below(&random, 8)];
		long length = strlen(word), left = v.length - at;
		memcpy(to + at, word, length < left ? length : left);
		at += length < left ? length : left;
	}
}

__attribute__((format(printf, 2, 3))) static void say(struct client *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	c->out_length += vsnprintf(c->out + c->out_length, 4096, format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void expect(struct client *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	c->in_length += vsnprintf(c->in + c->in_length, 4096, format, args);
	va_end(args);
}

static long length_of_value(struct client *c)
{
	switch (any_below(c, 40)) {
	case 0: return any_below(c, 100 << 10);
	case 1: return any_below(c, 20) ? any_below(c, 10 << 10) : 1 << 20;
	case 2: case 3: case 4: return any_below(c, 10 << 10);
	default: return any_below(c, 200);
	}
}

static void lookup(struct client *c)
{
	int many = any_below(c, 2) ? 1 : 1 + any_below(c, 16);
	say(c, "get");
	for (int i = 0; i < many; i++) {
		int key = any_below(c, KEYS);
		struct value v = c->values[key];
		say(c, " %s", name_of(c, key, "ok"));
		if (v.length < 0)
			continue;
		expect(c, "VALUE %s %u %ld\r\n", name_of(c, key, "ok"), v.flags, v.length);
		fill(c->in + c->in_length, v);
		c->in_length += v.length;
		expect(c, "\r\n");
	}
	say(c, "\r\n");
	expect(c, "END\r\n");
	atomic_fetch_add(&lookups, 1);
}

/* A lookup with a key that is too long. memcached throws away what it has not sent yet of answers before: none must be due. */
static void lookup_too_long(struct client *c)
{
	char key[MOST_KEY + 2];
	int before = any_below(c, 10), after = any_below(c, 10);
	c->starts[c->start_count++] = c->out_length;
	atomic_fetch_add(&commands, 1);
	say(c, "get");
	while (before--)
		say(c, " %s", name_of(c, any_below(c, KEYS), "ok"));
	memset(key, 'k', MOST_KEY + 1);
	memcpy(key, "ok.", 3);
	key[MOST_KEY + 1] = 0;
	say(c, " %s", key);
	while (after--)
		say(c, " %s", name_of(c, any_below(c, KEYS), "ok"));
	say(c, "\r\n");
	expect(c, "CLIENT_ERROR bad command line format\r\n");
}

static void store(struct client *c, int forbidden)
{
	static const char *const NAMES[] = { "set", "add", "replace", "cas" };
	int key = any_below(c, KEYS), kind = any_below(c, 2) ? 0 : any_below(c, 4), silent = !any_below(c, 5);
	struct value v = { length_of_value(c), any_below(c, 1000), any_below(c, 1 << 30) };
	int exists = c->values[key].length >= 0, stored = kind == 0 || (kind == 1 && !exists) || (kind == 2 && exists);
	if (c->out_length + v.length > MOST_OUT - 8192)
		v.length = 1;
	say(c, "%s %s %u 0 %ld%s%s\r\n", NAMES[kind], name_of(c, key, forbidden ? "no" : "ok"), v.flags, v.length,
		kind == 3 ? " 999999999999999999" : "", silent ? " noreply" : "");
	fill(c->out + c->out_length, v);
	c->out_length += v.length;
	say(c, "\r\n");
	if (!silent)
		expect(c, "%s", forbidden ? DENIED : stored ? "STORED\r\n" : kind == 3 && exists ? "EXISTS\r\n" : kind == 3 ? "NOT_FOUND\r\n" : "NOT_STORED\r\n");
	if (stored && !forbidden)
		c->values[key] = v;
}

static void other(struct client *c)
{
	int key = any_below(c, KEYS), counter = any_below(c, COUNTERS), silent = !any_below(c, 5);
	const char *noreply = silent ? " noreply" : "";
	unsigned long by = any_below(c, 1000);
	int exists = c->values[key].length >= 0;
	switch (any_below(c, 5)) {
	case 0:
		say(c, "delete %s%s\r\n", name_of(c, key, "ok"), noreply);
		if (!silent)
			expect(c, "%s", exists ? "DELETED\r\n" : "NOT_FOUND\r\n");
		c->values[key].length = -1;
		return;
	case 1:
		say(c, "touch %s 0%s\r\n", name_of(c, key, "ok"), noreply);
		if (!silent)
			expect(c, "%s", exists ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
		return;
	case 2:
		c->counters[counter] -= by < c->counters[counter] ? by : c->counters[counter];
		say(c, "decr ok.%d.c%d %lu%s\r\n", c->number, counter, by, noreply);
		break;
	case 3:
		c->counters[counter] += by;
		say(c, "incr ok.%d.c%d %lu%s\r\n", c->number, counter, by, noreply);
		break;
	default:
		if (any_below(c, 2))
			say(c, "mg ok.%d.none v q\r\n", c->number);
		say(c, "mn\r\n");
		expect(c, "MN\r\n");
		return;
	}
	if (!silent)
		expect(c, "%lu\r\n", c->counters[counter]);
}

static void forbidden(struct client *c)
{
	int silent = !any_below(c, 4), key = any_below(c, KEYS);
	atomic_fetch_add(&denied, 1);
	switch (any_below(c, 5)) {
	case 0: store(c, 1); return;
	case 1: say(c, "get ok.%d.0", c->number), say(c, " %s\r\n", name_of(c, key, "no")); break;
	case 2: say(c, "flush_all%s\r\n", silent ? " noreply" : ""); if (silent) return; break;
	case 3: say(c, "incr no.%d.c 1%s\r\n", c->number, silent ? " noreply" : ""); if (silent) return; break;
	default: say(c, "get %s\r\n", name_of(c, key, "no"));
	}
	expect(c, "%s", DENIED);
}

static void command(struct client *c)
{
	c->starts[c->start_count++] = c->out_length;
	atomic_fetch_add(&commands, 1);
	if (denials && !any_below(c, 20))
		forbidden(c);
	else if (any_below(c, 2))
		lookup(c);
	else if (any_below(c, 3))
		store(c, 0);
	else
		other(c);
}

static void fail(struct client *c, const char *what, long at, const char *got, long length)
{
	long from = at > 60 ? at - 60 : 0;
	atomic_fetch_add(&errors, 1);
	flockfile(stderr);
	fprintf(stderr, "connection %d: %s at byte %ld of %ld\n  expected: ", c->number, what, at, c->in_length);
	for (long i = from; i < at + 60 && i < c->in_length; i++)
		fprintf(stderr, c->in[i] >= 32 && c->in[i] < 127 ? "%c" : "\\x%02x", (unsigned char)c->in[i]);
	fprintf(stderr, "\n  got: ");
	for (long i = 0; i < 60 && i < length; i++)
		fprintf(stderr, got[i] >= 32 && got[i] < 127 ? "%c" : "\\x%02x", (unsigned char)got[i]);
	fprintf(stderr, "\n");
	funlockfile(stderr);
}

/* Where the send that begins at `sent` ends. */
static long piece(struct client *c, int manner, long sent)
{
	long end = c->out_length;
	if (manner == 1) /* cut anywhere */
		end = sent + 1 + any_below(c, c->out_length - sent < 3000 ? c->out_length - sent : 3000);
	else if (manner == 2) /* one command a send */
		for (int i = c->start_count; i-- > 0;)
			if (c->starts[i] > sent)
				end = c->starts[i];
	return end;
}

/* Sends a batch and compares what comes back. Returns 0 when it was all there. */
static int exchange(struct client *c)
{
	static __thread char got[1 << 16];
	int manner = c->start_count == 1 && any_below(c, 4) ? 0 : any_below(c, 3);
	long sent = 0, read_ = 0;
	while (sent < c->out_length || read_ < c->in_length) {
		struct pollfd p = { c->fd, POLLIN | (sent < c->out_length ? POLLOUT : 0), 0 };
		if (poll(&p, 1, PATIENCE_MS) == 0)
			return fail(c, "nothing comes", read_, "", 0), 1;
		if (p.revents & POLLOUT) {
			long end = piece(c, manner, sent), n = send(c->fd, c->out + sent, end - sent, MSG_NOSIGNAL);
			if (n > 0)
				sent += n;
			else if (errno != EAGAIN)
				return fail(c, "send fails", read_, strerror(errno), strlen(strerror(errno))), 1;
			if (manner && !any_below(c, 8))
				usleep(any_below(c, 300));
		}
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			long n = recv(c->fd, got, 1 + any_below(c, sizeof(got)), 0);
			if (n < 0 && errno == EAGAIN)
				continue;
			if (n <= 0)
				return fail(c, n ? "reset" : "closed", read_, "", 0), 1;
			atomic_fetch_add(&bytes_in, n);
			for (long i = 0; i < n; i++, read_++)
				if (read_ == c->in_length || c->in[read_] != got[i])
					return fail(c, "another byte", read_, got + i, n - i), 1;
		}
	}
	return 0;
}

static int open_connection(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return perror("connect"), exit(2), -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	atomic_fetch_add(&connections, 1);
	return fd;
}

static void *run(void *of)
{
	struct client *c = of;
	c->out = malloc(MOST_OUT);
	c->in = malloc(MOST_IN);
	c->fd = open_connection();
	for (int i = 0; i < KEYS; i++)
		c->values[i].length = -1;
	for (int i = 0; i < COUNTERS; i++) {
		say(c, "set ok.%d.c%d 0 0 1\r\n0\r\n", c->number, i);
		expect(c, "STORED\r\n");
	}
	while (!exchange(c) && atomic_load(&commands) < wanted && !atomic_load(&errors)) {
		int batch = any_below(c, 3) ? 1 : 1 + any_below(c, 12);
		c->out_length = c->in_length = c->start_count = 0;
		if (!any_below(c, 100)) {
			/* What wants no answer must be done before another connection asks. */
			say(c, "mn\r\n");
			expect(c, "MN\r\n");
			if (exchange(c))
				break;
			close(c->fd);
			c->fd = open_connection();
			c->out_length = c->in_length = 0;
		}
		if (!any_below(c, 20)) {
			lookup_too_long(c);
			continue;
		}
		/* A lookup of many large values is as much as one batch may bring. */
		while (batch-- && c->in_length < (3 << 20) && c->out_length < (2 << 20))
			command(c);
	}
	close(c->fd);
	return 0;
}

int main(int argc, char **argv)
{
	int option, count = 8;
	uint32_t seed = 1;
	while ((option = getopt(argc, argv, "p:s:n:c:d")) > 0)
		switch (option) {
		case 'p': port = atoi(optarg); break;
		case 's': seed = atoi(optarg); break;
		case 'n': wanted = atol(optarg); break;
		case 'c': count = atoi(optarg); break;
		case 'd': denials = 0; break;
		default: return 2;
		}
	pthread_t threads[64];
	static struct client clients[64];
	for (int i = 0; i < count && i < 64; i++) {
		clients[i].number = i;
		clients[i].random.state = key_of(seed, i, 0);
		pthread_create(&threads[i], 0, run, &clients[i]);
	}
	for (int i = 0; i < count && i < 64; i++)
		pthread_join(threads[i], 0);
	printf("{\"commands\":%ld,\"denied\":%ld,\"lookups\":%ld,\"connections\":%ld,\"megabytes\":%ld,\"errors\":%ld}\n", commands, denied, lookups, connections, bytes_in >> 20, errors);
	return errors > 0;
}
