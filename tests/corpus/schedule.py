# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes traces by hand: the same text form as tests/fixtures, made of schedules.

    t = Trace(cpus=4)
    a = t.thread(); a.run(100); a.disk(50)       # each thread has a clock of its own, ms
    t.text()

The records are those that bpf/ would have made, with numbers as small as possible.
"""
MS = 1_000_000
BEGIN = MS  # of the window
EPOLL_WAIT, NANOSLEEP, READ, PREAD, MUNMAP, WAIT4, FUTEX = 232, 230, 0, 17, 11, 61, 202
FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET = 0x80, 0x81, 0x89
CALL, IRQ, OURS, GIL, OBJECT = 0x4, 0x21, 0x26, 0x1, 0x20
GIL_BASE, GIL_LEN, GIL_WORD = 0x9020, 0xb0, 0x2c
MUTEX = "0" * 96 + "02000000010000000a00000001"  # locked, contended, owned by 10, as glibc lays it out


class Thread:
    def __init__(self, trace, tid, pid, at_ms):
        self.trace, self.tid, self.pid = trace, tid, pid
        self.now = self.begin = BEGIN + int(at_ms * MS)
        self.ended = self.dead = False
        self.ns, self.voluntary, self.involuntary = {}, 0, 0

    def _say(self, kind, **fields):
        self.trace.say(self.now, kind, tid=self.tid, **fields)

    def _spend(self, state, ms):
        """The clock goes on; what the kernel adds up is inside the window."""
        begin, self.now = self.now, self.now + int(ms * MS)
        inside = min(self.now, self.trace.end) - begin
        if inside > 0:
            self.ns[state] = self.ns.get(state, 0) + inside

    def _sleep(self, state, ms, nr, flags=CALL, woken=0.0, more=None, wake=None):
        """Off the CPU for ms in a state, then woken ms without a CPU, then on one."""
        self._say("switch", prev_state=state, flags=f"{flags:#x}", **(more or {}), **{"block.nr": nr})
        self._spend(state, ms)
        self.voluntary += 1
        self._say("wake", **(wake or {"flags": IRQ}))
        return self._back("woken", woken)

    def _back(self, state, ms):
        self._spend(state, ms)
        self.trace.say(self.now, "switch", next_tid=self.tid)
        return self

    def run(self, ms):
        self._spend("on_cpu", ms)
        return self

    def preempted(self, ms):
        self._say("switch", prev_state="preempted")
        self.involuntary += 1
        return self._back("preempted", ms)

    def disk(self, ms, woken=0.0):
        return self._sleep("io_disk", ms, PREAD, woken=woken)

    def net(self, ms, woken=0.0):
        return self._sleep("io_ipc", ms, READ, woken=woken)

    def epoll(self, ms):
        return self._sleep("io_ipc", ms, EPOLL_WAIT)

    def sleep(self, ms, woken=0.0):
        return self._sleep("sleep", ms, NANOSLEEP, woken=woken)

    def child(self, ms):
        return self._sleep("child", ms, WAIT4)

    def klock(self, ms):
        return self._sleep("klock", ms, MUNMAP)

    def fault(self, ms):
        return self._sleep("fault", ms, -1)

    def stopped(self, ms):
        return self._sleep("stopped", ms, -1)

    def unknown(self, ms):
        return self._sleep("unknown", ms, -1)

    def _futex(self, addr, op, ms, waker, woken, flags=CALL, **block):
        block = {"block.addr": f"{addr:#x}", "block.op": f"{op:#x}", **block}
        # that the waker is on a CPU at that moment is the caller's business
        self._sleep("futex", ms, FUTEX, flags=flags, woken=woken, more=block,
                    wake={"waker_tid": waker.tid, "waker_tgid": waker.pid, "flags": OURS,
                          "addr": f"{addr:#x}"})
        self._say("futex", addr=f"{addr:#x}", op=f"{op:#x}", ret=0, flags="0x1")

    def mutex(self, addr, ms, waker, woken=0.0):
        """Wait for a mutex that waker then lets go of."""
        self._say("word", tgid=self.pid, addr=f"{addr:#x}", op=f"{FUTEX_WAIT:#x}", val=2, sp="0x7ffd0000",
                  bytes=MUTEX)
        self._futex(addr, FUTEX_WAIT, ms, waker, woken, **{"block.val": 2, "block.word": 2,
                                                          "block.aux": waker.tid})

    def condition(self, addr, ms, waker, woken=0.0):
        self._futex(addr, FUTEX_WAIT_BITSET, ms, waker, woken, **{"block.val": 0, "block.word": 0})

    def gil(self, ms, waker, woken=0.0):
        self._futex(GIL_BASE + GIL_WORD, FUTEX_WAIT_BITSET, ms, waker, woken, flags=CALL | GIL | OBJECT,
                    **{"block.val": 0, "block.word": 1,
                       "block.object": f"{0x100000 + waker.tid:#x}"})  # its last holder

    def with_gil(self, what, *args):
        """Sleep with the GIL in its hands."""
        at = len(self.trace.lines)
        what(*args)
        when, line = self.trace.lines[at]
        self.trace.lines[at] = when, line.replace(f"flags={CALL:#x}", f"flags={CALL | 0x11:#x}")

    def parked(self, addr=0x7000):
        """Waits for work until the window ends."""
        self._say("switch", prev_state="futex", flags=f"{CALL:#x}", **{
            "block.addr": f"{addr:#x}", "block.op": f"{FUTEX_WAIT_BITSET:#x}", "block.val": 0,
            "block.nr": FUTEX, "block.word": 0})
        self._spend("futex", (self.trace.end - self.now) / MS)
        self.ended = True

    def exit(self):
        self._say("switch", prev_state="dead", flags="0x0")
        self._say("exit", tgid=self.pid)
        self.ended = self.dead = True

    def sums(self):
        """What the kernel has added up for it: told at its end, or with the window's."""
        states = " ".join(f"state_ns.{k}={v}" for k, v in self.ns.items())
        end = min(self.now, self.trace.end) if self.dead else self.trace.end
        return end, (f'sums tid={self.tid} tgid={self.pid} dead={int(self.dead)} start_ns={self.tid} '
                     f'begin_ns={self.begin} end_ns={end} comm="t{self.tid}" {states} '
                     f'voluntary={self.voluntary} involuntary={self.involuntary}')


