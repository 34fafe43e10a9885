/* SPDX-License-Identifier: Apache-2.0 */
/* A prepared subscriber's place, taken by its address, as spin checks it: who attaches in its stead goes on at its cursor, and
 * senders that wait for the slowest never pass that meanwhile (shm/subscription.c, src/broadcast_send.c, src/address.c).
 *
 * A send is one step here, and so is reading, which broadcast.pml takes apart; so is the verdict on a prepared one,
 * which is lease.pml's. Cursors, status words and what a sender remembers are as in the code. */

#ifndef N
#define N 1             /* messages that the ring keeps */
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef SENDS
#define SENDS 3         /* attempts of each */
#endif
#ifndef TAKERS
#define TAKERS 2        /* who have the address */
#endif
#ifndef COMERS
#define COMERS 0        /* who subscribe without one */
#endif
#ifndef ADOPTS
#define ADOPTS 0        /* 1: a child may adopt the prepared one, too */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 1
#endif
#ifndef BLOCKS_SENDERS  /* 0: CHAN_LAG */
#define BLOCKS_SENDERS 1
#endif
#ifndef PREPARED_AT     /* the record of the prepared one */
#define PREPARED_AT 1
#endif
#define R 3             /* records */

#define FREE 0
#define ATTACHING 1
#define PREPARED 2
#define LIVE 3
#define WORD(g, s)      ((g) * 8 + (s))
#define STATE(w)        ((w) % 8)
#define GEN(w)          ((w) / 8)

/* shared */
byte status[R];
byte cursor[R];
byte tail;
byte address;           /* the status word of the prepared one, once it is sent */

/* ghosts */
bit watched[R];         /* it counts on every message from `needs` on */
byte needs[R];
bit locked[R], dead[R];
byte since;             /* where the prepared one began */
bit taken, adopted;
byte deaths = DEATHS, stops = STOPS;

#define DIE :: atomic { deaths > 0 -> deaths--; dead[me] = 1; locked[me] = 0; FORGET; goto out }
#define STOP :: atomic { stops > 0 -> stops--; FORGET; goto out }
#define EITHER if DIE STOP      /* what follows it begins with no `if`: spin would take its `else` for this one's */
#define FORGET c = 0; k = 0; mine = 0

/* chan__endpoint_claim: the first that is free */
inline claim(only)
{
	atomic {
		if
		:: STATE(status[0]) == FREE && !locked[0] && only != 1 -> me = 0
		:: STATE(status[1]) == FREE && !locked[1] -> me = 1
		:: STATE(status[2]) == FREE && !locked[2] && only != 1 -> me = 2
		fi;
		locked[me] = 1; dead[me] = 0; mine = WORD(GEN(status[me]) + 1, ATTACHING); status[me] = mine }
}

/* shown with a cursor that the tail has passed, then to the tail */
inline subscribe(state)
{
	atomic { c = tail };                    /* what the hint says, at best */
	EITHER :: atomic { cursor[me] = c } fi;
	EITHER :: atomic { mine = WORD(GEN(mine), state); status[me] = mine } fi;
	EITHER :: atomic { c = tail; watched[me] = 1; needs[me] = c } fi;
	EITHER :: atomic { cursor[me] = c } fi
}

proctype Giver()
{
	byte me, c, k, mine;
	claim(PREPARED_AT);
	subscribe(PREPARED);
	EITHER :: atomic { since = c; address = mine; FORGET } fi;
	EITHER :: atomic { locked[me] = 0; dead[me] = 1 } fi;   /* closed: given up, if nobody has it */
out:	skip
}

#if ADOPTS
proctype Child()
{
	atomic { address != 0 && status[PREPARED_AT] == address && !dead[PREPARED_AT] ->
		status[PREPARED_AT] = WORD(GEN(address), LIVE); assert(!taken); taken = 1; adopted = 1 };
	do
	:: atomic { cursor[PREPARED_AT] < tail ->
		assert(tail - cursor[PREPARED_AT] <= N);
		needs[PREPARED_AT]++; cursor[PREPARED_AT]++ }
	:: break
	od
}
#endif

