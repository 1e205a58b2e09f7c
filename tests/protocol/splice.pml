/*
 * The ordering rule of the splice: one or two directions of a spliced pair, the kernel's TCP between them, and what
 * the program on top may do. Exhaustive at small bounds; cases.txt lists the configurations and the variants,
 * run.sh searches them.
 *
 * Bytes are numbered by their position in the stream, so that order, loss and duplication are one assertion. Endpoint d
 * sends on direction d and receives on direction 1-d; a direction has one owner who sends and one who receives, each a
 * process here and a thread there. Every step is one load, store, or system call that somebody else could see.
 * A word has one writer. Whoever stores something the other may sleep for does it as store, barrier, look.
 *
 * A flag that begins with BREAK_ takes one thing away, or swaps it; each must make the search fail. A flag that begins
 * with REACH_ claims that something never happens; each must fail as well, or the model could not do it.
 */
#ifndef BYTES
#define BYTES 4     /* accepted from the sending program, per direction */
#endif
#ifndef CAPACITY
#define CAPACITY 2  /* of the ring */
#endif
#ifndef WINDOW
#define WINDOW 2    /* what TCP holds between send and recv */
#endif
#ifndef DIRECTIONS
#define DIRECTIONS 1
#endif
#ifndef EPOCHS
#define EPOCHS 2    /* flushes a sender may begin; all but the last may be withdrawn */
#endif
#ifndef STALLS
#define STALLS 1    /* how often a stall timer may fire, so that a lost wake-up cannot hide behind a timer */
#endif
#ifndef WANT
#define WANT 1      /* the reader's low watermark */
#endif
#ifndef CONVENIENT
#define CONVENIENT 1 /* free slots at which a blocked writer would like to be woken; it could go on with one */
#endif
#define STASH 2     /* bytes taken out of TCP before the watermark was met */
#define NEVER 250   /* a position that is not reached: wake me for a flag only */

#ifndef BACK
#define BACK BYTES  /* the same for the second direction */
#endif
#define LIMIT(d) (d == 0 -> BYTES : BACK)
#define OTHER(x) (1 - (x))

/* Words of the sender. */
byte write_cursor[DIRECTIONS];
byte epoch[DIRECTIONS];
byte writer_wake_at[DIRECTIONS];
byte writer_need_at[DIRECTIONS];
bool left[DIRECTIONS];
#ifdef BREAK_BELIEVE_DECLARED
bool declared[DIRECTIONS];
#endif
/* Words of the receiver. */
byte read_cursor[DIRECTIONS];
byte tcp_taken[DIRECTIONS];
byte drained[DIRECTIONS];
byte reader_wake_at[DIRECTIONS];
bool rx_ready[DIRECTIONS];
/* Words of an endpoint. */
bool half_closed[2];
bool gone[2];
bool leaving[2];
/* "The word I sleep on has changed since I read it", which is what a futex or a doorbell amounts to. */
bool reader_woken[DIRECTIONS];
bool writer_woken[DIRECTIONS];
byte slots[CAPACITY * DIRECTIONS];

/* The kernel: what is between send and recv, how much of it has not arrived, how much is not acknowledged. */
byte queue[WINDOW * DIRECTIONS];
byte queue_cursor[WINDOW * DIRECTIONS]; /* the write cursor when that byte was sent: what its arrival makes visible */
byte queued[DIRECTIONS];
byte flying[DIRECTIONS];
byte unacked[DIRECTIONS];
byte fin[2];      /* of that endpoint: 0 not sent, 1 sent, 2 arrived */
bool reset;       /* the connection is reset: nothing more goes in or arrives; what arrived stays readable */
bool dead[2];     /* killed */
bool closed[2];   /* its descriptor is closed, by itself or by its death */
bool shut_rd[2];  /* has called shutdown(SHUT_RD), which shows RDHUP to itself */

/* What was promised and what became of it. */
byte accepted[DIRECTIONS];
byte got[DIRECTIONS];
bool sender_done[DIRECTIONS];
bool receiver_done[DIRECTIONS];
byte generation[DIRECTIONS];   /* which pairing the receiver has installed; only REPAIR goes beyond 0 */


#define ARRIVED(d)  (queued[d] - flying[d])
#define READABLE(d) (ARRIVED(d) > 0 || fin[d] == 2 || reset)
#define POSITION(d) (read_cursor[d] + tcp_taken[d])
/* Says that no ring byte will follow. */
#define HAS_LEFT(d) (left[d] || half_closed[d])
/* poll(2) on the sender's own descriptor shows RDHUP. */
#define RDHUP(x)    (fin[OTHER(x)] == 2 || shut_rd[x])

