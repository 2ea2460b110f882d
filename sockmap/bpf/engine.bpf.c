/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* All programs of the socket engine in one object, so that they share their maps. */
#include "kernel.h"
#include "maps.h"
#include "capture.h"
#include "establish.h"
#include "datagrams.h"
#include "process.h"
#include "move.h"
#include "splice.h"
#include "memcached.h"
#include "guard.h"
#include "trace.h"

/* bpf_skc_to_tcp_sock and others are open to GPL-compatible programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
