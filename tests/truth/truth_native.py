# SPDX-License-Identifier: GPL-2.0-or-later
"""Native stacks against programs that know where they wait: shares by function, very many stacks, where
holders hold, what kinds of locks there are and what they are called.  Built without frame pointers."""
import bisect
import json
import re

from lib import Failed, Skip, cases, emulated, end_all, load_truth, lock_at, main, only, run, temp, test
from nativelib import (WHOLE, Trace, build_c, build_cpp, build_rust, by_function, folded, folded_by,
                       hide_debug_files, holding, kind_is, named_as, place, plain, same_name,
                       stack_functions, waiting, workload_without_frame_pointers)

# Shares of the waiting of one lock, in points.  24 threads wait 3 s and more each; of a share of 40 % that many
# samples (99 per second of waiting, 8,000 and more) have a standard deviation of 0.5.
SHARE = 0.02
# A place has all of the waiting that is its own, within what a clock around the call adds.
OWN = 0.02
PER_WAIT_NS = emulated(500_000, 20_000)
COLD, LEVELS, HOT = 20_000, 16, 1 << 16  # as in workloads/stacks.c
EARLY = 0.02  # of the stacks at most end early: the program is watched from its begin, when no table is there
KEPT = 0.99  # of the hot stack's weight
RIGHT = 0.99  # of the contentions: the right holder
HELD = 0.02  # how long it held


def workload(*args, options=()):
    """(report, truth, trace's path) of a workload without frame pointers."""
    trace, truth = temp("trace"), temp("truth.json")
    report, _, _ = run([workload_without_frame_pointers(), *args, "--truth", truth], "-o", trace, *options)
    return report, load_truth(truth), trace


def the_lock(check, report, truth):
    check.whole(report)
    check.equal(report["quality"]["dropped"], 0, "dropped records")
    lock = only(truth["locks"], "locks of the truth")
    row = only(lock_at(report, lock), "the lock in the report")
    check.equal(row["waits"], lock["waits"], "waits")
    return row, lock


@test
def shares(check):
    """the shares of five functions that wait for one mutex, within 2 points"""
    # at the default rate there are some 600 samples: 2 points are one standard deviation of 40 %
    report, truth, trace = workload("shares", options=("--sample-rate", "1000"))
    row, lock = the_lock(check, report, truth)
    wanted = {p["function"]: p["wait_ns"] for p in lock["places"] if p["waits"]}
    total = sum(wanted.values())
    got = by_function(waiting(row))
    check.near(sum(got.values()), row["wait_ns"], 0.001 * row["wait_ns"], "the sites' sum")
    for name, ns in wanted.items():
        share = got.get(name, 0) / row["wait_ns"]
        check.that(abs(share - ns / total) <= SHARE,
                   f"{name}: {share:.4f} of the waiting, planned {ns / total:.4f}")
    check.that(set(got) == set(wanted), f"functions that wait: {sorted(got)}")
    places = [place(s) for s in waiting(row)]
    check.that(all(file == "shares.c" for _, file, _ in places), f"places: {places}")
    for site in waiting(row):
        names = [plain(f) for f in stack_functions(site)]
        check.that("shares_wait" in names and "thread_main" in names, f"callers of {site['function']}: {names}")
    flame_graph(check, trace, row, wanted)


def flame_graph(check, trace, row, wanted):
    """The same as folded stacks: the functions have the same time, in microseconds."""
    lines = folded(trace, "waiting")
    check.that(lines, "no folded stacks")
    for line in lines[:2000]:
        check.that(re.fullmatch(r"[^;]+-\d+/\d+(;[^;]+)* \d+", line), f"a folded line: {line[:120]}")
    got = {}
    for line in lines:
        stack, _, count = line.rpartition(" ")
        for name in {plain(f) for f in stack.split(";")[1:]} & set(wanted):
            got[name] = got.get(name, 0) + int(count) * 1000
    for name, ns in by_function(waiting(row)).items():
        # each line is cut to whole microseconds
        check.near(got.get(name, 0), ns, 0.001 * row["wait_ns"] + 1000 * len(lines), f"folded time of {name}")


# --- very many stacks ---------------------------------------------------------------------------------


def way_of(number):
    """The functions of a wait, innermost first: those that lie on the way that its number stands for."""
    if number == HOT:
        return ["hot_wait", "hot_way", "waiter"]
    way = ["one" if number >> bit & 1 else "zero" for bit in reversed(range(LEVELS))]
    return ["cold_wait", *way, "cold_way", "waiter"]


def on_its_way(functions, number, whole):
    """Is this the stack of that wait?  One that is known to end early must lie on its way as far as it goes."""
    names, way = [plain(f) for f in functions], way_of(number)
    if way[0] not in names:
        return not whole and not {"hot_wait", "cold_wait"} & set(names)
    names = names[names.index(way[0]):][:len(way)]
    return names == way if whole else names == way[:len(names)]


