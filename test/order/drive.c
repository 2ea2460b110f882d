/* SPDX-License-Identifier: Apache-2.0 */
/* Sends and receives in the ways that programs do. */
#define _GNU_SOURCE /* memfd_create */
#include "side.h"
#include "report.h"
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What came of one call. */
enum io { IO_DONE, IO_AGAIN, IO_END };

/* As servers of files do. The file is new each time: TCP refers to its pages until they are acknowledged. */
static ssize_t send_file(int fd, const void *bytes, size_t n)
{
	int file = memfd_create("piece", MFD_CLOEXEC);
	ssize_t sent;
	int error;

	if (file < 0 || write(file, bytes, n) != (ssize_t)n || lseek(file, 0, SEEK_SET) != 0)
		err(1, "a file to send");
	sent = sendfile(fd, file, NULL, n);
	error = errno;
	close(file);
	errno = error;
	return sent;
}

/* One call to send what is made, as one buffer or several, or as a file. */
static enum io send_some(struct side *s)
{
	struct iovec parts[4];
	struct msghdr message = { .msg_iov = parts };
	size_t at = s->piece_at, n = s->piece_end - at;
	size_t count = rnd_chance(&s->cuts, 700) ? 1 : rnd_range(&s->cuts, 1, 4);
	ssize_t sent;

	if (s->cut == CUT_ANYWHERE && rnd_chance(&s->cuts, 5))
		usleep(rnd_below(&s->cuts, 500)); /* so that pieces do not always meet again at the receiver */
	for (size_t i = 0; i < count; i++) {
		size_t left = s->piece_end - at;
		size_t size = i == count - 1 ? left : left ? rnd_below(&s->cuts, (uint32_t)left) : 0;

		parts[i] = (struct iovec){ s->piece + at, size };
		at += size;
	}
	message.msg_iovlen = count;
	if (rnd_chance(&s->cuts, 30))
		sent = send_file(s->fd, s->piece + s->piece_at, n);
	else if (count == 1)
		sent = send(s->fd, s->piece + s->piece_at, n, MSG_NOSIGNAL);
	else
		sent = sendmsg(s->fd, &message, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno == EINTR)
			return IO_DONE;
		if (errno == EAGAIN)
			return IO_AGAIN;
		atomic_store(&s->unsendable, true); /* recv tells what happened */
		return IO_END;
	}
	s->piece_at += (size_t)sent;
	atomic_fetch_add(&s->sent, (uint64_t)sent);
	atomic_fetch_add(&s->progress, 1);
	if (s->piece_at == s->piece_end)
		s->role->sent(s);
	return IO_DONE;
}

static void end(struct side *s, int error)
{
	atomic_store(&s->eof, true);
	s->role->ended(s, error);
}

static bool nothing_unread(int fd)
{
	int unread = 0;

	return ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

/* One call to receive. */
static enum io receive_some(struct side *s)
{
	size_t size = (size_t[]){ 4 << 10, 16 << 10, RECEIVE_BYTES }[rnd_below(&s->random, 3)];
	ssize_t got;

	if (s->slow) {
		size = rnd_range(&s->random, 1, 3000);
		if (rnd_chance(&s->random, 50))
			usleep(rnd_range(&s->random, 1000, 8000));
	}
	if (rnd_chance(&s->random, 100)) {
		size_t first = rnd_below(&s->random, (uint32_t)size);
		struct iovec parts[2] = { { s->received_bytes, first }, { s->received_bytes + first, size - first } };

		got = readv(s->fd, parts, 2);
	} else
		got = recv(s->fd, s->received_bytes, size, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EAGAIN ? IO_AGAIN : IO_DONE;
	if (got <= 0) {
		end(s, got < 0 ? errno : 0);
		return IO_END;
	}
	s->drained = s->asks ? nothing_unread(s->fd) : (size_t)got < size;
	atomic_fetch_add(&s->received, (uint64_t)got);
	atomic_fetch_add(&s->progress, 1);
	if (!s->role->feed(s, s->received_bytes, (size_t)got))
		atomic_store(&s->failed, true);
	return IO_DONE;
}

static bool goes_on(struct side *s)
{
	return !atomic_load(&s->failed) && !s->role->finished(s);
}

static bool peer_ended(struct side *s)
{
	return atomic_load(&s->eof);
}

/* When the peer has ended, only what is left to be sent keeps the side going. */
static bool may_last(struct side *s)
{
	return !peer_ended(s) || (s->role->outlasts_peer && side_fill(s));
}

/* A blocking call must not say EAGAIN; sockets in a sockmap do. Counted, and tried again. */
static void count_again(struct side *s)
{
	totals->eagain++;
	totals->eagain_alone += s->driver == DRIVE_BLOCKING;
}

static void drive_blocking(struct side *s)
{
	while (goes_on(s) && may_last(s)) {
		if (side_fill(s)) {
			if (send_some(s) == IO_AGAIN)
				count_again(s);
		} else if (receive_some(s) == IO_AGAIN)
			count_again(s);
	}
}

static short wait_for(struct side *s, short events)
{
	struct pollfd poll_for = { .fd = s->fd, .events = events };

	while (poll(&poll_for, 1, -1) < 0 && errno == EINTR)
		;
	return poll_for.revents;
}

static void drive_poll(struct side *s)
{
	bool blocked = false;

	while (goes_on(s) && may_last(s)) {
		short events;

		if (!blocked && side_fill(s)) {
			blocked = send_some(s) == IO_AGAIN;
			continue;
		}
		blocked = blocked && !atomic_load(&s->unsendable);
		events = wait_for(s, (short)((peer_ended(s) ? 0 : POLLIN) | (blocked ? POLLOUT : 0)));
		if (events & (POLLOUT | POLLERR | POLLHUP))
			blocked = false;
		if (peer_ended(s) || !(events & (POLLIN | POLLERR | POLLHUP)))
			continue;
		s->drained = false;
		if (receive_some(s) == IO_DONE && s->trusting && s->drained && (events & POLLHUP) && goes_on(s))
			end(s, 0); /* as libuv does */
	}
}

/* Edge-triggered events of a socket. */
static int open_epoll(struct side *s, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) < 0) {
		perror("epoll");
		abort();
	}
	return epoll;
}