inline kernel_resets() {
  reset = true;
  for (i : 0 .. DIRECTIONS - 1) {
    queued[i] = queued[i] - flying[i];
    flying[i] = 0;
    unacked[i] = 0
  }
  i = 0
}

inline kernel_sends_fin(x) {
#ifdef INSTANT
  fin[x] = 2
#else
  fin[x] = 1
#endif
}

/* The descriptor of endpoint x is closed: RST if anything is unread, or asked for; else FIN. */
inline kernel_closes(x, rudely) {
  closed[x] = true;
  if
#if DIRECTIONS == 1
  :: x == 1 && !reset && (rudely || ARRIVED(0) > 0) -> kernel_resets()
  :: else -> if :: fin[x] == 0 -> kernel_sends_fin(x) :: else fi
#else
  :: !reset && (rudely || ARRIVED(OTHER(x)) > 0) -> kernel_resets()
  :: else -> if :: fin[x] == 0 -> kernel_sends_fin(x) :: else fi
#endif
  fi
}

active proctype Network() {
  byte i;
end:
  do
#ifndef INSTANT
  :: atomic { flying[0] > 0 -> if :: closed[1] -> kernel_resets() :: else -> flying[0]-- fi }
#endif
  :: unacked[0] > flying[0] -> unacked[0] = flying[0]
#if DIRECTIONS == 2
#ifndef INSTANT
  :: atomic { flying[1] > 0 -> if :: closed[0] -> kernel_resets() :: else -> flying[1]-- fi }
#endif
  :: unacked[1] > flying[1] -> unacked[1] = flying[1]
  :: fin[0] == 1 && flying[0] == 0 -> fin[0] = 2
  :: fin[1] == 1 && flying[1] == 0 -> fin[1] = 2
#else
  :: fin[0] == 1 && flying[0] == 0 -> fin[0] = 2
  :: fin[1] == 1 -> fin[1] = 2
#endif
  od
}

/* ---- the sender ------------------------------------------------------------------------------------------------ */

/* Barrier passed, something stored: is anybody asleep for it? `flag`: not a position but something he cares about. */
inline look_for_reader_here(flag) {
  if
  :: reader_wake_at[d] > looked && (flag || reader_wake_at[d] <= write_cursor[d]) -> reader_woken[d] = true
  :: else
  fi;
  looked = write_cursor[d];
  heard_gone = gone[OTHER(d)];
  heard_leaving = heard_leaving || leaving[OTHER(d)]
}
inline look_for_reader(flag) { atomic { look_for_reader_here(flag) } }

inline put_to_tcp(b) {
  queue[d * WINDOW + queued[d]] = b;
  queue_cursor[d * WINDOW + queued[d]] = write_cursor[d];
  queued[d]++;
#ifdef INSTANT
  if :: closed[OTHER(d)] -> flying[d]++; kernel_resets() :: else fi;
#else
  flying[d]++;
#endif
  unacked[d]++
}

#ifdef BREAK_UNDRAINED_NEVER_FEEDS
#define MAY_FEED !undrained
#else
#define MAY_FEED true
#endif

