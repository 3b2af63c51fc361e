/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbols_parts.h - what the files behind symbols.h share; for them only.
 *
 * symbols.c is its functions, and decides what is asked next.  symbols_file.c: a file, its
 * questions, and the lists that it is in.  symbols_parsing.c: the parser process at present,
 * requests to it, its answers as they come, its end and whose fault that is.  symbols_search.c: the
 * search for debug files.
 */
#ifndef PARASCOPE_SYMBOLS_PARTS_H
#define PARASCOPE_SYMBOLS_PARTS_H

#include <utlist.h>

#include "user/base/table.h"
#include "user/symbol/answer.h"
#include "user/symbol/child.h"
#include "user/symbol/fetch.h"
#include "user/symbol/symbols.h"

#define MS 1000000ull /* ns */
#define DEADLINE_NS (SYMBOLS_DEADLINE_MS * MS)
#define CPU_NS (DEADLINE_NS / 2)

#define FILES_MAX 4096
#define QUESTIONS_MAX 16384
#define HERE_BYTES                                                                                 \
	(256ull << 20) /* of files that the parser has open at a time, if they are several */
#define FILE_BYTES (2ull << 30)
#define MAP_BYTES (64ull << 20)
#define SPOILED_MAX 256 /* files remembered after they were closed */
#define STARTS_MAX 3	/* that fail one after the other */
#define ENDED_MAX 8	/* killed and not gone yet */
#define STUCK_MAX 2	/* of them: for longer than STUCK_NS */
#define STUCK_NS (2000 * MS)
#define ABSENT_NS                                                                                  \
	(500 * MS) /* without symbols_poll(): if it spoke meanwhile, that is not its time */
#define REAP_MS 50
#define LAST_REAP_MS 500
#define LOOK_NS (100 * MS) /* at what does not tell that it is over */
#define CPU_STEP_NS (50 * MS)
#define RETRY_NS (200 * MS)
#define LATE_FETCHES_MAX 2 /* then the servers are not asked any more */

struct question {
	struct question *next;
	enum ask_kind kind;
	uint64_t addr;
	uint64_t cookie;
};

/* The same file, unchanged, opened again. */
struct identity {
	uint32_t dev_major, dev_minor;
	uint64_t ino, size;
	int64_t ctime_s;
	uint32_t ctime_ns;
};

enum place {
	AWAY,
	HERE
};

/* How far the search for debug files is; begins anew whenever the file is handed over. */
enum search {
	SEARCH_DEBUG,
	SEARCH_FETCH,
	SEARCH_FETCHED,
	SEARCH_ALT,
	SEARCH_OVER
};

struct file {
	UT_hash_handle hh;
	uint32_t number;
	int fd;
	bool map;
	bool told;   /* opened() was called ... */
	bool opened; /* ... and it was good news */
	bool gone;   /* closed by its owner */
	bool struck; /* a parser died on it that had other files, too */
	bool busy;   /* being handed over, or a debug file is: nothing else can be asked */
	bool waits;  /* for a debug file from afar; is in `fetchers` */
	bool is_ready;
	bool plain;	/* do without debug files: one of them did harm */
	bool has_debug; /* the parser has one */
	enum place place;
	enum search search;
	unsigned tried; /* places of this search */
	unsigned flying;
	int err; /* < 0: spoiled, why says it */
	char *why;
	char *fetched; /* where debuginfod-find put its debug file; "": there is none */
	struct identity id;
	struct module_about about;
	struct question *first, *last;
	struct file *prev, *next; /* ready */
	struct file *sooner, *next_fetch;
	struct file *earlier, *later; /* here, those least recently used first */
};

/* A request that was sent. */
struct flight {
	struct answer_due due;
	struct file *file;
	struct question *question; /* NULL: handing over, closing */
};

struct spoiled {
	struct identity id;
	int err;
	char why[ASK_WHY];
};

struct ended {
	struct child child;
	uint64_t since;
};

struct symbols {
	struct symbols_opts opts;
	struct file *files; /* by number */
	struct file *ready;
	struct file *here;
	size_t n_here;
	uint64_t here_bytes;
	uint32_t last_number;
	size_t n_questions; /* without an answer, of files that are not gone */
	int epoll, timer, root;

