/* SPDX-License-Identifier: Apache-2.0 */
/* C: sends requests, also the next before the answer, reads answers, ends its sending at any time between requests. */

active proctype ClientSend()
{
	byte unit;
	bit rest, denied;
#if BREAK == REQUESTS_COUNTED_LATE
	bit counts;
#endif
#if BREAK == STRAYED_READ_FIRST
	bit astray;
#endif
next:
	if
	:: client_eof -> goto done
	:: atomic { IDLE(client) && rest -> ENTER(client);
		unit = LAST + DENIED * denied; rest = 0; denied = 0 }
	:: atomic { IDLE(client) && !rest && outstanding < WINDOW -> ENTER(client);
		outstanding++;
		if :: denied = 0 :: denied = 1 fi;
		expected!denied;
		if
		:: unit = WHOLE + DENIED * denied; denied = 0
		:: HALVES -> unit = FIRST + DENIED * denied; rest = 1
		fi;
#if MARKED
		if :: skip :: unit = unit + MARK fi
#endif
		}
#if SILENT
	:: atomic { IDLE(client) && !rest && len(sent_f) < WINDOW && behind_f <= WINDOW -> ENTER(client);
		if :: denied = 0 :: denied = 1 fi;
		if
		:: unit = QUIET + WHOLE + DENIED * denied; denied = 0
		:: HALVES -> unit = QUIET + FIRST + DENIED * denied; rest = 1
		fi }
#endif
	:: !rest && outstanding > 0 -> goto wait
	:: atomic { IDLE(client) && !rest -> client_tcp!FIN; goto done }
	fi;

	/* The program. Any message may go slow: it is unsure, above the credit, or the redirect failed. */
#if BREAK == STRAYED_READ_FIRST
	atomic { LOOK_FOR_STRAY(f) };
#endif
	atomic { if
	:: BEHIND(f) || off -> goto slow
	:: !BEHIND(f) && !off
	:: true -> goto slow
	fi };
	atomic {
		if
		:: STRAYED(f) || !paired || !CREDIT_LEFT(f) || (!body_f && (LOOKS_DENIED(unit) || (IS(unit, MARK) && MARK_TAKEN))) ->
			goto slow
		:: else
		fi;
		CHECK(two_owners, holds_f && BREAK == 0);
		MOVED(moved_f++;)
		if
		:: body_f -> body_f = 0
		:: else -> body_f = (PART(unit) == FIRST);
			if
			:: IS(unit, QUIET) && BREAK != SILENT_COUNTED
			:: else ->
#if BREAK == REQUESTS_COUNTED_LATE
				counts = 1
#else
#if MARKED
				mark = (IS(unit, MARK) -> waiting + 1 : mark);
#endif
				COUNT_REQUEST; requests++; cancel()
#endif
			fi
		fi
	};
	/* The program has ended; the message is queued under the lock of S's socket. */
	atomic { QUEUE(service_psock); NEWS(f); sent_f!FAST; unit = 0;
#if BREAK == REQUESTS_COUNTED_LATE
	}; atomic { requests = requests + counts; counts = 0; cancel();
#endif
	LEAVE(client); goto next };
slow:
	atomic { assert(nfull(client_tcp)); client_tcp!(unit + VIA); behind_f++;
	if
	:: !IS_DENIED(unit) -> sent_f!SLOW
	:: else
	fi;
	unit = 0; LEAVE(client); goto next };

wait: /* for all answers before it does anything else */
	if
	:: outstanding == 0 -> goto next
	:: client_eof
	:: timeout -> stuck = 1; assert(!stuck)
	fi;
done:
	atomic { rest = 0; denied = 0 }
}

inline take_answer() {
	if
	:: IS_DENIED(unit) ->
		CHECK(answer_out_of_order, half_answer || !(expected?[1]));
		expected?1; outstanding--; PROMISED(- 1); was_denied = 1
	:: else ->
		sent_r?sent;
		CHECK(answer_out_of_order, sent != IS(unit, VIA) || half_answer != (PART(unit) == LAST));
		if
		:: !half_answer ->
			CHECK(answer_out_of_order, !(expected?[0]));
			expected?0; was_denied = 0
		:: else
		fi;
		half_answer = (PART(unit) == FIRST);
		outstanding = outstanding - !half_answer;
		PROMISED(- !half_answer)
	fi;
	unit = 0; sent = 0
}

active proctype ClientReceive()
{
	byte unit;
	bit sent, half_answer, was_denied;
#if BREAK == PACE_FLAGS_READ_FIRST
	bit flag;
#endif
next:
	if
	:: atomic { IDLE(client) && READS(r) && nempty(client_psock) -> ENTER(client);
		client_psock?unit; SHORT(r, client_psock, client_psock, true); take_answer(); MOVED(picked_r++;)
		END_OF_RECV(r, client_psock)
		LEAVE(client); goto next }
	:: atomic { IDLE(client) && empty(client_psock) && nempty(to_client_tcp) && (READS(r) || to_client_tcp?[FIN]) ->
		ENTER(client);
		STEP to_client_tcp?unit;
		if
		:: unit == FIN -> goto ended
		:: else -> SHORT(r, to_client_tcp, client_psock, true); take_answer()
		fi;
		LEAVE(client); goto next }
#if EDGE
	:: atomic { IDLE(client) && edge_r -> edge_r = 0; active_r = 1; goto next }
#endif
	fi;
ended:
	atomic {
		/* All that S has sent is here, but for what the sidecar did not know of when it drained; without an answer is
		 * only what nobody was to answer any more. */
		CHECK(lost_at_close, (drained -> PROMISE_BROKEN : half_answer || len(sent_r) > 0 ||
			(outstanding > 0 && !(barrier && was_denied) && !service_gone)));
		was_denied = 0; unit = 0; half_answer = 0; client_eof = 1; LEAVE(client)
	}
}
