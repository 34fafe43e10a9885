/* SPDX-License-Identifier: Apache-2.0 */
/* A reply cell by itself (shm/reply.h): callers one after the other on one record, servers that answer, refuse or keep an
 * address too long, two repairers. The queue that carries the requests is not here: ring.pml has it. */

#ifndef DEATHS
#define DEATHS 1        /* of servers and callers */
#endif
#ifndef STOPS
#define STOPS 0         /* servers or callers that stop for ever, alive */
#endif
#ifndef REPAIRERS
#define REPAIRERS 2     /* each may stop for ever at any step */
#endif
#ifndef CALLS
#define CALLS 2         /* of each caller */
#endif
#ifndef JOBS
#define JOBS 1          /* of each server */
#endif
#ifndef COMERS
#define COMERS 1        /* callers that come to the record when it is free */
#endif

#define S0 0            /* records: two servers and the caller */
#define S1 1
#define C 2

#define IDLE 0
#define AWAITED 1
#define ANSWERED 2
#define REFUSED 3
#define state(t) ((t) % 4)
#define next_idle(t) (((t) / 4 + 1) * 4)

#define FREE 0
#define LIVE 1
#define DEAD 2

/* shared */
byte turn = 4, blk = 2;                 /* the reply cell */
byte owner[3];                          /* {sequence, record} of each block: 4 x sequence + record */
byte status[3], gen[3];
byte hturn[2], spare[2];                /* the servers' hold cells */
byte i_turn[2], i_blk[2], i_hturn[2], i_spare[2], i_count[2];   /* intents; i_turn 0: none */
byte counted[2];
byte held_turn[2], held_blk[2];         /* the request in a server's hands: its address; 0: none */

/* the request on its way: its address */
byte sent_turn, sent_blk;

/* ghosts */
bool dead[3];
bool hap[2];                            /* the exchange of this intent has taken effect */
byte answers[2];                        /* exchanges that took effect */
byte text[3];                           /* what is in each block: the turn of the call that it answers */
byte deaths, stops, comers;
bool waits;                             /* the caller waits */
bool lost;                              /* somebody living has stopped, maybe in the middle */

#define own(b, r) owner[b] = owner[b] - owner[b] % 4 + 4 + (r)
#define may_die(r) (deaths < DEATHS)
#define DIE(r) :: atomic { may_die(r) -> deaths++; dead[r] = true; goto end }
#define STOP :: atomic { stops < STOPS -> stops++; lost = true; goto end }

/* CAS of the cell, in place or with another block */
inline cas(WAS_TURN, WAS_BLK, NOW_TURN, NOW_BLK, DID)
{
	if
	:: turn == WAS_TURN && blk == WAS_BLK -> turn = NOW_TURN; blk = NOW_BLK; DID = true
	:: else -> DID = false
	fi
}

proctype Caller()
{
	byte t, n, b; bool ok, patient;
	do
	:: n < CALLS ->
		n++;
		if :: patient = true :: patient = false fi;
		if
		DIE(C)
		STOP
		:: atomic { assert(state(turn) == IDLE); t = turn + 1; b = blk; turn = t }
		fi;
		if
		DIE(C)
		STOP
		:: atomic { sent_turn = t; sent_blk = b; waits = true }
		fi;
		if
		DIE(C)
		STOP
		:: atomic { turn == t + 1 ->                    /* answered: read it, where it is */
			waits = false; b = blk;
			assert(text[b] == t) };
#ifdef BREAK_OWNER_LATE
			if DIE(C) :: turn = next_idle(t) fi;
			if DIE(C) :: own(b, C) fi
#else
#ifndef BREAK_OWNER
			if DIE(C) :: own(b, C) fi;
#endif
			if DIE(C) :: turn = next_idle(t) fi
#endif
		:: atomic { turn == t + 2 -> waits = false };   /* refused */
			if DIE(C) :: turn = next_idle(t) fi
		:: atomic {                                     /* gives up, if it may */
			!patient && turn == t -> cas(t, b, next_idle(t), b, ok); assert(ok); waits = false;
			if :: sent_turn == t -> sent_turn = 0 :: else fi }
		fi
	:: else -> break
	od;
	/* It leaves: its cells are idle. */
	status[C] = FREE;
end:	skip
}

