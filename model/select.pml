/* SPDX-License-Identifier: Apache-2.0 */
/* Selects on rendezvous channels, as spin checks it: who shows what, who rings whom, and that of several operations
 * one takes effect. How one thing shown is met or withdrawn, whoever dies, is match.pml's; here it is one step. Select
 * s would send on the channels in SENDS(s) and receive on those in RECEIVES(s), bit c for channel c. */

#ifndef S
#define S 2             /* selects */
#endif
#ifndef PLAN0           /* 16 * sends + receives */
#define PLAN0 32+1      /* sends on 1, receives on 0 */
#endif
#ifndef PLAN1
#define PLAN1 16+2
#endif
#ifndef PLAN2
#define PLAN2 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef MAYSTOP         /* bit s: that select may stop */
#define MAYSTOP 0
#endif
#ifndef READIES         /* bit s: it only waits to be told that it could go on */
#define READIES 0
#endif
#ifndef STANDS          /* the last one has been stopped before, waiting; what it shows, it shows elsewhere */
#define STANDS 0
#endif
#ifndef GIVES_UP        /* bit s: a wait of that select may end by itself */
#define GIVES_UP 0
#endif

#define CHANNELS 3
#define MAY(set, i)     ((set) >> (i) & 1)
#define PLAN(s)         ((s) == 0 -> PLAN0 : ((s) == 1 -> PLAN1 : PLAN2))
#define SENDS(s)        ((PLAN(s)) / 16)
#define RECEIVES(s)     ((PLAN(s)) % 16)

/* What is shown: 0 nothing, else 2 * channel + side + 1. */
#define OFFERS  0
#define DEMANDS 1
#define THING(c, side)  (2 * (c) + (side) + 1)
#define CHANNEL(t)      (((t) - 1) / 2)
#define SIDE(t)         (((t) - 1) % 2)
#define HAS(s, t)       (SIDE(t) == OFFERS -> MAY(SENDS(s), CHANNEL(t)) : MAY(RECEIVES(s), CHANNEL(t)))
#define OTHER(t)        THING(CHANNEL(t), 1 - SIDE(t))
#define NOTHING 0
#define THINGS  6

byte shown[S];                  /* in the record, with `met` the word of its cell */
bit met[S];
bit waits[S];                   /* its number is in the records: SELECTS */
bit rung[S];                    /* one of the words it sleeps on has changed since it prepared */

/* ---- ghosts ---- */
byte effects[S];
bit over[S], dead[S], stopped[S], asleep[S];
byte deaths = DEATHS, stops = STOPS;

#define GONE(s)         (dead[s] || over[s])

#define MORTAL \
	:: atomic { deaths > 0 -> deaths--; dead[me] = 1; asleep[me] = 0; goto gone } \
	:: atomic { stops > 0 && MAY(MAYSTOP, me) -> stops--; stopped[me] = 1; asleep[me] = 0; goto gone }

#define DO(change)      if :: atomic { change } MORTAL fi

/* Another select waits on the other side of a thing. */
#define WANTS(s, t)     ((s) != me && waits[s] && !dead[s] && HAS(s, OTHER(t)))
#if S > 2
#define WANTED(t)       (WANTS(0, t) || WANTS(1, t) || WANTS(2, t))
#else
#define WANTED(t)       (WANTS(0, t) || WANTS(1, t))
#endif

/* Something shown that would be met by the operation t. Of the dead nothing is met. */
#define MEETS(s, t)     ((s) != me && shown[s] == OTHER(t) && !met[s] && !dead[s])

#if S > 2
#define READY_NOW(t)    (HAS(me, t) && (MEETS(0, t) || MEETS(1, t) || MEETS(2, t)))
#else
#define READY_NOW(t)    (HAS(me, t) && (MEETS(0, t) || MEETS(1, t)))
#endif
#define READY(t)        (READY_NOW(t) && !(SIDE(t) == OFFERS && shown[me] == (t)))

/* Who shows something sleeps on a bell in place of that side's event: it is rung by those who show the other side of
 * it and are to be found, which is offers for demands. */
inline ring_event(t, with_bells)
{
	k = 0;
	do
	:: k < S ->
		if
		:: k != me && HAS(k, OTHER(t)) && (shown[k] != OTHER(t) || with_bells) -> rung[k] = 1
		:: else
		fi;
		k++
	:: else -> break
	od
}

