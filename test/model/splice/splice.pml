/* SPDX-License-Identifier: Apache-2.0 */
/* The splice rule, for spin. README.md above this folder says what is modelled and how the names map to the record. */

/* How much is explored: see the table in the README. */
#ifndef TRACE
#define TRACE 1
#endif
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef THREADS
#define THREADS 1
#endif
#ifndef FINE
#define FINE 0
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
#ifndef GATE
#define GATE 0
#endif
#ifndef WORD
#define WORD 0
#endif

/* What is broken on purpose: see the list in the README. */
#ifndef BREAK
#define BREAK 0
#endif
#define NO_CONSUMPTION_CHECK 1
#define NO_IN_CHECK 2
#define INJECT_WITHOUT_DELIVERY_PROOF 3
#define DELTA_RULE 4
#define STORE_ORDER 5
#define WAKE_UP_FLAGS_READ_FIRST 6
#define WAKE_UP_NO_BARRIER 7
#define WAKE_UP_EVENT_LOST 8
#define WAKE_UP_NONE_WITHOUT_TRACING 9
#define SERVICE_NOT_SLOWED 10
#define RESPONSES_BEFORE_SEND_BEGIN 11
#define REQUESTS_COUNTED_LATE 12
#define OUT_READ_BEFORE_IN 13
#define IN_BEFORE_BODY 14
#define HAND_BACK_IN_DENIED_BODY 15
#define NO_PLACEHOLDERS 16
#define PROOF_AFTER_HAND_BACK 17
#define END_WITHOUT_DELIVERY_PROOF 18
#define CROWDED_WITHOUT_CATCH_UP 19
#define NO_GATE 20
#define READ_COUNTS_UNQUEUED 21
#define GATE_FLAGS_READ_FIRST 22
#define GATE_LOOKS_ONCE 23
#define GATE_FLAGS_DROPPED 24
/* Changed without harm. */
#define REQUESTS_READ_FIRST 30

#include "record.pml"
#include "client.pml"
#include "service.pml"
#include "sidecar.pml"
