/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"
#include "report.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills in the address of a port of loopback; returns its length. */
static socklen_t loopback(union address *address, uint16_t port, bool ipv6)
{
	if (ipv6) {
		address->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		address->v6.sin6_addr = in6addr_loopback;
		return sizeof(address->v6);
	}
	address->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(address->v4);
}

void net_pause(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

int net_dial(uint16_t port, bool ipv6, uint32_t patience)
{
	struct timeval limit = { .tv_sec = patience }, none = { 0 };
	union address address;
	socklen_t length = loopback(&address, port, ipv6);

	for (int tries = 0;; tries++) {
		int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, &address.any, length) == 0) {
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
			return fd;
		}
		/* Ports in TIME_WAIT come back by themselves. */
		if (errno != EADDRNOTAVAIL || tries == 600) {
			fprintf(stderr, "order: ERROR: connect: %s\n", strerror(errno));
			totals->errors++;
			close(fd);
			return -1;
		}
		close(fd);
		net_pause(100);
	}
}

int net_listen(uint16_t port, bool ipv6)
{
	union address address;
	socklen_t length = loopback(&address, port, ipv6);
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, &address.any, length) < 0 || listen(fd, 1024) < 0) {
		perror("order: listen");
		exit(2);
	}
	return fd;
}

void net_prepare(struct side *s)
{
	if (!rnd_chance(&s->random, 100))
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (s->driver != DRIVE_BLOCKING && s->driver != DRIVE_TWO)
		fcntl(s->fd, F_SETFL, O_NONBLOCK);
}
