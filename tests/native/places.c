// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * places - blocks on each kind of lock of the C library at a known place; see places.h.
 * Built with -O2 -fomit-frame-pointer; places_plugin.so lies beside it.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "places.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CHURN_THREADS 6
#define CHURN_NS 1500000000ull

/* --- mutexes, by where they lie --------------------------------------------------------------- */

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

static PLACE void registry_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&registry_lock);
	KEEP();
}

static PLACE void registry_wait(struct place *p)
{
	BLOCKS(p, &registry_lock, pthread_mutex_lock(&registry_lock));
	pthread_mutex_unlock(&registry_lock);
	KEEP();
}

static PLACE void registry_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&registry_lock);
	KEEP();
}

struct catalog {
	long entries[5];
	pthread_mutex_t guard;
};

struct catalog catalog = {.guard = PTHREAD_MUTEX_INITIALIZER};

static PLACE void catalog_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&catalog.guard);
	KEEP();
}

static PLACE void catalog_wait(struct place *p)
{
	BLOCKS(p, &catalog.guard, pthread_mutex_lock(&catalog.guard));
	pthread_mutex_unlock(&catalog.guard);
	KEEP();
}

static PLACE void catalog_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&catalog.guard);
	KEEP();
}

/* On the heap, on the main thread's stack: main() says where. */
static pthread_mutex_t *heap_lock, *stack_lock;

static PLACE void heap_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(heap_lock);
	KEEP();
}

static PLACE void heap_wait(struct place *p)
{
	BLOCKS(p, heap_lock, pthread_mutex_lock(heap_lock));
	pthread_mutex_unlock(heap_lock);
	KEEP();
}

static PLACE void heap_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(heap_lock);
	KEEP();
}

static PLACE void stack_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(stack_lock);
	KEEP();
}

static PLACE void stack_wait(struct place *p)
{
	BLOCKS(p, stack_lock, pthread_mutex_lock(stack_lock));
	pthread_mutex_unlock(stack_lock);
	KEEP();
}

static PLACE void stack_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(stack_lock);
	KEEP();
}

/* --- mutexes, by kind ------------------------------------------------------------------------- */

static pthread_mutex_t inheriting_lock, robust_lock;

static void special_mutexes(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&inheriting_lock, &attr);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust_lock, &attr);
}

static PLACE void inheriting_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&inheriting_lock);
	KEEP();
}

static PLACE void inheriting_wait(struct place *p)
{
	BLOCKS(p, &inheriting_lock, pthread_mutex_lock(&inheriting_lock));
	pthread_mutex_unlock(&inheriting_lock);
	KEEP();
}

static PLACE void inheriting_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&inheriting_lock);
	KEEP();
}

static PLACE void robust_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&robust_lock);
	KEEP();
}

static PLACE void robust_wait(struct place *p)
{
	BLOCKS(p, &robust_lock, pthread_mutex_lock(&robust_lock));
	pthread_mutex_unlock(&robust_lock);
	KEEP();
}

static PLACE void robust_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&robust_lock);
	KEEP();
}

/* --- other locks ------------------------------------------------------------------------------ */

static pthread_rwlock_t index_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t table_rwlock = PTHREAD_RWLOCK_INITIALIZER;

static PLACE void index_hold(struct place *p)
{
	(void)p;
	pthread_rwlock_wrlock(&index_rwlock);
	KEEP();
}

static PLACE void index_read(struct place *p)
{
	BLOCKS(p, &index_rwlock, pthread_rwlock_rdlock(&index_rwlock));
	pthread_rwlock_unlock(&index_rwlock);
	KEEP();
}

static PLACE void index_release(struct place *p)
{
	(void)p;
	pthread_rwlock_unlock(&index_rwlock);
	KEEP();
}

static PLACE void table_hold(struct place *p)
{
	(void)p;
	pthread_rwlock_rdlock(&table_rwlock);
	KEEP();
}

