/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "side.h"
#include "report.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void side_open(struct side *s, const struct role *role, int fd, enum driver driver, uint64_t key)
{
	s->role = role;
	s->fd = fd;
	s->driver = driver;
	s->random.state = key_of(key, 'r', 0);
	s->cuts.state = key_of(key, 's', 0);
	s->piece = malloc(PIECE_BYTES);
	s->received_bytes = malloc(RECEIVE_BYTES);
	if (!s->piece || !s->received_bytes)
		abort();
	s->piece_most = (size_t[]){ 16 << 10, 64 << 10, PIECE_BYTES }[rnd_below(&s->cuts, 3)];
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
}

void side_fail(struct side *s, const char *format, ...)
{
	va_list args;

	if (atomic_exchange(&s->failed, true))
		return;
	totals->errors++;
	flockfile(stderr);
	fprintf(stderr, "order: ERROR: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	s->role->describe(s, stderr);
	funlockfile(stderr);
}

static void print_bytes(const char *what, const unsigned char *bytes, size_t n)
{
	fprintf(stderr, "  %s: ", what);
	for (size_t i = 0; i < n && i < 160; i++)
		if (bytes[i] >= ' ' && bytes[i] < 0x7f && bytes[i] != '\\')
			fputc(bytes[i], stderr);
		else
			fprintf(stderr, "\\x%02x", bytes[i]);
	fputc('\n', stderr);
}

void side_differs(struct side *s, const struct message *in, struct message *fresh, const unsigned char *got,
		  size_t n)
{
	unsigned char expected[160];
	uint64_t skip = in->total;
	size_t made = 0, more;
	const unsigned char *id = memmem(got, n, "X-Id: ", 6);

	while (skip > 0)
		skip -= message_make(fresh, expected, skip < sizeof(expected) ? skip : sizeof(expected));
	do
		made += more = message_make(fresh, expected + made, sizeof(expected) - made);
	while (more > 0);
	flockfile(stderr);
	side_fail(s, "message %u.%u differs at byte %lu of it (%s)", in->plan.conn, in->plan.number,
		  (unsigned long)in->total, in->total < in->head_length ? "head" : "body");
	print_bytes("expected", expected, made);
	print_bytes("received", got, n);
	if (id)
		print_bytes("next id received", id, n - (size_t)(id - got) < 40 ? n - (size_t)(id - got) : 40);
	funlockfile(stderr);
}

void side_describe(struct side *s, const struct message *in, FILE *to)
{
	static const char *const DRIVERS_NAMED[] = { "blocking", "poll", "epoll",
						     "two threads", "two threads poll", "two threads epoll" };
	static unsigned char look[RECEIVE_BYTES];
	int unacknowledged = -1;
	/* Not FIONREAD: of a socket in a sockmap it may not tell of bytes that came by TCP. */
	long unread = recv(s->fd, look, sizeof(look), MSG_PEEK | MSG_DONTWAIT);

	ioctl(s->fd, TIOCOUTQ, &unacknowledged);
	fprintf(to, "    %s%s; sent %lu bytes, %d of them not acknowledged, made %lu more%s; ",
		DRIVERS_NAMED[s->driver],
		!s->trusting ? "" : s->asks ? ", trusting FIONREAD" : ", trusting short reads",
		(unsigned long)atomic_load(&s->sent), unacknowledged, (unsigned long)(s->piece_end - s->piece_at),
		s->sending ? " of a message not all made" : "");
	fprintf(to, "received %lu, message %u.%u to byte %lu (head %lu, body %u)",
		(unsigned long)atomic_load(&s->received), in->plan.conn, in->plan.number, (unsigned long)in->total,
		(unsigned long)in->head_length, in->body.length);
	fprintf(to, "; %ld bytes to be read%s; not moved for %u s\n", unread < 0 ? 0 : unread,
		atomic_load(&s->eof) ? ", ended" : "", s->still);
}
