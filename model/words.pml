/* SPDX-License-Identifier: Apache-2.0 */
/* The shared words of the segment, their packing, and the ghost variables that hold the truth. */

#define SEND 1
#define RECV 2
#define SEAL 3
#define ORPH 4

/* cell = {turn, sealed, block}; cells 0..N-1 are the ring, N+r is the hold cell of record r */
#define W(t, z, b)      ((t) * 32 + (z) * 16 + (b))
#define TURN(w)         ((w) / 32)
#define SEALBIT         16
#define ISSEALED(w)     (((w) / 16) % 2 == 1)
#define BLK(w)          ((w) % 16)
#define UNSEAL(w)       ((w) - (((w) / 16) % 2) * 16)
#define HOLD(r)         (N + (r))
#define CELLS           (N + R)
#define BLOCKS          (N + R)
#ifndef BREAK_SEAL_IGNORED
#define MAYUSE(w)       (!ISSEALED(w))
#else
#define MAYUSE(w)       (!ISSEALED(w) || op == SEND)
#endif

/* the low two bits of a hold cell's turn; the turn as a whole only grows */
#define SPARE   0
#define HELD    1
#define ORPHAN  2
#define HSTATE(w)       (TURN(w) % 4)

/* what an exchange makes of the cell and of the hold cell */
#ifndef BREAK_TURN
#define NEW(c, o, h)    ((c) < N -> (o) - BLK(o) + 32 + BLK(h) : W(TURN(o) + 2, 0, BLK(h)))
#else
#define NEW(c, o, h)    ((c) < N -> (TURN(o) % 2 == 0 -> (o) - BLK(o) + 32 + BLK(h) : (o) - BLK(o) - 32 + BLK(h)) \
			: W(TURN(o) + 2, 0, BLK(h)))
#endif
#define ISSEND(c, o)    ((c) < N && TURN(o) % 2 == 0)
#define ISRECV(c, o)    ((c) < N && TURN(o) % 2 == 1)
#define HOLDNEW(c, o, h) W((ISSEND(c, o) -> TURN(h) + 4 : TURN(h) + 1), 0, BLK(o))

/* owner word = {sequence, record} */
#define NONE            7
#define BYWHOM(o)       ((o) % 8)
#define OWN(o, r)       (((o) / 8 + 1) * 8 + (r))

/* status = {generation, state} */
#define FREE    0
#define LIVE    1
#define DEAD    2
#define STATE(r)        (status[r] % 4)

#define COUNTER(o, r)   ((o) == SEND -> sent[r] : ((o) == RECV -> taken[r] : redel[r]))
#define BUMP(o, r) \
	if \
	:: (o) == SEND -> sent[r] = i_cnt[r] + 1 \
	:: (o) == RECV -> taken[r] = i_cnt[r] + 1 \
	:: (o) == ORPH -> redel[r] = i_cnt[r] + 1 \
	fi

/* A change in place: the cell of the intent is the record's own, and keeps its block. */
#define INPLACE(r, c)   ((c) == HOLD(r))
#define ADOPTED(o)      W(TURN(o) + 3, 0, BLK(o))

/* The fields beside old mean nothing while old is 0; they are zeroed with it only to keep states few. */
#define NO_INTENT(r)    i_old[r] = 0; i_cell[r] = 0; i_hold[r] = 0; i_cnt[r] = 0

short cell[CELLS];
byte owner[BLOCKS];
byte status[R];
short i_old[R];
byte i_cell[R];
short i_hold[R];                /* the exact word of the hold cell before the exchange */
byte i_cnt[R];
byte sent[R], taken[R], redel[R];       /* never reset, not even for a newcomer */
bit gback[R];                   /* gives_back */
byte thint, hhint;
byte summary;                   /* {version, bit of the one group} */

/* ---- ghosts: no process decides by them, except that dead[] is the kernel's verdict ---- */
byte content[BLOCKS];           /* the message in a block */
bit dead[R], stopped[R];
bit hap[R];                     /* did the CAS of the record's latest intent happen? */
byte tail, head;                /* first position not filled, not taken */
short sentm, ringm, ackm;       /* bit m: send took effect, left the ring, acknowledged */
byte sent_g, taken_g, redel_g;
byte last[PROCS];               /* the latest message of each sender that left the ring */
byte m_next[PROCS];
bit sealed, over;
byte fin;                       /* endpoints that finished, died or stopped */
byte deaths = DEATHS, stops = STOPS;

#define inr(i, b)       (BLK(cell[i]) == (b))
#if N == 1
#define in_ring(b)      inr(0, b)
#else
#define in_ring(b)      (inr(0, b) || inr(1, b))
#endif

#ifndef BREAK_HOLD_TURN
#define HOLDWORD(w)     (w)
#else
#define HOLDWORD(w)     (HSTATE(w) * 16 + BLK(w))
#endif
#ifndef LAX
#define B_TRUTH         assert(hap[e] && cell[HOLD(e)] == ih)
#define C_TRUTH         assert(hap[e])
#else
#define B_TRUTH         skip
#define C_TRUTH         skip
#endif

inline setup()
{
	byte z;
	thint = N; hhint = N; tail = N; head = N;
	z = 0;
	do
	:: z < N -> cell[z] = W(2, 0, z); owner[z] = NONE; content[z] = 15; z++
	:: else -> break
	od;
	z = 0;
	do
	:: z < R -> cell[HOLD(z)] = W(4, 0, N + z); owner[N + z] = OWN(0, z); content[N + z] = 15;
		status[z] = LIVE; z++
	:: else -> break
	od;
	z = 0;
#ifdef ORPHAN0          /* record 0 begins FREE, with a message that nobody acknowledged */
	cell[HOLD(0)] = W(6, 0, N); status[0] = FREE; content[N] = 14; summary = 3;
	sentm = 1 << 14; ringm = 1 << 14
#endif
}

inline start()
{
#ifndef ORPHAN0
	run Endpoint(0, 0, P0);
#endif
	run Endpoint(1, 1, P1);
#ifdef P2
	run Endpoint(2, 2, P2);
#endif
#ifdef P3
	run Endpoint(3, 3, P3);
#endif
#ifdef P4               /* newcomers */
	run Endpoint(4, NONE, P4);
#endif
#ifdef P5
	run Endpoint(5, NONE, P5);
#endif
#if REPAIRERS > 0
	run Repairer();
#endif
#if REPAIRERS > 1
	run Repairer();
#endif
}

#ifdef P2
#define STARTED2 1
#else
#define STARTED2 0
#endif
#ifdef P3
#define STARTED3 1
#else
#define STARTED3 0
#endif
#ifndef ORPHAN0
#define STARTED (2 + STARTED2 + STARTED3)
#else
#define STARTED (1 + STARTED2 + STARTED3)
#endif