	struct child child;
	bool running, greeted;
	bool full; /* its socket takes no more */
	unsigned failed_starts;
	uint64_t retry_ns;    /* not before */
	char broken[ASK_WHY]; /* not "": there will be no more parser, and why */
	struct flight flights[ASK_FLIGHT];
	struct flight last; /* that was answered; its file is NULL if that is gone */
	unsigned oldest, n_flights;
	uint32_t serial;
	uint64_t since;	  /* the parser works on the oldest one, or starts */
	uint64_t cpu_ns;  /* it had used then, or a bit later */
	bool turned;	  /* the oldest one is another one than cpu_ns is about */
	uint64_t look_ns; /* when cpu_ns was looked up */
	uint64_t poll_ns; /* the last one */
	uint64_t wake_ns; /* the timer's; UINT64_MAX: it is not set */
	bool polling;
	bool heard;    /* something, in this poll */
	bool appended; /* to ready */
	bool crowded;  /* no file in the parser can be closed, so there is no room for another */
	struct ended ended[ENDED_MAX];
	unsigned n_ended;
	struct symbols_cost cost;

	struct fetch fetch;
	struct file *fetchers; /* the first one's file is being asked for */
	unsigned late_fetches;
	struct spoiled spoiled[SPOILED_MAX];
	unsigned n_spoiled;
	_Alignas(16) char packet[ASK_PACKET];
};

/* Whose fault is it that a parser ends? */
enum fault {
	NOBODYS,
	PERHAPS, /* of the file that it worked on: others were open in it */
	SURELY,
};

/* How far a file came with what it needs next. */
enum step {
	AGAIN,
	WAITS,	/* for an answer or a question */
	CANNOT, /* be sent at present; another file may have better luck */
	FREED,
};

/* --- symbols.c */
uint64_t symbols_now_ns(void);
/* Wake whoever polls symbols_fd(), then or earlier. */
void symbols_wake_at(struct symbols *s, uint64_t ns);
/* A checked answer to the oldest request; q: NULL for those that nobody asked for. */
void symbols_on_answer(struct symbols *s, struct file *f, struct question *q,
		       const struct ask_answer *a);

/* --- symbols_file.c */
int file_look_at(int fd, uint64_t max, struct identity *ret); /* may it be read at all? */
void file_recall(struct symbols *s, struct file *f);	      /* is it known to be bad? */
void file_ready(struct symbols *s, struct file *f);	      /* it has something to do */
void file_rest(struct symbols *s, struct file *f);
void file_arrive(struct symbols *s, struct file *f); /* in the parser */
void file_depart(struct symbols *s, struct file *f);
void file_use(struct symbols *s, struct file *f); /* not the next one to depart */
void file_push(struct file *f, struct question *q);
void file_push_front(struct file *f, struct question *q);
struct question *file_pop(struct file *f);
void file_forget_questions(struct symbols *s, struct file *f);
void file_free(struct symbols *s, struct file *f);
/* Nothing more will be known of it; tells so when it is its turn: file_settle(). */
void file_mark_spoiled(struct symbols *s, struct file *f, int err, const char *why);
/* The same; and it is its own fault, so whoever opens it again need not find out again. */
void file_spoil(struct symbols *s, struct file *f, int err, const char *why);
void file_settle(struct symbols *s, struct file *f);

/* --- symbols_parsing.c */
bool parsing_start(struct symbols *s); /* true: one runs; false: not now, or never again */
/* false: not now.  Takes q. */
bool parsing_request(struct symbols *s, struct file *f, enum ask_kind kind, struct question *q,
		     int fd);
void parsing_receive(struct symbols *s);
void parsing_want_writable(struct symbols *s, bool want);
bool parsing_at_work(const struct symbols *s);
void parsing_check_time(struct symbols *s);
void parsing_note_cpu(struct symbols *s, uint64_t now);
/* What it did not answer is asked again.  why: NULL if it ended by itself. */
void parsing_end(struct symbols *s, enum fault fault, int err, const char *why);
void parsing_reap(struct symbols *s);
void parsing_give_up(struct symbols *s, const char *why); /* there will be no more parser */

/* --- symbols_search.c */
enum step search_step(struct symbols *s, struct file *f);
void search_look_at_fetch(struct symbols *s);
void search_forget(struct symbols *s, struct file *f);

#endif
