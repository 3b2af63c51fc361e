/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thresholds.h - the numbers that decide about the verdict; private to this folder.
 *
 * VERDICT.md has the same names and values and says which rule uses them.  Most are ratios of
 * measured times; the sizes are those below which a ratio means nothing.
 */
#ifndef PARASCOPE_THRESHOLDS_H
#define PARASCOPE_THRESHOLDS_H

#define MS 1e6
#define SEC 1e9

/* Can anything be told? */
#define WINDOW_MIN_NS (50 * MS) /* shorter: start-up and chance decide */
#define WINDOW_SHORT_NS SEC	/* shorter, and ... */
#define WORK_MIN_NS (5 * MS)	/* ... less wanted than this: nothing to judge */
#define UNKNOWN_MAX 0.5		/* of the thread time */
#define DROPPED_MAX 0.05	/* of the records */
#define DISAGREE_MAX 0.10	/* of the CPU time: stream against the kernel's sums */
/* Losses */
#define IDLE_DEMAND 0.05    /* threads that want to run, on average */
#define IDLE_BUSY 0.5	    /* of the life: who is late for so long is short of CPUs, not idle */
#define IDLE_WAITERS 1.5    /* threads that wait for work, for each one in I/O */
#define LOSS_SHARE 0.2	    /* of the wanted time: less does not matter */
#define CAUSE_SHARE 0.5	    /* of the lost time: the main cause */
#define ACTIVE_SHARE 0.1    /* of wanted and I/O time; or ... */
#define LOSS_THREADS 1.0    /* ... so many threads lost all the time */
#define FULL_SHARE 0.8	    /* of what the CPUs allow was used */
#define WAKE_DELAY_NS 2.5e5 /* runnable for less than this each time: that is no shortage */
#define TOGETHER_SHARE 0.05 /* of the busy time two threads run at once: in fact never */
#define THROTTLED_SHARE 0.1 /* of the window */
#define STALLED_SHARE 0.25  /* of the busy time: the holder itself sleeps */
#define ONE_LOCK_SHARE 0.8  /* of the waiting is one lock's */
#define MENTION_SHARE 0.1   /* of the wanted time: a second loss is worth a word */
/* The GIL, where the runtime tells about it */
#define HELD_ASLEEP_SHARE 0.5 /* of the waiting: its holder slept */
#define CONVOY_TURNS 2.0      /* switch intervals from ready to having the GIL, p99: long */
#define CONVOY_MIN 10	      /* so often, to be worth a word */
#define GIL_INTERVAL_NS (5 * MS) /* CPython's default, if the real one is not known */
/* I/O */
#define IO_MOSTLY 0.5	    /* of a thread's active time; of the window */
#define IO_DISK_SHARE 0.1   /* of a thread's life: it does I/O, it is not parked */
#define IO_WAKES_PER_S 20.0 /* waits for I/O so often: not parked */
#define IO_OTHER_CPU 0.25   /* CPUs wanted by other threads */
#define IO_OVERLAP 1.25	    /* threads in I/O at the same time */
#define IO_COVERED 0.8	    /* of the time one thread is active */
#define IO_TOP_SHARE 0.8    /* of the active time is one thread's */
#define LOOP_SHARE 0.8	    /* of its waiting is in epoll and the like: how many requests? */
/* Use of the CPUs */
#define SOLO_SHARE 0.5	 /* of the busy time only one thread wants to run */
#define TOP_SHARE 0.8	 /* of the CPU time is one thread's */
#define BUSY_SHARE 0.9	 /* of the window somebody wants to run: no need to mention it */
#define WORKER_SHARE 0.1 /* of the longest worker's CPU time: comparable work */
#define IMBALANCE 2.0	 /* longest worker against the mean of the others */
#define TAIL_SHARE 0.2	 /* of the time the longest worker is alone */
#define MANY_RUN 1.5	 /* parallelism of a phase: more than one thread */
#define ONE_RUNS 0.5	 /* ... about one */
/* Predictions, see WHATIF.md */
#define REPLAY_ERROR_MAX 0.15	/* of a replay without a change */
#define REPLAY_ERROR_LEAST 0.05 /* of a prediction: range, see WHATIF.md for where it comes from */
#define DELAY_LOW 0.5		/* of the time that others took a CPU: range */
#define DELAY_HIGH 1.5
#define CROWD 1.0		/* threads of others that are ready on each CPU, at most */
#define CROWD_HIGH 2.0
#define BUSY_OTHERS 0.25	/* of the CPUs: how much they leave is hardly known */
#define CPUS_BUSY 0.95		/* of the CPUs: they are the limit */
#define PROCESS_MIB 8.0		/* memory of a process that is forked: range */
#define PROCESS_MIB_HIGH 64.0
/* Without costs of the host: the other end of the range */
#define START_GUESS_NS (5 * MS)
#define SPEED_GUESS_LOW 0.7
#define HANDOFF_SIZE 256	/* bytes from a hand-off lock to the mutexes and conditions it is made of */
#define SHARED_LOCK_SHARE 0.02	/* of the wanted time waited for locks inside a process */
#define SHARED_TURNS_PER_S 50.0 /* waits for each other on conditions and queues */

#endif
