/* SPDX-License-Identifier: Apache-2.0 */
/* The sidecar: one event at a time; at the end of each turn it writes, then gives back. */

#define FRONT_DENIED (count > 0 && (exchanges & 1))
inline push(denial) { exchanges = exchanges | (denial << count); count++; denials = denials + denial }
#if MARKED
#define PLACE_MARK(is) marked = marked | ((is) << count)
#define WATCH(is) watched = watched | ((is) << count)
#define SHIFT_MARK marked = marked >> 1; watched = watched >> 1
#define WATCHED (watched != 0)
#else
#define PLACE_MARK(is) skip
#define WATCH(is) skip
#define SHIFT_MARK skip
#define WATCHED false
#endif
inline shift() { denials = denials - (exchanges & 1); exchanges = exchanges >> 1; SHIFT_MARK; count--; PROMISED(+ 1) }

/* Brings the exchanges up to date: a place for each fast request, out with those that were answered. */
inline read_responses() { reading = 1; answered = responses; responses = 0 }
inline read_requests() {
	do
	:: requests > 0 -> PLACE_MARK(mark > 0 && waiting - requests + 1 == mark); push(0); requests--
	:: else -> break
	od
}
inline remove_answered() {
	do
	:: answered > 0 ->
		CHECK(more_answers_than_requests, count == 0 || FRONT_DENIED);
		shift(); answered--
	:: else -> break
	od;
	reading = 0; cancel()
}
#if BREAK == REQUESTS_READ_FIRST
#define READ_FIRST reading = 1; read_requests()
#define READ_SECOND read_responses()
#elif BREAK == NO_PLACEHOLDERS
#define READ_FIRST read_responses()
#define READ_SECOND if :: turn == BYTES_OF_SERVICE -> read_requests() :: else fi
#else
#define READ_FIRST read_responses()
#define READ_SECOND read_requests()
#endif

inline half_close() {
	if
	:: !deaf -> deaf = 1; fin_f = 1; barrier = 1
	:: else
	fi
}
inline publish_in_f() { behind_f = behind_f - received_f; received_f = 0; holds_f = 0 }
inline publish_in_r() { behind_r = behind_r - received_r; received_r = 0; holds_r = 0 }

#define CROWDED (CROWD > 0 && count >= CROWD)
#define NEEDS_RESPONSES (denials > 0 || deaf || draining || CROWDED || WATCHED)
/* Nothing may overtake what is held: the slow bytes of X stay with the sidecar, and so do the answers of S. */
#define HOLDS(x, how) (len(held_##x) > 0 && BREAK != how)
#define KEEPS_F (HOLDS(f, IN_WHILE_HELD_F) && BREAK != IN_BEFORE_WRITE_F)
#define KEEPS_R (HOLDS(r, IN_WHILE_HELD_R) && BREAK != IN_BEFORE_WRITE_R)
#define SLOWS_RESPONSES (NEEDS_RESPONSES || (slowed && HOLDS(r, RELEASED_WHILE_HELD)))
#define WAKE 0
#define BYTES_OF_CLIENT 1
#define BYTES_OF_SERVICE 2

