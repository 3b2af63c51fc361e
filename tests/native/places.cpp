// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * places_cpp - blocks on the locks of the C++ library at known places; see places.h.
 * Built with -O2 -fomit-frame-pointer: what the library's headers inline is in no frame of its own.
 */
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

#include "places.h"

namespace app {

// --- a mutex of a namespace, without a name outside of this file

namespace {
std::mutex registry_lock;
}

PLACE void registry_hold(place *)
{
	registry_lock.lock();
	KEEP();
}

PLACE void registry_wait(place *p)
{
	BLOCKS(p, &registry_lock, registry_lock.lock());
	registry_lock.unlock();
	KEEP();
}

PLACE void registry_release(place *)
{
	registry_lock.unlock();
	KEEP();
}

// --- a mutex of a template, taken by a guard in a member function

template <typename T>
struct store {
	static inline std::mutex guard;

	PLACE void put(place *p)
	{
		std::unique_lock<std::mutex> lock(guard, std::defer_lock);

		BLOCKS(p, &guard, lock.lock());
	}
};

PLACE void store_hold(place *)
{
	store<long>::guard.lock();
	KEEP();
}

void store_wait(place *p)
{
	store<long>().put(p);
}

PLACE void store_release(place *)
{
	store<long>::guard.unlock();
	KEEP();
}

// --- a recursive mutex in an object on the heap

struct session {
	long id = 1;
	std::recursive_mutex lock;
};
std::unique_ptr<session> one_session;

PLACE void session_hold(place *)
{
	one_session->lock.lock();
	KEEP();
}

PLACE void session_wait(place *p)
{
	BLOCKS(p, &one_session->lock, one_session->lock.lock());
	one_session->lock.unlock();
	KEEP();
}

PLACE void session_release(place *)
{
	one_session->lock.unlock();
	KEEP();
}

// --- shared mutexes

std::shared_mutex index_lock, table_lock;

PLACE void index_hold(place *)
{
	index_lock.lock();
	KEEP();
}

PLACE void index_read(place *p)
{
	BLOCKS(p, &index_lock, index_lock.lock_shared());
	index_lock.unlock_shared();
	KEEP();
}

PLACE void index_release(place *)
{
	index_lock.unlock();
	KEEP();
}

PLACE void table_hold(place *)
{
	table_lock.lock_shared();
	KEEP();
}

PLACE void table_write(place *p)
{
	BLOCKS(p, &table_lock, table_lock.lock());
	table_lock.unlock();
	KEEP();
}

PLACE void table_release(place *)
{
	table_lock.unlock_shared();
	KEEP();
}

// --- a condition

std::mutex queue_mutex;
std::condition_variable queue_more;
unsigned queue_jobs;

PLACE void queue_wait(place *p)
{
	std::unique_lock lock(queue_mutex);

	while (!queue_jobs)
		BLOCKS(p, &queue_more, queue_more.wait(lock));
	queue_jobs--;
}

PLACE void queue_release(place *)
{
	{
		std::lock_guard lock(queue_mutex);
		queue_jobs++;
	}
	queue_more.notify_one();
	KEEP();
}

// --- a thread, an initialisation

std::thread helper;
std::atomic<bool> helper_inside, helper_go;

void until(std::atomic<bool> &flag)
{
	while (!flag)
		place_sleep(100000);
}

void join_hold(place *)
{
	helper_go = false;
	helper = std::thread([] { until(helper_go); });
}

PLACE void join_wait(place *p)
{
	BLOCKS(p, "", helper.join());
	p->addr = p->size = 0;
}

void join_release(place *)
{
	helper_go = true;
}

std::once_flag table_once[ROUNDS];
int round_of_once = -1;

void table_init()
{
	helper_inside = true;
	until(helper_go);
}

void once_hold(place *)
{
	round_of_once++;
	helper_go = helper_inside = false;
	std::thread([] { std::call_once(table_once[round_of_once], table_init); }).detach();
	until(helper_inside);
}

PLACE void once_wait(place *p)
{
	BLOCKS(p, &table_once, std::call_once(table_once[round_of_once], table_init));
}

// --- in a handler of an exception, in a destructor while one passes

std::mutex handler_lock, destructor_lock;

PLACE void handler_hold(place *)
{
	handler_lock.lock();
	KEEP();
}

PLACE void handler_wait(place *p)
{
	try {
		throw std::runtime_error("on purpose");
	} catch (const std::exception &) {
		BLOCKS(p, &handler_lock, handler_lock.lock());
		handler_lock.unlock();
	}
	KEEP();
}

PLACE void handler_release(place *)
{
	handler_lock.unlock();
	KEEP();
}

PLACE void destructor_hold(place *)
{
	destructor_lock.lock();
	KEEP();
}

struct locks_at_end {
	place *p;

	PLACE ~locks_at_end()
	{
		BLOCKS(p, &destructor_lock, destructor_lock.lock());
		destructor_lock.unlock();
		KEEP();
	}
};

PLACE void destructor_throws(place *p)
{
	locks_at_end end{p};

	if (p->name)
		throw std::runtime_error("on purpose");
}

PLACE void destructor_wait(place *p)
{
	try {
		destructor_throws(p);
	} catch (const std::exception &) {
		KEEP();
	}
	KEEP();
}

PLACE void destructor_release(place *)
{
	destructor_lock.unlock();
	KEEP();
}

void nothing(place *) {}

place places[] = {
	ROW("anonymous namespace", "mutex", "registry_lock", registry_hold, registry_wait,
	    registry_release),
	ROW("template", "mutex", "guard", store_hold, store_wait, store_release),
	ROW("heap", "mutex", "[heap]", session_hold, session_wait, session_release),
	ROW("read", "rwlock", "app::index_lock", index_hold, index_read, index_release),
	ROW("write", "rwlock", "app::table_lock", table_hold, table_write, table_release),
	ROW("condition", "condition", "app::queue_more", nothing, queue_wait, queue_release),
	ROW("join", "join", "", join_hold, join_wait, join_release),
	ROW("once", "once", "app::table_once", once_hold, once_wait, join_release),
	ROW("handler", "mutex", "app::handler_lock", handler_hold, handler_wait, handler_release),
	ROW("destructor", "mutex", "app::destructor_lock", destructor_hold, destructor_wait,
	    destructor_release),
};

std::atomic<pid_t> waiter_tid;

void planted(place &p)
{
	for (int i = 0; i < ROUNDS; i++) {
		waiter_tid = 0;
		p.hold(&p);
		std::thread waiter([&p] {
			waiter_tid = gettid();
			p.wait(&p);
		});
		while (!waiter_tid)
			place_sleep(100000);
		place_until_asleep(waiter_tid);
		place_sleep(HOLD_NS);
		p.release(&p);
		place_until_gone(waiter_tid);
		waiter.join();
	}
}

} // namespace app

int main()
{
	app::one_session = std::make_unique<app::session>();
	for (place &p : app::places)
		app::planted(p);
	places_print(app::places, std::size(app::places));
}
