# SPDX-License-Identifier: GPL-2.0-or-later
"""An interpreter whose memory lies: parascope neither crashes nor hangs nor grows, and what is true
stays true."""
import time

import lib
from lib import end
from pylib import Program, each, main, site_ns

SECONDS = 0.8
AT_MOST_S = 6.0	 # attach, window, report, detach
AT_MOST_KIB = 64 << 10

LIES = ("circle", "itself", "nowhere", "kernel", "crooked", "end", "code-nowhere", "code-none", "code-frame",
        "name-huge", "name-nowhere", "name-kind", "name-control", "name-circle", "file-huge", "lines-huge",
        "lines-negative", "lines-endless", "first-negative", "threads-circle", "changing")


def forged(check, interpreter, kind):
    """lies beside the truth"""
    program = Program(interpreter, "forged.py", kind)
    if program.ready["hexversion"] >> 16 != 0x030b:
        program.go()
        program.done()
        program.truth()  # says why it is skipped
    program.go()
    program.done()
    begin = time.monotonic()
    report = lib.attach_for([program.pid], SECONDS)
    spent = time.monotonic() - begin
    end(program.child)
    check.that(spent <= AT_MOST_S, f"{spent:.1f} s for a window of {SECONDS} s")
    check.that(report["quality"]["own_rss_kib"] <= AT_MOST_KIB, f"{report['quality']['own_rss_kib']} KiB")
    total, right = site_ns(report["running"]), site_ns(report["running"], "burn")
    if kind == "changing":  # the other thread computes as well
        right += site_ns(report["running"], "run") + site_ns(report["running"], "write")
    check.that(total > 0 and right >= 0.99 * total,
               f"{right} of {total} ns in burn(): {[(s['function'], s['ns']) for s in report['running'][:4]]}")
    for site in report["running"]:
        check.that("\n" not in site["stack"] or kind == "name-control", "a stack of several lines")


each(forged, *((kind,) for kind in LIES), but=("free-threaded", "threaded-gil"))

main()
