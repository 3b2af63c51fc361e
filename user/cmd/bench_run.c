// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_run.c - see bench_run.h. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/analysis/analysis.h"
#include "user/base/fail.h"
#include "user/bench/figures.h"
#include "user/bench/footprint.h"
#include "user/cmd/bench_run.h"
#include "user/cmd/cmd.h"
#include "user/cmd/watch.h"
#include "user/session/session.h"
#include "user/target/facts.h"
#include "user/target/launch.h"
#include "user/target/proc.h"
#include "user/target/sudo.h"
#include "user/target/target.h"

#define RESULT_NAME "result"
#define FIRST_LOOK_NS 20000000ULL  /* at memory: short runs shall be seen, too */
#define LEFT_OVER_NS 2000000000ULL /* that processes may outlive the command, or a signal */
#define TICK_NS 10000000ULL	   /* meanwhile */
#define ORPHAN_TRIES 200
#define ORPHAN_PAUSE_US 5000
#define WORDS_MAX 512 /* of the last that it wrote to stderr */

struct runner {
	struct runner_opts opts;
	struct session *spare;
	int folder; /* for results */
	char path[64], result[96];
	int null;
	sigset_t held, before;
	int signals; /* signalfd, for runs that are not watched */
	int signal;
};

/* One run. */
struct run {
	struct runner *r;
	struct watch *watch; /* NULL: not watched */
	struct launch *launch;
	struct footprint *memory;
	int epoll, timer, words; /* words: our end of its stderr */
	char said[WORDS_MAX];
	size_t n_said;
	double busy_ns;	     /* of the machine, without us: since boot, then while it ran ... */
	uint64_t busy_in_ns; /* ... for so long */
	uint64_t exec_ns, deadline_ns; /* deadline: for processes that are left; 0: it runs */
	bool ended, killed;
};

/* --- the runner ------------------------------------------------------------------------------ */

/* The command may run as another user, who writes its result there. */
static int make_folder(struct runner *r)
{
	const char *tmp = getenv("TMPDIR");
	struct sudo_user user;
	int err = sudo_find_user(environ, r->opts.as_root, &user);

	if (err)
		return err;
	if (!tmp || *tmp != '/' || strlen(tmp) > 32)
		tmp = "/tmp";
	snprintf(r->path, sizeof(r->path), "%s/parascope-XXXXXX", tmp);
	if (!mkdtemp(r->path)) {
		err = fail(-errno, "cannot make a folder for results in %s: %s", tmp,
			   strerror(errno));
		r->path[0] = '\0';
		goto out;
	}
	snprintf(r->result, sizeof(r->result), "%s/" RESULT_NAME, r->path);
	r->folder = open(r->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->folder < 0 || (user.drop && fchown(r->folder, user.uid, user.gid)))
		err = fail(-errno, "cannot use %s: %s", r->path, strerror(errno));
out:
	sudo_user_free(&user);
	return err;
}

static void watch_opts(struct runner *r, const struct runner_job *job, struct watch_opts *ret)
{
	*ret = watch_defaults;
	ret->sample_hz = r->opts.sample_hz;
	ret->lean = r->opts.lean;
	ret->costs = r->opts.costs;
	ret->save = job->save;
	if (job->question)
		ret->show.what_if = (struct opt_list){ (const char **)&job->question, 1, 1 };
	ret->spare = &r->spare;
	ret->quiet = true;
}

int runner_open(struct runner **ret, const struct runner_opts *opts)
{
	const struct runner_job nothing = { 0 };
	struct watch_opts opening;
	struct runner *r = xcalloc(1, sizeof(*r));
	int err;

	*ret = r;
	r->opts = *opts;
	r->folder = r->null = r->signals = -1;
	cmd_hold_signals(&r->held, &r->before);
	r->signals = signalfd(-1, &r->held, SFD_CLOEXEC | SFD_NONBLOCK);
	r->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r->signals < 0 || r->null < 0)
		return fail(-errno, "cannot prepare runs: %s", strerror(errno));
	err = make_folder(r);
	if (!err && prctl(PR_SET_CHILD_SUBREAPER, 1))
		err = fail(-errno, "cannot adopt orphans: %s", strerror(errno));
	watch_opts(r, &nothing, &opening);
	return err ? err : watch_load(&opening);
}