proctype Select(byte me)
{
	byte t, k, next, before;
	bit left, turn, others;

	/* join, then ring, channel by channel */
	DO(
#ifndef BREAK_UNSEEN
	   waits[me] = 1
#else
	   skip
#endif
	);
#ifndef BREAK_NO_RING
	t = 1;
	do
	:: t <= THINGS && HAS(me, t) -> DO(ring_event(t, 0)); t++
	:: t <= THINGS && !HAS(me, t) -> t++
	:: t > THINGS -> break
	od;
#endif
look:
	DO(rung[me] = 0; t = 0; k = 0; left = 0);
	if
	:: shown[me] == NOTHING -> goto try
	:: shown[me] != NOTHING
	fi;
	/* choose what is to be shown: where somebody waits before where nobody does, and what is shown before all, unless
	 * it is the next one's turn */
	atomic {
		next = shown[me]; before = shown[me];
		if
		:: !WANTED(before) || turn ->
			if
			:: before != 1 && HAS(me, 1) && WANTED(1) -> next = 1
			:: before != 2 && HAS(me, 2) && WANTED(2) -> next = 2
			:: before != 3 && HAS(me, 3) && WANTED(3) -> next = 3
			:: before != 4 && HAS(me, 4) && WANTED(4) -> next = 4
			:: before != 5 && HAS(me, 5) && WANTED(5) -> next = 5
			:: before != 6 && HAS(me, 6) && WANTED(6) -> next = 6
			:: else
			fi
		:: else
		fi;
		turn = 0;
		left = (met[me] || next != before);
		others = ((next != 1 && HAS(me, 1) && WANTED(1)) || (next != 2 && HAS(me, 2) && WANTED(2)) ||
			(next != 3 && HAS(me, 3) && WANTED(3)) || (next != 4 && HAS(me, 4) && WANTED(4)) ||
			(next != 5 && HAS(me, 5) && WANTED(5)) || (next != 6 && HAS(me, 6) && WANTED(6)))
	}
	/* is an operation ready? offers are left to those that receive there */
	atomic {
#ifndef BREAK_NOBODY_ACTS
		left = left || READY(1) || READY(2) || READY(3) || READY(4) || READY(5) || READY(6);
#endif
		t = 0
	};
	if
	:: !left -> next = 0; goto sleep
	:: left
	fi;
#ifndef BREAK_NOT_WITHDRAWN
	/* withdraw, or find that it was met */
	DO(if
	   :: met[me] -> goto was_met
	   :: else -> shown[me] = NOTHING
	   fi);
#endif
try:
	/* any operation that is ready, if one is */
	atomic {
		if
		:: READY_NOW(1) -> t = 1
		:: READY_NOW(2) -> t = 2
		:: READY_NOW(3) -> t = 3
		:: READY_NOW(4) -> t = 4
		:: READY_NOW(5) -> t = 5
		:: READY_NOW(6) -> t = 6
		:: else -> t = 0; goto unmet
		fi;
		if
		:: MEETS(0, t) -> k = 0
		:: MEETS(1, t) -> k = 1
#if S > 2
		:: MEETS(2, t) -> k = 2
#endif
		fi };
	DO(if
	   :: MAY(READIES, me) -> goto ended
	   :: !MAY(READIES, me) && MEETS(k, t) -> met[k] = 1; effects[k]++; effects[me]++; rung[k] = 1; goto ended
	   :: else -> t = 0; k = 0; goto try
	   fi);
unmet:
	/* show something */
	atomic { t = 0; k = 0;
		if :: MAY(READIES, me) -> goto sleep :: else fi;
		if
		:: next != before && next != NOTHING && HAS(me, next)
		:: else ->
			if
			:: HAS(me, 1) && WANTED(1) -> next = 1
			:: HAS(me, 2) && WANTED(2) -> next = 2
			:: HAS(me, 3) && WANTED(3) -> next = 3
			:: HAS(me, 4) && WANTED(4) -> next = 4
			:: HAS(me, 5) && WANTED(5) -> next = 5
			:: HAS(me, 6) && WANTED(6) -> next = 6
			:: else ->
				if
				:: HAS(me, 1) -> next = 1
				:: HAS(me, 2) -> next = 2
				:: HAS(me, 3) -> next = 3
				:: HAS(me, 4) -> next = 4
				:: HAS(me, 5) -> next = 5
				:: HAS(me, 6) -> next = 6
				fi
			fi
		fi };
	DO(shown[me] = next; met[me] = 0; before = 0);
	DO(ring_event(next, SIDE(next) == OFFERS));
	goto look;
sleep:
	atomic { t = 0; k = 0; before = 0; asleep[me] = 1 };
	if
	:: atomic { rung[me] || met[me] -> asleep[me] = 0; goto look }
#ifndef BREAK_NO_TURNS
	:: atomic { others && shown[me] != NOTHING ->
		asleep[me] = 0; turn = 1; goto look }
#endif
	:: atomic { MAY(GIVES_UP, me) -> asleep[me] = 0 }
	   DO(if :: met[me] -> goto was_met :: else -> shown[me] = NOTHING fi);
	   goto ended
	MORTAL
	fi;
was_met:
	shown[me] = NOTHING;
ended:
	atomic { assert(effects[me] <= 1); waits[me] = 0; over[me] = 1; t = 0; k = 0 }
gone:	skip
}

#define SLEEPS(s)       (asleep[s] && !GONE(s) && !stopped[s])
#define SUIT(a, b)      (((SENDS(a) & RECEIVES(b)) | (RECEIVES(a) & SENDS(b))) && !(MAY(READIES, a) && MAY(READIES, b)))

/* Nothing moves any more: of those that sleep no two could meet, and each effect had two. */
proctype Final()
{
	byte sum;
end:    timeout ->
	d_step {
		assert(!(SLEEPS(0) && SLEEPS(1) && SUIT(0, 1)));
#if S > 2
		assert(!(SLEEPS(0) && SLEEPS(2) && SUIT(0, 2)));
		assert(!(SLEEPS(1) && SLEEPS(2) && SUIT(1, 2)));
		sum = effects[2];
		assert(effects[2] <= 1);
#endif
		sum = sum + effects[0] + effects[1];
		assert(effects[0] <= 1 && effects[1] <= 1);
		assert(sum % 2 == 0)
	}
}

init {
	atomic {
		run Final();
		run Select(0);
		run Select(1);
#if S > 2
		if
		:: STANDS -> waits[2] = 1; stopped[2] = 1
		:: else -> run Select(2)
		fi
#endif
	}
}