proctype Sender(byte d) {
  byte i, k;
  byte looked;        /* the write cursor at the last look */
  byte sent_to_tcp;   /* since opening, from the receiver's count at that moment on */
  byte room_limit;    /* cached: read cursor + capacity */
  byte stalls = STALLS;
  byte my_generation;
  bool open, undrained, flushing;
  bool withdrawn;     /* for a claim about reachability only */
  bool out;           /* has left the ring: plain TCP */
  bool for_tcp;       /* sleeps until TCP takes something */
  bool ended;         /* nobody will read this ring any more: TCP only */
  bool heard_gone, heard_leaving;
#ifdef STARTS_OPEN
  open = true; room_limit = CAPACITY;
#endif

  {
  skip;
again:
  atomic {
#ifdef REPAIR
    if
    :: out && generation[d] > my_generation ->
       /* Installs the next pairing: fresh words, fresh private state, any history on TCP. */
       my_generation = generation[d];
       out = false; heard_leaving = false; looked = 0; sent_to_tcp = 0; undrained = false; flushing = false; open = false;
#ifdef REACH_PAIRED_AGAIN
       assert(false);
#endif
    :: else
    fi;
#endif
    if
    :: heard_gone && !ended -> ended = true; goto redeem
    :: else
    fi;
    if
    :: heard_leaving && !out -> goto leave
    :: else
    fi;
    if
    :: accepted[d] == LIMIT(d) -> goto finish
    :: else
    fi;
    if
    :: ended || out -> goto tcp
    :: !ended && !out && open && !undrained -> goto ring
    :: !ended && !out && open && undrained -> goto settle
    :: !ended && !out && !open && flushing -> goto flush
    :: !ended && !out && !open && !flushing -> goto closed_ring
    fi
  }

closed_ring:
  /* Everything goes by TCP. A flush may begin when nothing is unacknowledged. */
  if
#if defined(BREAK_OPEN_UNACKED)
  :: rx_ready[d] && epoch[d] < EPOCHS -> skip;
#elif defined(BREAK_OPEN_LOOKS_AT_QUEUE)
  :: rx_ready[d] && ARRIVED(d) == 0 -> goto open_it;
#elif defined(BREAK_OPEN_WITHOUT_DRAIN)
  :: rx_ready[d] && unacked[d] == 0 -> goto open_it;
#else
  :: rx_ready[d] && epoch[d] < EPOCHS && unacked[d] == 0 -> skip;
#endif
     atomic { epoch[d]++; flushing = true };
#ifndef BREAK_NO_WAKE_FOR_EPOCH
     look_for_reader(true);
#endif
     goto again
  :: goto tcp
  fi;

flush:
  if
  :: drained[d] == epoch[d] -> goto open_it
#ifndef BREAK_FLUSH_NEVER_WITHDRAWN
  :: drained[d] != epoch[d] && (epoch[d] < EPOCHS || STALLS == 255) ->
     /* Withdraws: it must not wait, or has waited long enough. What it sends now makes the epoch void. */
     atomic {
#ifndef BREAK_WITHDRAWN_EPOCH_COUNTS
       flushing = false;
#endif
       withdrawn = true;
       goto tcp
     }
#endif
  :: drained[d] != epoch[d] -> goto sleep_for_drained
  fi;

open_it:
  /* The next step, before any other send. */
  atomic {
#ifdef REACH_WITHDRAWN_THEN_OPENED
    assert(!withdrawn);
#endif
#ifdef BREAK_OPEN_LATER
    if
    :: queued[d] < WINDOW && !reset && accepted[d] < LIMIT(d) -> put_to_tcp(accepted[d]); accepted[d]++
    :: else
    fi;
#endif
    open = true;
    flushing = false;
    sent_to_tcp = tcp_taken[d];
    room_limit = read_cursor[d] + CAPACITY;
    goto again
  };

/* Full as remembered, and by a fresh look. */
#define FULL (room_limit == write_cursor[d] && read_cursor[d] + CAPACITY == room_limit)
ring:
#ifdef BREAK_BELIEVE_DECLARED
  /* Means to send by TCP, says so first, and takes it back when nothing went in. */
  if
  :: declared[d] = true; declared[d] = false
  :: skip
  fi;
#endif
  if
  :: atomic { room_limit > write_cursor[d] ->
       /* Room, as far as it remembers. All of it at once, or one byte. */
#ifndef BREAK_LEFT_BEFORE_LAST_BYTE
       assert(rx_ready[d] && !left[d]);
#endif
#ifdef REACH_RING_AGAIN
       assert(my_generation == 0);
#endif
#ifdef REACH_RING_AFTER_HALF_CLOSE
       assert(!half_closed[OTHER(d)]);
#endif
       if
       :: k = 1
       :: room_limit - write_cursor[d] > 1 && LIMIT(d) - accepted[d] > 1 -> k = 2
       fi;
#ifdef BREAK_LOOK_BEFORE_PUBLISH
       look_for_reader_here(false)
     };
     atomic {
#endif
       for (i : 1 .. k) {
         slots[d * CAPACITY + (write_cursor[d] + i - 1) % CAPACITY] = accepted[d] + i - 1
       }
       write_cursor[d] = write_cursor[d] + k;
       accepted[d] = accepted[d] + k;
       i = 0;
       k = 0
     };
#if !defined(BREAK_LOOK_BEFORE_PUBLISH) && !defined(BREAK_NO_WAKE_FOR_DATA)
     look_for_reader(false);
#endif
     goto again
  :: atomic { room_limit == write_cursor[d] && read_cursor[d] + CAPACITY > room_limit ->
       room_limit = read_cursor[d] + CAPACITY; goto again }
  :: atomic { FULL && stalls > 0 ->
       /* Full for too long, or the policy says so: spill. */
       if :: stalls < 255 -> stalls-- :: else fi;
#ifdef REACH_SPILLED
       assert(false);
#endif
       goto tcp }
  :: FULL -> goto sleep_for_space
  fi;

settle:
  /* Some of ours may still be in TCP: the ring must not be extended before the reader has taken them. */
  if
#ifdef BREAK_IGNORE_TCP_TAKEN
  :: atomic { undrained = false; goto again }
#else
  :: atomic { tcp_taken[d] == sent_to_tcp ->
       undrained = false;
       room_limit = read_cursor[d] + CAPACITY;
#ifdef REACH_RETURNED
       assert(false);
#endif
       goto again }
#endif
  :: atomic { tcp_taken[d] != sent_to_tcp && stalls > 0 && MAY_FEED -> if :: stalls < 255 -> stalls-- :: else fi; goto tcp }
  :: tcp_taken[d] != sent_to_tcp -> goto sleep_for_drain
  fi;

tcp:
  /* One byte: short writes are the rule here. */
  if
  :: reset -> goto refused
  :: queued[d] == WINDOW && !reset -> goto sleep_for_tcp
  :: atomic { queued[d] < WINDOW && !reset ->
       put_to_tcp(accepted[d]);
       accepted[d]++;
       if
       :: open && !ended && !out -> sent_to_tcp++; undrained = true
       :: else
       fi };
#if defined(FUTEX_ONLY) && !defined(BREAK_SPILL_WITHOUT_NOTICE)
     look_for_reader(true);
#endif
     atomic { heard_gone = gone[OTHER(d)]; heard_leaving = leaving[OTHER(d)]; goto again }
  fi;

  /* Sleeping: read the word, arm, barrier, look again, give a sleeping peer what there is, sleep. */
sleep_for_space:
  writer_woken[d] = false;
  atomic {
    writer_need_at[d] = write_cursor[d] + 1 - CAPACITY + sent_to_tcp;
    writer_wake_at[d] = write_cursor[d] + CONVENIENT - CAPACITY + sent_to_tcp };
#ifdef BREAK_WRITER_NO_SECOND_LOOK
  goto asleep;
#endif
  if
  :: atomic { read_cursor[d] + CAPACITY > room_limit -> goto awake }
  :: else -> goto look_at_flags
  fi;
sleep_for_drain:
  writer_woken[d] = false;
  atomic {
    writer_need_at[d] = write_cursor[d] + sent_to_tcp;
    writer_wake_at[d] = write_cursor[d] + sent_to_tcp };
#ifdef BREAK_WRITER_NO_SECOND_LOOK
  goto asleep;
#endif
  if
  :: tcp_taken[d] == sent_to_tcp -> goto awake
  :: else -> goto look_at_flags
  fi;
sleep_for_drained:
  writer_woken[d] = false;
  atomic { writer_need_at[d] = NEVER; writer_wake_at[d] = NEVER };
#ifdef BREAK_WRITER_NO_SECOND_LOOK
  goto asleep;
#endif
  if
  :: drained[d] == epoch[d] -> goto awake
  :: else -> goto look_at_flags
  fi;
sleep_for_tcp:
  atomic { writer_woken[d] = false; for_tcp = true };
  atomic { writer_need_at[d] = NEVER; writer_wake_at[d] = NEVER };
look_at_flags:
  atomic {
    heard_gone = gone[OTHER(d)];
    heard_leaving = leaving[OTHER(d)];
    if
    :: heard_gone && !ended || heard_leaving && !out -> goto awake
    :: else
    fi
  };
asleep:
#ifdef REACH_BOTH_PARKED
  assert(!(writer_wake_at[d] > POSITION(d) && reader_wake_at[d] > write_cursor[d] && !reader_woken[d] && !writer_woken[d] && accepted[d] > got[d]));
#endif
  if
  :: writer_woken[d]
  :: atomic { for_tcp && queued[d] < WINDOW && !reset -> for_tcp = false; writer_wake_at[d] = 0; goto tcp }
#if STALLS > 0
  :: atomic { stalls > 0 && open && !for_tcp && MAY_FEED -> if :: stalls < 255 -> stalls-- :: else fi; writer_wake_at[d] = 0; goto tcp }
#endif
#if STALLS == 255 && !defined(BREAK_FLUSH_NEVER_WITHDRAWN)
  :: atomic { flushing && !for_tcp -> writer_wake_at[d] = 0; flushing = false; goto tcp }
#endif
  :: reset -> goto refused
#ifdef BREAK_RDHUP_IS_DEATH
  :: !ended && RDHUP(d) -> goto peer_died
#elif defined(BREAK_SHUT_RD_IS_FIN)
  :: !ended && RDHUP(d) && !half_closed[OTHER(d)] -> goto peer_died
#else
  :: !ended && fin[OTHER(d)] == 2 && !shut_rd[d] && !half_closed[OTHER(d)] -> goto peer_died
#endif
#ifndef BREAK_WATCH_TCP_ONLY
  :: !ended && dead[OTHER(d)] -> goto peer_died /* HUP of the doorbell, or the pidfd */
#endif
  fi;
awake:
  atomic { writer_wake_at[d] = 0; /* a passed position */ for_tcp = false };
  goto again;

peer_died:
  atomic {
    /* The peer's half-close or our own SHUT_RD must not be taken for its death. */
    assert(dead[OTHER(d)] || gone[OTHER(d)] || closed[OTHER(d)]);
    writer_wake_at[d] = 0;
    for_tcp = false;
    ended = true;
    goto again
  };

redeem:
  /* The peer has closed. What lies unread in the ring was accepted, and a byte of it by TCP draws the RST that says
     so; the peer reads nothing after `gone`. */
#ifdef BREAK_GONE_WITHOUT_REDEEMING
  goto again;
#endif
  if
  :: read_cursor[d] == write_cursor[d] -> goto again
  :: read_cursor[d] != write_cursor[d] ->
     if
     :: reset -> goto refused
     :: atomic { queued[d] < WINDOW && !reset -> put_to_tcp(NEVER);
#ifdef REACH_REDEEMED
        assert(false);
#endif
        goto again }
     fi
  fi;

leave:
#ifdef REACH_LEFT_UNDRAINED
  assert(!(undrained && read_cursor[d] != write_cursor[d]));
#endif
#ifdef BREAK_LEFT_BEFORE_LAST_BYTE
  if
  :: atomic { !left[d] && open && !undrained && room_limit > write_cursor[d] && accepted[d] < LIMIT(d) -> left[d] = true; goto ring }
  :: else
  fi;
#endif
  /* After its last ring byte. */
  atomic { out = true; left[d] = true; open = false; flushing = false };
#ifndef BREAK_NO_WAKE_FOR_LEFT
  look_for_reader(true);
#endif
  goto again;

finish:
#ifdef QUIET
  /* Waits for an answer, so to speak: no FIN comes to the rescue of a reader who sleeps over the last bytes. */
  got[d] + WANT > accepted[d] || reset || closed[OTHER(d)] || leaving[OTHER(d)] && !out;
  if :: leaving[OTHER(d)] && !out -> goto leave :: else fi;
#endif
  /* shutdown(SHUT_WR): the flag before the FIN. */
  half_closed[d] = true;
  look_for_reader(true);
  atomic { if :: fin[d] == 0 -> kernel_sends_fin(d) :: else fi };
#if defined(FUTEX_ONLY) && !defined(BREAK_FIN_WITHOUT_NOTICE)
  look_for_reader(true);
#endif
refused:
  skip
  } unless { dead[d] };
  sender_done[d] = true
}