active proctype Sidecar()
{
	byte unit, turn, received_f, received_r, answered, begin;
	bit left_f, left_r, discarding, deaf, draining, finishing, relayed, open;
	bit paused_f, paused_r, fin_f, fin_r, sent_fin_f, sent_fin_r;
#if BREAK == WAKE_UP_NO_BARRIER
	bit late;
#endif
next:
	if
	:: atomic { !finishing && !paused_f && !CROWDED && nempty(client_tcp) -> client_tcp?unit; turn = BYTES_OF_CLIENT;
		if
		:: deaf && unit != FIN -> unit = 0; turn = WAKE; goto next
		:: else
		fi;
		STEP READ_FIRST }
	:: atomic { !finishing && !paused_r && nempty(service_tcp) -> service_tcp?unit; turn = BYTES_OF_SERVICE;
		STEP READ_FIRST }
	:: atomic { woken -> woken = 0;
		if
		:: finishing -> goto settle
		:: !finishing && !SLOWS_RESPONSES && len(held_f) == 0 && len(held_r) == 0 -> goto next
		:: else
		fi;
		STEP READ_FIRST }
#if DRAINS
	:: atomic { !finishing && !draining -> draining = 1; drained = 1; off = 1; slowed = 1;
#if CREDIT && BREAK == PACE_FLAGS_DROPPED
		awaits_f = 0; awaits_r = 0;
#endif
		STEP READ_FIRST }
#endif
#if CREDIT && TABLES
	/* New tables are put in force: the flags are written anew. */
	:: atomic { !finishing && (awaits_f || awaits_r) ->
#if BREAK == PACE_FLAGS_DROPPED
		awaits_f = 0; awaits_r = 0;
#endif
		goto next }
#endif
	fi;
	atomic { READ_SECOND; remove_answered();
		if
		:: turn == BYTES_OF_SERVICE -> goto bytes_of_service
		:: turn == WAKE -> goto decide
		:: else
		fi;

		/* Bytes of C. */
		if
		:: unit == FIN -> unit = 0;
			if
			:: !deaf -> deaf = 1; fin_f = 1
			:: else
			fi;
			goto decide
		:: else -> received_f++
		fi;
		STEP
		if
		:: !holds_f -> left_f = body_f; holds_f = 1
		:: else
		fi;
		if
		:: left_f -> left_f = 0;
			if
			:: discarding -> discarding = 0; unit = 0; goto decide
			:: else
			fi
		:: else -> left_f = (PART(unit) == FIRST);
			if
			:: LOOKS_DENIED(unit) -> discarding = left_f;
				if
				:: !IS(unit, QUIET) -> push(1)
				:: else
				fi;
				unit = 0; goto decide
			:: !LOOKS_DENIED(unit) && !IS(unit, QUIET) ->
				PLACE_MARK(IS(unit, MARK)); WATCH(IS(unit, MARK) && BREAK != MARKED_NOT_WATCHED); push(0); COUNT_REQUEST
			:: !LOOKS_DENIED(unit) && IS(unit, QUIET)
			fi
		fi;
		held_f!unit; unit = 0;
		goto decide };

bytes_of_service:
	atomic {
#if BREAK != PROOF_AFTER_HAND_BACK
		/* A slow byte, or the end, comes behind all that was sent before. */
		begin = send_begin; comparing = 1; STEP send_end = begin; begin = 0; comparing = 0; settle_sends();
#endif
		if
		:: unit == FIN -> goto decide
		:: else -> received_r++
		fi;
		STEP
		if
		:: !holds_r -> left_r = body_r; holds_r = 1
		:: else
		fi;
		if
		:: denials > 0 -> goto decide
		:: else
		fi };
relay:
	atomic {
		CHECK(framing_lost, left_r != (PART(unit) == LAST));
		CHECK(more_answers_than_requests, count == 0 || FRONT_DENIED);
#if MARKED
		CHECK(framing_lost, !left_r && (marked & 1) != IS(unit, MARK));
#endif
		left_r = (PART(unit) == FIRST); relayed = 1;
		held_r!unit; unit = 0;
		if
		:: !left_r -> shift(); COUNT_ANSWER(1)
		:: else
		fi };

decide:
#if MARKED
	/* Before a request is written whose answer S's program would frame wrongly. */
	if
	:: atomic { WATCHED && !slowed -> slowed = 1; STEP READ_FIRST }; atomic { READ_SECOND; remove_answered() }
	:: atomic { !WATCHED || slowed }
	fi;
#endif
	/* The denials whose turn it is. */
	do
	:: atomic { denials == 0 -> break }
	:: atomic { denials > 0 ->
#if BREAK != WAKE_UP_NO_BARRIER
		slowed = 1 };
	atomic {
#endif
		read_responses(); remove_answered();
		if
		:: !FRONT_DENIED ->
#if BREAK == WAKE_UP_NO_BARRIER
			late = 1;
#endif
			break
		:: else
		fi };
		atomic { begin = send_begin; comparing = 1 };
		atomic { comparing = 0;
		if
		:: (begin != send_end || (AMBIGUOUS && unit != FIN)) && BREAK != INJECT_WITHOUT_DELIVERY_PROOF ->
			begin = 0; settle_sends();
#if BREAK == WAKE_UP_NO_BARRIER
			late = 1;
#endif
#if AMBIGUOUS
			half_close();
#endif
			break
		:: else -> begin = 0; settle_sends()
		fi;
		held_r!(DENIED + WHOLE); shift() }
	od;
#if BREAK == WAKE_UP_NO_BARRIER
	atomic { slowed = slowed | late; late = 0 };
#endif
	atomic {
		if
		:: unit == FIN -> unit = 0; finishing = 1
		:: unit != FIN && turn == BYTES_OF_SERVICE && !relayed -> goto relay
		:: unit != FIN && (turn != BYTES_OF_SERVICE || relayed) ->
			/* Nothing is left to do: the end must not overtake an answer either. */
			if
			:: count == 0 && !discarding && (deaf || draining) &&
				(send_begin == send_end || BREAK == END_WITHOUT_DELIVERY_PROOF) ->
#if AMBIGUOUS
				half_close()
#else
				finishing = 1
#endif
			:: else
			fi
		fi;
		relayed = 0;
		if
		:: finishing -> fin_f = !sent_fin_f; fin_r = !sent_fin_r
		:: else
		fi };

settle:
#if BREAK != IN_BEFORE_WRITE_F
	FLUSH_F
#endif
#if BREAK != IN_BEFORE_WRITE_R
	FLUSH_R
#endif
flags:
	atomic {
		if
		:: finishing -> goto end_of_turn
		:: !finishing
		fi;
		if
		:: SLOWS_RESPONSES == slowed -> goto give_back_r
		:: !SLOWS_RESPONSES && slowed -> slowed = 0; goto give_back_r
		:: SLOWS_RESPONSES && !slowed -> slowed = 1
		fi };
#if BREAK != CROWDED_WITHOUT_CATCH_UP
	atomic { READ_FIRST };
	atomic { READ_SECOND; remove_answered(); goto flags };
#endif
give_back_r:
	if
#if UNFRAMED
	:: atomic { holds_r && left_r -> goto give_back_f }
#endif
	:: atomic { holds_r && KEEPS_R -> goto give_back_f }
	:: atomic { holds_r && !KEEPS_R -> body_r = left_r; left_r = 0; STEP publish_in_r();
#if BREAK == PROOF_AFTER_HAND_BACK
		}; atomic { begin = send_begin; comparing = 1; STEP send_end = begin; begin = 0; comparing = 0; settle_sends();
#endif
		goto give_back_f }
	:: atomic { !holds_r -> goto give_back_f }
	fi;
give_back_f:
	if
#if UNFRAMED
	:: atomic { holds_f && left_f -> goto end_of_turn }
#endif
	:: atomic { holds_f && !KEEPS_F && denials == 0 && (!discarding || BREAK == HAND_BACK_IN_DENIED_BODY) && !deaf ->
#if BREAK == IN_BEFORE_BODY
		publish_in_f() }; atomic { body_f = left_f; left_f = 0; goto end_of_turn }
#else
		body_f = left_f; left_f = 0; STEP publish_in_f(); goto end_of_turn }
#endif
	:: atomic { else -> goto end_of_turn }
	fi;
end_of_turn:
#if BREAK == IN_BEFORE_WRITE_F
	FLUSH_F
#endif
#if BREAK == IN_BEFORE_WRITE_R
	FLUSH_R
#endif
	/* A reader that keeps us waiting stops what would be written to it. */
	atomic {
		paused_r = len(held_r) > 0;
		paused_f = len(held_f) > 0 || (len(held_r) > 0 && (paused_f || turn == BYTES_OF_CLIENT));
		turn = WAKE;
		if
		:: finishing && sent_fin_f && sent_fin_r
		:: !(finishing && sent_fin_f && sent_fin_r) -> goto next
		fi }
}