void runner_close(struct runner *r)
{
	if (!r)
		return;
	session_close(r->spare);
	if (r->folder >= 0) {
		unlinkat(r->folder, RESULT_NAME, 0);
		close(r->folder);
	}
	if (r->path[0])
		rmdir(r->path);
	if (r->null >= 0)
		close(r->null);
	if (r->signals >= 0)
		close(r->signals);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	sigprocmask(SIG_SETMASK, &r->before, NULL);
	free(r);
}

const char *runner_result_path(const struct runner *r)
{
	return r->result;
}

int runner_signal(const struct runner *r)
{
	return r->signal;
}

/* --- while it runs --------------------------------------------------------------------------- */

static int add_fd(const struct run *run, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void set_timer(const struct run *run, uint64_t at_ns)
{
	struct itimerspec when = {
		.it_value = { (time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000) },
	};

	timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int launch(struct run *run, const struct runner_job *job)
{
	struct runner *r = run->r;
	int pair[2], err;

	if (pipe2(pair, O_CLOEXEC))
		return fail(-errno, "cannot make a pipe: %s", strerror(errno));
	run->words = pair[0];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	struct launch_opts opts = {
		.origin = r->opts.origin,
		.env = environ,
		.as_root = r->opts.as_root,
		.stdio = (int[]){ r->null, r->null, pair[1] },
	};

	err = launch_start(&run->launch, job->argv, &opts);
	close(pair[1]);
	if (err)
		return err;
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (run->epoll < 0 || run->timer < 0 || add_fd(run, run->timer) ||
	    add_fd(run, run->words) || add_fd(run, launch_pidfd(run->launch)))
		return fail(-errno, "cannot wait for a run: %s", strerror(errno));
	return 0;
}

/* Keeps the end of what it says. */
static void take_words(struct run *run)
{
	char chunk[WORDS_MAX / 2];
	ssize_t n;

	while ((n = read(run->words, chunk, sizeof(chunk))) > 0) {
		size_t keep = sizeof(run->said) - (size_t)n;

		if (run->n_said > keep) {
			memmove(run->said, run->said + run->n_said - keep, keep);
			run->n_said = keep;
		}
		memcpy(run->said + run->n_said, chunk, (size_t)n);
		run->n_said += (size_t)n;
	}
	if (!n) /* closed: do not look again */
		epoll_ctl(run->epoll, EPOLL_CTL_DEL, run->words, NULL);
}

static void list_living(const struct run *run, struct proc_ids *ret)
{
	if (run->watch)
		watch_list_living(run->watch, ret);
	else if (!run->ended)
		vec_push(ret->ids, ret->n, ret->cap) = launch_pid(run->launch);
}

static void signal_all(const struct run *run, int signal)
{
	struct proc_ids ids = { 0 };

	list_living(run, &ids);
	for (size_t i = 0; i < ids.n; i++)
		kill(ids.ids[i], signal);
	proc_ids_free(&ids);
}

static void on_timer(struct run *run)
{
	struct proc_ids ids = { 0 };
	uint64_t expirations, now = session_now_ns();

	if (read(run->timer, &expirations, sizeof(expirations)) < 0)
		return;
	list_living(run, &ids);
	if (run->deadline_ns || !run->memory)
		set_timer(run, now + TICK_NS);
	else
		set_timer(run, footprint_sample(run->memory, ids.ids, ids.n, now));
	proc_ids_free(&ids);
}

/* The command has ended: the rest of its tree may go on for a moment. */
static void on_end(struct run *run)
{
	run->ended = true;
	epoll_ctl(run->epoll, EPOLL_CTL_DEL, launch_pidfd(run->launch), NULL);
	if (!run->deadline_ns)
		run->deadline_ns = session_now_ns() + LEFT_OVER_NS;
	set_timer(run, session_now_ns());
}

static void see_events(struct run *run)
{
	struct epoll_event events[3];
	int n = epoll_wait(run->epoll, events, 3, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == run->timer)
			on_timer(run);
		else if (events[i].data.fd == run->words)
			take_words(run);
		else
			on_end(run);
	}
}

static int wait_unwatched(struct run *run)
{
	struct pollfd fds[] = { { run->epoll, POLLIN, 0 }, { run->r->signals, POLLIN, 0 } };
	struct signalfd_siginfo info;

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		return fail(-errno, "cannot wait for a run: %s", strerror(errno));
	if (fds[1].revents && read(run->r->signals, &info, sizeof(info)) == sizeof(info))
		run->r->signal = (int)info.ssi_signo;
	return 0;
}

static int wait_watched(struct run *run)
{
	int err = watch_loop(run->watch, run->epoll);

	if (!err && watch_signal(run->watch))
		run->r->signal = watch_signal(run->watch);
	return err;
}

static bool all_gone(const struct run *run)
{
	struct proc_ids ids = { 0 };
	bool none;

	list_living(run, &ids);
	none = !ids.n;
	proc_ids_free(&ids);
	return run->ended && none;
}

/* Until the whole tree has ended; a signal to us ends it, first in good order. */
static int wait_for_end(struct run *run)
{
	bool told = false;

	while (!all_gone(run)) {
		int err = run->watch ? wait_watched(run) : wait_unwatched(run);

		if (err)
			return err;
		see_events(run);
		if (run->r->signal && !told) {
			told = true;
			run->deadline_ns = session_now_ns() + LEFT_OVER_NS;
			kill(launch_pid(run->launch), SIGTERM);
			set_timer(run, session_now_ns());
		}
		if (!run->deadline_ns || session_now_ns() < run->deadline_ns)
			continue;
		if (run->killed)
			return 0; /* what does not die of SIGKILL is not ours to wait for */
		run->killed = true;
		run->deadline_ns = session_now_ns() + LEFT_OVER_NS;
		signal_all(run, SIGKILL);
	}
	return 0;
}

/* --- one run --------------------------------------------------------------------------------- */

static int begin_watch(struct run *run, const struct runner_job *job)
{
	struct target_spec spec = { 0 };
	struct target_list targets = { 0 };
	struct watch_opts opts;
	int err;

	watch_opts(run->r, job, &opts);
	err = watch_open(&run->watch, &opts, false, true);
	if (err)
		return err;
	vec_push(spec.pids.ids, spec.pids.n, spec.pids.cap) = launch_pid(run->launch);
	err = target_resolve(&spec, &targets);
	free(spec.pids.ids);
	watch_launched(run->watch, launch_pid(run->launch), job->argv);
	if (!err)
		err = watch_start(run->watch, &targets);
	target_list_free(&targets);
	return err;
}

static void failed(struct ledger_run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void failed(struct ledger_run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->failed)
		return; /* the first reason is the cause */
	figures_clear(run);
	run->failed = true;
	va_start(ap, fmt);
	vsnprintf(run->why, sizeof(run->why), fmt, ap);
	va_end(ap);
}

/* The last line that it wrote to stderr, "" if none. */
static const char *last_words(struct run *run)
{
	char *end = run->said + run->n_said, *line;

	if (run->n_said == sizeof(run->said))
		end--;
	while (end > run->said && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	*end = '\0';
	line = memrchr(run->said, '\n', (size_t)(end - run->said));
	return line ? line + 1 : run->said;
}

static void judge(struct run *run, struct ledger_run *ret)
{
	const char *words;
	int status;

	if (!run->ended || launch_wait(run->launch, &status)) {
		failed(ret, "it did not end");
		return;
	}
	words = last_words(run);
	if (WIFSIGNALED(status))
		failed(ret, "killed by signal %d%s%s", WTERMSIG(status), *words ? ": " : "", words);
	else if (WEXITSTATUS(status))
		failed(ret, "exit code %d%s%s", WEXITSTATUS(status), *words ? ": " : "", words);
	else if (run->killed)
		failed(ret, "it left processes behind, which were ended after %llu s",
		       LEFT_OVER_NS / 1000000000);
}

static void take_result(struct run *run, const struct runner_job *job, struct runner_answer *ret)
{
	if (job->told == TOLD_NOTHING || ret->run.failed)
		return;
	if (result_take(run->r->folder, RESULT_NAME, job->told, &ret->told, &ret->text))
		failed(&ret->run, "%s", fail_text());
}

static void take_prediction(const struct report_prediction *p, struct ledger_prediction *ret)
{
	if (!p->possible) {
		snprintf(ret->why_not, sizeof(ret->why_not), "%s", p->why_not);
	} else if (!p->n_whatifs) {
		snprintf(ret->why_not, sizeof(ret->why_not), "%s", fail_text());
	} else if (p->whatifs[0].refused) {
		snprintf(ret->why_not, sizeof(ret->why_not), "%s", p->whatifs[0].why);
	} else {
		ret->recorded_ns = (double)p->measured_ns;
		ret->value_ns = (double)p->whatifs[0].value_ns;
		ret->low_ns = (double)p->whatifs[0].low_ns;
		ret->high_ns = (double)p->whatifs[0].high_ns;
	}
}

static int take_report(struct run *run, const struct runner_job *job, struct runner_answer *ret)
{
	struct measured m = {
		.memory = run->memory,
		.told = job->told == TOLD_NOTHING ? NULL : &ret->told,
		.pid = launch_pid(run->launch),
		.exec_ns = run->exec_ns,
		.busy_ns = run->busy_ns,
		.busy_in_ns = run->busy_in_ns,
	};
	struct report *report;
	int err = watch_analyse(run->watch, &report);

	if (err)
		return err;
	m.report = report;
	ret->ceiling = report->par.ceiling;
	ret->lost = !report->quality.complete;
	if (ret->lost)
		failed(&ret->run, "%s, so its figures would not be true",
		       report->quality.dropped ? "records were lost" : "not all of it could be seen");
	if (!ret->run.failed)
		figures_fill(&ret->run, &m);
	if (!ret->run.failed && report->prediction)
		take_prediction(report->prediction, &ret->run.prediction);
	report_free(report);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Sends SIGKILL to our children; false: there are none. */
static bool kill_children(void)
{
	struct buf text = { 0 };
	char path[64];
	bool any = false;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	proc_read_file(path, 0, &text);
	for (char *s = text.data; s && *s;) {
		long pid = strtol(s, &s, 10);

		s += strspn(s, " \n");
		if (pid <= 0)
			break;
		kill((pid_t)pid, SIGKILL);
		any = true;
	}
	buf_free(&text);
	return any;
}

/*
 * Whatever of a run is left has become our child, as its own children will; we have no others by
 * then.  One that does not die, stuck in the kernel, is left to itself.
 */
static void end_orphans(void)
{
	for (int i = 0; i < ORPHAN_TRIES; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!kill_children())
			return;
		usleep(ORPHAN_PAUSE_US);
	}
}

static void end(struct run *run)
{
	if (run->launch && !run->ended) { /* we failed while it ran */
		signal_all(run, SIGKILL);
		launch_kill(run->launch);
	}
	watch_close(run->watch);
	footprint_free(run->memory);
	if (run->launch && !run->ended) {
		int status;

		launch_wait(run->launch, &status);
	}
	launch_free(run->launch);
	end_orphans();
	close_fd(run->words);
	close_fd(run->timer);
	close_fd(run->epoll);
}

/* CPU time of everything but us, from some moment on; NaN: not known. */
static double busy_ns(void)
{
	struct timespec own;
	uint64_t idle;

	if (!facts_idle_ns(&idle))
		return NAN;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	return (double)session_now_ns() * facts_cpus_online() - (double)idle -
	       (double)own.tv_sec * 1e9 - (double)own.tv_nsec;
}

static int go(struct run *run, const struct runner_job *job, bool watched,
	      struct runner_answer *ret)
{
	int err = launch(run, job);

	if (!err && watched)
		err = begin_watch(run, job);
	if (err)
		return err;
	run->busy_ns = busy_ns();
	run->exec_ns = session_now_ns();
	err = launch_uncork(run->launch);
	if (err && err != -ESRCH) { /* there is no such program: not our failure */
		failed(&ret->run, "%s", fail_text());
		err = 0;
	}
	if (err)
		return err;
	if (watched) {
		run->memory = footprint_new();
		set_timer(run, run->exec_ns + FIRST_LOOK_NS);
	}
	err = wait_for_end(run);
	run->busy_ns = busy_ns() - run->busy_ns;
	run->busy_in_ns = session_now_ns() - run->exec_ns;
	if (!err && watched)
		err = watch_stop(run->watch);
	if (err)
		return err;
	if (run->r->signal)
		return fail(-EINTR, "ended by signal %d", run->r->signal);
	judge(run, &ret->run);
	take_result(run, job, ret);
	return watched ? take_report(run, job, ret) : 0;
}

static int one_run(struct runner *r, const struct runner_job *job, bool watched,
		   struct runner_answer *ret)
{
	struct run run = { .r = r, .epoll = -1, .timer = -1, .words = -1 };
	int err;

	memset(ret, 0, sizeof(*ret));
	figures_clear(&ret->run);
	unlinkat(r->folder, RESULT_NAME, 0);
	err = go(&run, job, watched, ret);
	end(&run);
	return err;
}

int runner_watch(struct runner *r, const struct runner_job *job, struct runner_answer *ret)
{
	return one_run(r, job, true, ret);
}

int runner_try(struct runner *r, const struct runner_job *job, struct runner_answer *ret)
{
	return one_run(r, job, false, ret);
}
