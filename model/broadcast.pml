/* SPDX-License-Identifier: Apache-2.0 */
/* The ring that overwrites, as spin checks it: publishers that exchange whatever is at the tail, repair after their
 * deaths, readers that copy meanwhile, and senders that wait for the slowest subscriber (shm/overwrite.c,
 * shm/subscription.c, src/broadcast_send.c).
 *
 * As in ring.pml every shared access is a step of its own, any publisher may die before any write, and repairers may be
 * as slow as they like. A message is two halves in its block, written and read one after the other. */

#ifndef N
#define N 1             /* ring cells */
#endif
#ifndef P0              /* script of publisher 0: base 4 digits, lowest first: 1 send, 2 give up the oldest */
#define P0 5
#endif
#ifndef P1
#define P1 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef BLOCKS_SENDERS  /* 1: CHAN_BLOCK */
#define BLOCKS_SENDERS 0
#endif
#ifndef READERS         /* subscribers, one after the other in the one record */
#define READERS 1
#endif
#ifndef READS           /* attempts of each */
#define READS 2
#endif
#ifndef REPAIRERS
#define REPAIRERS 1
#endif
#define R 2             /* records of publishers */
#define BLOCKS (N + R)

/* cell = {turn, block}: 2L empty, 2L + 1 full in lap L; hold cells are always SPARE: their turns go by four */
#define W(t, b)         ((t) * 8 + (b))
#define TURN(w)         ((w) / 8)
#define BLK(w)          ((w) % 8)
#define LAP(p)          ((p) / N + 1)
#define SEND 1
#define RETIRE 2
#ifndef BREAK_TURNS             /* an overwritten cell goes on by one turn, as a taken one does */
#define TURNS(k, o)     (((k) == SEND && TURN(o) % 2 == 1) -> 2 : 1)
#else
#define TURNS(k, o)     1
#endif
#define NEW(k, o, h)    W(TURN(o) + TURNS(k, o), BLK(h))
#ifndef BREAK_REPAIR_TURNS      /* only the repairer thinks so */
#define REPAIR_NEW(k, o, h)     NEW(k, o, h)
#else
#define REPAIR_NEW(k, o, h)     W(TURN(o) + 1, BLK(h))
#endif
#define HOLDNEW(o, h)   W(TURN(h) + 4, BLK(o))

#define BYWHOM(o)       ((o) % 8)
#define OWN(o, r)       (((o) / 8 + 1) * 8 + (r))
#define NONE            7
#define FREE 0
#define LIVE 1
#define DEAD 2
#define STATE(r)        (status[r] % 4)

short cell[N];
short hold[R];
byte owner[BLOCKS];
byte status[R];
short i_old[R], i_hold[R];
byte i_cell[R], i_kind[R], i_cnt[R];
byte count[R];                  /* of either kind */
byte half1[BLOCKS], half2[BLOCKS];
byte sub_status;                /* {generation, LIVE} of the subscriber's record */
byte cursor;

/* ghosts */
bit dead[R], hap[R];
byte tail, head;                /* next to be sent; given up or overwritten are all before head */
byte sent_at[10];               /* the message at each position */
byte done_g;                    /* exchanges that took effect */
byte next_m = 1, deaths = DEATHS, fin, turn_of_reader;
bit over;

#define FORGET  w = 0; hw = 0; p = 0; k = 0; m = 0; op = 0; slow = 0; v = 0
#define MORTAL :: atomic { deaths > 0 -> deaths--; dead[me] = 1; FORGET; fin++; goto gone }

inline took_effect()
{
	hap[me] = 1; done_g++;
	if
	:: op == SEND ->
		assert(p == tail);
		assert(!BLOCKS_SENDERS || sub_status % 2 == 0 || p < N || !watched || p - N < reads_from);
		sent_at[tail] = m; tail++;
		if :: tail - head > N -> head++ :: else fi
	:: op == RETIRE -> assert(p == head && head < tail); head++
	fi
}

/* the reader's next position, while it has one */
byte reads_from;
bit watched;