static uint32_t next_edge(struct side *s, int epoll)
{
	struct epoll_event event = { .events = 0 };

	while (epoll_wait(epoll, &event, 1, -1) < 0 && errno == EINTR)
		;
	if (event.events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		s->hung_up = true;
	return event.events;
}

/* One call to receive; returns whether another may follow before the next edge. */
static bool receive_on_edge(struct side *s)
{
	s->drained = false;
	if (receive_some(s) == IO_AGAIN)
		return false;
	return !(s->trusting && s->drained && !s->hung_up);
}

static void drive_epoll(struct side *s)
{
	int epoll = open_epoll(s, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	bool readable = true, writable = true;

	while (goes_on(s) && may_last(s)) {
		bool idle = true;

		if (side_fill(s) && writable) {
			writable = send_some(s) != IO_AGAIN;
			idle = false;
		}
		if (readable && !peer_ended(s) && !atomic_load(&s->failed)) {
			readable = receive_on_edge(s);
			idle = false;
		}
		if (idle) {
			uint32_t events = next_edge(s, epoll);

			readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
			writable |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
		}
	}
	close(epoll);
}

/* The second thread: sends while the first receives. */
static void *sender(void *argument)
{
	struct side *s = argument;

	pthread_mutex_lock(&s->lock);
	while (!s->over) {
		if (!side_fill(s)) {
			s->idle = true;
			pthread_cond_broadcast(&s->changed);
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		if (send_some(s) == IO_AGAIN) {
			if (s->driver == DRIVE_TWO)
				count_again(s);
			else
				wait_for(s, POLLOUT);
		}
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* What was received may have given the sender something to do. */
static void wake_sender(struct side *s)
{
	pthread_mutex_lock(&s->lock);
	s->idle = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void receive_all(struct side *s)
{
	int epoll = s->driver == DRIVE_TWO_EPOLL ? open_epoll(s, EPOLLIN | EPOLLRDHUP) : -1;
	bool more = true;

	while (goes_on(s) && !peer_ended(s)) {
		if (s->driver == DRIVE_TWO_POLL)
			wait_for(s, POLLIN);
		if (epoll < 0) {
			if (receive_some(s) == IO_AGAIN && s->driver == DRIVE_TWO)
				count_again(s);
		} else if (more)
			more = receive_on_edge(s);
		else {
			next_edge(s, epoll);
			more = true;
		}
		wake_sender(s);
	}
	if (epoll >= 0)
		close(epoll);
}

static void drive_two(struct side *s)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, sender, s) != 0)
		abort();
	receive_all(s);
	pthread_mutex_lock(&s->lock);
	if (s->role->outlasts_peer && !atomic_load(&s->failed)) {
		s->idle = false;
		pthread_cond_broadcast(&s->changed);
		while (!s->idle)
			pthread_cond_wait(&s->changed, &s->lock);
	}
	s->over = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	shutdown(s->fd, SHUT_RDWR); /* wakes it from a send that nobody reads */
	pthread_join(thread, NULL);
}

void side_drive(struct side *s)
{
	watch_add(s);
	switch (s->driver) {
	case DRIVE_BLOCKING: drive_blocking(s); break;
	case DRIVE_POLL: drive_poll(s); break;
	case DRIVE_EPOLL: drive_epoll(s); break;
	default: drive_two(s); break;
	}
	watch_remove(s);
	if (s->resets || atomic_load(&s->failed)) {
		struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->kept);
	free(s->piece);
	free(s->received_bytes);
}
