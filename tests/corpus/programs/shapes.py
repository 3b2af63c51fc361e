# SPDX-License-Identifier: GPL-2.0-or-later
"""shapes.py SHAPE SECONDS [WORKERS [FILE]]: small Python programs whose verdict is certain by how they are
written; see ../live.py, which says why.  Workers that compute do so for a time on a CPU clock, so that a
loaded machine changes how long it takes but not who does how much."""
import asyncio
import concurrent.futures
import ctypes
import hashlib
import multiprocessing
import queue
import socket
import sys
import threading
import time

SECONDS = float(sys.argv[2])
WORKERS = int(sys.argv[3]) if len(sys.argv) > 3 else 2
FILE = sys.argv[4] if len(sys.argv) > 4 else ""
DEADLINE = time.monotonic() + SECONDS
BUFFER = bytes(1 << 20)


def over():
    return time.monotonic() >= DEADLINE


def burn(seconds, clock=time.thread_time):
    end = clock() + seconds
    while clock() < end:
        sum(range(500))


def burn_native(seconds):
    """In C, without the GIL."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.sha256(BUFFER).digest()


def threads(*bodies):
    started = [threading.Thread(target=body) for body in bodies]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def procs(*jobs):
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=body, args=args) for body, *args in jobs]
    for process in started:
        process.start()
    for process in started:
        process.join()


# --- computing ----------------------------------------------------------------------------------


def gil_procs():
    """WORKERS processes, each with two threads that want its GIL."""
    procs(*[(threads, lambda: burn(SECONDS / 2), lambda: burn(SECONDS / 2))] * WORKERS)


def uneven():
    """Processes that begin together: the first has four times the work of each other one."""
    procs((burn, SECONDS), *[(burn, SECONDS / 4)] * (WORKERS - 1))


def native_uneven():
    """The same with threads, in C without the GIL."""
    threads(lambda: burn_native(SECONDS), *[lambda: burn_native(SECONDS / 4)] * (WORKERS - 1))


def native_locked():
    """C code that releases the GIL, but each call is made with one lock held."""
    lock = threading.Lock()

    def body():
        while not over():
            with lock:
                hashlib.sha256(BUFFER).digest()
    threads(*[body] * WORKERS)


def native_one():
    """Computing in C without the GIL, one thread of several has work."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(WORKERS):
            pool.submit(time.sleep, 0.05)  # all threads of the pool are there
        pool.submit(burn_native, SECONDS).result()


# --- locks --------------------------------------------------------------------------------------


def lock_asleep():
    """A threading.Lock held while asleep: nobody computes, and the GIL is free all the time."""
    lock = threading.Lock()

    def body():
        while not over():
            with lock:
                time.sleep(0.01)
    threads(*[body] * WORKERS)


def process_lock():
    """Processes, each of which computes only with one multiprocessing.Lock held."""
    lock = multiprocessing.get_context("fork").Lock()

    def body():
        while not over():
            with lock:
                burn(0.004)
    procs(*[(body,)] * WORKERS)


def native_mutex():
    """One thread sleeps with a mutex of C code, without the GIL; the next one waits for the mutex in C
    code that keeps the GIL; the third one computes, if it gets the GIL.  FILE is the library."""
    free, keep = ctypes.CDLL(FILE), ctypes.PyDLL(FILE)

    def sleeper():
        while not over():
            free.hold(40000)
            time.sleep(0.002)

    def waiter():
        while not over():
            keep.hold(0)
            time.sleep(0.001)

    def burner():
        while not over():
            sum(range(500))
    threads(sleeper, waiter, burner)


def native_deadlock():
    """A mutex is held by a thread that waits for the GIL, which a thread has that waits for the mutex."""
    mutex = ctypes.create_string_buffer(64)
    free, keep = ctypes.CDLL(None), ctypes.PyDLL(None)

    def holder():
        free.pthread_mutex_lock(mutex)
        free.usleep(200000)  # needs the GIL to come back
        free.pthread_mutex_unlock(mutex)

    def waiter():
        time.sleep(0.05)
        keep.pthread_mutex_lock(mutex)
    threads(holder, waiter)


def ring():
    """A token goes round through queues; who has it computes."""
    lines = [queue.Queue() for _ in range(WORKERS)]

    def body(number):
        while lines[number].get():
            burn(0.002)
            lines[(number + 1) % WORKERS].put(not over())
        lines[(number + 1) % WORKERS].put(False)
    lines[0].put(True)
    threads(*[lambda i=i: body(i) for i in range(WORKERS)])


# --- waiting ------------------------------------------------------------------------------------


def idle_threads():
    """A pool that had a little to do once."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(WORKERS):
            pool.submit(time.sleep, 0.02)
        time.sleep(SECONDS)


def idle_procs():
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        pool.map(abs, range(WORKERS))
        time.sleep(SECONDS)


def requests(number):
    """Questions to the server behind the socket FILE, one after the other."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(FILE)
        while not over():
            s.sendall(b"x")
            s.recv(1)


def ask():
    threads(*[lambda i=i: requests(i) for i in range(WORKERS)])


def ask_async():
    """The same with asyncio: WORKERS questions in flight, in one thread."""
    async def one():
        reader, writer = await asyncio.open_unix_connection(FILE)
        while not over():
            writer.write(b"x")
            await reader.readexactly(1)
        writer.close()

    async def main():
        await asyncio.gather(*[one() for _ in range(WORKERS)])
    asyncio.run(main())


def async_work():
    """asyncio whose callbacks compute nearly all the time."""
    async def one():
        while not over():
            burn(0.002)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*[one() for _ in range(WORKERS)])
    asyncio.run(main())


def echo():
    """The other side of ask and ask_async, WORKERS ms late: for each connection a thread."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(FILE)
    listening.listen(64)

    def serve(s):
        while s.recv(1):
            time.sleep(WORKERS / 1000)
            try:
                s.sendall(b"x")
            except OSError:
                return
    while True:
        threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
