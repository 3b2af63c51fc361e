# SPDX-License-Identifier: GPL-2.0-or-later
"""What the truth tests themselves try again: times beyond their tolerance, and nothing else."""
import contextlib
import io

import lib
from lib import Failed, main, test


def tried(one):
    """(ok, attempts, lines told of tries) of a test that is given the number of its attempt."""
    attempts, told = [], io.StringIO()

    def made(check):
        attempts.append(None)
        one(check, len(attempts))

    with contextlib.redirect_stdout(told):
        ok, _, _ = lib._tried(made)
    return ok, len(attempts), len(told.getvalue().splitlines())


def fail(_check, _number):
    raise Failed("on purpose")


@test
def tries(check):
    """a time may be right in a later try, what is exact may not"""
    check.equal(tried(lambda c, n: c.near(1, 1, 0.5, "")), (True, 1, 0), "right at once")
    check.equal(tried(lambda c, n: c.near(n, 3, 0.5, "")), (True, 3, 2), "right in the third try")
    check.equal(tried(lambda c, n: c.between(n, 8, 9, "")), (False, 3, 2), "wrong each time")
    check.equal(tried(lambda c, n: c.equal(n, 2, "")), (False, 1, 0), "exact")
    check.equal(tried(lambda c, n: (c.near(n, 2, 0.5, ""), c.that(n > 1, ""))), (False, 1, 0), "both")
    check.equal(tried(fail), (False, 1, 0), "an error")


main()