static PLACE void table_write(struct place *p)
{
	BLOCKS(p, &table_rwlock, pthread_rwlock_wrlock(&table_rwlock));
	pthread_rwlock_unlock(&table_rwlock);
	KEEP();
}

static PLACE void table_release(struct place *p)
{
	(void)p;
	pthread_rwlock_unlock(&table_rwlock);
	KEEP();
}

static struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t more;
	unsigned int jobs;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static PLACE void queue_wait(struct place *p)
{
	pthread_mutex_lock(&queue.mutex);
	while (!queue.jobs)
		BLOCKS(p, &queue.more, pthread_cond_wait(&queue.more, &queue.mutex));
	queue.jobs--;
	pthread_mutex_unlock(&queue.mutex);
	KEEP();
}

/* Without the mutex when it signals: nobody waits for that. */
static PLACE void queue_release(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&queue.mutex);
	queue.jobs++;
	pthread_mutex_unlock(&queue.mutex);
	pthread_cond_signal(&queue.more);
	KEEP();
}

static sem_t tickets;

static PLACE void tickets_wait(struct place *p)
{
	BLOCKS(p, &tickets, sem_wait(&tickets));
}

static PLACE void tickets_release(struct place *p)
{
	(void)p;
	sem_post(&tickets);
	KEEP();
}

static pthread_barrier_t meeting;

static PLACE void meeting_wait(struct place *p)
{
	BLOCKS(p, &meeting, pthread_barrier_wait(&meeting));
}

static PLACE void meeting_release(struct place *p)
{
	(void)p;
	pthread_barrier_wait(&meeting);
	KEEP();
}

static pthread_t helper;
static _Atomic bool helper_inside, helper_go;

static void until(_Atomic bool *flag)
{
	while (!atomic_load(flag))
		place_sleep(100000);
}

static void *helper_main(void *arg)
{
	(void)arg;
	until(&helper_go);
	return NULL;
}

static void join_hold(struct place *p)
{
	(void)p;
	atomic_store(&helper_go, false);
	if (pthread_create(&helper, NULL, helper_main, NULL))
		abort();
}

static PLACE void join_wait(struct place *p)
{
	pthread_t thread = helper;

	/* the word lies in the other thread's own memory */
	BLOCKS(p, (char *)(uintptr_t)thread, pthread_join(thread, NULL));
	p->addr = p->size = 0;
}

static void join_release(struct place *p)
{
	(void)p;
	atomic_store(&helper_go, true);
}

static pthread_once_t table_once;

static void table_init(void)
{
	atomic_store(&helper_inside, true);
	until(&helper_go);
}

static void *once_main(void *arg)
{
	(void)arg;
	pthread_once(&table_once, table_init);
	return NULL;
}

static void once_hold(struct place *p)
{
	(void)p;
	table_once = PTHREAD_ONCE_INIT;
	atomic_store(&helper_go, false);
	atomic_store(&helper_inside, false);
	if (pthread_create(&helper, NULL, once_main, NULL) || pthread_detach(helper))
		abort();
	until(&helper_inside);
}

static PLACE void once_wait(struct place *p)
{
	BLOCKS(p, &table_once, pthread_once(&table_once, table_init));
}

/* --- locks inside of the C library ------------------------------------------------------------ */

static FILE *log_file;

static PLACE void log_hold(struct place *p)
{
	(void)p;
	flockfile(log_file);
	KEEP();
}

static PLACE void log_wait(struct place *p)
{
	BLOCKS(p, (int *)log_file->_lock, fputs("a line\n", log_file));
}

static PLACE void log_release(struct place *p)
{
	(void)p;
	funlockfile(log_file);
	KEEP();
}