/* ---- the receiver ---------------------------------------------------------------------------------------------- */

inline look_for_writer(flag) {
  atomic {
    if
    :: writer_wake_at[d] > looked && (flag || writer_wake_at[d] <= POSITION(d)) -> writer_woken[d] = true
    :: else
    fi;
    looked = POSITION(d)
  }
}

inline deliver(b) {
  assert(b == got[d]);
  got[d]++
}

inline shift_queue() {
  for (j : 1 .. WINDOW - 1) {
    queue[d * WINDOW + j - 1] = queue[d * WINDOW + j];
    queue_cursor[d * WINDOW + j - 1] = queue_cursor[d * WINDOW + j]
  }
  j = 0;
  queued[d]--;
  queue[d * WINDOW + queued[d]] = 0;
  queue_cursor[d * WINDOW + queued[d]] = 0
}

/* The cursor as a load may return it that nothing orders: at least what this thread is bound to see. */
inline load_cursor_anyhow() {
  if
  :: v = write_cursor[d]
  :: visible < write_cursor[d] -> v = visible
  fi;
  visible = v
}

#ifdef BREAK_STASH_AFTER_RING
#define STASH_IS_NEXT (k == v)
#else
#define STASH_IS_NEXT (k == stash_at)
#endif
#define AVAILABLE (v - read_cursor[d] + stashed)

