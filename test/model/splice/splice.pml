/* SPDX-License-Identifier: Apache-2.0 */
/* The splice rule, for spin. README.md above this folder says what is modelled and how the names map to the record. */

/* How much is explored: see the table in the README. */
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef THREADS
#define THREADS 1
#endif
#ifndef FINE
#define FINE 0
#endif
#ifndef HALVES
#define HALVES 1
#endif
#ifndef UNFRAMED
#define UNFRAMED 0
#endif
#ifndef CLOSES
#define CLOSES 0
#endif
#ifndef DRAINS
#define DRAINS 0
#endif
#ifndef TABLES
#define TABLES 0
#endif
#ifndef CROWD
#define CROWD 0
#endif
#ifndef CREDIT
#define CREDIT 0
#endif
#ifndef EDGE
#define EDGE 0
#endif
#ifndef STRAY
#define STRAY 0
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef AMBIGUOUS
#define AMBIGUOUS 0
#endif
#ifndef SILENT
#define SILENT 0
#endif
#ifndef MARKED
#define MARKED 0
#endif

/* What is broken on purpose: see the list in the README. */
#ifndef BREAK
#define BREAK 0
#endif
#define NO_IN_CHECK 1
#define INJECT_WITHOUT_DELIVERY_PROOF 2
#define WAKE_UP_FLAGS_READ_FIRST 3
#define WAKE_UP_NO_BARRIER 4
#define WAKE_UP_EVENT_LOST 5
#define SERVICE_NOT_SLOWED 6
#define RESPONSES_BEFORE_SEND_BEGIN 7
#define REQUESTS_COUNTED_LATE 8
#define IN_BEFORE_BODY 9
#define HAND_BACK_IN_DENIED_BODY 10
#define NO_PLACEHOLDERS 11
#define PROOF_AFTER_HAND_BACK 12
#define END_WITHOUT_DELIVERY_PROOF 13
#define CROWDED_WITHOUT_CATCH_UP 14
#define IN_BEFORE_WRITE_F 15
#define IN_BEFORE_WRITE_R 16
#define IN_WHILE_HELD_F 17
#define IN_WHILE_HELD_R 18
#define RELEASED_WHILE_HELD 19
#define WRITTEN_BY_TCP 20
#define READ_COUNTS_UNQUEUED 21
#define PACE_FLAGS_READ_FIRST 22
#define PACE_LOOKS_ONCE 23
#define PACE_FLAGS_DROPPED 24
#define STRAYED_IGNORED 25
#define STRAYED_READ_FIRST 26
#define INJECTED_AFTER_STRAY 27
#define JOINED_THOUGH_STRAYED 28
#define SILENT_COUNTED 29
#define TWO_MARKS 30
#define MARKED_NOT_WATCHED 31
/* Changed without harm. */
#define REQUESTS_READ_FIRST 40

#include "record.pml"
#include "client.pml"
#include "service.pml"
#include "writes.pml"
#include "sidecar.pml"
