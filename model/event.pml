/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and waking on one event word, as spin checks it: shm/event.c and the loop of src/wait.c.
 *
 * A sleeper wants one thing (a message, a place), a waker provides one, a thief takes one without ever sleeping. The
 * kernel's queue of the futex is a set, of which a wake may take any one. Any process may die before any of its
 * steps; some time later somebody notices, and wakes everybody (the keeper, which is told by the kernel). One may
 * also stop for ever: then the wake-up that it owes is missing, which only the sleepers' patience makes up for, but
 * no wake-up of anybody else's.
 *
 * At the end, when nobody can move any more, nothing may lie there while somebody sleeps. */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif
#ifndef WAKERS
#define WAKERS 2
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef UNFIT           /* 1: the first sleeper cannot take what it finds (-EMSGSIZE), and gives up */
#define UNFIT 0
#endif
#ifndef WARNS           /* 1: wakers wake two before they provide anything, too */
#define WARNS 0
#endif
#ifndef LEFTOVER        /* 1: somebody died asleep long ago */
#define LEFTOVER 0
#endif

/* word = {sequence, clearing, sleepers} */
#define SLEEPING        1
#define CLEARING        2
#define STEP            4
#define HAS(w, bits)    (((w) / (bits)) % 2 == 1)

byte word = LEFTOVER;
byte things;                    /* that lie there */
bit asleep[SLEEPERS];           /* in the queue of the futex */
bit woken[SLEEPERS];            /* taken from it */
byte unnoticed;                 /* deaths that nobody has noticed yet */
byte deaths = DEATHS, stops = STOPS;
byte owed;                      /* wake-ups that the stopped ones may owe: one each */
byte through;                   /* wakers that are through, dead or stopped */

#define MORTAL \
	:: atomic { deaths > 0 -> deaths--; unnoticed++; goto gone } \
	:: atomic { stops > 0 -> stops--; owed++; goto gone }

/* chan__event_prepare */
#ifndef BREAK_PREPARE           /* a sleeper leaves the sign of the one who is about to clear the bit */
#define PREPARED(w)     ((w) / STEP * STEP + SLEEPING)
#else
#define PREPARED(w)     ((w) - (w) % 2 + SLEEPING)
#endif

/* FUTEX_WAKE; `woke` tells whether there was anybody */
inline wake_one()
{
	woke = 0;
	if
	:: asleep[0] -> asleep[0] = 0; woken[0] = 1; woke = 1
#if SLEEPERS > 1
	:: asleep[1] -> asleep[1] = 0; woken[1] = 1; woke = 1
#endif
#if SLEEPERS > 2
	:: asleep[2] -> asleep[2] = 0; woken[2] = 1; woke = 1
#endif
	:: else
	fi
}

inline wake_all()
{
	if :: asleep[0] -> asleep[0] = 0; woken[0] = 1 :: else fi;
#if SLEEPERS > 1
	if :: asleep[1] -> asleep[1] = 0; woken[1] = 1 :: else fi;
#endif
#if SLEEPERS > 2
	if :: asleep[2] -> asleep[2] = 0; woken[2] = 1 :: else fi;
#endif
}

/* chan__event_notify_warned, by a process that goes on at `done`; `warned` is 0 if it did not warn */
#ifndef BREAK_WARNED            /* who has warned gives no notice, though somebody may have looked too early */
#define KNOWN(w)        (warned != 0 && (w) == warned)
#else
#define KNOWN(w)        (warned != 0)
#endif
#define NOTIFY \
	if \
	:: atomic { !HAS(word, SLEEPING) || KNOWN(word) -> goto done } \
	:: atomic { HAS(word, SLEEPING) && !KNOWN(word) -> key = word } \
	MORTAL \
	fi; \
	if \
	:: atomic { word == key -> key = RAISED(key); word = key } \
	:: atomic { word != key -> key = 0 } \
	MORTAL \
	fi; \
	if \
	:: atomic { wake_one(); if :: woke || key == 0 -> goto done :: else fi } \
	MORTAL \
	fi; \
	if \
	:: atomic { CLEARS -> word = key / STEP * STEP; goto done } \
	:: atomic { !CLEARS -> goto done } \
	MORTAL \
	fi

/* The sequence goes up, and the clearing of the bit is announced: nobody is asleep if the wake finds nobody. */
#if defined(BREAK_CLEAR_FIRST)          /* cleared first, then woken: the bit is gone while others are asleep */
#define RAISED(k)       ((k) / STEP * STEP + STEP)
#elif defined(BREAK_UNANNOUNCED)        /* whoever has just gone to sleep is forgotten */
#define RAISED(k)       ((k) / STEP * STEP + STEP + SLEEPING)
#else
#define RAISED(k)       ((k) / STEP * STEP + STEP + SLEEPING + CLEARING)
#endif
#ifndef BREAK_STORE                     /* cleared whatever has become of it */
#define CLEARS          (word == key)
#else
#define CLEARS          true
#endif

