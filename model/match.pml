/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous, as spin checks it: offers and demands, the match, withdrawing, sleeping on a bell of one's own, and
 * the repair after death. Records 0..SENDERS-1 are senders', the others receivers'. */

#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef RECEIVERS
#define RECEIVERS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef REPAIRERS
#define REPAIRERS 1
#endif
#ifndef MAYDIE          /* bit r: the endpoint of record r may die */
#define MAYDIE 255
#endif
#ifndef MAYSTOP
#define MAYSTOP 255
#endif
#ifndef TRIES           /* bit r: that endpoint tries once, and never waits */
#define TRIES 0
#endif
#ifndef TIMES_OUT       /* bit r: a wait of that endpoint may end by itself */
#define TIMES_OUT 0
#endif
#ifndef SENDS           /* messages of each sender */
#define SENDS 1
#endif
#ifndef TAKES           /* receives of each receiver */
#define TAKES 1
#endif
#ifndef SHUTS           /* 1: somebody shuts the channel down */
#define SHUTS 0
#endif

#define R (SENDERS + RECEIVERS)
#define ISTX(r)         ((r) < SENDERS)
#define MAY(set, r)     (((set) >> (r)) & 1)

/* hold cell = {turn, block}; the low two bits of the turn are the state */
#define W(t, b)         ((t) * 8 + (b))
#define TURN(w)         ((w) / 8)
#define BLK(w)          ((w) % 8)
#define SPARE   0
#define HELD    1
#define ORPHAN  2
#define OPEN    3
#define HSTATE(w)       (TURN(w) % 4)
#define OPENED(w)       W(TURN(w) + 3, BLK(w))
#define WITHDRAWN(w)    W(TURN(w) + 1, BLK(w))

/* What an exchange makes of the cell c, a peer's, and of one's own hold cell. */
#define STEP(c, o)      ((HSTATE(o) == OPEN && ISTX(c)) -> 1 : 2)
#define NEW(c, o, h)    W(TURN(o) + STEP(c, o), BLK(h))
#define HOLDNEW(r, o, h) W(TURN(h) + (ISTX(r) -> 4 : 1), BLK(o))

#define NOBODY  7
#define BYWHOM(o)       ((o) % 8)
#define OWN(o, r)       (((o) / 8 + 1) * 8 + (r))

#define FREE    0
#define LIVE    1
#define DEAD    2

/* kinds of intent */
#define EXCHANGE 1
#define SHOW    2

short cell[R], i_old[R], i_hold[R];
byte owner[R], status[R], i_cell[R], i_kind[R], i_cnt[R];
byte moved[R];                  /* sent by a sender, taken by a receiver */
byte redel[R];
byte offers, demands;           /* {version, bit of the one group}; versions are so few that none wraps */
byte orphans;                   /* counts announcements */
byte bell[R];
bit shut;

/* ---- ghosts ---- */
byte content[R];
bit dead[R], stopped[R], hap[R], met[R], asleep[R];
bit sealed;                     /* chan_shutdown() has returned */
byte sentm, ackm;               /* bit m: the send took effect; acknowledged */
byte passed[R];                 /* matches of that record */
byte fin;
byte deaths = DEATHS, stops = STOPS;

#define NO_INTENT(r)    i_old[r] = 0; i_hold[r] = 0; i_cell[r] = 0; i_kind[r] = 0; i_cnt[r] = 0
#define ANNOUNCE(s)     s = s - s % 2 + 3
#define CLEARED(s)      s + 1           /* the bit off, the next version */

#define MORTAL \
	:: atomic { deaths > 0 && MAY(MAYDIE, me) -> deaths--; dead[me] = 1; asleep[me] = 0; fin++; goto gone } \
	:: atomic { stops > 0 && MAY(MAYSTOP, me) -> stops--; stopped[me] = 1; asleep[me] = 0; fin++; goto gone }

#define MATCHES(msg, tx, rx) \
	assert(!MAY(sentm, msg)); assert(!sealed); sentm = sentm | (1 << (msg)); \
	passed[tx]++; passed[rx]++

/* A step that changes one shared word, before which one may die or stop. */
#define DO(change)      if :: atomic { change } MORTAL fi

/* Steps 0 and 1 of the exchange and of showing. */
#ifndef BREAK_OWNER_NOT_ENSURED
#define ENSURE(b)       DO(if :: BYWHOM(owner[b]) != me -> owner[b] = OWN(owner[b], me) :: else fi)
#else
#define ENSURE(b)       skip
#endif

