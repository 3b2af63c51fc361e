// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deep_cpp [THREADS] - what deep.c is, for C++: templates, virtual calls, lambdas, exceptions
 * (threads block in handlers and in destructors while a stack is being unwound), std::thread and the
 * locks of the standard library.
 */
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define PLACE __attribute__((noipa, noinline))
#define KEEP() __asm__ volatile("" ::: "memory")

namespace deep {

constexpr unsigned THREADS = 40;
constexpr unsigned FRAMES = 80;	// a way has at most so many

struct walk {
	std::uint64_t seed = 0;
	std::uint64_t sum = 0;
	std::chrono::milliseconds wait{};
	unsigned left = 0;
	bool pending = false;

	std::uint32_t dice()
	{
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		return static_cast<std::uint32_t>(seed >> 33);
	}
};

std::timed_mutex taken_mutex;
std::shared_timed_mutex taken_shared;
std::counting_semaphore<8> never_released(0);
std::atomic<unsigned> running;

PLACE void down(walk &w);

// --- where a way ends

PLACE void wait_mutex(walk &w)
{
	if (taken_mutex.try_lock_for(w.wait))
		std::abort();
	KEEP();
}

PLACE void wait_shared(walk &w)
{
	if (w.dice() & 1 ? taken_shared.try_lock_shared_for(w.wait) : taken_shared.try_lock_for(w.wait))
		std::abort();
	KEEP();
}

PLACE void wait_condition(walk &w)
{
	std::mutex mutex;
	std::condition_variable cond;
	std::unique_lock lock(mutex);

	cond.wait_for(lock, w.wait, [&w] { return w.left == ~0u; });
	KEEP();
}

PLACE void wait_semaphore(walk &w)
{
	if (never_released.try_acquire_for(w.wait))
		std::abort();
	KEEP();
}

// --- steps on the way

template <typename T, std::size_t N>
PLACE void fill(walk &w, const std::array<T, N> &values)
{
	std::array<T, N> copy = values;

	down(w);
	for (const T &value : copy)
		w.sum += static_cast<std::uint64_t>(value);
	KEEP();
}

struct shape {
	virtual ~shape() = default;
	virtual void visit(walk &w) const = 0;
};

template <int N>
struct polygon : shape {
	PLACE void visit(walk &w) const override
	{
		w.sum += N;
		down(w);
		KEEP();
	}
};

PLACE void by_virtual(walk &w)
{
	std::unique_ptr<shape> shape;

	if (w.dice() & 1)
		shape = std::make_unique<polygon<3>>();
	else
		shape = std::make_unique<polygon<4>>();
	shape->visit(w);
	KEEP();
}

PLACE void by_function(walk &w)
{
	std::string text = "a text that is too long to be kept inside";
	std::function<void(walk &)> step = [text](walk &there) {
		there.sum += text.size();
		down(there);
		KEEP();
	};

	step(w);
	KEEP();
}

PLACE void by_sort(walk &w)
{
	std::vector<int> numbers(24);

	for (int &number : numbers)
		number = static_cast<int>(w.dice() % 1000);
	w.pending = true;
	std::sort(numbers.begin(), numbers.end(), [&w](int a, int b) {
		if (w.pending) {
			w.pending = false;
			down(w);
		}
		return a < b;
	});
	w.sum += static_cast<std::uint64_t>(numbers[0]);
}

// Blocks in its destructor: while an exception passes, and else.
struct late {
	walk &w;

	explicit late(walk &there) : w(there) {}
	PLACE ~late()
	{
		down(w);
		KEEP();
	}
};

PLACE void throws(walk &w)
{
	late guard(w);

	if (w.sum != ~0ull)
		throw std::runtime_error("on purpose");
}

PLACE void by_unwinding(walk &w)
{
	try {
		throws(w);
	} catch (const std::runtime_error &) {
		w.sum++;
	}
	KEEP();
}

PLACE void by_handler(walk &w)
{
	try {
		throw std::string("a value");
	} catch (const std::string &value) {
		w.sum += value.size();
		down(w);
		KEEP();
	}
}

PLACE void by_once(walk &w)
{
	std::once_flag flag;

	std::call_once(flag, [&w] {
		down(w);
		KEEP();
	});
	KEEP();
}

// Three functions at one address, after inlining.
struct ledger {
	walk &w;

	inline __attribute__((always_inline)) void post() { down(w); KEEP(); }
	inline __attribute__((always_inline)) void book(unsigned n)
	{
		w.sum += n;
		post();
	}
};

PLACE void by_inlined(walk &w)
{
	ledger{w}.book(7);
	KEEP();
}

PLACE void by_array(walk &w)
{
	if (w.dice() & 1)
		fill(w, std::array<int, 3>{1, 2, 3});
	else
		fill(w, std::array<long, 40>{4});
	KEEP();
}

PLACE void down(walk &w)
{
	static constexpr struct {
		void (*go)(walk &w);
		unsigned frames;
	} steps[] = {
		{by_virtual, 3}, {by_function, 4}, {by_sort, 8}, {by_unwinding, 8}, {by_handler, 2},
		{by_once, 7}, {by_inlined, 2}, {by_array, 3},
	};
	static constexpr void (*ends[])(walk &w) = {
		wait_mutex, wait_shared, wait_condition, wait_semaphore,
	};
	const auto &step = steps[w.dice() % std::size(steps)];

	if (w.left > step.frames) {
		w.left -= step.frames;
		step.go(w);
	} else if (w.left) {
		w.left = 0;
		ends[w.dice() % std::size(ends)](w);
	}
	KEEP();
}

PLACE void walks(unsigned number)
{
	walk w;

	w.seed = (number + 1) * 0x9e3779b97f4a7c15ull;
	running++;
	for (;;) {
		w.left = 4 + w.dice() % (FRAMES - 4);
		w.wait = std::chrono::milliseconds(30 + w.dice() % 150);
		down(w);
	}
}

} // namespace deep

int main(int argc, char **argv)
{
	unsigned threads = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : deep::THREADS;
	std::atomic<bool> held = false;

	std::thread([&held] {
		deep::taken_mutex.lock();
		deep::taken_shared.lock();
		held = true;
		for (;;)
			std::this_thread::sleep_for(std::chrono::hours(1));
	}).detach();
	while (!held)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	for (unsigned i = 1; i < threads; i++)
		std::thread(deep::walks, i).detach();
	while (deep::running < threads - 1)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	std::puts("ready");
	std::fflush(stdout);
	deep::walks(0);
}