proctype Server(byte me)
{
	byte t, b, n; bool ok;
next:	if
	:: atomic { n < JOBS && sent_turn != 0 ->
		n++; t = sent_turn; b = sent_blk; sent_turn = 0;
		held_turn[me] = t; held_blk[me] = b }
	:: atomic { n < JOBS && held_turn[1 - me] != 0 ->       /* its address only, from another thread */
		n++; t = held_turn[1 - me]; b = held_blk[1 - me] }
	:: atomic { timeout -> goto end }
	fi;
	if
	:: true ->                                              /* answer */
		if DIE(me) STOP :: own(spare[me], me) fi;
		if
		DIE(me)
		STOP
		:: atomic { assert(blk != spare[me]); text[spare[me]] = t }
		fi;
		if
		DIE(me)
		STOP
		:: atomic { i_blk[me] = b; i_hturn[me] = hturn[me]; i_spare[me] = spare[me];
			i_count[me] = counted[me]; hap[me] = false; i_turn[me] = t }
		fi;
		if
		DIE(me)
		STOP
		:: atomic { skip;
#ifdef BREAK_TURN
			/* the address is the place alone */
			if
			:: state(turn) == AWAITED -> b = blk; i_blk[me] = b; i_turn[me] = turn; cas(turn, blk, turn + 1, spare[me], ok)
			:: else -> ok = false
			fi;
#else
			cas(t, b, t + 1, spare[me], ok);
#endif
			if :: ok -> hap[me] = true; answers[me]++ :: else fi }
		fi;
		if
		:: ok ->
			if DIE(me) STOP :: own(b, me) fi;
			if DIE(me) STOP :: atomic { spare[me] = b; hturn[me]++ } fi;
			if DIE(me) STOP :: counted[me]++ fi
		:: else
		fi;
		if DIE(me) STOP :: i_turn[me] = 0 fi
	:: held_turn[me] != 0 -> skip                           /* or not */
	fi;
	if
	:: held_turn[me] != 0 ->
		if
		DIE(me)
		STOP
		:: atomic { t = held_turn[me]; b = held_blk[me]; cas(t, b, t + 2, b, ok) }
		fi;
		if DIE(me) STOP :: held_turn[me] = 0 fi
	:: else
	fi;
	goto next;
end:	skip
}

