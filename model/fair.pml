/* SPDX-License-Identifier: Apache-2.0 */
/* Admission to a fair queue, as spin checks it: shm/admission.c, its callers in src/fair.c and src/permit.c, and how
 * the end of the channel waits for permits.
 *
 * The ring is only its head and its tail here, each moved by one CAS; ring.pml has the rest, and that whether an
 * exchange happened can be told from outside (s_eff below). An event is a number that a waker raises; event.pml has
 * the rest of that.
 *
 * Senders play scripts, base 8, lowest digit first: 1 send, waiting; 2 try to send; 3 reserve 1, waiting, and send on it; 4 the same, but release
 * it; 5 reserve 2, waiting, send one, release the other; 6 as 1, may give up while it waits. */

#ifndef N
#define N 1
#endif
#ifndef R
#define R 2
#endif
#ifndef P0
#define P0 1
#endif
#ifndef P1
#define P1 1
#endif
#ifndef P2
#define P2 1
#endif
#ifndef NEW                     /* script of a newcomer, who takes a dead one's record; 0: nobody */
#define NEW 0
#endif
#ifndef QUEUED
#define QUEUED 0                /* messages in the queue at first */
#endif
#ifndef TAKES
#define TAKES 9                 /* messages that the receiver takes before it goes away; it stays for the end with 9 */
#endif
#ifndef SHUT
#define SHUT 0                  /* 1: somebody shuts the channel down at some time */
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif

#define NONE            0
#define CHOOSING        1
#define WAITING         2
#define GRANTED         3
#define ADM(t, s)       ((t) * 4 + (s))
#define TICKET(a)       ((a) / 4)
#define STATE(a)        ((a) % 4)
#define LIVE(st)        ((st) % 2 == 1)

byte tickets;
byte status[R];                 /* {generation, live} */
byte adm[R], secured[R], wanted[R], sent[R];
byte tail = QUEUED, head;
bit uncounted[R];               /* its CAS has happened, its counter has not been raised: seen in the intent */
byte space, data;               /* events */
bit shut;

bit dead[R];                    /* the kernel's verdict */
bit halted[R], made_up[R];
bit waits[R], ended, receiving = 1;
byte deaths = DEATHS, stops = STOPS;

#define S_EFF(r)        (sent[r] + uncounted[r])
#define HELD(r)         (LIVE(status[r]) -> secured[r] - S_EFF(r) : 0)
#define PENDING(r)      (LIVE(status[r]) && STATE(adm[r]) == WAITING -> wanted[r] - secured[r] : 0)
#define OLDER(r, t)     (STATE(adm[r]) == WAITING && TICKET(adm[r]) < (t) -> PENDING(r) : 0)
#define CHOOSES(r)      (LIVE(status[r]) && STATE(adm[r]) == CHOOSING -> wanted[r] - secured[r] : 0)

#if R == 2
#define SUM_HELD        (HELD(0) + HELD(1))
#define SUM_OLDER(t)    (OLDER(0, t) + OLDER(1, t))
#define SUM_CHOOSES(p)  ((p != 0 -> CHOOSES(0) : 0) + (p != 1 -> CHOOSES(1) : 0))
#else
#define SUM_HELD        (HELD(0) + HELD(1) + HELD(2))
#define SUM_OLDER(t)    (OLDER(0, t) + OLDER(1, t) + OLDER(2, t))
#define SUM_CHOOSES(p)  ((p != 0 -> CHOOSES(0) : 0) + (p != 1 -> CHOOSES(1) : 0) + (p != 2 -> CHOOSES(2) : 0))
#endif

/* The truth: the claim of r has room, everything older and every place held provided for. */
#define HAS_ROOM(r)     (tail + SUM_HELD + SUM_OLDER(TICKET(adm[r])) + PENDING(r) <= head + N)
/* As r could see it if those who choose turned out to be older. */
#define MAY_BE_FULL(r)  (tail + SUM_HELD + SUM_OLDER(TICKET(adm[r])) + SUM_CHOOSES(r) + PENDING(r) > head + N)
/* Nobody is overtaken: whoever is older has room too. */
#define JUST(r, t)      (PENDING(r) == 0 || TICKET(adm[r]) > (t) || HAS_ROOM(r))
#if R == 2
#define ALL_JUST(t)     (JUST(0, t) && JUST(1, t))
#else
#define ALL_JUST(t)     (JUST(0, t) && JUST(1, t) && JUST(2, t))
#endif

#define FORGET  op = 0; r = 0; a = 0; st = 0; s = 0; h = 0; t = 0; k = 0; sum = 0; at = 0; seen = 0; issued = 0; again = 0; \
		key = 0; wasfull = 0; isfull = 0; mine = 0
#define MORTAL \
	:: atomic { deaths > 0 -> deaths--; dead[p] = 1; waits[p] = 0; FORGET; script = 0; goto gone } \
	:: atomic { stops > 0 -> stops--; halted[p] = 1; waits[p] = 0; FORGET; script = 0; goto gone }

