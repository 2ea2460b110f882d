/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over all processes of a program, and a watchdog that tells what hangs. */
#ifndef ORDER_REPORT_H
#define ORDER_REPORT_H
#include "side.h"

struct totals {
	_Atomic uint64_t requests, answered, denied, abandoned, connections, cut, resets, killed, errors, stuck, eagain, bytes;
	_Atomic uint32_t next_connection;
};

/* Shared by a process and those that it forks. */
extern struct totals *totals;

void totals_init(void);

/* The watchdog looks at this side until it is removed. */
void watch_add(struct side *s);
void watch_remove(struct side *s);

/* Describes all sides. */
void watch_describe(void);

/*
 * Looks each second: a side that has not moved for `patience` seconds is stuck. Then this process describes its sides,
 * has `peer` (a process, or 0) do the same by SIGUSR1, and exits with 3. Patience 0: never.
 */
void watch_run(uint32_t patience, int peer);

#endif
