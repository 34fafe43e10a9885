/* SPDX-License-Identifier: Apache-2.0 */
/* A prepared endpoint on its way, as spin checks it: lent until some time, put off, handed over by its address, adopted by a
 * child, or ended, once (src/address.c, shm/endpoint.c, shm/repair.c).
 *
 * One record. Owners claim it one after the other, prepare it, lend it, and close it; the first may have forked a copy. Whoever
 * got an address attaches elsewhere, and takes the record's place. The clock goes on at any moment. Every shared access, and every look at the
 * clock, is a step of its own, before which its process may die or stop for ever. That a lock is held by nobody is a fact. */

#ifndef OWNERS
#define OWNERS 1        /* one after the other */
#endif
#ifndef LEASES
#define LEASES 2        /* of each; a copy's are one */
#endif
#ifndef COPIES
#define COPIES 1
#endif
#ifndef TAKERS
#define TAKERS 1        /* who have the first owner's address */
#endif
#ifndef REPAIRERS
#define REPAIRERS 2
#endif
#ifndef COUNTERS
#define COUNTERS 0      /* who ask whether there is an endpoint on that side */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 1
#endif
#define END 3           /* the last moment: 1, 2, 3 */

#define FREE 0
#define ATTACHING 1
#define PREPARED 2
#define LIVE 3
#define DEAD 4
#define WORD(g, s)      ((g) * 8 + (s))
#define STATE(w)        ((w) % 8)
#define GEN(w)          ((w) / 8)
#define WITH(w, s)      WORD(GEN(w), s)

#define NEVER 0         /* `lapses`: as lapses_ns; anything else is a time */
#define LAPSED 1
#define OVER(t)         ((t) != NEVER && (t) <= now)

/* shared */
byte status = WORD(1, FREE);
byte lapses;
byte locks;             /* mappings that hold the record's lock */
byte version;           /* of the life word */
bit gone;               /* and its flag */
byte taker_is_live;     /* the takers' own records */

/* what the owner hands on */
byte address, copy;

/* ghosts */
byte now = 1;
byte promised;          /* until when it is lent, by the last CAS of an owner or of its copy */
bit ended;              /* somebody has said yes: for all */
bit done;               /* handed over, adopted or ended */
byte locks_kept;        /* by the stopped */
byte attached;          /* takers that are, and did not begin to leave */
byte deaths = DEATHS, stops = STOPS, fin;

#define DIE :: atomic { deaths > 0 -> deaths--; locks = locks - has; FORGET; goto out }
#define STOP :: atomic { stops > 0 -> stops--; locks_kept = locks_kept + has; FORGET; goto out }
#define EITHER if DIE STOP

inline begin_generation(w) { promised = NEVER; ended = 0; done = 0; status = w }
inline once() { assert(!done); done = 1 }

/* ---- chan__endpoint_lease ---- */
#define FORGET has = 0; mine = 0; before = 0; v = 0; k = 0
inline lease()
{
	atomic { if :: v = NEVER :: v = LAPSED :: v = 2 :: v = END fi };
	do
	:: EITHER :: atomic {
			before = lapses;
#ifndef BREAK_REVIVE            /* what is over may be put off again */
			if :: OVER(before) -> break :: else fi
#endif
		} fi;
		EITHER :: atomic { skip;
			if
#ifdef BREAK_PUT_OFF_STORE      /* a store, whatever the time has become */
			:: true ->
#else
			:: lapses == before ->
#endif
				assert(GEN(status) == GEN(mine));       /* nobody else's */
				lapses = v;
				if :: status == mine -> promised = v; ended = (ended || v == LAPSED) :: else fi;
				break
#ifndef BREAK_PUT_OFF_STORE
			:: else
#endif
			fi } fi
	od;
	atomic { before = 0; v = 0 }
}

