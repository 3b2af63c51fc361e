// SPDX-License-Identifier: GPL-2.0-or-later
// names - a thread that waits for a lock in functions whose names have to be made readable.
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

namespace store
{
struct Shelf {
	std::mutex lock;
	template <typename T> [[gnu::noipa]] void take(T how_long)
	{
		std::unique_lock held(lock);
		std::this_thread::sleep_for(how_long);
	}
};

[[gnu::noipa]] static void visit(Shelf &shelf)
{
	shelf.take(std::chrono::milliseconds(3));
	asm volatile("" ::: "memory");
}
} // namespace store

int main()
{
	static store::Shelf shelf;
	std::vector<std::thread> threads;

	puts("ready");
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		threads.emplace_back([] {
			for (;;)
				store::visit(shelf);
		});
	for (auto &t : threads)
		t.join();
}