class Trace:
    def __init__(self, cpus=4, ms=1000):
        self.cpus, self.end = cpus, BEGIN + ms * MS
        self.lines, self.threads, self.heads, self.tails = [], [], [], []

    def say(self, when, kind, **fields):
        fields = {k.rstrip("_"): v for k, v in fields.items()}
        flags = fields.get("flags")
        if isinstance(flags, int):
            fields["flags"] = f"{flags:#x}"
        order = ("tid", "next_tid")
        words = [f"{k}={fields[k]}" for k in order if k in fields]
        words += [f"{k}={v}" for k, v in fields.items() if k not in order]
        self.lines.append((when, f"{kind} {' '.join(words)}"))

    def thread(self, pid=None, at=0.0, python=False, parent=1):
        """A thread that runs; at: ms of its birth, 0: it was there before."""
        tid = 10 + len(self.threads)
        t = Thread(self, tid, pid or 10, at)
        flags = "0x1" if not at else "0x0"
        self.heads.append((t.begin, f'task tid={tid} tgid={t.pid} parent_tgid={parent} ns_tid={tid} '
                                    f'ns_tgid={t.pid} start_ns={tid} comm="t{tid}" state=on_cpu flags={flags}'))
        if python:
            self.heads.append((t.begin, f"pythread tid={tid} tstate={0x100000 + tid:#x} gil={GIL_BASE:#x}"))
        self.threads.append(t)
        return t

    def process(self, pid, **fields):
        for when in (BEGIN, self.end):
            words = {"cpus_allowed": self.cpus, "cmdline": '"program"', **fields}
            if when == BEGIN:
                words = {k: v for k, v in words.items() if not k.startswith("throttled")}
            row = f"proc tid={pid} start_ns={pid} " + " ".join(f"{k}={v}" for k, v in words.items())
            (self.heads if when == BEGIN else self.tails).append((when, row))

    def runtime(self, pid, status="ok"):
        self.heads.append((BEGIN, f'region tid={pid} begin={GIL_BASE:#x} end={GIL_BASE + GIL_LEN:#x} '
                                  f'region_kind=1 name="GIL (CPython 3.11)"'))
        self.heads.append((BEGIN, f'runtime tid={pid} name="CPython 3.11.2" status={status} '
                                  f'gil={GIL_BASE:#x} switches=100 interval_us=5000'))

    def lost(self, made, dropped):
        self.tails.append((self.end, f"loss count.made={made} count.received={made - dropped} "
                                     f"count.ring_full={dropped}"))

    def text(self):
        out = [f'0 host kernel="6.1.0" version="test" cpus_online={self.cpus}',
               f"{BEGIN} window begin_ns={BEGIN}"]
        body = [(w, i, t) for i, (w, t) in enumerate(self.heads + self.lines) if w < self.end]
        body += [(w, len(body) + i, text) for i, (w, text) in enumerate(t.sums() for t in self.threads)]
        out += [f"{w} {t}" for w, _, t in sorted(body)]
        out += [f"{w} {t}" for w, t in self.tails]
        out.append(f"{self.end} window begin_ns={BEGIN} end_ns={self.end}")
        return "\n".join(out) + "\n"
