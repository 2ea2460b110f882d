/* SPDX-License-Identifier: Apache-2.0 */
/* S: answers in order, as soon as a request's head has come. */

inline take_request(way) {
	CHECK(denied_at_service, IS_DENIED(unit));
	sent_f?sent;
	CHECK(request_out_of_order, sent != way || half_request != (PART(unit) == LAST));
	due = due + !half_request;
	half_request = (PART(unit) == FIRST);
	unit = 0; sent = 0
}

active proctype ServiceReceive()
{
	byte unit;
	bit sent;
#if BREAK == GATE_FLAGS_READ_FIRST
	bit flag;
#endif
next:
	if
	:: atomic { IDLE(service) && READS(f) && nempty(service_psock) ->
		service_psock?unit; SHORT(f, service_psock); take_request(FAST);
#if GATE
		ENTER(service); picked_f++;
		END_OF_FAST_RECV(f)
		LEAVE(service);
#endif
		goto next }
	:: atomic { IDLE(service) && empty(service_psock) && nempty(to_service_tcp) && (READS(f) || to_service_tcp?[FIN]) ->
		ENTER(service);
		STEP to_service_tcp?unit; SHORT(f, to_service_tcp);
		if
		:: unit == FIN -> goto ended
		:: else -> unpublished_f++; take_request(SLOW)
		fi;
		END_OF_RECV(f)
		LEAVE(service); goto next }
#if GATE
	:: atomic { IDLE(service) && edge_f -> edge_f = 0; active_f = 1; goto next }
#endif
	:: service_gone -> goto done
	fi;
ended:
	atomic {
		CHECK(lost_at_close, !barrier && !drained && (half_request || len(sent_f) > 0));
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
next:
	if
	:: atomic { IDLE(service) && rest -> ENTER(service); unit = LAST; rest = 0; PUBLISH_AT_SEND(publish_f) }
	:: atomic { IDLE(service) && !rest && due > 0 -> ENTER(service); due--;
		if
		:: unit = WHOLE
		:: unit = FIRST; rest = 1
		fi;
		PUBLISH_AT_SEND(publish_f) }
	:: atomic { IDLE(service) && !rest && due == 0 && service_eof -> service_tcp!FIN; goto done }
#if CLOSES
	:: atomic { IDLE(service) && !rest -> service_gone = 1; service_tcp!FIN; goto done }
#endif
	fi;

	/* The program. Any message may go slow: it cannot frame it, or it is above the credit. */
	if
	:: off || (slowed && BREAK != SERVICE_NOT_SLOWED) -> goto slow
	:: !off && (!slowed || BREAK == SERVICE_NOT_SLOWED)
	:: true -> goto slow
	fi;
#if BREAK == OUT_READ_BEFORE_IN
	COMPARE(r);
#endif
	if
	:: BEHIND(r) -> goto slow
	:: !BEHIND(r)
	fi;
#if BREAK != OUT_READ_BEFORE_IN
	COMPARE(r);
#endif
	atomic {
		if
		:: !level_r -> goto slow
		:: else -> level_r = 0
		fi;
		CHECK(two_owners, holds_r && BREAK == 0);
		CHECK(framing_lost, body_r != (PART(unit) == LAST) && BREAK == 0);
		MOVED(moved_r++;)
		body_r = (PART(unit) == FIRST);
		complete = !body_r;
#if BREAK == RESPONSES_BEFORE_SEND_BEGIN
		responses = responses + complete; cancel() };
	atomic { send_begin++; settle_sends() };
#else
		send_begin++; settle_sends() };
	atomic { responses = responses + complete; cancel() };
#endif
#if WORD
	woken = woken | slowed;
#endif
	/* The program has ended; the message is queued under the lock of C's socket. */
	atomic { complete = 0; assert(nfull(client_psock)); client_psock!unit; NEWS(r); sent_r!FAST; unit = 0;
#if TRACE
	/* The end of the send call. */
#if BREAK == WAKE_UP_FLAGS_READ_FIRST
	}; atomic { flag = slowed }; atomic { send_end = send_begin; settle_sends(); woken = woken | flag; flag = 0;
#elif BREAK == WAKE_UP_EVENT_LOST
	}; atomic { send_end = send_begin; settle_sends();
#else
	}; atomic { send_end = send_begin; settle_sends(); STEP woken = woken | slowed;
#endif
#endif
	LEAVE(service); goto next };
slow:
	atomic { level_r = 0; assert(nfull(service_tcp)); service_tcp!unit; sent_r!SLOW; unit = 0; behind_r++; FLIGHT(flight_r++;)
	LEAVE(service); goto next };
done:	skip
}
