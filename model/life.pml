/* SPDX-License-Identifier: Apache-2.0 */
/* The life word and the senders' side of it, as spin checks it: src/life.c, src/attach.c, src/weak.c.
 *
 * Holders have a sender and leave. Upgraders have a weak sender, and ask for a sender. Attachers come by themselves
 * (to durable channels, where the flag can be taken away). Any process may die before any of its steps; each of
 * them heals before it joins, and so does the keeper some time after a death. Counting is not atomic: record by
 * record.
 *
 * What must hold: the flag is never set while somebody has joined and not begun to leave; at the end, when all have
 * left or died, it is set; and an upgrade succeeds only if, when it began, there was a sender, or an upgrade that
 * had begun when there was one. The last does not hold on durable channels (EXACT=0; docs/design.md, section 7). */

#ifndef HOLDERS
#define HOLDERS 1
#endif
#ifndef UPGRADERS
#define UPGRADERS 2
#endif
#ifndef ATTACHERS       /* more than 0: a durable channel */
#define ATTACHERS 0
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef EXACT           /* 0: the third claim is left out */
#define EXACT 1
#endif
#define ALL (HOLDERS + UPGRADERS + ATTACHERS)

byte version;
bit flag;               /* SENDERS_GONE; on a durable channel NO_SENDERS */
bit live[ALL];          /* the records */
bit dead[ALL];          /* their processes */
bit rightful[ALL];      /* a sender, or an upgrade that may become one */
byte deaths = DEATHS;
byte unnoticed;
byte over;

#define MORTAL :: atomic { deaths > 0 -> deaths--; dead[me] = 1; rightful[me] = 0; unnoticed++; goto gone }

/* update_flags(): `except` is leaving, ALL: nobody. `seen` and `n` are the caller's. */
inline update(except)
{
	do
	:: atomic { seen = version; old = flag; n = 0; i = 0 };
		do
		:: i < ALL -> atomic { n = n + (live[i] && i != except); i++ }
		:: else -> break
		od;
		if
		:: old || n > 0 -> break
		:: else ->
#ifdef BREAK_VERSION
			flag = 1; break
#else
			atomic {
				if
				:: version == seen -> flag = 1; version++; break
				:: else
				fi
			}
#endif
		fi
	od
}

/* chan__heal() is this, and an update. */
inline free_the_dead()
{
	i = 0;
	do
	:: i < ALL ->
		atomic { if :: dead[i] && live[i] -> live[i] = 0 :: else fi; i++ }
	:: else -> break
	od
}

/* Whoever is in sees no flag. */
#define WORK assert(!flag)

inline leave()
{
	if MORTAL :: update(me) fi;
	if MORTAL :: live[me] = 0 fi;
#ifndef BREAK_AGAIN
	if MORTAL :: update(ALL) fi;
#endif
	rightful[me] = 0
}

#define ANYBODY_RIGHTFUL (RIGHTFUL(0) || RIGHTFUL(1) || RIGHTFUL(2) || RIGHTFUL(3))
#define RIGHTFUL(j) ((j) < ALL && rightful[(j) % ALL])

proctype holder(byte me)
{
	byte seen, n, i; bit old;
	if MORTAL :: WORK fi;
	leave();
gone:	over++
}

/* chan_upgrade_sender() and, with `comes`, chan_attach_sender() on a durable channel; then leaving. */
proctype comer(byte me; bit comes)
{
	byte seen, n, i; bit old;
	atomic { rightful[me] = !comes && ANYBODY_RIGHTFUL };
#ifndef BREAK_HEAL
	if MORTAL :: free_the_dead() fi;
	if MORTAL :: update(ALL) fi;
#endif
#ifndef BREAK_SHOW
	if MORTAL :: live[me] = 1 fi;
#endif
	do
	MORTAL
	:: atomic { seen = version; old = flag };
		if
		:: old && !comes ->
			atomic { live[me] = 0; rightful[me] = 0 };
#ifndef BREAK_REFUSED
			if MORTAL :: update(ALL) fi;
#endif
			goto gone
		:: else
		fi;
		if
		MORTAL
		:: atomic { version == seen ->
			version++;
			if
			:: comes -> flag = 0; rightful[me] = 1
			:: else -> assert(rightful[me] || !EXACT); rightful[me] = 1
			fi };
			break
		:: atomic { version != seen }
		fi
	od;
#ifdef BREAK_SHOW
	if MORTAL :: live[me] = 1 fi;
#endif
	if MORTAL :: WORK fi;
	leave();
gone:	over++
}

proctype keeper()
{
	byte seen, n, i; bit old;
	do
	:: atomic { unnoticed > 0 -> unnoticed-- }; free_the_dead(); update(ALL)
	:: over == ALL && unnoticed == 0 -> break
	od;
	assert(flag)
}

init
{
	byte p;
	atomic {
		for (p : 0 .. ALL - 1) {
			if
			:: p < HOLDERS -> live[p] = 1; rightful[p] = 1; run holder(p)
			:: p >= HOLDERS && p < HOLDERS + UPGRADERS -> run comer(p, 0)
			:: else -> run comer(p, 1)
			fi
		}
		run keeper()
	}
}
