/* SPDX-License-Identifier: Apache-2.0 */
/* A watch, as spin checks it: shm/watch.c on the exchange of shm/ring.c, with the repair of a sender.
 *
 * Senders replace the value in the one ring cell; receivers pin it and read it in two halves. Every shared access is
 * a step. A sender may die before any of its writes, a receiver too, and a newcomer takes the receiver's record; each
 * may also stop for ever. Checked: a block is written while nobody reads it, what is read is one value that was
 * current during the read, a receiver never goes backwards, a sender always finds a free block, a receiver fails at
 * most once for each sender after it has asked, the repairer decides what is true, and in the end every block is in
 * one cell. */

#ifndef WRITES0
#define WRITES0 2               /* of each sender */
#endif
#ifndef WRITES1
#define WRITES1 1
#endif
#ifndef READS
#define READS 1                 /* of each receiver */
#endif
#ifndef RECEIVERS
#define RECEIVERS 1
#endif
#ifndef NEWCOMER                /* 1: somebody comes for the record of a dead receiver */
#define NEWCOMER 0
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef MAYDIE                  /* bit s: sender s; bit SENDERS + r: receiver r */
#define MAYDIE 15
#endif

#define SENDERS 2

/* cell = {turn, block}; cell 0 is the ring's, 1 + s is the hold cell of sender s, the others are in the receivers'
 * halves: two for each receiver, which has two words that name a block */
#define W(t, b)         ((t) * 8 + (b))
#define TURN(w)         ((w) / 8)
#define BLK(w)          ((w) % 8)
#define NONE            7
#define HOLD(s)         (1 + (s))
#define POOL            (1 + SENDERS)
#define CELLS           (POOL + 2 * RECEIVERS)
#define QUESTION(w)     ((w) != 0 && BLK(w) == NONE)
#define NAMES(w, b)     ((w) != 0 && BLK(w) == (b))

short cell[CELLS];
byte owner[CELLS];              /* {sequence, sender} */
short i_old[SENDERS];
byte i_cell[SENDERS];
short i_held[SENDERS];
byte i_count[SENDERS];
byte done[SENDERS];             /* exchanges counted */
short request[RECEIVERS];
short pin[RECEIVERS];
bit live[RECEIVERS];

/* ghosts */
byte first[CELLS], second[CELLS];       /* the halves of the value in a block */
byte history[WRITES0 + WRITES1 + 2];     /* what the value was in each turn, the first being 1 */
byte turn = 1;
bit hap[SENDERS];
byte made;                              /* exchanges there were */
byte reading[CELLS];
bit dead_s[SENDERS], dead_r[RECEIVERS], repaired[SENDERS];
byte ended;                             /* processes at their end */
byte deaths = DEATHS, stops = STOPS;
byte died;                              /* senders: each may leave receivers without an answer */

#define WRITES(s)       ((s) -> WRITES1 : WRITES0)
#define OWN(o, s)       (((o) / 4 + 1) * 4 + (s))
#define NEW(c, o, h)    W(TURN(o) + 1, BLK(h))

#define MORTAL \
	:: atomic { deaths > 0 && ((MAYDIE >> me) & 1) -> deaths--; dead_s[me] = 1; died++; goto gone } \
	:: atomic { stops > 0 -> stops--; goto gone }

/* The exchange of cell c, which has w, for the spare h; `did` says whether. */
inline exchange()
{
	if                              /* what nobody looks at before i_old is set; ring.pml has these one by one */
	:: atomic {
		if :: owner[BLK(h)] % 4 != me -> owner[BLK(h)] = OWN(owner[BLK(h)], me) :: else fi;
		i_cell[me] = c; i_held[me] = h; i_count[me] = done[me] }
	MORTAL
	fi;
	if
	:: atomic { i_old[me] = w; hap[me] = 0 }
	MORTAL
	fi;
	if
	:: atomic { cell[c] == w -> cell[c] = NEW(c, w, h); hap[me] = 1; made++; did = 1;
		if
		:: c == 0 -> turn++; history[turn] = first[BLK(h)]; assert(first[BLK(h)] == second[BLK(h)])
		:: else
		fi }
	:: atomic { cell[c] != w -> did = 0 }
	MORTAL
	fi;
	if
	:: did ->
		if
		:: atomic { owner[BLK(w)] = OWN(owner[BLK(w)], me) }
		MORTAL
		fi;
		if
		:: atomic { cell[HOLD(me)] = W(TURN(h) + 1, BLK(w)) }
		MORTAL
		fi;
		done[me] = i_count[me] + 1
	:: else
	fi;
	if
	:: atomic { i_old[me] = 0; i_cell[me] = 0; i_held[me] = 0; i_count[me] = 0 }
	MORTAL
	fi
}