/* Repair of record r, in the steps that others can come between; stale as it likes. */
#define VANISH :: !stays -> goto end
inline repair()
{
	g = gen[r];
	if :: r < C ->
		atomic { t = i_turn[r]; b = i_blk[r]; s = i_spare[r]; h = i_hturn[r]; k = i_count[r] };
		if
		:: t != 0 ->
			if
			:: hturn[r] != h -> yes = true
			:: else ->
				if VANISH :: atomic { t2 = turn; b2 = blk } fi;
				if
				:: t2 < t + 1 -> yes = false
				:: t2 == t + 1 -> yes = (b2 == s)
				:: t2 > t + 1 -> if VANISH :: yes = (owner[s] % 4 != r) fi
				fi
			fi;
			atomic { ok = (gen[r] == g && status[r] == DEAD);
				if :: ok -> assert(yes == hap[r]) :: else fi };
			if
			:: ok && yes ->
				if VANISH :: o = owner[b] fi;
				if
				:: hturn[r] == h ->
					if VANISH :: atomic { owner[b] == o && o % 4 != r -> own(b, r) } :: owner[b] != o || o % 4 == r fi;
					if VANISH :: atomic { skip; if :: hturn[r] == h -> hturn[r] = h + 1; spare[r] = b :: else fi } fi
				:: else
				fi;
				if VANISH :: atomic { skip; if :: gen[r] == g && status[r] == DEAD && counted[r] == k -> counted[r] = k + 1 :: else fi } fi
			:: else
			fi
		:: else
		fi;
		atomic { t = held_turn[r]; b = held_blk[r] };
		if
		:: t != 0 && gen[r] == g && status[r] == DEAD ->
#ifndef BREAK_NO_REFUSAL
			if VANISH :: atomic { cas(t, b, t + 2, b, ok) } fi;
#endif
			if VANISH :: atomic { skip; if :: held_turn[r] == t -> held_turn[r] = 0 :: else fi } fi
		:: else
		fi
	:: else ->
#ifndef BREAK_NO_CLEARING
		do
		:: atomic { t = turn; b = blk };
			if VANISH :: atomic { ok = (gen[r] == g && status[r] == DEAD) } fi;
			if
			:: !ok || state(t) == IDLE -> break
			:: else
			fi;
#ifndef BREAK_OWNER_REPAIR
			if
			:: state(t) == ANSWERED ->
				if VANISH :: o = owner[b] fi;
#ifndef BREAK_GUARD
				if VANISH :: ok = (turn == t && blk == b) fi;
#endif
				if
				:: ok && o % 4 != r ->
					if VANISH :: atomic { skip; if :: owner[b] == o -> own(b, r) :: else fi } fi
				:: else
				fi
			:: else
			fi;
#endif
			if VANISH :: atomic { cas(t, b, next_idle(t), b, ok) } fi
		od;
#endif
		skip
	fi;
	if VANISH :: atomic { skip; if :: gen[r] == g && status[r] == DEAD -> status[r] = FREE :: else fi } fi
}

proctype Repairer()
{
	byte r, g, t, b, s, h, k, t2, b2, o; bool yes, ok, stays;
	do
	:: atomic { (dead[S0] && status[S0] != FREE) || (dead[S1] && status[S1] != FREE) || (dead[C] && status[C] != FREE) ->
		if
		:: dead[S0] && status[S0] != FREE -> r = S0
		:: dead[S1] && status[S1] != FREE -> r = S1
		:: dead[C] && status[C] != FREE -> r = C
		fi;
		status[r] = DEAD };
		repair()
	:: atomic { timeout -> break }
	od;
end:	skip
}

/* A newcomer takes the caller's record when it is free. */
proctype Newcomer()
{
	atomic {
		do
		:: status[C] == FREE && comers < COMERS -> break
		:: timeout -> goto end
		od;
		comers++; gen[C]++; dead[C] = false; status[C] = LIVE; waits = false;
	};
	run Caller();
end:	skip
}

/* The end of a run: the last one repairs, then all is counted. */
proctype Final()
{
	byte r, g, t, b, s, h, k, t2, b2, o; bool yes, ok, stays = true;
	timeout;
	atomic {
		for (r : 0 .. 2) {
			if
			:: dead[r] && status[r] != FREE ->
				status[r] = DEAD;
				repair()
			:: else
			fi
		}
		/* every block is in one place, but for one that a stopped server has in hand */
		if :: !lost -> assert(blk != spare[0] && blk != spare[1] && spare[0] != spare[1]) :: else fi;
		/* each answer is counted once, by those who came to their end */
		if :: !lost -> assert(counted[0] == answers[0] && counted[1] == answers[1]) :: else fi;
		/* nobody waits for what will not come: the request is not in living hands, nor on its way */
		if
		:: waits && !dead[C] && !lost -> assert(state(turn) != AWAITED || sent_turn != 0)
		:: else
		fi;
		/* a record that nobody has, has no call */
		assert(status[C] != FREE || state(turn) == IDLE)
	}
end:	skip
}

init
{
	atomic {
		owner[0] = 0; owner[1] = 1; owner[2] = 2;
		spare[0] = 0; spare[1] = 1;
		status[0] = LIVE; status[1] = LIVE; status[2] = LIVE;
		run Caller(); run Server(S0); run Server(S1); run Newcomer();
		byte i;
		for (i : 1 .. REPAIRERS) { run Repairer() }
		run Final()
	}
}