/* Runs freely: the lock of the heap cannot be held on purpose. */
static PLACE void churn_blocks(uint64_t seed, uint64_t until_ns)
{
	void *blocks[64] = {NULL};

	while (place_now() < until_ns) {
		for (int i = 0; i < 1000; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			free(blocks[seed >> 58]);
			blocks[seed >> 58] = malloc(1100 + (seed >> 33) % 40000);
		}
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
}

static PLACE void *churn_main(void *arg)
{
	churn_blocks((uint64_t)(uintptr_t)arg, place_now() + CHURN_NS);
	KEEP();
	return NULL;
}

static void reap(pthread_t thread)
{
	while (pthread_tryjoin_np(thread, NULL))
		place_sleep(100000);
}

static void churn(struct place *p)
{
	pthread_t threads[CHURN_THREADS];

	for (uintptr_t i = 0; i < CHURN_THREADS; i++)
		if (pthread_create(&threads[i], NULL, churn_main, (void *)(i + 1)))
			abort();
	for (int i = 0; i < CHURN_THREADS; i++)
		reap(threads[i]);
	p->function = "churn_blocks";
}

/* --- mutexes, by how one gets there ----------------------------------------------------------- */

static pthread_mutex_t handler_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t callback_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t inlined_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t main_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place *current;

static PLACE void handler_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&handler_lock);
	KEEP();
}

static PLACE void on_signal(int number)
{
	struct place *p = current;

	(void)number;
	BLOCKS(p, &handler_lock, pthread_mutex_lock(&handler_lock));
	pthread_mutex_unlock(&handler_lock);
	KEEP();
}

static PLACE void handler_wait(struct place *p)
{
	current = p;
	raise(SIGUSR1);
	KEEP();
}

static PLACE void handler_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&handler_lock);
	KEEP();
}

static PLACE void callback_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&callback_lock);
	KEEP();
}

static PLACE int compare_locked(const void *a, const void *b)
{
	struct place *p = current;

	if (p) {
		current = NULL;
		BLOCKS(p, &callback_lock, pthread_mutex_lock(&callback_lock));
		pthread_mutex_unlock(&callback_lock);
	}
	return *(const int *)a - *(const int *)b;
}

static PLACE void callback_wait(struct place *p)
{
	int numbers[] = {5, 3, 4, 1, 2};

	current = p;
	qsort(numbers, COUNT(numbers), sizeof(numbers[0]), compare_locked);
	KEEP();
}

static PLACE void callback_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&callback_lock);
	KEEP();
}

static PLACE void inlined_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&inlined_lock);
	KEEP();
}

static inline __attribute__((always_inline)) void enter_inlined(struct place *p)
{
	BLOCKS(p, &inlined_lock, pthread_mutex_lock(&inlined_lock));
}

static PLACE void inlined_wait(struct place *p)
{
	enter_inlined(p);
	pthread_mutex_unlock(&inlined_lock);
	KEEP();
}

static PLACE void inlined_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&inlined_lock);
	KEEP();
}

/* The library comes while the program is watched. */
static struct {
	void (*hold)(struct place *p);
	void (*wait)(struct place *p);
	void (*release)(struct place *p);
} plugin;

static void plugin_hold(struct place *p)
{
	plugin.hold(p);
	KEEP();
}

static void plugin_wait(struct place *p)
{
	plugin.wait(p);
	KEEP();
}

static void plugin_release(struct place *p)
{
	plugin.release(p);
	KEEP();
}

static void load_plugin(const char *program)
{
	char path[4096];
	void *library;

	snprintf(path, sizeof(path), "%.*s/places_plugin.so",
		 (int)(strrchr(program, '/') - program), program);
	library = dlopen(path, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	plugin.hold = (void (*)(struct place *))dlsym(library, "cache_hold");
	plugin.wait = (void (*)(struct place *))dlsym(library, "cache_wait");
	plugin.release = (void (*)(struct place *))dlsym(library, "cache_release");
}

/* --- the table -------------------------------------------------------------------------------- */

static void nothing(struct place *p)
{
	(void)p;
}

static PLACE void main_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&main_lock);
	KEEP();
}