proctype Receiver(byte d) {
  byte i, j, k, n;
  byte v;             /* the write cursor as loaded */
  byte visible;       /* the oldest value a load of it may still return */
  byte looked;        /* own position at the last look */
  byte seen_epoch;
  bool seen_left, readable, forced;
  bool out;           /* has left the ring: plain TCP */
#if WANT > 1
  byte stash[STASH];
  byte stash_at;      /* the ring position in front of which the stash belongs */
#endif
  byte stashed;
#ifdef HINT
  byte skipped;       /* polls of the ring since TCP was looked at */
#endif
#ifdef WRITES_FIRST
  sender_done[OTHER(d)];
#endif

  {
  skip;
again:
#ifdef CLOSES
  if
  :: goto close
  :: skip
  fi;
#endif
#ifdef LEAVES
  if
  :: atomic { rx_ready[d] && !leaving[OTHER(d)] && !out && generation[d] == 0 -> leaving[OTHER(d)] = true };
#ifndef BREAK_NO_WAKE_FOR_LEAVING
     look_for_writer(true);
#endif
     /* unsplice(deadline): waits for the other's `left`; nobody reads meanwhile. */
     reader_woken[d] = false;
     reader_wake_at[d] = NEVER;
#ifndef BREAK_OUT_WITHOUT_LEFT
     if
     :: HAS_LEFT(d)
     :: else ->
        if
        :: reader_woken[d]
        :: reset
        :: fin[d] == 2
#if STALLS > 0
        :: true /* the deadline */
#endif
        fi
     fi;
#endif
     reader_wake_at[d] = 0
  :: skip
  fi;
#endif
#ifndef BREAK_RX_READY_IN_CALL
  /* Between two calls, never while one sits in the kernel. */
  if
  :: !rx_ready[d] && !out -> rx_ready[d] = true
  :: skip
  fi;
#endif
#ifdef PEEKS
  if
  :: goto peek
  :: skip
  fi;
#endif

#ifdef BREAK_RX_READY_IN_CALL
  /* A recv that began before there was a ring sits in the kernel while somebody else installs it. */
  if
  :: !rx_ready[d] -> atomic { READABLE(d); readable = true; if :: ARRIVED(d) > 0 -> goto receive :: else -> goto end_of_stream fi }
  :: rx_ready[d]
  fi;
#endif

call:
  /* 1. Ring first. */
  atomic {
    v = write_cursor[d];
    visible = v;
    if
    :: !out && AVAILABLE >= WANT -> goto take
    :: else
    fi
  };
#ifdef HINT
  /* Polls the ring alone for a while; but not for ever, and not before it sleeps. */
#ifdef BREAK_HINT_FOR_EVER
  if :: goto call :: skip fi;
#else
  if
  :: atomic { skipped < HINT -> skipped++; goto call }
  :: atomic { skipped = 0 }
  fi;
#endif
#endif
  /* 2. What the sender has said, before anything is concluded from an empty TCP or an empty ring. */
#ifndef BREAK_CURSOR_BEFORE_LEFT
  atomic { seen_epoch = epoch[d]; seen_left = HAS_LEFT(d); if :: seen_left -> visible = write_cursor[d] :: else fi };
#endif
  /* 3. Confirm by a system call, fence; what an arrived byte makes visible is the cursor when it was sent. */
  atomic {
    readable = READABLE(d);
#ifndef BREAK_NO_FENCE
    if
    :: readable && ARRIVED(d) > 0 && queue_cursor[d * WINDOW] > visible -> visible = queue_cursor[d * WINDOW]
    :: readable && ARRIVED(d) == 0 -> visible = write_cursor[d]
    :: else
    fi
#endif
  };
  /* 4. Reload. */
#ifndef BREAK_NO_RELOAD
#ifdef BREAK_BELIEVE_DECLARED
  if
  :: declared[d] -> atomic { READABLE(d); readable = true }
  :: else ->
#endif
  atomic {
    load_cursor_anyhow();
    if
    :: !out && AVAILABLE >= WANT -> goto take
    :: else
    fi
  };
#ifdef BREAK_BELIEVE_DECLARED
  fi;
#endif
#endif
#ifdef BREAK_CURSOR_BEFORE_LEFT
  atomic { seen_epoch = epoch[d]; seen_left = HAS_LEFT(d) };
#endif
  /* 5. Is the ring behind us for good? */
  if
#ifdef BREAK_OUT_WITHOUT_LEFT
  :: atomic { leaving[OTHER(d)] && !out && v == read_cursor[d] && stashed == 0 -> goto leave }
#else
  :: atomic { seen_left && !out && v == read_cursor[d] && stashed == 0 -> goto leave }
#endif
  :: else
  fi;
  /* 6. Nothing in the ring that would do: what TCP has is next. */
  if
#ifdef BREAK_LOWAT_NO_PULL
  :: readable && ARRIVED(d) > 0 && AVAILABLE + ARRIVED(d) < WANT && fin[d] != 2 -> skip
  :: readable && ARRIVED(d) > 0 && (AVAILABLE + ARRIVED(d) >= WANT || fin[d] == 2) -> goto receive
#else
  :: readable && ARRIVED(d) > 0 -> goto receive
#endif
  :: readable && ARRIVED(d) == 0 && AVAILABLE > 0 -> atomic { forced = true; goto take }
  :: readable && ARRIVED(d) == 0 && AVAILABLE == 0 -> goto end_of_stream
  :: !readable
  fi;
  /* 7. TCP was empty after that epoch was seen. */
#ifdef BREAK_DRAIN_BEFORE_EPOCH
  atomic { seen_epoch = epoch[d] };
#endif
  if
  :: seen_epoch != drained[d] && rx_ready[d] && !out ->
     drained[d] = seen_epoch;
#ifndef BREAK_NO_WAKE_FOR_DRAINED
     look_for_writer(true)
#endif
  :: else
  fi;
  goto sleep;

take:
  /* Ring bytes, and stashed ones where they belong. */
  atomic {
#if WANT > 1
    if
    :: n = 1
    :: n = AVAILABLE
    fi;
    k = read_cursor[d];
#ifdef REACH_STASH_BETWEEN
    assert(!(stashed > 0 && k < stash_at && stash_at < v));
#endif
    do
    :: n > 0 && stashed > 0 && STASH_IS_NEXT ->
       deliver(stash[0]);
       for (j : 1 .. STASH - 1) { stash[j - 1] = stash[j] }
       stash[STASH - 1] = 0; j = 0; stashed--; n--
    :: n > 0 && !(stashed > 0 && STASH_IS_NEXT) ->
       deliver(slots[d * CAPACITY + k % CAPACITY]);
       k++; n--
    :: n == 0 -> break
    od;
    if :: stashed == 0 -> stash_at = 0 :: else fi;
#else
    if
    :: k = read_cursor[d] + 1
    :: v - read_cursor[d] > 1 -> k = v
    fi;
    for (i : read_cursor[d] + 1 .. k) {
      deliver(slots[d * CAPACITY + (i - 1) % CAPACITY])
    }
#endif
    i = 0;
    j = 0;
    forced = false
  };
  atomic { read_cursor[d] = k; k = 0; v = 0 };
#ifndef BREAK_NO_WAKE_FOR_SPACE
  look_for_writer(false);
#endif
  goto again;

receive:
  atomic {
#if WANT > 1
    if
    :: stashed == STASH || (stashed > 0 && stash_at != v) -> forced = true; goto take
    :: else
    fi;
    do
    :: ARRIVED(d) > 0 && stashed < STASH -> stash[stashed] = queue[d * WINDOW]; stashed++; k++; shift_queue()
    :: else -> break
    od;
    stash_at = v;
    forced = false;
#else
    if
    :: n = 1
    :: ARRIVED(d) > 1 -> n = ARRIVED(d)
    fi;
    do
    :: k < n -> deliver(queue[d * WINDOW]); shift_queue(); k++
    :: else -> break
    od;
    n = 0;
#endif
    v = 0
  };
  atomic { tcp_taken[d] = tcp_taken[d] + k; k = 0 };
#ifndef BREAK_NO_WAKE_FOR_TAKEN
  look_for_writer(false);
#endif
  goto again;

sleep:
  atomic { readable = false; v = 0; reader_woken[d] = false };
  reader_wake_at[d] = read_cursor[d] + WANT - stashed;
  /* Barrier. */
#ifndef BREAK_READER_NO_SECOND_LOOK
  atomic {
#ifdef BREAK_READER_NO_BARRIER
    load_cursor_anyhow();
#else
    v = write_cursor[d]; visible = v;
#endif
    if
    :: !out && AVAILABLE >= WANT -> goto awake
    :: else
    fi
  };
#endif
#ifndef BREAK_READER_NO_LOOK_AT_FLAGS
  atomic {
    if
    :: !out && (epoch[d] != seen_epoch || HAS_LEFT(d) && !seen_left) -> goto awake
    :: else
    fi
  };
#endif
#ifdef FUTEX_ONLY
#ifndef BREAK_FUTEX_NO_LOOK_AT_TCP
  if
  :: READABLE(d) -> goto awake
  :: else
  fi;
#endif
#endif
#ifndef BREAK_NO_ROUSE
  atomic {
    if
    :: writer_wake_at[d] > POSITION(d) && writer_need_at[d] <= POSITION(d) -> writer_woken[d] = true
    :: else
    fi
  };
#endif
  atomic { v = 0; seen_epoch = 0; seen_left = false };
  if
  :: reader_woken[d]
#if defined(FUTEX_ONLY)
  :: READABLE(d) && !rx_ready[d] /* not spliced yet: it sleeps in poll */
  :: dead[d]                     /* the end of a bounded slice */
#elif defined(BREAK_LOWAT_NO_PULL)
  :: ARRIVED(d) >= WANT || fin[d] == 2 || reset
#elif !defined(BREAK_READER_BLIND_TO_TCP)
  :: READABLE(d)
#endif
  fi;
awake:
  atomic { reader_wake_at[d] = 0; v = 0; seen_epoch = 0; seen_left = false; goto again };

end_of_stream:
  /* No byte lost unless the connection was reset, and then only what had not arrived. */
  assert(reset || got[d] == accepted[d]);
  goto done;

#ifdef PEEKS
peek:
#ifndef BREAK_PEEK_NO_RELOAD
  atomic {
    readable = READABLE(d) && ARRIVED(d) > 0;
    if
    :: readable && queue_cursor[d * WINDOW] > visible -> visible = queue_cursor[d * WINDOW]
    :: else
    fi
  };
  atomic { load_cursor_anyhow() };
#else
  atomic { v = write_cursor[d] };
  readable = READABLE(d) && ARRIVED(d) > 0;
#endif
  atomic {
    for (i : read_cursor[d] + 1 .. v) {
      assert(slots[d * CAPACITY + (i - 1) % CAPACITY] == got[d] + i - 1 - read_cursor[d])
    }
    if
    :: readable -> assert(queue[d * WINDOW] == got[d] + v - read_cursor[d])
#ifdef REACH_PEEKED_OVER_BOTH
       ; assert(v == read_cursor[d])
#endif
    :: else
    fi;
    i = 0; v = 0; readable = false;
    goto call
  };
#endif

leave:
  atomic {
    seen_left = false; readable = false; seen_epoch = 0; v = 0;
#ifdef REACH_LEFT
    assert(false);
#endif
#ifdef REPAIR
    /* Fresh words for the next pairing; the old ones were read empty after `left`. */
    generation[d]++;
    leaving[OTHER(d)] = false;
    write_cursor[d] = 0; read_cursor[d] = 0; tcp_taken[d] = 0; epoch[d] = 0; drained[d] = 0; rx_ready[d] = false; left[d] = false;
    looked = 0; visible = 0;
    for (i : 0 .. WINDOW - 1) { queue_cursor[d * WINDOW + i] = 0 }
    i = 0;
#else
    out = true;
#endif
    goto again
  };

#ifdef CLOSES
close:
  atomic {
#ifdef BREAK_CLOSE_NO_LOOK_AFTER_GONE
    k = write_cursor[d] != read_cursor[d];
#endif
    v = 0
  };
#ifdef BREAK_GONE_AFTER_FIN
  atomic { kernel_closes(OTHER(d), write_cursor[d] != read_cursor[d]) };
  gone[OTHER(d)] = true;
#else
  gone[OTHER(d)] = true;
  look_for_writer(true);
#ifdef REACH_CLOSED_RUDELY
  assert(write_cursor[d] == read_cursor[d]);
#endif
#ifdef BREAK_CLOSE_NO_LOOK_AFTER_GONE
  atomic { kernel_closes(OTHER(d), k > 0) };
#else
  atomic { kernel_closes(OTHER(d), write_cursor[d] != read_cursor[d]) };
#endif
#endif
  goto done;
#endif

done:
  skip
  } unless { dead[OTHER(d)] };
  receiver_done[d] = true
}