inline exchange(tx, rx, kind)
{
	ENSURE(BLK(hw));
	DO(i_cell[me] = c; i_hold[me] = hw; i_kind[me] = EXCHANGE; i_cnt[me] = (kind == ORPHAN -> redel[me] : moved[me]));
	DO(i_old[me] = w; hap[me] = 0);
	if
	:: atomic { cell[c] == w -> cell[c] = NEW(c, w, hw); hap[me] = 1; ok = 1;
		if
		:: kind == OPEN -> m = (ISTX(me) -> content[BLK(hw)] : content[BLK(w)]); met[c] = 1; MATCHES(m, tx, rx)
		:: kind == ORPHAN -> m = content[BLK(w)]; assert(MAY(sentm, m) && !MAY(ackm, m))
		fi }
	:: atomic { cell[c] != w -> ok = 0 }
	MORTAL
	fi;
	if
	:: ok ->
		DO(owner[BLK(w)] = OWN(owner[BLK(w)], me));
		DO(cell[me] = HOLDNEW(me, w, hw); hw = cell[me]);
		DO(if :: kind == ORPHAN -> redel[me] = i_cnt[me] + 1 :: kind == OPEN -> moved[me] = i_cnt[me] + 1 fi)
	:: !ok
	fi;
	DO(NO_INTENT(me))
}

/* Show one's own cell: hw is SPARE before, OPEN afterwards. */
inline show_it(summary)
{
	ENSURE(BLK(hw));
#ifndef BREAK_SHOW_INTENT
	DO(i_cell[me] = me; i_hold[me] = hw; i_kind[me] = SHOW; i_cnt[me] = moved[me]);
	DO(i_old[me] = OPENED(hw); met[me] = 0);
#endif
	DO(hw = OPENED(hw); cell[me] = hw; met[me] = 0);
	DO(ANNOUNCE(summary))
}

/* End the showing: ok afterwards if a peer was faster. */
inline settle()
{
#ifndef BREAK_WITHDRAW_PLAIN
	if
	:: atomic { cell[me] == hw -> cell[me] = WITHDRAWN(hw); ok = 0; assert(!met[me]) }
	:: atomic { cell[me] != hw -> ok = (cell[me] != WITHDRAWN(hw)); assert(ok == met[me]) }
	MORTAL
	fi;
#else
	DO(ok = 0; cell[me] = WITHDRAWN(hw); assert(!met[me]));
#endif
	hw = cell[me];
	if
	:: ok ->
#ifndef BREAK_MET_OWNER
		DO(owner[BLK(hw)] = OWN(owner[BLK(hw)], me));
#endif
		DO(moved[me] = moved[me] + 1)
	:: !ok
	fi;
	DO(NO_INTENT(me))
}

#define CALLING(r)      status[r] % 4 == LIVE && !dead[r]

proctype Sender(byte me)
{
	byte c, k, v, m, n, key;
	short w, hw;
	bit ok, shown;

	DO(status[me] = status[me]);
again:
	atomic { if :: n == SENDS -> goto done :: else fi;
		hw = cell[me]; assert(HSTATE(hw) == SPARE);
		m = me * 2 + n + 1; n++; shown = 0;
		content[BLK(hw)] = m }
look:   /* for demands */
	atomic { if :: shut -> goto refused :: else fi; v = demands; k = SENDERS;
		if :: v % 2 == 0 -> goto nobody :: else fi }
scan:   atomic {
		w = cell[k];
		if
		:: HSTATE(w) == OPEN -> c = k; goto verdict
		:: else -> k++; if :: k < R -> goto scan :: else fi
		fi }
	DO(if :: demands == v -> demands = CLEARED(demands) :: else fi);
	goto nobody;
verdict:
	/* the kernel is asked; the dead are repaired by the repairers */
	atomic { if :: dead[c] -> k++; if :: k < R -> goto scan :: else -> goto nobody fi :: else fi }
#ifndef BREAK_STATE_FIRST
	atomic { if :: shut -> goto refused :: else fi }
#endif
	DO(bell[c]++);          /* the warning */
	exchange(me, c, OPEN);
	if
	:: ok -> DO(bell[c]++); goto again
	:: !ok -> goto look
	fi;
nobody:
	atomic { if :: MAY(TRIES, me) -> goto refused :: else fi }
	show_it(offers);
	atomic { shown = 1; if :: shut -> goto withdraw :: else fi }
#ifndef BREAK_NO_SECOND_LOOK
	atomic { k = SENDERS; v = demands; if :: v % 2 == 0 -> goto sleep :: else fi }
ring:
	DO(if :: HSTATE(cell[k]) == OPEN -> bell[k]++ :: else fi; k++);
	if :: k < R -> goto ring :: else fi;
#endif
sleep:
	atomic { key = bell[me]; k = 0; v = 0; c = 0; w = 0 }
	atomic { if :: cell[me] != hw || shut -> goto withdraw :: else -> asleep[me] = 1 fi }
	if
	:: atomic { bell[me] != key -> asleep[me] = 0; goto sleep }
	:: atomic { MAY(TIMES_OUT, me) -> asleep[me] = 0; goto withdraw }
	MORTAL
	fi;
withdraw:
	settle();
	if
	:: ok -> assert(MAY(sentm, m)); goto again
	:: !ok -> shown = 0; goto refused
	fi;
refused:
	atomic { assert(!MAY(sentm, m)); assert(!shown); goto again }
done:
	atomic { fin++ }
gone:   skip
}

