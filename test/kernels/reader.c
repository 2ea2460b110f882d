/* SPDX-License-Identifier: Apache-2.0 */
/* A service that reads as no reader of a sockmap should, and its client.
 *   splice: by splice(2), which waits for ever beside moved bytes
 *   asking: little by little, asking FIONREAD in between; says how often the answer was right
 * Usage: reader splice|asking|client PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LITTLE 64
#define PADDING 500
#define HEAD_END "\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static char head[4096];

static void must(int done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

static ssize_t splice_some(int fd, size_t have)
{
	static int ends[2];
	ssize_t got;

	if (!ends[1])
		must(pipe(ends) == 0, "pipe");
	got = splice(fd, NULL, ends[1], NULL, sizeof(head) - 1 - have, 0);
	return got > 0 ? read(ends[0], head + have, got) : got;
}

/* Reads a request, which was sent at once; true when all of it is there. */
static int read_request(int fd, int splices)
{
	int told[sizeof(head) / LITTLE], asked = 0, right = 0;
	size_t have = 0;

	while (have < sizeof(head) - LITTLE && !memmem(head, have, HEAD_END, strlen(HEAD_END))) {
		ssize_t got = splices ? splice_some(fd, have) : recv(fd, head + have, LITTLE, 0);

		if (got <= 0)
			return 0;
		have += got;
		if (!splices && got == LITTLE)
			must(ioctl(fd, FIONREAD, &told[asked++]) == 0, "FIONREAD");
	}
	for (int i = 0; i < asked; i++)
		right += told[i] == (int)have - (i + 1) * LITTLE;
	printf("{\"asked\":%d,\"right\":%d}\n", asked, right);
	fflush(stdout);
	return 1;
}

static void serve(const struct sockaddr_in *at, int splices)
{
	int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(bind(listening, (const void *)at, sizeof(*at)) == 0, "bind");
	must(listen(listening, 8) == 0, "listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(listening, NULL, NULL);

		must(fd >= 0, "accept");
		while (read_request(fd, splices))
			must(send(fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL) > 0, "send");
		close(fd);
	}
}

static void ask(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), length;
	char request[1024], answer[1024];
	size_t have = 0;

	must(connect(fd, (const void *)to, sizeof(*to)) == 0, "connect");
	length = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: service\r\nX-Padding: %0*d" HEAD_END, PADDING, 0);
	must(send(fd, request, length, MSG_NOSIGNAL) == length, "send");
	while (!memmem(answer, have, HEAD_END "ok", strlen(HEAD_END "ok"))) {
		ssize_t got = recv(fd, answer + have, sizeof(answer) - have, 0);

		must(got > 0, "recv");
		have += got;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	must(argc == 3, "usage");
	at.sin_port = htons(atoi(argv[2]));
	if (strcmp(argv[1], "client") == 0)
		ask(&at);
	else
		serve(&at, strcmp(argv[1], "splice") == 0);
	return 0;
}
