# SPDX-License-Identifier: GPL-2.0-or-later
"""Where this interpreter keeps the words of its GIL, found from inside: nothing of parascope's is used.

struct _gil_runtime_state (Include/internal/pycore_gil.h) is the same in 3.9 to 3.15, but for an int
`enabled` (8 bytes with its padding) that a free-threaded build has in front; `switch_number` is at 24.
Offsets: pycore_runtime.h and pycore_interp.h of each version; from 3.13 on _Py_DebugOffsets has them.
"""
import ctypes
import sys
import sysconfig

SWITCH_NUMBER = 24


def free_threaded():
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _u64(address):
    return ctypes.c_uint64.from_address(address).value


def address():
    """The struct of the main interpreter (a free-threaded one's begins 8 bytes earlier), 0: not known."""
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    series = sys.version_info[:2]
    if series in ((3, 9), (3, 10)):
        return runtime + 352
    if series == (3, 11):
        return runtime + 360
    if series == (3, 12):
        return _u64(_u64(runtime + 40) + 384)
    offsets = {(3, 13): 112, (3, 14): 120, (3, 15): 120}
    if series not in offsets or ctypes.string_at(runtime, 8) != b"xdebugpy":
        return 0
    interpreter = _u64(runtime + _u64(runtime + 40))
    return _u64(interpreter + _u64(runtime + offsets[series])) + 8 * free_threaded()


def switches():
    return _u64(address() + SWITCH_NUMBER)