proctype Receiver(byte me)
{
	byte c, k, v, m, n, key, so, sr;
	short w, hw;
	bit ok;

	DO(status[me] = status[me]);
again:
	atomic { if :: n == TAKES -> goto done :: else -> n++ fi; hw = cell[me]; assert(HSTATE(hw) == SPARE) }
look:   /* nothing is shown */
	atomic { so = offers; sr = orphans; k = SENDERS }
	atomic { if :: sr == 0 -> goto for_offers :: else fi }
for_orphans:
	atomic {
		w = cell[k];
		if
		:: k != me && HSTATE(w) == ORPHAN -> c = k
		:: else -> k++; if :: k < R -> goto for_orphans :: else -> goto for_offers fi
		fi }
	exchange(0, 0, ORPHAN);
	if :: ok -> goto view :: !ok -> goto look fi;
for_offers:
	atomic { k = 0; v = offers; if :: v % 2 == 0 -> goto nobody :: else fi }
scan:   atomic {
		w = cell[k];
		if
		:: HSTATE(w) == OPEN -> c = k; goto verdict
		:: else -> k++; if :: k < SENDERS -> goto scan :: else fi
		fi }
#ifndef BREAK_CLEAR
	DO(if :: offers == v -> offers = CLEARED(offers); if :: so == v -> so = offers :: else fi :: else fi);
#else
	DO(if :: offers % 2 == 1 -> offers = CLEARED(offers) :: else fi; so = offers);
#endif
	goto nobody;
verdict:
	atomic { if :: dead[c] -> k++; if :: k < SENDERS -> goto scan :: else -> goto nobody fi :: else fi }
#ifndef BREAK_STATE_FIRST
	atomic { if :: shut -> goto over :: else fi }
#endif
	DO(bell[c]++);
	exchange(c, me, OPEN);
	if
	:: ok -> DO(bell[c]++); goto view
	:: !ok -> goto look
	fi;
nobody:
	atomic { if :: MAY(TRIES, me) || shut -> goto over :: else fi }
	show_it(demands);
sleep:
	atomic { key = bell[me]; k = 0; v = 0; c = 0; w = 0 }
#ifndef BREAK_NO_SECOND_SIGHT
	atomic { if :: cell[me] != hw || shut || offers != so || orphans != sr -> goto withdraw :: else -> asleep[me] = 1 fi }
#else
	atomic { if :: cell[me] != hw || shut -> goto withdraw :: else -> asleep[me] = 1 fi }
#endif
	if
	:: atomic { bell[me] != key -> asleep[me] = 0; goto sleep }
	:: atomic { MAY(TIMES_OUT, me) -> asleep[me] = 0; n = TAKES; goto withdraw }
	MORTAL
	fi;
withdraw:
	settle();
	if
	:: ok -> m = content[BLK(hw)]; goto view
	:: !ok -> if :: n == TAKES && MAY(TIMES_OUT, me) -> goto over :: else -> goto look fi
	fi;
view:
	so = 0; sr = 0;
	if
	:: atomic {
		hw = cell[me];
		assert(HSTATE(hw) == HELD && content[BLK(hw)] == m);
		assert(MAY(sentm, m) && !MAY(ackm, m));
		ackm = ackm | (1 << m);
		cell[me] = W(TURN(hw) + 3, BLK(hw)); goto again }
	MORTAL
	fi;
over:
	atomic { goto again }
done:
	atomic { fin++ }
gone:   skip
}

/* ---- Shutting down: the flag, then every cell that is open is withdrawn ---- */

