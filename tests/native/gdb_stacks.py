# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside gdb: writes the stacks of all threads of the attached process as JSON to $STACKS_TO.

{TID: {"frames": [{"pc", "names" (inlined ones first), "signal"}], "end": why gdb stopped there}}
"""
import json
import os

import gdb


def stack(thread):
    thread.switch()
    frames, names, frame, end = [], [], gdb.newest_frame(), ""
    while frame is not None:
        names.append(frame.name() or "")
        if frame.type() != gdb.INLINE_FRAME:
            frames.append({"pc": frame.pc(), "names": names,
                           "signal": frame.type() == gdb.SIGTRAMP_FRAME})
            names = []
        reason = frame.unwind_stop_reason()
        end = gdb.frame_stop_reason_string(reason) if reason else ""
        try:
            frame = frame.older()
        except gdb.error as error:
            end, frame = str(error), None
    return {"frames": frames, "end": end}


stacks = {t.ptid[1]: stack(t) for t in gdb.selected_inferior().threads() if t.is_valid()}
with open(os.environ["STACKS_TO"], "w", encoding="utf-8") as out:
    json.dump(stacks, out)