/* chan__event_warn */
#define WARN \
	if \
	:: atomic { !HAS(word, SLEEPING) -> goto change } \
	:: atomic { HAS(word, SLEEPING) -> key = word } \
	MORTAL \
	fi; \
	if \
	:: atomic { word == key -> key = RAISED(key); word = key; warned = key } \
	:: atomic { word != key -> key = 0 } \
	MORTAL \
	fi; \
	if \
	:: atomic { wake_one(); if :: woke -> wake_one() :: else fi; \
		if :: woke || key == 0 -> goto change :: else fi } \
	MORTAL \
	fi; \
	if \
	:: atomic { CLEARS -> word = key / STEP * STEP } \
	:: atomic { !CLEARS } \
	MORTAL \
	fi

proctype Waker()
{
	byte key, warned;
	bit woke;

#if WARNS
	WARN;
change:	key = 0;
#endif
#ifdef BREAK_EARLY                      /* looks for sleepers before there is anything */
	if
	:: atomic { !HAS(word, SLEEPING) -> key = 1 }
	:: atomic { HAS(word, SLEEPING) }
	fi;
#endif
	if                                      /* the CAS that sends, or makes room */
	:: atomic { things++; if :: key == 1 -> goto done :: else fi }
	MORTAL
	fi;
	NOTIFY;
done:	skip;
gone:	atomic { key = 0; warned = 0; woke = 0; through++ }
}

/* The loop of sleep_until() in src/wait.c. */
proctype Sleeper(byte me; bit unfit)
{
	byte key, warned;               /* it never warns */
	bit woke;

again:
#ifdef BREAK_LATE                       /* looks first, then sets the bit */
	if
	:: atomic { things > 0 -> goto found }
	:: atomic { things == 0 }
	fi;
#endif
	if
	:: atomic { word = PREPARED(word); key = word }
	MORTAL
	fi;
#ifndef BREAK_LATE
	if
	:: atomic { things > 0 -> goto found }
	:: atomic { things == 0 }
	MORTAL
	fi;
#endif
	if                                      /* FUTEX_WAIT compares and queues in one step */
#ifndef BREAK_BLIND
	:: atomic { word != key -> goto again }
#else
	:: atomic { word != key -> asleep[me] = 1 }
#endif
	:: atomic { word == key -> asleep[me] = 1 }
	MORTAL
	fi;
end:	if
	:: atomic { woken[me] -> woken[me] = 0; goto again }
	:: atomic { deaths > 0 -> deaths--; asleep[me] = 0; woken[me] = 0; unnoticed++; goto gone }
	:: atomic { stops > 0 && woken[me] -> stops--; owed++; woken[me] = 0; goto gone }
	fi;
found:
	if
	:: atomic { !unfit && things > 0 -> things--; goto done }
	:: atomic { !unfit && things == 0 -> goto again }       /* somebody else was faster */
	:: atomic { unfit }
	MORTAL
	fi;
#ifndef BREAK_NO_HAND_OVER              /* keeps the wake-up to itself */
	NOTIFY;
#endif
done:	skip;
gone:	atomic { key = 0; woke = 0 }
}

proctype Thief()
{
	if
	:: atomic { things > 0 -> things-- }
	:: atomic { through == WAKERS }
	fi
}

/* chan__event_notify_all, by whoever notices a death */
proctype Keeper()
{
end:	do
	:: atomic { unnoticed > 0 -> unnoticed-- };
#ifdef BREAK_NO_KEEPER                  /* deaths wake nobody */
		skip
#else
		atomic { word = word + STEP };
		atomic { wake_all() }
#endif
	od
}

#if SLEEPERS == 1
#define ANYBODY         asleep[0]
#elif SLEEPERS == 3
#define ANYBODY         (asleep[0] || asleep[1] || asleep[2])
#else
#define ANYBODY         (asleep[0] || asleep[1])
#endif

proctype Final()
{
end:	timeout -> assert(things <= owed || !ANYBODY)
}

init {
	byte i;
	atomic {
		run Final();
		run Keeper();
		do
		:: i < SLEEPERS -> run Sleeper(i, (i == 0 && UNFIT)); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WAKERS -> run Waker(); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < THIEVES -> run Thief(); i++
		:: else -> break
		od;
		i = 0
	}
}
