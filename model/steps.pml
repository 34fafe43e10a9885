/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of one step of a growable queue's units (shm/steps.h): senders that commit it, those who give it back, any of
 * whom may die or stop for ever before any of their writes. Claiming and freeing units is as everywhere: a repairer frees
 * those of the dead. */

#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 0         /* that stop for ever, alive */
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef GIVERS
#define GIVERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2      /* of each sender */
#endif
#ifndef GIVES
#define GIVES 2         /* tries of each giver */
#endif

/* shared */
byte unit[2];           /* owner + 1; 0: free */
bool ready, touched;
bool there;             /* the kernel's: memory behind the step. Without it a write is SIGBUS */
byte text[2];           /* what is in it */

/* ghosts */
bool dead[SENDERS + GIVERS];
byte deaths, stops;

#define DIE(me) :: atomic { deaths < DEATHS -> deaths++; dead[me] = true; goto end }
#define STOP :: atomic { stops < STOPS -> stops++; goto end }
#define EITHER(me) if DIE(me) STOP

proctype Sender(byte me)
{
	byte n, u;
	do
	:: n < MESSAGES ->
		n++;
		EITHER(me)
		:: atomic { unit[0] == 0 -> u = 0; unit[u] = me + 1 }
		:: atomic { unit[1] == 0 -> u = 1; unit[u] = me + 1 }
		:: atomic { unit[0] != 0 && unit[1] != 0 -> goto none }
		fi;
		if
		:: ready
		:: else ->
#ifndef BREAK_TOUCHED_LATE
			EITHER(me) :: touched = true fi;
#endif
#ifdef BREAK_READY_EARLY
			EITHER(me) :: ready = true fi;
#endif
			EITHER(me)
			:: there = true
			:: goto drop            /* the file system is full */
			fi;
#ifdef BREAK_TOUCHED_LATE
			EITHER(me) :: touched = true fi;
#endif
			EITHER(me) :: ready = true fi
		fi;
		EITHER(me) :: atomic { assert(there); text[u] = me + 1 } fi;
		EITHER(me) :: atomic { assert(there && text[u] == me + 1) } fi; /* it is received */
drop:		EITHER(me) :: unit[u] = 0 fi;
none:		skip
	:: else -> break
	od;
end:	skip
}

proctype Giver(byte me)
{
	byte n;
	do
	:: n < GIVES ->
		n++;
		EITHER(me)
		:: atomic { unit[0] == 0 -> unit[0] = me + 1 }
		:: atomic { unit[0] != 0 -> goto used }
		fi;
#ifndef BREAK_LOOKS_ONLY
		EITHER(me)
		:: atomic { unit[1] == 0 -> unit[1] = me + 1 }
		:: atomic { unit[1] != 0 -> goto one }
		fi;
#else
		if :: unit[1] == 0 :: else -> goto one fi;
#endif
#ifndef BREAK_READY_LATE
		EITHER(me) :: ready = false fi;
#endif
#ifdef BREAK_TOUCHED_EARLY
		EITHER(me) :: touched = false fi;
#endif
#ifdef BREAK_FREE_EARLY
		EITHER(me) :: unit[1] = 0 fi;
#endif
		EITHER(me) :: atomic { there = false; text[0] = 0; text[1] = 0 } fi;
#ifdef BREAK_READY_LATE
		EITHER(me) :: ready = false fi;
#endif
#ifndef BREAK_TOUCHED_EARLY
		EITHER(me) :: touched = false fi;
#endif
#if !defined(BREAK_LOOKS_ONLY) && !defined(BREAK_FREE_EARLY)
		EITHER(me) :: unit[1] = 0 fi;
#endif
one:		EITHER(me) :: unit[0] = 0 fi;
used:		skip
	:: else -> break
	od;
end:	skip
}

/* What each unit's owner word says is the dead one's is freed; and when nobody goes on, whoever finds the queue drained
 * gives the step back. */
init
{
	byte i;
	atomic {
		for (i : 0 .. SENDERS - 1) { run Sender(i) }
		for (i : SENDERS .. SENDERS + GIVERS - 1) { run Giver(i) }
	};
	do
	:: atomic { unit[0] != 0 && dead[unit[0] - 1] -> unit[0] = 0 }
	:: atomic { unit[1] != 0 && dead[unit[1] - 1] -> unit[1] = 0 }
	:: atomic { timeout -> break }
	od;
	assert(!ready || there);
	assert(!there || touched);
	assert(stops > 0 || (unit[0] == 0 && unit[1] == 0))
}
