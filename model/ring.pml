/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange ring and the repair after death, as spin checks them: shared words and endpoints. */

#include "config.pml"
#include "words.pml"
#include "repair.pml"

/* ---- An endpoint: a process with one record, that plays its script ----------------------------- */

/* Death and stopping are offered before every write; dying before a read is dying before the next write. */
#define FORGET  keep = 0; giving = 0; c = 0; pos = 0; hint = 0; k = 0; m = 0; op = 0; w = 0; hw = 0; v = 0; script = 0
#define MORTAL \
	:: atomic { deaths > 0 && ((MAYDIE >> p) & 1) -> deaths--; dead[me] = 1; FORGET; fin++; goto gone } \
	:: atomic { stops > 0 && ((MAYSTOP >> p) & 1) -> stops--; stopped[me] = 1; FORGET; fin++; goto gone }

/* What becomes true at the very CAS that fills or empties a position. */
inline took_effect()
{
	hap[me] = 1;
	if
	:: op == SEND ->
		assert(pos == tail);                    /* positions fill strictly in order */
		assert(!sealed);                        /* nothing is sent after the seal */
		tail++;
		assert(!((sentm >> m) & 1));
		sentm = sentm | (1 << m); sent_g++
	:: op == RECV ->
		assert(pos == head && head < tail);
		head++; taken_g++;
		m = content[BLK(w)];
		assert((sentm >> m) & 1);               /* only what was sent is seen */
		assert(!((ringm >> m) & 1));            /* and leaves the ring once */
		ringm = ringm | (1 << m);
		assert(m + 1 > last[m / MSGS]);         /* in the order of its sender */
		last[m / MSGS] = m + 1
	:: op == ORPH ->
		m = content[BLK(w)];
		assert(((ringm >> m) & 1) && !((ackm >> m) & 1));
		redel_g++
	fi
}