proctype Publisher(byte me; byte script)
{
	byte p, k, m, op, slow, v;
	short w, hw;

	if
	:: atomic { me == NONE && !over ->
		if :: STATE(0) == FREE -> me = 0 :: STATE(1) == FREE -> me = 1 fi;
		status[me] = status[me] - FREE + 4 + LIVE; dead[me] = 0 }
	:: atomic { me != NONE }
	fi;
	if                                              /* the predecessor's intent */
	:: atomic { i_old[me] = 0 }
	MORTAL
	fi;
next:
	atomic {
		op = script % 4; script = script / 4; p = 0; w = 0; v = 0; k = 0;
		hw = hold[me];
		if
		:: op == 0 -> m = 0; hw = 0; goto idle
		:: op == SEND -> m = next_m; next_m++
		:: op == RETIRE -> m = 0; goto walk
		fi }
	/* fill the spare: nobody else writes there, but somebody may still be reading */
	if :: atomic { half1[BLK(hw)] = m } MORTAL fi;
	if :: atomic { half2[BLK(hw)] = m } MORTAL fi;
walk:
	atomic {                                        /* chan__ring_find_tail, from wherever we were */
		w = cell[p % N];
		if
		:: TURN(w) >= 2 * LAP(p) + 1 -> p = ((TURN(w) - 1) / 2 - 1) * N + p % N + 1; goto walk
		:: TURN(w) <= 2 * LAP(p) ->
			assert(p == tail && TURN(w) >= 2 * LAP(p) - 1);
			if
			:: op == RETIRE && p == 0 -> goto next
			:: op == RETIRE && p > 0 -> p = (p > N -> p - N : 0); goto oldest
			:: op == SEND && BLOCKS_SENDERS -> goto gate
			:: op == SEND && !BLOCKS_SENDERS -> goto exchange
			fi
		fi }
oldest: atomic {                                        /* the first that is still full in its lap */
		w = cell[p % N];
		if
		:: TURN(w) == 2 * LAP(p) + 1 -> goto exchange
		:: TURN(w) > 2 * LAP(p) + 1 -> p++; goto oldest
		:: TURN(w) < 2 * LAP(p) + 1 -> goto next        /* none */
		fi }

	/* ---- CHAN_BLOCK: before the tail may overwrite, nobody may be behind ---- */
gate:
	atomic { if :: p < N || p - N < slow -> goto exchange :: else fi }
#ifndef BREAK_FORGETS_TAIL
	atomic { v = p }                                /* who comes later begins behind p */
#else
	atomic { v = 200 }                              /* nobody there: remembers that for ever */
#endif
	atomic { if :: sub_status % 2 == 0 -> slow = v; goto scanned :: else fi }
	atomic { slow = (cursor < v -> cursor : v) }
scanned:
	atomic { v = 0; if :: p - N < slow -> goto exchange :: else -> goto next fi }   /* FULL: -EAGAIN */

	/* ---- the exchange ---- */
exchange:
	if                                              /* 0 */
	:: atomic { BYWHOM(owner[BLK(hw)]) != me -> owner[BLK(hw)] = OWN(owner[BLK(hw)], me) }
	:: atomic { BYWHOM(owner[BLK(hw)]) == me }
	MORTAL
	fi;
	if :: atomic { i_cell[me] = p % N; i_hold[me] = hw; i_kind[me] = op; i_cnt[me] = count[me] } MORTAL fi;
	if :: atomic { i_old[me] = w; hap[me] = 0 } MORTAL fi;
	if                                              /* 2 */
	:: atomic { cell[p % N] == w -> cell[p % N] = NEW(op, w, hw); took_effect() }
	:: atomic { cell[p % N] != w -> goto failed }
	MORTAL
	fi;
	if :: atomic { owner[BLK(w)] = OWN(owner[BLK(w)], me) } MORTAL fi;
	if :: atomic { hold[me] = HOLDNEW(w, hw) } MORTAL fi;
	if :: atomic { count[me] = i_cnt[me] + 1 } MORTAL fi;
	if :: atomic { i_old[me] = 0; i_cell[me] = 0; i_hold[me] = 0; i_kind[me] = 0; i_cnt[me] = 0; goto next } MORTAL fi;
failed:
	if :: atomic { i_old[me] = 0; i_cell[me] = 0; i_hold[me] = 0; i_kind[me] = 0; i_cnt[me] = 0 } MORTAL fi;
	atomic { if :: op == SEND -> goto walk :: op == RETIRE -> goto next fi };
idle:
	atomic { FORGET; fin++ }
gone:	skip
}

