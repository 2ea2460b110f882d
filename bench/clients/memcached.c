// SPDX-License-Identifier: Apache-2.0
/* Load on a memcached: connections that each send a command and wait for its whole answer, which is checked. One thread.
 * Usage: memcached -p PORT -c CONNECTIONS -b VALUE-BYTES -k KEYS-OF-A-LOOKUP -w STORES-IN-A-HUNDRED -d SECONDS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define KEYS 100
#define MOST_CONNECTIONS 256
#define MOST_BYTES (4 << 20)
#define LINEAR 64 /* parts of a power of two that latencies are told apart by */

struct connection { int fd; long wanted, got; long started; char tail[8]; };

static int port, connections = 1, bytes = 100, keys = 1, stores;
static double seconds = 1;
static long done, errors, histogram[64 * LINEAR];
static char *value, buffer[1 << 18];
static unsigned state = 12345;

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static unsigned any(unsigned below)
{
	state = state * 1664525u + 1013904223u;
	return (unsigned)((unsigned long long)state * below >> 32);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void whole(int fd, const char *from, long length)
{
	for (long n; length > 0; from += n, length -= n)
		if ((n = send(fd, from, length, MSG_NOSIGNAL)) < 0) {
			if (errno != EAGAIN)
				fail("send");
			n = 0;
		}
}

static int store(char *to, int key)
{
	int head = sprintf(to, "set bench.%02d 0 0 %d\r\n", key, bytes);
	memcpy(to + head, value, bytes);
	memcpy(to + head + bytes, "\r\n", 2);
	return head + bytes + 2;
}

static void ask(struct connection *c)
{
	static char out[MOST_BYTES];
	int length;
	if (stores && any(100) < (unsigned)stores) {
		length = store(out, any(KEYS));
		c->wanted = strlen("STORED\r\n");
	} else {
		length = sprintf(out, "get");
		for (int i = 0; i < keys; i++)
			length += sprintf(out + length, " bench.%02d", any(KEYS));
		length += sprintf(out + length, "\r\n");
		c->wanted = keys * (snprintf(0, 0, "VALUE bench.00 0 %d\r\n\r\n", bytes) + bytes) + strlen("END\r\n");
	}
	c->got = 0;
	c->started = now();
	whole(c->fd, out, length);
}

static void count(long ns)
{
	unsigned long us = ns / 1000, power = 0;
	while (us >> power >= 2 * LINEAR)
		power++;
	histogram[power * LINEAR + (us >> power)]++;
}

static long percentile(double part)
{
	long seen = 0;
	for (long at = 0; at < 64 * LINEAR; at++)
		if ((seen += histogram[at]) >= part * done) {
			long power = at < 2 * LINEAR ? 0 : at / LINEAR - 1;
			return (at - power * LINEAR) << power;
		}
	return 0;
}

static int answered(struct connection *c)
{
	long n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		fail("recv");
	c->got += n;
	if (c->got < c->wanted)
		return 0;
	/* The end of all answers is a line end, which no other length would have there. */
	if (c->got > c->wanted || buffer[n - 1] != '\n')
		errors++;
	return 1;
}

int main(int argc, char **argv)
{
	static struct connection all[MOST_CONNECTIONS];
	struct epoll_event events[MOST_CONNECTIONS];
	int option, poll = epoll_create1(0), one = 1;
	while ((option = getopt(argc, argv, "p:c:b:k:w:d:")) > 0)
		switch (option) {
		case 'p': port = atoi(optarg); break;
		case 'c': connections = atoi(optarg); break;
		case 'b': bytes = atoi(optarg); break;
		case 'k': keys = atoi(optarg); break;
		case 'w': stores = atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		default: return 2;
		}
	if (connections > MOST_CONNECTIONS || bytes > MOST_BYTES / 2)
		return 2;
	value = malloc(bytes + 1);
	memset(value, 'x', bytes);
	for (int i = 0; i < connections; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		struct epoll_event event = { EPOLLIN, { .ptr = &all[i] } };
		all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(all[i].fd, (struct sockaddr *)&at, sizeof(at)))
			fail("connect");
		setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
	}
	static char out[MOST_BYTES];
	for (int key = 0; key < KEYS; key++) {
		long length = store(out, key), n = 0;
		whole(all[0].fd, out, length);
		while (n < 8) {
			long more = recv(all[0].fd, buffer + n, 8 - n, 0);
			if (more <= 0)
				fail("preload");
			n += more;
		}
		if (memcmp(buffer, "STORED\r\n", 8))
			return fprintf(stderr, "not stored: %.8s\n", buffer), 1;
	}
	long from = now(), until = from + seconds * 1e9, at = from;
	for (int i = 0; i < connections; i++)
		ask(&all[i]);
	while (at < until) {
		int n = epoll_wait(poll, events, MOST_CONNECTIONS, 1000);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (!answered(c))
				continue;
			count(now() - c->started);
			done++;
			ask(c);
		}
		at = now();
	}
	printf("REPORT {\"requests\":%ld,\"durationUs\":%ld,\"p50us\":%ld,\"p99us\":%ld,\"errors\":%ld}\n", done, (at - from) / 1000, percentile(0.5), percentile(0.99), errors);
	return 0;
}
