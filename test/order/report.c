/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct totals *totals;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct side *sides;

void totals_init(void)
{
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

void watch_add(struct side *s)
{
	pthread_mutex_lock(&lock);
	s->next = sides;
	sides = s;
	pthread_mutex_unlock(&lock);
}

void watch_remove(struct side *s)
{
	struct side **at = &sides;

	pthread_mutex_lock(&lock);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pthread_mutex_unlock(&lock);
}

void watch_describe(void)
{
	pthread_mutex_lock(&lock);
	for (struct side *s = sides; s; s = s->next)
		s->role->describe(s, stderr);
	pthread_mutex_unlock(&lock);
}

/* Counted in looks, not by the clock: when this machine stood still, nothing is stuck. */
static uint32_t look(uint32_t patience)
{
	uint32_t stuck = 0;

	pthread_mutex_lock(&lock);
	for (struct side *s = sides; s; s = s->next) {
		uint64_t progress = atomic_load(&s->progress);

		s->still = progress == s->seen_progress ? s->still + 1 : 0;
		s->seen_progress = progress;
		stuck += s->still >= patience;
	}
	pthread_mutex_unlock(&lock);
	return stuck;
}

void watch_run(uint32_t patience, int peer)
{
	for (;;) {
		uint32_t stuck;

		sleep(1);
		stuck = patience ? look(patience) : 0;
		if (stuck == 0)
			continue;
		totals->stuck += stuck;
		fprintf(stderr, "order: STUCK: %u connections have not moved for %u seconds\n", stuck, patience);
		watch_describe();
		if (peer > 0 && kill(peer, SIGUSR1) == 0)
			sleep(2);
		_exit(3);
	}
}