/* chan__watch_is_pinned of block b */
inline look_at_pins(b)
{
	r = 0; named = 0;
	do
	:: r < RECEIVERS ->
#ifndef BREAK_SCAN_ORDER
		atomic { k = NAMES(request[r], b) };
		atomic { k = k || NAMES(pin[r], b) };
#else
		atomic { k = NAMES(pin[r], b) };
		atomic { k = k || NAMES(request[r], b) };
#endif
		atomic { named = named || (k && live[r]); k = 0; r++ }
	:: else -> break
	od;
	r = 0
}

proctype Sender(byte me)
{
	byte c, r, writes, asked;
	short w, h;
	bit named, did, k;
#ifdef BREAK_SCAN_EARLY
	bit early;
#endif

again:
	if
	:: writes == WRITES(me) -> goto gone
	:: else -> writes++
	fi;
	/* chan__watch_spare */
	h = cell[HOLD(me)];
#ifdef BREAK_SCAN_EARLY
	named = early;
#else
	look_at_pins(BLK(h));
#endif
#ifdef BREAK_REUSE
	named = 0;
#endif
	c = POOL;
	do
	:: named ->
		assert(c < CELLS);              /* there is always a free one: nobody else swaps them all away */
		w = cell[c];
		look_at_pins(BLK(w));
		if
		:: !named ->
			exchange();
			if
			:: did -> h = cell[HOLD(me)]
			:: else -> named = 1; c = POOL - 1      /* another sender was faster: once more */
			fi
		:: else
		fi;
		c++
	:: else -> break
	od;
	/* fill it */
	if
	:: atomic { assert(!reading[BLK(h)]); first[BLK(h)] = me * WRITES0 + writes }
	MORTAL
	fi;
	if
	:: atomic { assert(!reading[BLK(h)]); second[BLK(h)] = me * WRITES0 + writes }
	MORTAL
	fi;
	/* replace the value */
	c = 0; did = 0;
	do
	:: !did ->
		w = cell[0];
#ifdef BREAK_SCAN_EARLY
		look_at_pins(BLK(w)); early = named;
#endif
		exchange()
	:: else -> break
	od;
	/* answer_all */
	r = 0;
	do
	:: r < RECEIVERS ->
#ifndef BREAK_NO_ANSWER
		atomic { asked = request[r] };
		if
#ifndef BREAK_ANSWER_OLD
		:: QUESTION(asked) && TURN(asked) <= TURN(w) ->
#else
		:: QUESTION(asked) ->
#endif
			if
#ifndef BREAK_ANSWER_NEW
			:: atomic { request[r] == asked -> request[r] = w }
#else
			:: atomic { request[r] == asked -> request[r] = NEW(0, w, h) }
#endif
			:: atomic { request[r] != asked }
			MORTAL
			fi
		:: else
		fi;
#endif
		asked = 0; r++
	:: else -> break
	od;
	w = 0; h = 0; c = 0; did = 0; r = 0; named = 0;
	goto again;
gone:
	atomic { w = 0; h = 0; c = 0; did = 0; r = 0; named = 0; asked = 0; k = 0; ended++ }
}

#define MORTAL_R \
	:: atomic { deaths > 0 && ((MAYDIE >> (SENDERS + me)) & 1) -> deaths--; dead_r[me] = 1; goto gone } \
	:: atomic { stops > 0 -> stops--; goto gone }