/* ---- a subscriber: comes, reads, goes; the next one takes its record ---- */
proctype Reader(byte number)
{
	byte c, t, tries, a, b;
	short w;

	atomic { turn_of_reader == number && !over; c = tail }    /* what the hint says, at best */
	atomic {
#ifndef BREAK_CURSOR_LATE
		cursor = c;
#endif
		c = 0 }
#ifdef BREAK_LIVE_LATE
	goto tail_first;
#endif
live:
	atomic { sub_status = sub_status + 1; reads_from = c }  /* {generation, LIVE}: odd */
#ifdef BREAK_LIVE_LATE
	goto subscribed;
#endif
tail_first:
	atomic {
		w = cell[c % N];
		if
		:: TURN(w) >= 2 * LAP(c) + 1 -> c = ((TURN(w) - 1) / 2 - 1) * N + c % N + 1; goto tail_first
		:: else -> assert(c == tail); reads_from = c; watched = 1
		fi }
#ifdef BREAK_LIVE_LATE
	goto live;
subscribed:
#endif
	atomic { cursor = c; w = 0 }
read:
	atomic {
		if :: tries == READS -> goto leave :: else -> tries++ fi;
		w = cell[c % N];
		if
		:: TURN(w) == 2 * LAP(c) + 1 -> skip
		:: TURN(w) > 2 * LAP(c) + 1 -> w = 0; goto lagged
		:: else -> assert(TURN(w) >= 2 * LAP(c) - 1); w = 0; goto read          /* EMPTY */
		fi }
	atomic { a = half1[BLK(w)] }
	atomic { b = half2[BLK(w)] }
#ifdef BREAK_NO_LOOK
	skip;
#elif defined(BREAK_LOOK_BLOCK)                         /* the same block may be back */
	atomic { if :: BLK(cell[c % N]) != BLK(w) -> w = 0; a = 0; b = 0; goto lagged :: else fi }
#else
	atomic { if :: cell[c % N] != w -> w = 0; a = 0; b = 0; goto lagged :: else fi }
#endif
	atomic { assert(a == b && a == sent_at[c]);     /* whole, and the next in order */
		w = 0; a = 0; b = 0; c++; reads_from = c }
	atomic { cursor = c; goto read }
lagged:
	atomic { assert(!BLOCKS_SENDERS); t = c }
find_tail:
	atomic {
		w = cell[t % N];
		if
		:: TURN(w) >= 2 * LAP(t) + 1 -> t = ((TURN(w) - 1) / 2 - 1) * N + t % N + 1; goto find_tail
		:: else -> assert(t == tail); t = (t > N -> t - N : 0)
		fi }
find_oldest:
	atomic {
		w = cell[t % N];
		if
#ifndef BREAK_OLDEST            /* past those given up only, not those overwritten meanwhile */
		:: TURN(w) > 2 * LAP(t) + 1 -> t++; goto find_oldest
#else
		:: TURN(w) == 2 * LAP(t) + 2 -> t++; goto find_oldest
#endif
		:: else -> w = 0
		fi;
		assert(t > c && t <= head);             /* it did miss them all, and none that it could have */
		c = t; t = 0; reads_from = c }
	atomic { cursor = c; goto read }
leave:
	atomic { watched = 0; sub_status = sub_status + 1; turn_of_reader++; c = 0; w = 0; tries = 0; fin++ }
}

/* ---- repair: steps a to h, as in repair.pml ---- */
#define WOUNDED(r)      ((STATE(r) == LIVE && dead[r]) || STATE(r) == DEAD)
#define STALE(r)        (status[r] != st)
#define LAY_DOWN        e = 0; st = 0; old = 0; ih = 0; ic = 0; kind = 0; cnt = 0; w = 0; k = 0; v = 0; hit = 0