proctype Endpoint(byte p; byte me; byte script)
{
	byte c, pos, hint, k, m, op, v;
	short w, hw;
	bit keep, giving, gave;

	/* a newcomer takes any FREE record: chan__endpoint_claim */
	if
	:: atomic { me == NONE && !over ->
		if
		:: STATE(0) == FREE -> me = 0
		:: STATE(1) == FREE -> me = 1
#if R > 2
		:: STATE(2) == FREE -> me = 2
#endif
#if R > 3
		:: STATE(3) == FREE -> me = 3
#endif
		fi;
		status[me] = status[me] - FREE + 4 + LIVE; dead[me] = 0; gback[me] = 0 }
	:: atomic { me != NONE }
	fi;

next:
	atomic {
		op = script % 4; script = script / 4;
		c = 0; pos = 0; hint = 0; k = 0; w = 0; v = 0;
		hw = cell[HOLD(me)];
		if
		:: op == 0 -> m = 0; hw = 0; goto idle
		:: op == SEAL -> m = 0
		:: op == SEND && HSTATE(hw) != SPARE -> m = 0; goto next   /* an orphan lies here: only a receiver's place */
		:: op == SEND && HSTATE(hw) == SPARE ->
			m = (m_next[p] + p * MSGS); m_next[p]++;
			assert(!in_ring(BLK(hw)));              /* nobody else may have it */
			content[BLK(hw)] = m
		:: op == RECV -> m = 0; goto look
		fi;
	}

	/* ---- send, and seal: walk from the hint to the tail ---- */
	atomic { pos = thint; hint = pos }
send:
	atomic {
		c = pos % N; w = cell[c];
		if
		:: TURN(w) >= 2 * (pos / N) + 1 ->              /* filled: go on after the last position filled here */
			pos = ((TURN(w) - 1) / 2) * N + c + 1; goto send
		:: TURN(w) < 2 * (pos / N) - 1 -> assert(false) /* a hint was ahead of the truth */
		:: TURN(w) <= 2 * (pos / N) && TURN(w) >= 2 * (pos / N) - 1 ->
			assert(pos == tail);
			if
#ifndef BREAK_SEAL_IGNORED
			:: ISSEALED(w) -> assert(sealed); goto next     /* closed */
#else
			:: ISSEALED(w) && op == SEAL -> goto next
#endif
			:: MAYUSE(w) && op == SEAL -> goto seal
			:: MAYUSE(w) && op == SEND && TURN(w) == 2 * (pos / N) -> goto exchange
			:: MAYUSE(w) && op == SEND && TURN(w) != 2 * (pos / N) ->
				assert(tail - head == N); goto next     /* FULL, exactly */
			fi
		fi
	}
seal:
	if
#ifndef BREAK_SEAL_PLAIN
	:: atomic { cell[c] != w -> goto send }
	:: atomic { cell[c] == w -> assert(pos == tail); cell[c] = w + SEALBIT; sealed = 1; goto next }
#else
	:: atomic { cell[c] = w + SEALBIT; sealed = 1; goto next }
#endif
	MORTAL
	fi;

	/* ---- receive: orphans first, then the ring ---- */
look:
	atomic { v = summary; hint = 0;
		if
		:: v % 2 == 0 -> v = 0; goto ring
		:: v % 2 == 1
		fi }
orphans:
#if GIVES
	atomic { giving = gback[k] }                    /* read before the cell */
#endif
	atomic {
		c = HOLD(k); w = cell[c];
		keep = keep || (HSTATE(w) == HELD && giving); giving = 0;
		if
		:: HSTATE(w) == ORPHAN && k != me && HSTATE(hw) == SPARE -> op = ORPH; goto exchange
		:: HSTATE(w) == ORPHAN && k == me -> goto adopt
		:: HSTATE(w) == ORPHAN && k != me && HSTATE(hw) != SPARE -> goto next   /* own one was just taken away */
		:: HSTATE(w) != ORPHAN ->
not_here:		k++;
			if
			:: k < R -> goto orphans
			:: k == R -> k = 0; goto clear
			fi
		fi
	}
clear:
	if
	:: atomic { keep -> keep = 0; v = 0; goto ring }        /* somebody is about to give back */
#ifndef BREAK_SUMMARY
	:: atomic { !keep -> if :: summary == v -> summary = v - 1 :: else fi; v = 0; goto ring }
#else
	:: atomic { !keep -> if :: summary % 2 == 1 -> summary = summary - 1 :: else fi; v = 0; goto ring }
#endif
	MORTAL
	fi;
adopt:                                                  /* an orphan in the own record becomes HELD in place */
	keep = 0;
	if                                              /* the intent, as in the exchange */
	:: atomic { NO_INTENT(me) }
	MORTAL
	fi;
	if
	:: atomic { i_cell[me] = c; i_hold[me] = w; i_cnt[me] = redel[me] }
	MORTAL
	fi;
#ifndef BREAK_ADOPT
	if
	:: atomic { i_old[me] = w; hap[me] = 0 }
	MORTAL
	fi;
#endif
	if
	:: atomic { cell[c] == w -> cell[c] = ADOPTED(w); op = ORPH; took_effect() }
	:: atomic { cell[c] != w -> NO_INTENT(me); hw = cell[c]; goto not_here }
	MORTAL
	fi;
	if
	:: atomic { redel[me] = i_cnt[me] + 1 }
	MORTAL
	fi;
	if
	:: atomic { NO_INTENT(me); v = 0; k = 0; goto view }
	MORTAL
	fi;
ring:
	atomic { hw = cell[HOLD(me)]; w = 0; c = 0; k = 0;
		if :: HSTATE(hw) != SPARE -> goto next :: else fi;
		pos = hhint; hint = pos }
recv:
	atomic {
		c = pos % N; w = cell[c];
		if
		:: TURN(w) == 2 * (pos / N) + 1 -> goto exchange
		:: TURN(w) > 2 * (pos / N) + 1 -> pos = (TURN(w) / 2 - 1) * N + c + 1; goto recv
		:: TURN(w) == 2 * (pos / N) -> assert(head == tail && (!ISSEALED(w) || sealed)); goto next   /* EMPTY */
		:: TURN(w) < 2 * (pos / N) -> assert(false)
		fi
	}

	/* ---- the exchange: chan__exchange ---- */
exchange:
	if                                              /* 0 */
#ifndef BREAK_NO_STEP0
	:: atomic { BYWHOM(owner[BLK(hw)]) != me -> owner[BLK(hw)] = OWN(owner[BLK(hw)], me) }
	:: atomic { BYWHOM(owner[BLK(hw)]) == me }
#else
	:: skip
#endif
	MORTAL
	fi;
#ifdef BREAK_INTENT_LATE
	if
	:: atomic { cell[c] == w -> cell[c] = NEW(c, w, hw); took_effect() }
	:: atomic { cell[c] != w -> goto failed }
	MORTAL
	fi;
#endif
#ifndef BREAK_TORN
	if                                              /* 1: none, while it is rewritten */
	:: atomic { i_old[me] != 0 -> NO_INTENT(me) }
	:: atomic { i_old[me] == 0 }
	MORTAL
	fi;
#endif
	if                                              /* 1: all but old (only i_cell is ever read while me lives) */
	:: atomic { i_cell[me] = c; i_hold[me] = hw; i_cnt[me] = COUNTER(op, me) }
	MORTAL
	fi;
	if                                              /* 1: old, last */
#ifndef BREAK_INTENT_LATE
	:: atomic { i_old[me] = w; hap[me] = 0 }
#else
	:: atomic { i_old[me] = w }
#endif
	MORTAL
	fi;
#ifdef BREAK_HINT
	if
	:: atomic { op == SEND -> if :: thint == hint -> thint = pos + 1 :: else fi }
	:: atomic { op != SEND }
	MORTAL
	fi;
#endif
#ifndef BREAK_INTENT_LATE
	if                                              /* 2 */
	:: atomic { cell[c] == w -> cell[c] = NEW(c, w, hw); took_effect() }
	:: atomic { cell[c] != w -> goto failed }
	MORTAL
	fi;
#endif
#ifndef BREAK_OWNER_LATE
	if                                              /* 3 */
	:: atomic { owner[BLK(w)] = OWN(owner[BLK(w)], me) }
	MORTAL
	fi;
#endif
	if                                              /* 4 */
	:: atomic { cell[HOLD(me)] = HOLDNEW(c, w, hw) }
	MORTAL
	fi;
	if                                              /* 5 */
	:: atomic { BUMP(op, me) }
	MORTAL
	fi;
	if                                              /* 6 */
	:: atomic { NO_INTENT(me) }
	MORTAL
	fi;
#ifdef BREAK_OWNER_LATE
	if
	:: atomic { owner[BLK(w)] = OWN(owner[BLK(w)], me) }
	MORTAL
	fi;
#endif
	if                                              /* the hint follows the truth */
	:: atomic { op == SEND -> if :: thint == hint -> thint = pos + 1 :: else fi; goto next }
	:: atomic { op == RECV -> if :: hhint == hint -> hhint = pos + 1 :: else fi; v = 0; k = 0; pos = 0; hint = 0; c = 0; goto view }
	:: atomic { op == ORPH -> v = 0; k = 0; c = 0; goto view }
	MORTAL
	fi;
failed:
	atomic {
		if
		:: op == SEND -> goto send
		:: op == RECV -> goto recv
		:: op == ORPH -> op = RECV; goto not_here
		fi
	}

	/* ---- the held view, and its release ---- */
view:
#if GIVES
	if :: ((GIVES >> p) & 1) && !gave -> gave = 1; goto give :: else fi;
#endif
	if
	:: atomic {
		hw = cell[HOLD(me)];
		assert(HSTATE(hw) == HELD && content[BLK(hw)] == m);    /* untorn, still mine */
		assert(!((ackm >> m) & 1));                             /* acknowledged once */
		ackm = ackm | (1 << m);
		cell[HOLD(me)] = W(TURN(hw) + 3, 0, BLK(hw)); goto next }
	MORTAL
	fi;
#if GIVES
give:                                                   /* chan__orphans_give_back */
	if
#ifndef BREAK_GIVE_MARK
	:: atomic { gback[me] = 1 }
#else
	:: skip
#endif
	MORTAL
	fi;
#ifndef BREAK_GIVE_LATE
	if
	:: atomic { summary = summary - summary % 2 + 3 }
	MORTAL
	fi;
#endif
	if
	:: atomic { hw = cell[HOLD(me)]; cell[HOLD(me)] = W(TURN(hw) + 1, 0, BLK(hw)) }
	MORTAL
	fi;
#ifdef BREAK_GIVE_LATE
	if
	:: atomic { summary = summary - summary % 2 + 3 }
	MORTAL
	fi;
#endif
	if
	:: atomic { gback[me] = 0; goto next }
	MORTAL
	fi;
#endif
idle:
	if
	:: atomic { FORGET; fin++ }
	MORTAL
	fi;
gone:	skip
}

/* ---- The end: whoever comes last repairs what is left, and counts ------------------------------- */

#include "final.pml"