proctype Receiver(byte me; bit comes)
{
	byte reads, since, seen, fails, got;
	short w, now, asked;

	if
	:: comes ->                             /* chan__endpoint_claim, chan__watch_forget */
		if
		:: atomic { dead_r[me] && !live[me] }
		:: atomic { !dead_r[me] && ended >= SENDERS -> goto out }  /* nobody died */
		fi;
		atomic { request[me] = 0 };
		atomic { pin[me] = 0 };
		atomic { dead_r[me] = 0; live[me] = 1 }
	:: else
	fi;
again:
	if
	:: reads == READS -> goto gone
	:: else -> reads++
	fi;
	atomic { since = turn; w = cell[0] };
	asked = 0; fails = 0;
try:
#ifdef BREAK_PIN_LATE
	atomic { now = cell[0] };
#endif
	if
	:: atomic { pin[me] = w }
	MORTAL_R
	fi;
#ifndef BREAK_PIN_LATE
	atomic { now = cell[0] };
#endif
#ifdef BREAK_NO_RECHECK
	now = w;
#endif
	if
	:: now == w -> goto pinned
	:: else -> w = now
	fi;
	if
	:: asked ->
		if
		:: atomic { request[me] != asked -> w = request[me] }   /* answered */
		:: atomic { request[me] == asked ->
			fails++;
			assert(fails <= SENDERS + died);
			goto try }
		fi;
#ifndef BREAK_MOVE
		if
		:: atomic { pin[me] = w }
		MORTAL_R
		fi;
		if
		:: atomic { request[me] = 0; asked = 0 }
		MORTAL_R
		fi
#else
		if
		:: atomic { request[me] = 0; asked = 0 }
		MORTAL_R
		fi;
		if
		:: atomic { pin[me] = w }
		MORTAL_R
		fi
#endif
	:: else ->                              /* ask */
		if
		:: atomic { asked = W(TURN(w), NONE); request[me] = asked }
		MORTAL_R
		fi;
		atomic { w = cell[0] };
		goto try
	fi;
pinned:
	if
	:: asked ->
		if
		:: atomic { request[me] = 0; asked = 0 }        /* by CAS, or a store: answered or not */
		MORTAL_R
		fi
	:: else
	fi;
	atomic { reading[BLK(w)]++;
		assert(TURN(w) >= since && TURN(w) >= seen); seen = TURN(w);
		got = first[BLK(w)]; assert(got == history[TURN(w)]) };
	atomic { assert(second[BLK(w)] == got); reading[BLK(w)]-- };
	if
	:: atomic { pin[me] = 0; w = 0; now = 0; got = 0; since = 0; fails = 0 }
	MORTAL_R
	fi;
	goto again;
gone:
	atomic { w = 0; now = 0; got = 0; since = 0; fails = 0; asked = 0 };
out:	ended++
}

/* Repairs one sender: step by step, at any time after its death. */
proctype Repairer()
{
	byte e, x, s, c, o, other;
	short old, held, new, w;
	bit yes;

end:	do
	:: atomic { dead_s[0] && !repaired[0] -> e = 0 } ; goto repair
	:: atomic { dead_s[1] && !repaired[1] -> e = 1 } ; goto repair
	:: atomic { dead_r[0] && live[0] -> live[0] = 0 }
#if RECEIVERS > 1
	:: atomic { dead_r[1] && live[1] -> live[1] = 0 }
#endif
	od;
repair:
	other = 1 - e;
	atomic { old = i_old[e]; held = i_held[e]; c = i_cell[e] };
	if
	:: old == 0 -> goto over
	:: else
	fi;
	new = NEW(c, old, held); s = BLK(held); x = BLK(old); yes = 0;
	if
	:: atomic { cell[HOLD(e)] != held -> yes = 1; goto count }
	:: atomic { cell[HOLD(e)] == held }
	fi;
	atomic { w = cell[c] };
	if
	:: TURN(w) < TURN(new)
	:: TURN(w) == TURN(new) -> yes = (BLK(w) == s)
	:: TURN(w) > TURN(new) ->
		atomic { yes = (i_old[other] == new && i_cell[other] == c) };
#ifndef BREAK_NO_OWNER
		atomic { yes = yes || owner[s] % 4 != e }
#endif
	fi;
	assert(yes == hap[e]);
	if
	:: !yes -> goto over
	:: else
	fi;
	atomic { o = owner[x] };
	atomic { if :: o % 4 != e && owner[x] == o -> owner[x] = OWN(o, e) :: else fi; o = 0 };
	atomic { assert(cell[HOLD(e)] == held); cell[HOLD(e)] = W(TURN(held) + 1, x) };
count:
	atomic { if :: done[e] == i_count[e] -> done[e]++ :: else fi };
over:
	atomic { repaired[e] = 1; e = 0; x = 0; s = 0; c = 0; other = 0; old = 0; held = 0; new = 0; w = 0; yes = 0 };
	goto end
}

/* The end: every block in one cell, every exchange counted. */
#define PROCESSES (SENDERS + RECEIVERS + NEWCOMER)
proctype Final()
{
	byte i, seen;
	atomic {
		ended == PROCESSES && (!dead_s[0] || repaired[0]) && (!dead_s[1] || repaired[1]) && stops == STOPS ->
		do
		:: i < CELLS -> assert(!((seen >> BLK(cell[i])) & 1)); seen = seen | (1 << BLK(cell[i])); i++
		:: else -> break
		od;
		assert(done[0] + done[1] == made)
	}
}

init {
	byte i;
	atomic {
		do
		:: i < CELLS -> cell[i] = W(1, i); owner[i] = NONE; i++
		:: else -> break
		od;
		owner[1] = 0; owner[2] = 1;
		history[1] = 0;
		live[0] = 1;
		run Sender(0); run Sender(1); run Receiver(0, 0);
#if RECEIVERS > 1
		live[1] = 1; run Receiver(1, 0);
#endif
#if NEWCOMER
		run Receiver(0, 1);
#endif
		run Repairer(); run Final()
	}
}