proctype Shutter()
{
	byte k;
	short w;
	atomic { shut = 1 }
#ifndef BREAK_NO_SEAL
seal:
	atomic { w = cell[k]; if :: HSTATE(w) != OPEN -> goto next :: else fi }
	atomic { if :: cell[k] == w -> cell[k] = WITHDRAWN(w) :: else fi }
next:
	atomic { k++; w = 0; if :: k < R -> goto seal :: else fi }
#endif
	atomic { sealed = 1; k = 0 }
	do
	:: atomic { k < R -> bell[k]++; k++ }
	:: atomic { k == R -> break }
	od
}

/* ---- Repair, by any number at once ---- */

#define WOUNDED(r)      ((status[r] % 4 == LIVE && dead[r]) || status[r] % 4 == DEAD)
#define STALE(r)        (status[r] != st)
#define RIGHTFUL        assert(status[e] == st)
#define STOPS_HERE      :: atomic { VANISHES -> goto vanished }
#ifndef VANISHES
#define VANISHES        false
#endif

/* The showing that ended by a peer's exchange. */
#ifndef BREAK_MET_TURN
#define WASMET(r, o, w) (ISTX(r) -> TURN(w) == TURN(o) + 1 && BLK(w) != BLK(o) : TURN(w) >= TURN(o) + 2)
#else
#define WASMET(r, o, w) (TURN(w) > TURN(o))
#endif

proctype Repairer()
{
	byte e, st, ic, ik, cnt, k, v;
	short old, ih, w;
	bit hit;

idle:   e = 0; st = 0; ic = 0; ik = 0; cnt = 0; k = 0; v = 0; old = 0; ih = 0; w = 0; hit = 0;
end:    atomic {
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
		st = status[e] }
	if
	:: atomic { st % 4 == DEAD }
	:: atomic { st % 4 == LIVE -> if :: status[e] == st -> status[e] = st + 1; st = st + 1 :: else -> goto idle fi }
	STOPS_HERE
	fi;
#ifndef BREAK_WITHDRAW_LATE
	atomic { w = cell[e]; if :: HSTATE(w) != OPEN -> w = 0; goto intent :: else fi }
	atomic { if :: STALE(e) -> goto idle :: else fi }
	if
	:: atomic { if :: cell[e] == w -> RIGHTFUL; cell[e] = WITHDRAWN(w) :: else fi; w = 0 }
	STOPS_HERE
	fi;
#endif
intent:
	atomic { old = i_old[e]; ic = i_cell[e]; ih = i_hold[e]; ik = i_kind[e]; cnt = i_cnt[e];
		if :: old == 0 -> goto held :: else fi }
	atomic { if :: ik == SHOW -> w = cell[e]; hit = WASMET(e, old, w); w = 0; goto decided :: else fi }
	atomic { if :: cell[e] != ih -> goto d_check :: else fi }
	atomic { w = cell[ic];
		if
		:: TURN(w) < TURN(NEW(ic, old, ih)) -> hit = 0; goto decided
		:: TURN(w) == TURN(NEW(ic, old, ih)) -> hit = (BLK(w) == BLK(ih)); goto decided
		:: TURN(w) > TURN(NEW(ic, old, ih))
		fi }
	atomic { hit = (BYWHOM(owner[BLK(ih)]) != e) }
decided:
	atomic { w = 0;
		if :: STALE(e) -> goto idle :: else fi;
		assert(hit == (ik == SHOW -> met[e] : hap[e]));
		if :: !hit -> goto held :: else -> hit = 0 fi;
		if :: ik == SHOW -> goto d_check :: else fi }
	atomic { v = owner[BLK(old)]; if :: cell[e] != ih -> goto d_check :: else fi }
	if
	:: atomic { BYWHOM(v) != e -> if :: owner[BLK(old)] == v -> RIGHTFUL; owner[BLK(old)] = OWN(v, e) :: else fi }
	:: atomic { BYWHOM(v) == e }
	STOPS_HERE
	fi;
	if
	:: atomic { if :: cell[e] == ih -> RIGHTFUL; cell[e] = HOLDNEW(e, old, ih) :: else fi }
	STOPS_HERE
	fi;
d_check:
	atomic { v = 0; if :: STALE(e) -> goto idle :: else fi }
	if
	:: atomic { ik == EXCHANGE && HSTATE(old) == ORPHAN -> if :: redel[e] == cnt -> RIGHTFUL; redel[e] = cnt + 1 :: else fi }
	:: atomic { ik == SHOW || HSTATE(old) == OPEN -> if :: moved[e] == cnt -> RIGHTFUL; moved[e] = cnt + 1 :: else fi }
	STOPS_HERE
	fi;
held:
#ifdef BREAK_WITHDRAW_LATE
	atomic { w = cell[e]; if :: HSTATE(w) == OPEN && !STALE(e) -> cell[e] = WITHDRAWN(w) :: else fi }
#endif
	atomic { old = 0; ih = 0; ic = 0; ik = 0; cnt = 0; hit = 0; w = cell[e];
		if
		:: HSTATE(w) == ORPHAN -> w = 0; goto announce
		:: HSTATE(w) == HELD
		:: else -> w = 0; goto free
		fi }
#ifndef BREAK_HELD_OWNER
	/* one that a peer put there may still be the peer's by its owner word */
	atomic { v = owner[BLK(w)]; if :: cell[e] != w -> goto held :: else fi }
	if
	:: atomic { BYWHOM(v) != e -> if :: owner[BLK(w)] == v -> RIGHTFUL; owner[BLK(w)] = OWN(v, e) :: else fi }
	:: atomic { BYWHOM(v) == e }
	STOPS_HERE
	fi;
#endif
	atomic { v = 0; if :: STALE(e) -> goto idle :: else fi }
	if
	:: atomic { if :: cell[e] == w -> RIGHTFUL; cell[e] = W(TURN(w) + 1, BLK(w)) :: else fi }
	STOPS_HERE
	fi;
announce:
	if
	:: atomic { w = 0; orphans++ }
	STOPS_HERE
	fi;
free:
	if
	:: atomic { if :: status[e] == st -> status[e] = st - DEAD + FREE :: else fi }
	STOPS_HERE
	fi;
	k = 0;
	do
	:: atomic { k < R -> bell[k]++; k++ }
	:: atomic { k == R -> break }
	od;
	goto idle;
vanished:
	skip
}

