/* SPDX-License-Identifier: Apache-2.0 */
/* S: answers in order, as soon as a request's head has come. */

inline take_request() {
	CHECK(denied_at_service, IS_DENIED(unit));
	sent_f?sent;
	CHECK(request_out_of_order, sent != IS(unit, VIA) || half_request != (PART(unit) == LAST));
	if
	:: !half_request && !IS(unit, QUIET) -> due++;
#if MARKED
		marks!IS(unit, MARK)
#endif
	:: else
	fi;
	half_request = (PART(unit) == FIRST);
	unit = 0; sent = 0
}

#if STRAY
/* The callback of establishment, at any time: the socket enters the map unless bytes came by TCP before, or anyway
 * where the fast way waits until they are read. */
active proctype ServicePairs()
{
#if STRAY == 3
	paired = 1
#elif STRAY == 1
	bit late;
	late = strayed_f;
	atomic { paired = (!late || BREAK == JOINED_THOUGH_STRAYED); late = 0 }
#else
	atomic { paired = (!strayed_f || BREAK == JOINED_THOUGH_STRAYED) }
#endif
}
#endif

active proctype ServiceReceive()
{
	byte unit;
	bit sent;
#if BREAK == PACE_FLAGS_READ_FIRST
	bit flag;
#endif
next:
	if
	:: atomic { IDLE(service) && READS(f) && nempty(service_psock) -> ENTER(service);
		service_psock?unit; SHORT(f, service_psock, service_psock, true); take_request(); MOVED(picked_f++;)
		END_OF_RECV(f, service_psock)
		LEAVE(service); goto next }
	:: atomic { IDLE(service) && empty(service_psock) && nempty(to_service_tcp) && (READS(f) || to_service_tcp?[FIN]) ->
		ENTER(service);
		STEP to_service_tcp?unit;
		if
		:: unit == FIN -> goto ended
		:: else -> SHORT(f, to_service_tcp, service_psock, paired); take_request()
		fi;
#if STRAY == 3
		}; atomic { strayed_f--;
#endif

		LEAVE(service); goto next }
#if EDGE
	:: atomic { IDLE(service) && edge_f -> edge_f = 0; active_f = 1; goto next }
#endif
	:: service_gone -> goto done
	fi;
ended:
	atomic {
		CHECK(lost_at_close, !barrier && !drained && !service_gone && (half_request || len(sent_f) > 0));
		unit = 0; service_eof = 1; LEAVE(service)
	};
done:	skip
}

active proctype ServiceSend()
{
	byte unit;
	bit rest, complete;
#if BREAK == WAKE_UP_FLAGS_READ_FIRST
	bit flag;
#endif
#if BREAK == STRAYED_READ_FIRST
	bit astray;
#endif
#if MARKED
	bit is_marked;
#endif
next:
	if
	:: atomic { IDLE(service) && rest -> ENTER(service); unit = LAST; rest = 0 }
	:: atomic { IDLE(service) && !rest && due > 0 -> ENTER(service); due--;
		if
		:: unit = WHOLE
		:: HALVES -> unit = FIRST; rest = 1
		fi;
#if MARKED
		marks?is_marked; unit = unit + MARK * is_marked; is_marked = 0
#endif
		}
	:: atomic { IDLE(service) && !rest && due == 0 && service_eof -> service_tcp!FIN; goto done }
#if CLOSES
	:: atomic { IDLE(service) && !rest -> service_gone = 1; service_tcp!FIN; goto done }
#endif
	fi;

	/* The program. Any message may go slow: it cannot frame it, or it is above the credit. */
#if BREAK == STRAYED_READ_FIRST
	atomic { LOOK_FOR_STRAY(r) };
#endif
	if
	:: off || (slowed && BREAK != SERVICE_NOT_SLOWED) -> goto slow
	:: !off && (!slowed || BREAK == SERVICE_NOT_SLOWED)
	:: true -> goto slow
	fi;
	if
	:: BEHIND(r) -> goto slow
	:: !BEHIND(r)
	fi;
#if MAY_STRAY
	if
	:: STRAYED(r) || !paired -> goto slow
	:: !(STRAYED(r) || !paired)
	fi;
#endif
	atomic {
		if
		:: !CREDIT_LEFT(r) -> goto slow
		:: else
		fi;
		CHECK(two_owners, holds_r && BREAK == 0);
		CHECK(framing_lost, body_r != (PART(unit) == LAST) && BREAK == 0);
#if MARKED
		CHECK(framing_lost, !body_r && (mark == 1) != IS(unit, MARK));
#endif
		MOVED(moved_r++;)
		body_r = (PART(unit) == FIRST);
		complete = !body_r;
#if BREAK == RESPONSES_BEFORE_SEND_BEGIN
		responses = responses + complete; cancel() };
	atomic { send_begin++; settle_sends() };
#else
		send_begin++; settle_sends() };
	atomic { responses = responses + complete; COUNT_ANSWER(complete); cancel() };
#endif
	/* The program has ended; the message is queued under the lock of C's socket. */
	atomic { complete = 0; QUEUE(client_psock); NEWS(r); sent_r!FAST; unit = 0;
	/* The end of the send call. */
#if BREAK == WAKE_UP_FLAGS_READ_FIRST
	}; atomic { flag = slowed }; atomic { send_end = send_begin; settle_sends(); woken = woken | flag; flag = 0;
#elif BREAK == WAKE_UP_EVENT_LOST
	}; atomic { send_end = send_begin; settle_sends();
#else
	}; atomic { send_end = send_begin; settle_sends(); STEP woken = woken | slowed;
#endif
	LEAVE(service); goto next };
slow:
	atomic { assert(nfull(service_tcp)); service_tcp!(unit + VIA); sent_r!SLOW; unit = 0; behind_r++;
	LEAVE(service); goto next };
done:	skip
}