def wait_stacks(check, report, lock, trace):
    """Each sample of a wait has the stack of the very wait that it was taken in."""
    log = sorted((begin, end, number) for _, number, begin, end in lock["log"])
    begins = [begin for begin, _, _ in log]
    right, early, missing, wrong, seen = 0, 0, 0, [], set()
    low = int(lock["addr"], 16)
    for ts, tid, why, stack, addr, _ in trace.samples:
        if why != "waited" or tid != lock["log"][0][0] or not low <= addr < low + lock["size"]:
            continue
        begin, end, number = log[bisect.bisect_right(begins, ts) - 1]
        if not begin <= ts <= end:
            wrong.append(f"a sample at {ts} outside of any wait")
            continue
        if stack not in trace.stacks:
            missing += 1
            continue
        whole = bool(trace.stacks[stack][1] & WHOLE)
        functions = trace.functions(stack)
        if not on_its_way(functions, number, whole):
            wrong.append(f"wait {number} has the stack {functions[:24]}")
        elif whole:
            right += 1
            seen.add(number)
        else:
            early += 1
    losses = [(l["key"], l["count"]) for l in report["quality"]["loss"] if l["count"]]
    print(f"# {right} samples with the right stack, {early} with the inner part of it, {len(wrong)} with a wrong "
          f"one, {missing} without, {len(seen)} different; lost: {losses}")
    check.equal(len(wrong), 0, f"samples with a wrong stack ({wrong[:3]})")
    check.that(missing <= report["quality"]["samples_unread"],
               f"{missing} samples without a stack, the report knows of {report['quality']['samples_unread']}")
    check.that(early <= EARLY * (right + early), f"{early} of {right + early} stacks are not whole")
    # nearly each wait is sampled, as it is longer than the period; what has no stack is counted
    check.that(len(seen) + early + missing >= 0.9 * COLD,
               f"only {len(seen)} different stacks, {early} not whole, {missing} lost")


@test
def many_stacks(check):
    """20,000 different stacks: the hot one keeps 99 % of its weight, and none is another's"""
    report, truth, path = workload("stacks", options=("--sample-rate", "10000"))
    row, lock = the_lock(check, report, truth)
    hot = only([p for p in lock["places"] if p["function"] == "hot_wait"], "the hot function")
    check.between(by_function(waiting(row)).get("hot_wait", 0), KEPT * hot["wait_ns"], hot["wait_ns"] / KEPT,
                  "time of the hot stack")
    site = max(waiting(row), key=lambda s: s["ns"])
    check.that(on_its_way(stack_functions(site), HOT, True), f"the heaviest stack: {site['stack'][:300]}")
    check.that(sum(s["ns"] for s in waiting(row)) <= row["wait_ns"], "the sites have more than the lock")
    wait_stacks(check, report, lock, Trace(path))


# --- holders ------------------------------------------------------------------------------------------


@test
def holders(check):
    """10,000 contentions: the right holder in 99 %, its time within 2 %, and its function"""
    # a hold is longer than the period: each has a stack of its own
    report, truth, trace = workload("holders", options=("--sample-rate", "10000"))
    row, lock = the_lock(check, report, truth)
    got = {h["tid"]: h for h in row["top_holders"]}
    planned = [h for h in lock["holders"] if h["blamed_ns"]]
    right = sum(min(h["holds"], got.get(h["tid"], {"count": 0})["count"]) for h in planned)
    check.that(right >= RIGHT * lock["waits"], f"{right} of {lock['waits']} contentions have the right holder: "
               f"{[(h['tid'], h['holds'], got.get(h['tid'], {}).get('count')) for h in planned]}")
    for h in planned:
        check.near(got.get(h["tid"], {"ns": 0})["ns"], h["blamed_ns"], HELD * h["blamed_ns"] + PER_WAIT_NS,
                   f"waiting behind thread {h['tid']}")
    places = {p["function"]: p["blamed_ns"] for p in lock["places"] if p["blamed_ns"]}
    # it holds the lock in what it calls, too: a function that waits, or burns CPU time
    total, (held, all_ns) = sum(places.values()), folded_by(folded(trace, "holding"), places)
    check.near(all_ns, total, HELD * total + PER_WAIT_NS * lock["waits"], "time behind holders, folded")
    check.that(sum(held.values()) >= RIGHT * all_ns > 0, f"{all_ns} ns held, by function {held}, planned {places}")
    for name, ns in places.items():
        share = held.get(name, 0) / max(sum(held.values()), 1)
        check.that(abs(share - ns / total) <= SHARE, f"held in {name}: {share:.4f}, planned {ns / total:.4f}")


