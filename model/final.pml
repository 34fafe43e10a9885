/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run: nobody moves any more; the one who comes last repairs, then everything is counted. */

#define INTENT_AT(k, c, n)      (SAMEWORD(i_old[k], n) && i_cell[k] == (c))
#define EXCHANGED(r)            (hap[r] && i_old[r] != 0 && i_hold[r] == cell[HOLD(r)])

/* The whole repair of record r at once; decides by the rules, and checks them against the truth. */
inline mend(r)
{
	if
	:: WOUNDED(r) ->
		status[r] = status[r] - STATE(r) + DEAD;
		if
		:: i_old[r] != 0 ->
			o = i_old[r]; ic = i_cell[r]; h = i_hold[r]; n = NEW(ic, o, h); w = cell[ic];
			if
			:: INPLACE(r, ic) ->
				did = (TURN(w) > TURN(ADOPTED(o)) || w == ADOPTED(o));
				assert(did == hap[r])
			:: !INPLACE(r, ic) && cell[HOLD(r)] != h -> did = 1; assert(hap[r])
			:: else ->
				did = (TURN(w) == TURN(n) && BLK(w) == BLK(h));
				if
				:: TURN(w) > TURN(n) ->
					did = (BYWHOM(owner[BLK(h)]) != r);
					k = 0;
					do
					:: k < R -> if :: k != r && INTENT_AT(k, ic, n) -> did = 1 :: else fi; k++
					:: else -> break
					od
				:: else
				fi;
				assert(did == hap[r]);
				if :: did -> cell[HOLD(r)] = HOLDNEW(ic, o, h) :: else fi
			fi;
			if
			:: did && ISSEND(ic, o) && sent[r] == i_cnt[r] -> sent[r]++
			:: did && ISRECV(ic, o) && taken[r] == i_cnt[r] -> taken[r]++
			:: did && ic >= N && redel[r] == i_cnt[r] -> redel[r]++
			:: else
			fi
		:: else
		fi;
		if
		:: HSTATE(cell[HOLD(r)]) == HELD -> cell[HOLD(r)] = cell[HOLD(r)] + 32
		:: else
		fi;
		if
		:: HSTATE(cell[HOLD(r)]) == ORPHAN -> summary = summary - summary % 2 + 3
		:: else
		fi;
		status[r] = status[r] - DEAD + FREE
	:: else
	fi
}

/* A stopped one may stand between its CAS and its own hold cell: then its block is the one it got. */
#define OWNWORD(r)      (EXCHANGED(r) -> HOLDNEW(i_cell[r], i_old[r], i_hold[r]) : cell[HOLD(r)])

proctype Final()
{
	short o, n, h, w, place, queued;
	byte ic, k, b, s, t, d;
	bit did;

end:	timeout ->
	d_step {
		over = 1;
		assert(fin >= STARTED);                 /* no survivor waits for anybody */
		mend(0); mend(1);
#if R > 2
		mend(2);
#endif
#if R > 3
		mend(3);
#endif
		/* every block in exactly one cell; no message in two */
		k = 0;
		do
		:: k < CELLS ->
			w = cell[k];
			if
			:: k >= N -> w = OWNWORD(k - N)
			:: else
			fi;
			b = BLK(w);
			assert(!((place >> b) & 1));
			place = place | (1 << b);
			if
			:: (k < N && TURN(w) % 2 == 1) || (k >= N && HSTATE(w) != SPARE) ->
				assert(((sentm >> content[b]) & 1) && !((ackm >> content[b]) & 1));
				assert(!((queued >> content[b]) & 1));
				queued = queued | (1 << content[b]);
				assert(k < N || HSTATE(w) != HELD || stopped[k - N]);           /* or nobody would ever see it */
				assert(k < N || HSTATE(w) != ORPHAN || summary % 2 == 1)        /* it will be found */
			:: else
			fi;
			k++
		:: else -> break
		od;
		assert(place == (1 << BLOCKS) - 1);
		assert((queued | ackm) == sentm);       /* none lost */
		/* counters, with what the stopped ones have in hand */
		k = 0;
		do
		:: k < R ->
			s = s + sent[k]; t = t + taken[k]; d = d + redel[k];
			if
			:: stopped[k] && i_old[k] != 0 && hap[k] && ISSEND(i_cell[k], i_old[k]) && sent[k] == i_cnt[k] -> s++
			:: stopped[k] && i_old[k] != 0 && hap[k] && ISRECV(i_cell[k], i_old[k]) && taken[k] == i_cnt[k] -> t++
			:: stopped[k] && i_old[k] != 0 && hap[k] && i_cell[k] >= N && redel[k] == i_cnt[k] -> d++
			:: else
			fi;
			k++
		:: else -> break
		od;
		assert(s == sent_g && t == taken_g && d == redel_g && s - t == tail - head);
		assert(tail - head <= N)
	}
}

init {
	atomic {
		setup();
		run Final();
		start()
	}
}
