/* SPDX-License-Identifier: Apache-2.0 */
/* The repair of a dead record, by any number of repairers at once, each of which may stop for ever. */

#define WOUNDED(r)      ((STATE(r) == LIVE && dead[r]) || STATE(r) == DEAD)
#define STALE(r)        (status[r] != st)
#ifndef BREAK_SEAL_CMP
#define SAMEWORD(a, b)  (UNSEAL(a) == UNSEAL(b))
#else
#define SAMEWORD(a, b)  ((a) == (b))
#endif

/* Every CAS that succeeds must be one that was still to be done: no stale repairer ever hits. */
#ifndef LAX
#define RIGHTFUL        assert(status[e] == st)
#else
#define RIGHTFUL        skip
#endif

#define LAY_DOWN        e = 0; st = 0; old = 0; ic = 0; ih = 0; cnt = 0; w = 0; k = 0; v = 0; hit = 0
#define STOPS_HERE      :: atomic { MAYVANISH -> LAY_DOWN; round = 0; goto vanished }
#ifndef MAYVANISH
#define MAYVANISH       true
#endif

proctype Repairer()
{
	byte e, st, ic, cnt, k, v, round;
	bit hit;
	short old, ih, w;

idle:
	atomic {
		LAY_DOWN;
		if :: round == ROUNDS -> round = 0; goto vanished :: else -> round++ fi
	}
	/* met a dead one: the status, then the kernel's verdict about the one it names */
end:	atomic {
		if
		:: WOUNDED(0) -> e = 0
		:: WOUNDED(1) -> e = 1
#if R > 2
		:: WOUNDED(2) -> e = 2
#endif
#if R > 3
		:: WOUNDED(3) -> e = 3
#endif
		fi;
		st = status[e];
	}
	if                                              /* a */
	:: atomic { st % 4 == DEAD }
	:: atomic { st % 4 == LIVE && status[e] == st -> st = st - LIVE + DEAD; status[e] = st }
	:: atomic { st % 4 == LIVE && status[e] != st -> st = st - LIVE + DEAD;
		if :: status[e] != st -> goto idle :: else fi }
	STOPS_HERE
	fi;

	/* The intent. One step: nobody writes it while the status stays, and the status is looked at again below.
	 * It stays as it is: to clear it would be a CAS on a word that can come back (BREAK_CLEAR). */
	atomic { old = i_old[e]; ic = i_cell[e]; ih = i_hold[e]; cnt = i_cnt[e];
		if :: old == 0 -> goto held :: else fi }

	/* A hold cell that has moved on tells that the exchange happened, and that b and c are done. */
#ifndef BREAK_ADOPT_HOLD                        /* a taker of the orphan moves the cell on, too */
	atomic { if :: !INPLACE(e, ic) && HOLDWORD(cell[HOLD(e)]) != HOLDWORD(ih) -> goto d_check :: else fi }
#else
	atomic { if :: HOLDWORD(cell[HOLD(e)]) != HOLDWORD(ih) -> goto d_check :: else fi }
#endif

	/* ---- chan__decide ---- */
	atomic {                                        /* in place: the cell tells, whatever became of it */
		if
		:: INPLACE(e, ic) ->
			w = cell[ic];
			hit = (TURN(w) > TURN(ADOPTED(old)) || w == ADOPTED(old));
			w = 0; goto decided
		:: else
		fi }
#ifndef BREAK_CELL_LAST
	atomic { w = cell[ic];
		if
		:: TURN(w) < TURN(NEW(ic, old, ih)) -> w = 0; hit = 0; goto decided
		:: TURN(w) == TURN(NEW(ic, old, ih)) -> hit = (BLK(w) == BLK(ih)); w = 0; goto decided
		:: TURN(w) > TURN(NEW(ic, old, ih)) -> w = 0
		fi }
#endif
#ifdef BREAK_OWNER_FIRST
	atomic { v = (BYWHOM(owner[BLK(ih)]) != e) }
#endif
intents:
	atomic {
		if
		:: k == e || !SAMEWORD(i_old[k], NEW(ic, old, ih)) -> goto not_this
		:: else
		fi }
	atomic { if :: i_cell[k] != ic -> goto not_this :: else fi }
	atomic {
		if
#ifdef BREAK_INTENT_ONCE
		:: true -> hit = 1; goto by_intent
#endif
		:: SAMEWORD(i_old[k], NEW(ic, old, ih)) -> hit = 1; goto by_intent
		:: else ->
not_this:		k++;
			if :: k < R -> goto intents :: else -> k = 0 fi
		fi }
#ifdef BREAK_CELL_LAST
	goto no_intent;
by_intent:
	atomic { k = 0; hit = 1 }
no_intent:
	atomic { w = cell[ic];
		if
		:: TURN(w) < TURN(NEW(ic, old, ih)) -> w = 0; hit = 0; goto decided
		:: TURN(w) == TURN(NEW(ic, old, ih)) -> hit = (BLK(w) == BLK(ih)); w = 0; goto decided
		:: TURN(w) > TURN(NEW(ic, old, ih)) -> w = 0; if :: hit -> goto decided :: else fi
		fi }
#endif
#ifdef BREAK_OWNER_FIRST
	atomic { hit = v; v = 0; goto decided }
#else
	atomic { hit = (BYWHOM(owner[BLK(ih)]) != e); goto decided }
#endif
#ifndef BREAK_CELL_LAST
by_intent:
#endif
	atomic { k = 0 }
decided:
	atomic {                                        /* only now is it known that all this was about {gen, DEAD} */
#ifndef BREAK_RECHECK
		if :: STALE(e) -> goto idle :: else fi;
#endif
		assert(hit == hap[e]);                  /* the decision is the truth */
		if :: !hit -> goto intent_done :: else -> hit = 0 fi;
		if :: INPLACE(e, ic) -> goto d_check :: else fi }

	/* ---- chan__repair ---- */
#ifndef BREAK_NO_B
	atomic { v = owner[BLK(old)];
		if :: BYWHOM(v) == e -> v = 0; goto c_hold :: else fi }
#ifdef BREAK_B_STATUS                                   /* looks at the status instead of the hold cell */
	atomic { if :: STALE(e) -> goto idle :: else fi }
#elif !defined(BREAK_B_GUARD)
	/* While the hold cell has not changed, nobody else can have got the block: v is still the owner to replace. */
	atomic { if :: HOLDWORD(cell[HOLD(e)]) != HOLDWORD(ih) -> v = 0; goto d_check :: else fi }
#endif
	if                                              /* b */
	:: atomic { owner[BLK(old)] == v -> RIGHTFUL; B_TRUTH; owner[BLK(old)] = OWN(v, e); v = 0 }
	:: atomic { owner[BLK(old)] != v -> v = 0 }
	STOPS_HERE
	fi;
#endif
c_hold:
#ifdef BREAK_HOLD_TURN                                         /* {t, SPARE, s} with the t that is there now */
	atomic { w = cell[HOLD(e)];
		if :: BLK(w) != BLK(ih) || HSTATE(w) != SPARE -> w = 0; goto d_check :: else -> ih = w; w = 0 fi }
	atomic { if :: STALE(e) -> goto idle :: else fi }
#endif
	if                                              /* c */
#ifndef BREAK_PLAIN
	:: atomic { cell[HOLD(e)] == ih -> RIGHTFUL; C_TRUTH; cell[HOLD(e)] = HOLDNEW(ic, old, ih) }
	:: atomic { cell[HOLD(e)] != ih }
#else
	:: atomic { cell[HOLD(e)] = HOLDNEW(ic, old, ih) }
#endif
	STOPS_HERE
	fi;
d_check:
#ifndef BREAK_RECHECK_D
	atomic { if :: STALE(e) -> goto idle :: else fi }
#endif
	if                                              /* d */
#ifndef BREAK_COUNT
	:: atomic { ISSEND(ic, old) && sent[e] == cnt -> RIGHTFUL; sent[e] = cnt + 1 }
	:: atomic { ISRECV(ic, old) && taken[e] == cnt -> RIGHTFUL; taken[e] = cnt + 1 }
	:: atomic { ISSEND(ic, old) && sent[e] != cnt }
	:: atomic { ISRECV(ic, old) && taken[e] != cnt }
#else
	:: atomic { ISSEND(ic, old) -> sent[e]++ }
	:: atomic { ISRECV(ic, old) -> taken[e]++ }
#endif
	:: atomic { ic >= N && redel[e] == cnt -> RIGHTFUL; redel[e] = cnt + 1 }
	:: atomic { ic >= N && redel[e] != cnt }
	STOPS_HERE
	fi;
intent_done:
#ifdef BREAK_CLEAR                                      /* the repairer clears the intent */
	if
	:: atomic { i_old[e] == old -> RIGHTFUL; NO_INTENT(e) }
	:: atomic { i_old[e] != old }
	STOPS_HERE
	fi;
#endif
held:
#ifdef BREAK_FREE_EARLY
	if
	:: atomic { status[e] == st -> status[e] = st - DEAD + FREE }
	:: atomic { STALE(e) -> goto idle }
	STOPS_HERE
	fi;
#endif
	/* g */
	atomic { hit = 0; old = 0; ih = 0; ic = 0; cnt = 0; w = cell[HOLD(e)];
		if
		:: HSTATE(w) == SPARE -> w = 0; goto free
#ifndef BREAK_MARK
		:: HSTATE(w) == ORPHAN -> w = 0; goto mark      /* who made it one may have died before the bit */
#else
		:: HSTATE(w) == ORPHAN -> w = 0; goto free
#endif
		:: HSTATE(w) == HELD
		fi }
#ifndef BREAK_RECHECK_G
	atomic { if :: STALE(e) -> goto idle :: else fi }
#endif
	if
	:: atomic { cell[HOLD(e)] == w -> RIGHTFUL; cell[HOLD(e)] = w + 32; w = 0 }
	:: atomic { cell[HOLD(e)] != w -> w = 0; goto held }
	STOPS_HERE
	fi;
mark:
	if
	:: atomic { summary = summary - summary % 2 + 3 }       /* the next version, and the bit */
	STOPS_HERE
	fi;
free:
	if                                              /* h */
	:: atomic { status[e] == st -> status[e] = st - DEAD + FREE }
	:: atomic { STALE(e) }
	STOPS_HERE
	fi;
	goto idle;
vanished:
	skip
}