/* ---- chan__repair_all, of this record ---- */
#undef FORGET
#define FORGET st = 0; before = 0; dead = 0
inline repair()
{
	EITHER :: atomic { st = status; if :: STATE(st) == FREE -> st = 0 :: else fi } fi;
	if
	:: STATE(st) == PREPARED ->                     /* has_lapsed */
		atomic { before = lapses; dead = (before == LAPSED); if :: OVER(before) :: else -> before = NEVER fi };
		if
		:: before != NEVER && !dead ->
#ifdef BREAK_NO_MARK            /* what the time says is enough */
			atomic { dead = 1 }
#elif defined(BREAK_MARK_STORE)
			EITHER :: atomic { lapses = LAPSED; ended = 1; dead = 1 } fi
#elif defined(BREAK_NO_LOOK_AGAIN)      /* a mark that came too late counts as well */
			EITHER :: atomic { skip; if :: lapses == before -> lapses = LAPSED; ended = 1 :: else fi; dead = 1 } fi
#else
			EITHER :: atomic { skip;
				if
				:: lapses == before -> lapses = LAPSED; dead = 1;
					if :: GEN(status) == GEN(st) -> ended = 1 :: else fi
				:: else
				fi } fi;
			if :: !dead -> atomic { dead = (lapses == LAPSED) } :: else fi
#endif
		:: else
		fi
	:: else
	fi;
	if
	:: st != 0 && STATE(st) != DEAD && !dead -> atomic { dead = (locks == 0) }
	:: else
	fi;
	if
	:: dead && STATE(st) != DEAD ->
		EITHER :: atomic { skip;
#ifdef BREAK_DEAD_STATE         /* the state is compared, and not the generation */
			if :: STATE(status) == STATE(st) -> st = status :: else fi;
#endif
			if
			:: status == st ->
				assert(locks == 0 || (STATE(st) == PREPARED && OVER(promised)));
				if :: STATE(st) == PREPARED -> once() :: else fi;
				st = WITH(st, DEAD); status = st
			:: else -> st = 0
			fi } fi
	:: else
	fi;
	if
	:: STATE(st) == DEAD -> EITHER :: atomic { skip; if :: status == st -> status = WITH(st, FREE) :: else fi } fi
	:: else
	fi;
	atomic { st = 0; before = 0; dead = 0 }
}

#undef FORGET
#define FORGET has = 0; mine = 0; before = 0; v = 0; k = 0
#ifndef BREAK_UNLOCKED
#define HAS_NO_LOCK     locks == 0
#else                           /* a FREE record is claimed though its lock is held */
#define HAS_NO_LOCK     true
#endif

proctype Owner(byte n)
{
	byte mine, before, v, k;
	bit has;

claim:
	EITHER :: atomic {
		STATE(status) == FREE && HAS_NO_LOCK && (n == 0 || address != 0) -> mine = status } fi;
#ifndef BREAK_LOCK_LATE
	EITHER :: atomic { skip;
		if
		:: HAS_NO_LOCK -> locks++; has = 1
		:: else -> mine = 0; goto claim
		fi } fi;
#endif
	EITHER :: atomic { skip;
		if
		:: status == mine -> mine = WORD(GEN(mine) + 1, ATTACHING); begin_generation(mine)
		:: else -> locks = locks - has; has = 0; mine = 0; goto claim
		fi } fi;
#ifdef BREAK_LOCK_LATE          /* the record before its lock */
	EITHER :: atomic { locks++; has = 1 } fi;
#endif
#if !defined(BREAK_KEEPS_END) && !defined(BREAK_CLEARED_LATE)
	EITHER :: atomic { lapses = NEVER } fi;
#endif
	EITHER :: atomic { assert(status == mine); mine = WITH(mine, PREPARED); status = mine } fi;
#ifdef BREAK_CLEARED_LATE
	EITHER :: atomic { lapses = NEVER } fi;
#endif
	atomic { if :: n == 0 -> address = mine :: else fi };
#if COPIES > 0
	if
	:: n > 0
	:: n == 0 -> EITHER :: atomic { copy = mine; locks++ } fi
	fi;
#endif
	do
	:: k < LEASES -> k++; lease()
	:: break
	od;
	EITHER :: atomic { locks--; has = 0 } fi;       /* closed */
	atomic { FORGET };
out:	fin++
}