proctype Taker(bit comes)
{
	byte me, c, k, mine;
	atomic { address != 0 -> skip };
	claim(0);
#ifdef BREAK_FREES_FIRST        /* the prepared one gives way, and then its cursor is taken over */
	subscribe(LIVE);
	EITHER :: atomic { k = cursor[PREPARED_AT] } fi;
	EITHER :: atomic { skip;
		if :: status[PREPARED_AT] == address && !comes -> status[PREPARED_AT] = WORD(GEN(address), FREE); taken = 1;
			watched[PREPARED_AT] = 0; needs[me] = since :: else -> goto leave fi } fi;
	EITHER :: atomic { c = (k < c -> k : c); cursor[me] = c } fi;
	goto read;
#endif
	subscribe(LIVE);
	if :: comes -> goto read :: else fi;
	/* chan__subscription_inherit */
	EITHER :: atomic { k = cursor[PREPARED_AT] } fi;
#ifndef BREAK_INHERITS_NOTHING
#ifndef BREAK_UNSHOWN           /* it goes back, and says so to nobody */
	EITHER :: atomic { c = (k < c -> k : c); cursor[me] = c; k = 0 } fi;
#else
	atomic { c = (k < c -> k : c); k = 0 };
#endif
#endif
	EITHER :: atomic { skip;        /* take_place */
		if
		:: status[PREPARED_AT] == address ->
			status[PREPARED_AT] = WORD(GEN(address), FREE);
			assert(!taken); taken = 1;
			watched[PREPARED_AT] = 0; needs[me] = since
#ifndef BREAK_STAYS             /* whose place was taken already goes on with what it has */
		:: else -> goto leave
#else
		:: else -> needs[me] = c
#endif
		fi } fi;
read:
	do
	:: EITHER :: atomic { c < tail && tail - c <= N -> assert(c == needs[me]); c++; needs[me] = c; cursor[me] = c } fi
	:: EITHER :: atomic { c < tail && tail - c > N ->
			assert(!BLOCKS_SENDERS && c == needs[me]);      /* lag says how many, exactly */
			c = tail - N; needs[me] = c; cursor[me] = c } fi
	:: break
	od;
leave:
	EITHER :: atomic { watched[me] = 0; status[me] = WORD(GEN(mine), FREE); locked[me] = 0; FORGET } fi;
out:	skip
}
#undef FORGET

/* what the dead had is free for others; a child has a lock of its own */
#define GONE(i) (dead[i] && STATE(status[i]) != FREE && !(adopted && i == PREPARED_AT))
proctype Repairer()
{
	byte e;
	do
	:: atomic {
		if
		:: GONE(0) -> e = 0
		:: GONE(1) -> e = 1
		:: GONE(2) -> e = 2
		fi;
		watched[e] = 0; status[e] = WORD(GEN(status[e]), FREE); e = 0 }
	:: break
	od
}

proctype Sender()
{
	byte t, m, slow, tries, pass, i, st;
	do
	:: tries < SENDS ->
		atomic { tries++; t = tail };
		if
		:: !BLOCKS_SENDERS || t < N || t - N < slow
		:: else ->
			/* chan__subscription_slowest */
			m = t;
#ifdef BREAK_ONE_PASS           /* whatever their state */
			pass = 1;
#endif
			do
			:: pass < 2 ->
				i = 0;
				do
				:: i < R ->
					atomic { st = STATE(status[i]) };
					if
#ifdef BREAK_ONE_PASS
					:: st == PREPARED || st == LIVE ->
#elif defined(BREAK_LIVE_FIRST)
					:: st == (pass == 0 -> LIVE : PREPARED) ->
#elif defined(BREAK_UNGATED)    /* who is on his way does not count */
					:: st == LIVE ->
#else
					:: st == (pass == 0 -> PREPARED : LIVE) ->
#endif
						atomic { m = (cursor[i] < m -> cursor[i] : m) }
					:: else
					fi;
					i++
				:: else -> break
				od;
				pass++
			:: else -> break
			od;
			atomic { slow = m; m = 0; pass = 0; i = 0; st = 0 }
		fi;
		atomic {
			if
			:: tail == t && (!BLOCKS_SENDERS || t < N || t - N < slow) ->
				/* nobody loses what he counts on */
				assert(!BLOCKS_SENDERS || t < N || !watched[0] || t - N < needs[0]);
				assert(!BLOCKS_SENDERS || t < N || !watched[1] || t - N < needs[1]);
				assert(!BLOCKS_SENDERS || t < N || !watched[2] || t - N < needs[2]);
				tail++
			:: else
			fi;
			t = 0 }
	:: else -> break
	od
}

init {
	atomic {
		run Giver();
		run Sender();
#if SENDERS > 1
		run Sender();
#endif
		run Taker(0);
#if TAKERS > 1
		run Taker(0);
#endif
#if COMERS > 0
		run Taker(1);
#endif
#if ADOPTS
		run Child();
#endif
		run Repairer()
	}
}