#define TRIES   (op == 2)
#ifndef BREAK_DEAD                                      /* the dead keep what they had */
#define COUNTS_DEAD     false
#else
#define COUNTS_DEAD     true
#endif

proctype Sender(byte p; byte script; bit comes)
{
	byte op;
	byte r, a, st, s, h, t, k, sum, at, seen, issued, key, mine;
	bit again, wasfull, isfull;

	if
	:: comes ->                                     /* takes the record of a dead one: chan__endpoint_claim */
end:		atomic { status[p] % 2 == 0 && dead[p] };
		atomic { tickets++; adm[p] = ADM(tickets, NONE) };
		atomic { sent[p] = S_EFF(p); uncounted[p] = 0; secured[p] = sent[p]; wanted[p] = sent[p] };
		atomic { dead[p] = 0; status[p] = status[p] + 1 }
	:: else
	fi;

	/* ---- the claim ---- */
next:	atomic { op = script % 8; script = script / 8; if :: op == 0 -> goto gone :: else fi }
	k = (op == 5 -> 2 : 1);
	if
	:: atomic { wanted[p] = secured[p] + k }
	MORTAL
	fi;
#ifndef BREAK_CHOOSING
	if
	:: atomic { a = ADM(TICKET(adm[p]), CHOOSING); adm[p] = a }
	MORTAL
	fi;
#else
	a = adm[p];                                     /* shows itself only when it has its ticket */
#endif
	if
	:: atomic { tickets++; t = tickets }
	MORTAL
	fi;
	if
	:: atomic { if :: adm[p] == a -> adm[p] = ADM(t, WAITING) :: else fi; t = 0; a = 0; mine = TICKET(adm[p]) }
	MORTAL
	fi;

	/* ---- an attempt: how many places are others' before mine? ---- */
attempt:
	atomic { key = space; again = 0; seen = 0; issued = 0; wasfull = 0; isfull = 0 }
	if
	:: atomic { shut -> goto withdraw }
	:: atomic { !shut }
	fi;
round:
#ifdef BREAK_TAIL_FIRST
	at = tail;
#endif
	atomic { sum = secured[p] - sent[p]; r = 0 }
scan:
	atomic { if :: r == p -> r++ :: else fi;
		if
		:: r >= R -> r = 0; goto look
		:: else -> st = status[r]; if :: !LIVE(st) && !COUNTS_DEAD -> st = 0; r++; goto scan :: else fi; a = adm[r]
		fi }
#ifndef BREAK_HELP                                      /* who is choosing is overlooked */
	if
	:: atomic { STATE(a) == CHOOSING -> tickets++; t = tickets }
	:: atomic { STATE(a) != CHOOSING -> goto counts }
	fi;
	if
	:: atomic { adm[r] == a -> adm[r] = ADM(t, WAITING); t = 0; goto scan }
	:: atomic { adm[r] != a -> t = 0; goto scan }
	MORTAL
	fi;
counts:
#endif
#ifndef BREAK_UNCOUNTED                                 /* counted when the counter says so */
	s = S_EFF(r);
#else
	s = sent[r];
#endif
	h = secured[r];
	atomic {
		if :: status[r] != st || adm[r] != a -> s = 0; h = 0; goto scan :: else fi;
		if
		:: TICKET(a) > mine && (STATE(a) == GRANTED || (STATE(a) == WAITING && wanted[r] == h)) ->
			s = 0; h = 0; a = 0; st = 0; r = 0; sum = 0; at = 0; goto grant
		:: else
		fi;
		sum = sum + (h > s -> h - s : 0);
		if :: STATE(a) == WAITING && TICKET(a) < mine && wanted[r] > h -> sum = sum + wanted[r] - h :: else fi;
		s = 0; h = 0; a = 0; st = 0; r++; goto scan
	}
look:
#ifndef BREAK_TAIL_FIRST
	atomic { at = tail; isfull = MAY_BE_FULL(p) }
#else
	isfull = MAY_BE_FULL(p);
#endif
	atomic {
		if
		:: at + sum + k <= head + N -> sum = 0; at = 0; goto grant
		:: else -> sum = 0
		fi }
#ifndef BREAK_STABLE
	atomic {
		if
		:: again && seen == at && issued == tickets -> at = 0
		:: else -> again = 1; seen = at; issued = tickets; wasfull = isfull; at = 0; goto round
		fi }
#else
	wasfull = isfull;
#endif
	atomic {                                        /* full, and was so at one moment */
		assert(wasfull);
		again = 0; seen = 0; issued = 0; wasfull = 0; isfull = 0;
		if :: TRIES -> goto withdraw :: else fi }
	atomic { waits[p] = 1 }
	if
	:: atomic { space != key -> waits[p] = 0; goto attempt }
	:: atomic { op == 6 -> waits[p] = 0; goto withdraw }
	:: atomic { deaths > 0 -> deaths--; dead[p] = 1; waits[p] = 0; FORGET; script = 0; goto gone }
	:: atomic { stops > 0 -> stops--; halted[p] = 1; waits[p] = 0; FORGET; script = 0; goto gone }
	fi;

grant:
#ifdef BREAK_FLAG                                       /* looks whether it is shut down first, and takes the place then */
	atomic { if :: shut -> goto withdraw :: else fi }
#endif
	if
	:: atomic { again = 0; seen = 0; issued = 0; wasfull = 0; isfull = 0;
		assert(HAS_ROOM(p)); assert(ALL_JUST(mine)); secured[p] = wanted[p] }
	MORTAL
	fi;
	if
	:: atomic { adm[p] = ADM(mine, GRANTED) }
	MORTAL
	fi;
#ifndef BREAK_FLAG
	if
	:: atomic { shut -> secured[p] = secured[p] - k; goto freed }
	:: atomic { !shut }
	MORTAL
	fi;
#endif
	if :: op == 4 -> goto release :: else fi;

	/* ---- sends on its place ---- */
	if
	:: atomic { assert(tail < head + N); assert(!ended); tail++; uncounted[p] = 1 }
	MORTAL
	fi;
	if
	:: atomic { sent[p] = sent[p] + 1; uncounted[p] = 0 }
	MORTAL
	fi;
	if
	:: atomic { data++ }
	MORTAL
	fi;
	if :: op == 5 -> goto release :: else -> goto done fi;

release:
	if
	:: atomic { secured[p] = secured[p] - 1; goto freed }
	MORTAL
	fi;
withdraw:
	if
	:: atomic { adm[p] = ADM(mine, NONE) }
	MORTAL
	fi;
freed:
#ifndef BREAK_QUIET                                     /* who gives a place up tells nobody */
	if
	:: atomic { space++ }
	MORTAL
	fi;
	if
	:: atomic { if :: shut -> data++ :: else fi }
	MORTAL
	fi;
#endif
done:	atomic { FORGET; goto next }
gone:	skip
}