/* ---- The end ---- */

/* A stopped one may stand between its CAS and its own hold cell. */
#define OWNWORD(r) \
	(stopped[r] && i_kind[r] == EXCHANGE && hap[r] && i_hold[r] == cell[r] -> HOLDNEW(r, i_old[r], i_hold[r]) : cell[r])
#define WAITS(r)        (asleep[r] && !dead[r] && !stopped[r])
#define UNCOUNTED(r)    (stopped[r] && i_old[r] != 0 && moved[r] == i_cnt[r] && \
	((i_kind[r] == SHOW && met[r]) || (i_kind[r] == EXCHANGE && hap[r] && HSTATE(i_old[r]) == OPEN)))

proctype Final()
{
	byte k, place, there, tx, rx;
	short w;
end:    timeout ->
	d_step {
		k = 0;
		do
		:: k < R ->
			assert(!(VANISHES) -> !WOUNDED(k) : true);
			if
			:: WAITS(k) && ISTX(k) -> tx = 1
			:: WAITS(k) && !ISTX(k) -> rx = 1
			:: else
			fi;
			w = OWNWORD(k);
			assert(!MAY(place, BLK(w)));
			place = place | (1 << BLK(w));
			if
			:: HSTATE(w) == HELD || HSTATE(w) == ORPHAN ->
				assert(MAY(sentm, content[BLK(w)]) && !MAY(ackm, content[BLK(w)]) && !MAY(there, content[BLK(w)]));
				there = there | (1 << content[BLK(w)]);
				assert(HSTATE(w) == ORPHAN || stopped[k] || dead[k])
			:: else
			fi;
			assert(dead[k] && WOUNDED(k) || moved[k] + UNCOUNTED(k) == passed[k]);
			k++
		:: else -> break
		od;
		assert(!(tx && rx));                    /* nobody sleeps while a peer waits for it */
		assert(!(shut && (tx || rx)));
		assert((there | ackm) == sentm);        /* nothing lost, nothing made up */
		k = 0;
		do
		:: k < R -> w = cell[k]; assert(!(rx && HSTATE(w) == ORPHAN)); k++
		:: else -> break
		od
	}
}

init {
	byte z;
	atomic {
		do
		:: z < R -> cell[z] = W(4, z); owner[z] = OWN(0, z); status[z] = LIVE; z++
		:: else -> break
		od;
		run Final();
		run Sender(0);
#if SENDERS > 1
		run Sender(1);
#endif
		run Receiver(SENDERS);
#if RECEIVERS > 1
		run Receiver(SENDERS + 1);
#endif
#if SHUTS
		run Shutter();
#endif
#if REPAIRERS > 0
		run Repairer();
#endif
#if REPAIRERS > 1
		run Repairer();
#endif
	}
}