/* ---- what else may happen -------------------------------------------------------------------------------------- */

#ifdef HALF
/* The receiving side ends its own direction and lives on; the sending side stops listening, and lives on too. */
active proctype Halves() {
  if
#ifdef BREAK_FLAG_AFTER_FIN
  :: kernel_sends_fin(1); half_closed[1] = true
#else
  :: half_closed[1] = true; kernel_sends_fin(1)
#endif
  :: shut_rd[0] = true
  fi
}
#endif

#ifdef BREAK_RX_READY_IN_CALL
active proctype Installer() {
  rx_ready[0] = true;
end:
  atomic { epoch[0] == 1 && ARRIVED(0) == 0 -> drained[0] = 1; writer_woken[0] = true }
}
#endif

#ifdef CRASH
active proctype Killer() {
  byte i;
  if
  :: atomic { dead[0] = true; if :: !closed[0] -> kernel_closes(0, false) :: else fi }
  :: atomic { dead[1] = true; if :: !closed[1] -> kernel_closes(1, false) :: else fi
#ifdef REACH_CRASH_WHILE_PARKED
     ; assert(!(writer_wake_at[0] > POSITION(0) && !writer_woken[0]))
#endif
     }
  :: skip
  fi
}
#endif

init {
  atomic {
#if defined(STARTS_OPEN) || defined(STARTS_READY)
    rx_ready[0] = true;
#if DIRECTIONS == 2
    rx_ready[1] = true;
#endif
#endif
    run Sender(0);
    run Receiver(0);
#if DIRECTIONS == 2
    run Sender(1);
    run Receiver(1)
#endif
  }
  /* When everything has come to rest, what was accepted was read, or somebody was told. */
  sender_done[0] && receiver_done[0] && flying[0] == 0;
  assert(got[0] == accepted[0] || reset || dead[0] || dead[1]);
#if DIRECTIONS == 2
  sender_done[1] && receiver_done[1] && flying[1] == 0;
  assert(got[1] == accepted[1] || reset || dead[0] || dead[1])
#endif
}

#ifdef LIVENESS
/* Under weak fairness: what is accepted is read, and everything is accepted. */
ltl everything_is_read { [] (accepted[0] > got[0] -> <> (got[0] == BYTES)) && <> (got[0] == BYTES) }
#endif