# --- kinds and names ----------------------------------------------------------------------------------


def places_c():
    # bound at its begin: the loader does not look functions up where a lock is held
    build_c("places_plugin.so", "places_plugin.c", options=("-fPIC", "-shared", "-Wl,-z,now"))
    return build_c("places", "places.c", options=("-ldl", "-Wl,-z,now")), ("places.c", "places_plugin.c")


def places_cpp():
    return build_cpp("places_cpp", "places.cpp"), ("places.cpp",)


def places_rust():
    return build_rust("places_rust", "places.rs"), ("places.rs",)


PLACES = {
    "c": (places_c, ("static", "field", "heap", "stack", "pi", "robust", "read", "write", "condition", "semaphore",
                     "barrier", "join", "once", "stdio", "handler", "callback", "inlined", "plugin", "main",
                     "malloc")),
    "c++": (places_cpp, ("anonymous namespace", "template", "heap", "read", "write", "condition", "join", "once",
                         "handler", "destructor")),
    "rust": (places_rust, ("static", "heap", "read", "write", "condition", "once", "join")),
}
HOLDERS = ("planted", "main_holder")  # call the functions that take the lock, and that let go
_seen = {}


def seen(language):
    """(report, places by name, source files) of a program that is run once for all of its places."""
    if language not in _seen:
        try:
            program, files = PLACES[language][0]()
            report, _, out = run([program], "--sample-rate", "1000")
            _seen[language] = report, {p["name"]: p for p in json.loads(out)["places"]}, files
        except (Skip, Failed) as reason:
            _seen[language] = reason
        finally:
            end_all()
    if isinstance(_seen[language], Exception):
        raise _seen[language]
    return _seen[language]


def rows_of(report, there):
    """The locks of a place: by address, or, where the program cannot know that, by who waits there."""
    if there["size"]:
        rows = [l for l in report["locks"] if there["addr"] <= int(l["addr"], 16) < there["addr"] + there["size"]]
    else:
        rows = [l for l in report["locks"]
                if any(same_name(plain(s["function"]), there["function"]) for s in waiting(l))]
    return [l for l in rows if l["waits"]]


def known_place(check, name):
    """kind, name, place of the waiting and of the holding"""
    language, _, name = name.partition(" ")
    report, places, files = seen(language)
    there = places[name]
    rows = rows_of(report, there)
    if not check.that(rows, f"no lock at {there['addr']:#x}, or nobody waits in {there['function']}: "
                      f"{[(l['name'], [s['function'] for s in waiting(l)][:2]) for l in report['locks'][:30]]}"):
        return
    sites, total = [s for l in rows for s in waiting(l)], sum(l["wait_ns"] for l in rows)
    if there["waits"]:  # of what runs freely nobody knows how often
        check.equal(sum(l["waits"] for l in rows), there["waits"], "waits")
        check.near(total, there["wait_ns"], OWN * there["wait_ns"] + PER_WAIT_NS * there["waits"], "time waited")
    check.that(all(kind_is(l, there["kind"]) for l in rows),
               f"kinds {[l['kind'] for l in rows]}, is {there['kind']}")
    check.that(all(named_as(l, there["object"]) for l in rows),
               f"called {[l['name'] for l in rows]} {[l.get('object') for l in rows]}, is {there['object']}")
    right = [s for s in sites if same_name(plain(s["function"]), there["function"])]
    check.that(sum(s["ns"] for s in right) >= (1 - OWN) * total,
               f"waited for {total} ns at {[(place(s), s['ns']) for s in sites][:4]}, planned {there['function']}")
    for site in right:
        check.that(not there["line"] or place(site)[2] == there["line"],
                   f"line {place(site)[2]} of {there['function']}, waits at {there['line']}")
        check.that(place(site)[1] in files, f"file {place(site)[1]}")
    if there["holder"] and kind_is(rows[0], "held"):
        # the function that lets go; what the holder ran before was called where the lock is held.  A stack that is
        # known to end early, at the program's begin, tells neither.
        held = [(s, [plain(f) for f in stack_functions(s)]) for l in rows for s in holding(l)]
        held = [(s, names) for s, names in held if names and names[-1] != "..."]
        mine, whole = (sum(s["ns"] for s, names in held if any(same_name(n, f) for n in names for f in where))
                       for where in ((there["holder"],), (there["holder"], *HOLDERS)))
        check.that(mine and whole >= (1 - OWN) * sum(s["ns"] for s, _ in held),
                   f"held at {[(s['ns'], names[:6]) for s, names in held]}, planned {there['holder']}")


hide_debug_files()
cases(known_place, [f"{language} {name}" for language, (_, names) in PLACES.items() for name in names])

main()