#if COPIES > 0
/* A child with the owner's prepared handle: it lends, adopts, and leaves. */
proctype Copy()
{
	byte mine, before, v, k;
	bit has, late;

	atomic { copy != 0 -> mine = copy; has = 1 };
	if :: lease() :: skip fi;
	atomic { late = ended };
#ifndef BREAK_ADOPTS_BLINDLY    /* it does not look at the time */
	EITHER :: atomic {
		before = lapses;
		if :: !OVER(before) -> goto in_time :: before == LAPSED -> goto close :: else fi } fi;
	EITHER :: atomic { skip; if :: lapses == before -> lapses = LAPSED; ended = (status == mine); goto close :: else fi } fi;
	atomic { if :: lapses == LAPSED -> goto close :: else fi };
in_time:
#endif
	EITHER :: atomic { assert(GEN(status) == GEN(mine)) } fi;        /* writes who it is: into nobody else's record */
	EITHER :: atomic {
		before = 0;
#ifndef BREAK_ADOPT_STORE
		if :: status != mine -> goto close :: else fi;
#endif
		assert(!late); once(); mine = WITH(mine, LIVE); status = mine } fi;
	EITHER :: atomic { assert(status == mine); status = WITH(mine, FREE) } fi;
close:
	EITHER :: atomic { locks--; has = 0 } fi;
	atomic { FORGET; late = 0 };
out:	fin++
}
#endif

/* chan_attach_sender_at */
#undef FORGET
#define FORGET st = 0; before = 0; dead = 0
proctype Taker()
{
	byte st, before, to;
	bit has, late, dead;

	atomic { address != 0 -> to = address; late = ended };
#ifndef BREAK_NO_HEAL
	repair();
#endif
#ifndef BREAK_TAKES_FIRST
	EITHER :: atomic { taker_is_live++ } fi;
	EITHER :: atomic { skip; if :: gone -> taker_is_live--; goto out :: else -> version++; attached++ fi } fi;
#endif
	EITHER :: atomic { skip;
#ifdef BREAK_TAKE_STATE         /* whichever endpoint is prepared there */
		if :: STATE(status) == PREPARED -> assert(GEN(status) == GEN(to)) :: else fi;
#endif
		if
		:: status == to -> assert(!late); once(); status = WITH(to, FREE)
		:: else -> attached--; taker_is_live--
		fi } fi;
#ifdef BREAK_TAKES_FIRST
	EITHER :: atomic { taker_is_live++ } fi;
	EITHER :: atomic { assert(!gone); version++; attached++ } fi;
#endif
	atomic { to = 0; late = 0 };
out:	fin++
}

proctype Repairer()
{
	byte st, before;
	bit has, dead;
	repair();
out:	fin++
}

/* update_flags: one look at each record, in either order */
#if COUNTERS > 0
#define COUNTS(w)       (STATE(w) == PREPARED || STATE(w) == LIVE)
proctype Counter()
{
	byte seen;
	bit n;
	atomic { address != 0 -> seen = version };
	if
	:: atomic { n = COUNTS(status) }; atomic { n = n || taker_is_live }
	:: atomic { n = taker_is_live > 0 }; atomic { n = n || COUNTS(status) }
	fi;
	atomic {
		if
#ifdef BREAK_UNVERSIONED
		:: !n ->
#else
		:: !n && version == seen ->
#endif
			gone = 1; assert(attached == 0)
		:: else
		fi;
		n = 0; seen = 0 };
	fin++
}
#endif

proctype Clock()
{
	do
	:: atomic { now < END -> now++ }
	:: now == END -> break
	od
}

proctype Final()
{
end:	timeout ->
	d_step {
		/* nobody waits for a record that could be had, and nobody else waits */
		assert(fin == OWNERS + COPIES + TAKERS + REPAIRERS + COUNTERS ||
		       address == 0 || copy == 0 || STATE(status) != FREE || locks > 0);
		assert(locks == locks_kept);
		if      /* the last one repairs */
		:: STATE(status) == DEAD || (STATE(status) != FREE && locks == 0) ||
		   (STATE(status) == PREPARED && OVER(lapses)) -> status = WITH(status, FREE)
		:: else
		fi;
		/* given back, but to the stopped who has it, or has lent it without end */
		assert(STATE(status) == FREE ||
		       (locks > 0 && (STATE(status) != PREPARED || promised == NEVER)))
	}
}

init {
	atomic {
		run Final();
		run Clock();
		run Owner(0);
#if OWNERS > 1
		run Owner(1);
#endif
#if COPIES > 0
		run Copy();
#endif
#if TAKERS > 0
		run Taker();
#endif
#if TAKERS > 1
		run Taker();
#endif
#if REPAIRERS > 0
		run Repairer();
#endif
#if REPAIRERS > 1
		run Repairer();
#endif
#if COUNTERS > 0
		run Counter();
#endif
	}
}