static struct place places[] = {
	ROW("static", "mutex", "registry_lock", registry_hold, registry_wait, registry_release),
	ROW("field", "mutex", "catalog", catalog_hold, catalog_wait, catalog_release),
	ROW("heap", "mutex", "[heap]", heap_hold, heap_wait, heap_release),
	ROW("stack", "mutex", "[stack]", stack_hold, stack_wait, stack_release),
	ROW("pi", "pi-mutex", "inheriting_lock", inheriting_hold, inheriting_wait, inheriting_release),
	ROW("robust", "robust-mutex", "robust_lock", robust_hold, robust_wait, robust_release),
	ROW("read", "rwlock", "index_rwlock", index_hold, index_read, index_release),
	ROW("write", "rwlock", "table_rwlock", table_hold, table_write, table_release),
	ROW("condition", "condition", "queue", nothing, queue_wait, queue_release),
	ROW("semaphore", "semaphore", "tickets", nothing, tickets_wait, tickets_release),
	ROW("barrier", "barrier", "meeting", nothing, meeting_wait, meeting_release),
	ROW("join", "join", "", join_hold, join_wait, join_release),
	ROW("once", "C once", "table_once", once_hold, once_wait, join_release),
	ROW("stdio", "stdio", "", log_hold, log_wait, log_release),
	ROW("handler", "mutex", "handler_lock", handler_hold, handler_wait, handler_release),
	ROW("callback", "mutex", "callback_lock", callback_hold, callback_wait, callback_release),
	ROW("inlined", "mutex", "inlined_lock", inlined_hold, inlined_wait, inlined_release),
	ROW_HELD_IN("plugin", "mutex", "cache_lock", plugin_hold, plugin_wait, plugin_release,
		    "cache_release"),
	ROW("main", "mutex", "main_lock", NULL, NULL, main_release),
	ROW("malloc", "malloc", "", NULL, NULL, NULL),
};

static _Atomic pid_t waiter_tid;

static PLACE void *waiter_main(void *arg)
{
	struct place *p = arg;

	atomic_store(&waiter_tid, gettid());
	p->wait(p);
	KEEP();
	return NULL;
}

static void planted(struct place *p)
{
	pthread_t thread;

	for (int i = 0; i < ROUNDS; i++) {
		atomic_store(&waiter_tid, 0);
		p->hold(p);
		if (pthread_create(&thread, NULL, waiter_main, p))
			abort();
		while (!atomic_load(&waiter_tid))
			place_sleep(100000);
		place_until_asleep(atomic_load(&waiter_tid));
		place_sleep(HOLD_NS);
		p->release(p);
		reap(thread);
	}
}

static void *main_holder(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&main_lock);
	atomic_store(&helper_inside, true);
	place_until_asleep(getpid());
	place_sleep(HOLD_NS);
	main_release(NULL);
	return NULL;
}

/* The other way round: the main thread waits, from main() itself. */
static PLACE void main_waits(struct place *p)
{
	for (int i = 0; i < ROUNDS; i++) {
		atomic_store(&helper_inside, false);
		if (pthread_create(&helper, NULL, main_holder, NULL))
			abort();
		until(&helper_inside);
		BLOCKS(p, &main_lock, pthread_mutex_lock(&main_lock));
		pthread_mutex_unlock(&main_lock);
		reap(helper);
	}
}

int main(int argc, char **argv)
{
	pthread_mutex_t on_stack = PTHREAD_MUTEX_INITIALIZER;

	(void)argc;
	mallopt(M_ARENA_MAX, 1);
	heap_lock = malloc(sizeof(*heap_lock));
	stack_lock = &on_stack;
	log_file = fopen("/dev/null", "we");
	if (!heap_lock || pthread_mutex_init(heap_lock, NULL) || !log_file || sem_init(&tickets, 0, 0) ||
	    pthread_barrier_init(&meeting, NULL, 2))
		abort();
	special_mutexes();
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
	load_plugin(argv[0]);
	for (size_t i = 0; i < COUNT(places) - 2; i++)
		planted(&places[i]);
	main_waits(&places[COUNT(places) - 2]);
	churn(&places[COUNT(places) - 1]);
	places_print(places, COUNT(places));
	return 0;
}