proctype Receiver()
{
	byte key, r, taken;

again:
	key = data;
look:
	if
	:: atomic { taken == TAKES -> goto leaves }
	:: atomic { taken < TAKES && head < tail -> head++; if :: TAKES < 9 -> taken++ :: else fi }; space++; goto again
	:: atomic { taken < TAKES && head == tail && !shut -> goto sleep }
	:: atomic { taken < TAKES && head == tail && shut }
	fi;
	r = 0;
	do
	:: atomic { r < R && HELD(r) > 0 -> r = 0; goto sleep }        /* its sender may still send */
	:: atomic { r < R && HELD(r) == 0 -> r++ }
	:: atomic { r == R -> r = 0; break }
	od;
#ifndef BREAK_END_ONCE                                  /* found empty before, not after */
	atomic { if :: head < tail -> goto look :: else fi }
#endif
	atomic { assert(head == tail); ended = 1; goto leaves }
sleep:
end:	data != key -> goto again;
leaves:	atomic { key = 0; taken = 0; receiving = 0 }
}

proctype Shutdown()
{
	atomic { shut = 1 };
	atomic { space++; data++ }
}

/* Whoever notices a death: chan__repair_all, then wakes everybody. */
#define NOTICE(p)       atomic { dead[p] && LIVE(status[p]) -> status[p] = status[p] + 1 }; atomic { space++; data++ }
proctype Keeper()
{
end:	do
	:: NOTICE(0)
	:: NOTICE(1)
#if R > 2
	:: NOTICE(2)
#endif
	od
}

/* Who is stopped may owe a wake-up; the warning that it gave before has the others look again some time later. */
#define LOOK_AGAIN(p)   atomic { halted[p] && !made_up[p] -> made_up[p] = 1 }; atomic { space++; data++ }
proctype Patience()
{
end:	do
	:: LOOK_AGAIN(0)
	:: LOOK_AGAIN(1)
#if R > 2
	:: LOOK_AGAIN(2)
#endif
	od
}

proctype Final()
{
	byte r;
end:	timeout -> d_step {
		/* Nobody sleeps on a place that is his, and nobody who has been refused. */
		do
		:: r < R -> assert(!waits[r] || (!HAS_ROOM(r) && !shut)); r++
		:: else -> break
		od;
		/* The end comes, unless one who is stopped may still send. */
		assert(!shut || TAKES < 9 || ended || SUM_HELD > 0);
		assert(tail + SUM_HELD <= head + N)
	}
}

init {
	atomic {
		status[0] = 1; status[1] = 1;
		run Final();
		run Sender(0, P0, 0);
		run Sender(1, P1, 0);
#if R > 2
		status[2] = 1;
		run Sender(2, P2, 0);
#endif
#if NEW > 0
		run Sender(0, NEW, 1);
#endif
		run Receiver();
#if SHUT
		run Shutdown();
#endif
#if DEATHS > 0
		run Keeper();
#endif
#if STOPS > 0
		run Patience();
#endif
	}
}
