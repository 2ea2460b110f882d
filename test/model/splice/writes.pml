/* SPDX-License-Identifier: Apache-2.0 */
/* What the sidecar writes: held, paced, and queued at its receiver by the very send. */

/* What is to be written waits in the order of writing. */
chan held_f = [ROOM] of { byte };
chan held_r = [ROOM] of { byte };
/* Whether the receiver has read enough; else its program will tell when it has. */
#if CREDIT && BREAK == PACE_LOOKS_ONCE
#define LOOK(x) \
	if \
	:: CREDIT_LEFT(x) -> awaits_##x = 0; open = 1 \
	:: !CREDIT_LEFT(x) -> awaits_##x = 1 \
	fi
#elif CREDIT
#define LOOK(x) \
	if \
	:: atomic { CREDIT_LEFT(x) -> awaits_##x = 0; open = 1 } \
	:: atomic { !CREDIT_LEFT(x) -> STEP awaits_##x = 1 }; \
		open = CREDIT_LEFT(x) \
	fi
#else
#define LOOK(x) open = 1
#endif
/* The sidecar's send. Its program has the bytes queued at the receiver when it returns, or else sent by TCP: they stray. */
#define SEND(x, psock) held_##x?unit; MOVED(moved_##x++;) STEP QUEUE(psock); NEWS(x); unit = 0; open = 0
#define SEND_BY_TCP(x, tcp) assert(nfull(tcp)); tcp!unit; NEWS(x); unit = 0; open = 0
#if MAY_STRAY
#define BY_TCP(x) (strayed_##x && BREAK != INJECTED_AFTER_STRAY)
#if STRAY == 1
#define BEFORE_STRAY }; atomic {
#else
#define BEFORE_STRAY
#endif
#define STRAYS(x) strayed_##x = (STRAY == 3 -> strayed_##x + 1 : 1)
#define WRITE(x, psock, tcp, in_map) \
	if \
	:: atomic { !BY_TCP(x) && (in_map) && BREAK != WRITTEN_BY_TCP -> SEND(x, psock) } \
	:: atomic { !BY_TCP(x) && (!(in_map) || FAILS || BREAK == WRITTEN_BY_TCP) -> held_##x?unit; \
		BEFORE_STRAY STRAYS(x); STEP SEND_BY_TCP(x, tcp) } \
	:: atomic { BY_TCP(x) -> held_##x?unit; STEP STRAYS(x); STEP SEND_BY_TCP(x, tcp) } \
	fi
#else
#define WRITE(x, psock, tcp, in_map) atomic { SEND(x, psock) }
#endif
#define FLUSH(x, psock, tcp, in_map) \
	do \
	:: len(held_##x) > 0 -> LOOK(x); \
		if \
		:: open -> WRITE(x, psock, tcp, in_map) \
		:: !open -> break \
		fi \
	:: atomic { len(held_##x) == 0 -> \
		if \
		:: fin_##x -> tcp!FIN; fin_##x = 0; sent_fin_##x = 1 \
		:: else \
		fi; \
		break } \
	od;
#define FLUSH_F FLUSH(f, service_psock, to_service_tcp, paired)
#define FLUSH_R FLUSH(r, client_psock, to_client_tcp, true)
