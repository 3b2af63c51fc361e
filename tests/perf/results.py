# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured, as it goes to a JSON file and comes back; single values, nothing summed up."""
import datetime
import json
import os
import platform

from figures import Figure

SCHEMA = "parascope-cost/1"
LISTS = ("rows", "programs", "starts", "absent", "disturbed")


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "machine": platform.machine(), "distribution": distribution()}


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"


def new(versions, options):
    return {"schema": SCHEMA, "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "machine": machine(), "versions": versions, "options": options,
            **{name: [] for name in LISTS}}


def load(path):
    with open(path, encoding="utf-8") as f:
        result = json.load(f)
    if result.get("schema") != SCHEMA:
        raise ValueError(f"{path}: not a result of bench-cost")
    return result


def save(result, path):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")


def merge(results):
    """One result of several: the facts of the last, the values of all, each case and tool from the last
    file that has it.  They must be of one machine."""
    whole = dict(results[-1])
    for name in LISTS:
        whole[name] = []
    for result in results:
        if result["machine"] != whole["machine"]:
            raise ValueError("the results are of different machines")
        for name in LISTS:
            new_keys = {(r["case"], r["tool"]) for r in result[name]}
            whole[name] = [r for r in whole[name] if (r["case"], r["tool"]) not in new_keys] + result[name]
    measured = {(r["case"], r["tool"]) for r in whole["rows"] + whole["programs"] + whole["starts"]}
    whole["absent"] = [r for r in whole["absent"] if (r["case"], r["tool"]) not in measured]
    whole["versions"] = {k: v for r in results for k, v in r["versions"].items()}
    return whole


def ordered(values):
    """Each once, in the order of the first."""
    return list(dict.fromkeys(values))


def figure(result, row, tool, what):
    """The figure of one cell, None if it was not measured.  what: cpu, wall, tool_cpu ..."""
    values = [r[what] for r in result["rows"]
              if r["row"] == row and r["tool"] == tool and r.get(what) is not None]
    return Figure(values) if values else None


def alone(result, row):
    """Without a tool: (CPU ns per operation, operations a second), None if it was not measured."""
    runs = [run for r in result["rows"] if r["row"] == row for run in (r["before"], r["after"])]
    if not runs:
        return None
    return (Figure([r["cpu_ns"] / r["ops"] for r in runs]),
            Figure([r["ops"] * 1e9 / r["ns"] for r in runs]))


def others(result):
    """CPUs that programs which have no part in this used while a load ran alone; None where it cannot be told
    (redis' client is part of it).  /proc/stat counts in steps of 10 ms."""
    runs = [run for r in result["rows"] if r["case"] != "redis" for run in (r["before"], r["after"])]
    return Figure([max(0, run["busy_ns"] - run["cpu_ns"]) / run["ns"] for run in runs]) if runs else None


def reason(result, case, tool):
    for r in result["absent"]:
        if r["case"] == case and r["tool"] in (tool, None):
            return r["reason"]
    return None


def program_figures(result, row, tool):
    """ns per run of each program of a tool: {name: Figure}."""
    found = {}
    for r in result["programs"]:
        if r["row"] == row and r["tool"] == tool:
            found.setdefault(r["program"], []).append(r["ns"] / r["runs"])
    return {name: Figure(values) for name, values in found.items()}


def program_share(result, row, tool):
    """CPU time of all programs of a tool for one operation, in ns."""
    sums = {}
    for r in result["programs"]:
        if r["row"] == row and r["tool"] == tool:
            sums[r["round"]] = sums.get(r["round"], 0) + r["ns"] / r["ops"]
    return Figure(list(sums.values())) if sums else None