proctype Repairer()
{
	byte e, st, ic, kind, cnt, k, v;
	bit hit, tired;
	short old, ih, w;
idle:
	atomic { LAY_DOWN; if :: tired -> goto vanished :: else -> tired = 1 fi }
end:	atomic {
		if :: WOUNDED(0) -> e = 0 :: WOUNDED(1) -> e = 1 fi;
		st = status[e] }
	atomic {
		if
		:: st % 4 == DEAD
		:: st % 4 == LIVE && status[e] == st -> st = st - LIVE + DEAD; status[e] = st
		:: st % 4 == LIVE && status[e] != st -> st = st - LIVE + DEAD; if :: status[e] != st -> goto idle :: else fi
		fi }
	atomic { old = i_old[e]; ic = i_cell[e]; ih = i_hold[e]; kind = i_kind[e]; cnt = i_cnt[e];
		if :: old == 0 -> goto free :: else fi }
	atomic { if :: hold[e] != ih -> goto d_check :: else fi }
	atomic { w = cell[ic];
		if
		:: TURN(w) < TURN(REPAIR_NEW(kind, old, ih)) -> hit = 0; goto decided
		:: TURN(w) == TURN(REPAIR_NEW(kind, old, ih)) -> hit = (BLK(w) == BLK(ih)); goto decided
		:: else -> w = 0; k = 1 - e
		fi }
#ifndef BREAK_NO_INTENTS
	atomic { if :: i_old[k] != REPAIR_NEW(kind, old, ih) -> goto by_owner :: else fi }
	atomic { if :: i_cell[k] != ic -> goto by_owner :: else fi }
	atomic { if :: i_old[k] == REPAIR_NEW(kind, old, ih) -> hit = 1; goto decided :: else fi }
#endif
by_owner:
	atomic { hit = (BYWHOM(owner[BLK(ih)]) != e) }
decided:
	atomic { w = 0; k = 0;
		if :: STALE(e) -> goto idle :: else fi;
		assert(hit == hap[e]);
		if :: !hit -> goto free :: else fi }
	atomic { v = owner[BLK(old)]; if :: BYWHOM(v) == e -> goto c_hold :: else fi }
	atomic { if :: hold[e] != ih -> goto d_check :: else fi }
	atomic { if :: owner[BLK(old)] == v -> owner[BLK(old)] = OWN(v, e) :: else fi }
c_hold:
	atomic { v = 0; if :: hold[e] == ih -> assert(status[e] == st); hold[e] = HOLDNEW(old, ih) :: else fi }
d_check:
	atomic { if :: STALE(e) -> goto idle :: else fi }
	atomic { if :: count[e] == cnt -> assert(status[e] == st); count[e] = cnt + 1 :: else fi }
free:
	atomic { if :: status[e] == st -> status[e] = st - DEAD + FREE :: else fi }
	goto idle;
vanished:
	skip
}

/* ---- the end: the last one repairs, and every block is counted ---- */
inline mend(r)
{
	if
	:: WOUNDED(r) && i_old[r] != 0 ->
		o = i_old[r]; h = i_hold[r]; w = cell[i_cell[r]]; n = NEW(i_kind[r], o, h);
		if
		:: hold[r] != h -> assert(hap[r]); if :: count[r] == i_cnt[r] -> count[r]++ :: else fi
		:: else ->
			did = (TURN(w) == TURN(n) && BLK(w) == BLK(h)) ||
			      (TURN(w) > TURN(n) && ((i_old[1 - r] == n && i_cell[1 - r] == i_cell[r]) || BYWHOM(owner[BLK(h)]) != r));
			assert(did == hap[r]);
			if
			:: did -> hold[r] = HOLDNEW(o, h); if :: count[r] == i_cnt[r] -> count[r]++ :: else fi
			:: else
			fi
		fi
	:: else
	fi
}

#define STARTED (2 + READERS)   /* a newcomer may find no record */

proctype Final()
{
	short o, h, w, n, place;
	byte k;
	bit did;
end:	timeout ->
	d_step {
		over = 1;
		assert(fin >= STARTED);
		mend(0); mend(1);
		k = 0;
		do
		:: k < N + R ->
			if :: k < N -> w = cell[k] :: else -> w = hold[k - N] fi;
			assert(!((place >> BLK(w)) & 1));
			place = place | (1 << BLK(w));
			k++
		:: else -> break
		od;
		assert(place == (1 << BLOCKS) - 1);
		assert(count[0] + count[1] == done_g)
	}
}

init {
	byte z;
	atomic {
		do :: z < N -> cell[z] = W(2, z); owner[z] = NONE; z++ :: else -> break od;
		z = 0;
		do :: z < R -> hold[z] = W(4, N + z); owner[N + z] = OWN(0, z); status[z] = LIVE; z++ :: else -> break od;
		z = 0;
#ifdef BREAK_CURSOR_LATE
		cursor = 9;                             /* what a predecessor has left */
#endif
		run Final();
		run Publisher(0, P0);
		run Publisher(1, P1);
#ifdef P2
		run Publisher(NONE, P2);
#endif
		run Reader(0);
#if READERS > 1
		run Reader(1);
#endif
#if REPAIRERS > 0
		run Repairer();
#endif
#if REPAIRERS > 1
		run Repairer();
#endif
	}
}
