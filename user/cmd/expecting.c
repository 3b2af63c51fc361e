// SPDX-License-Identifier: GPL-2.0-or-later
/* expecting.c - see expecting.h. */
#include "user/base/buf.h"
#include "user/cmd/cmd.h"
#include "user/cmd/expecting.h"

int expecting_check(const struct expecting_opts *opts, bool change)
{
	struct expect e;
	int err = 0;

	for (size_t i = 0; !err && i < opts->expects.n; i++)
		err = expect_parse(&e, opts->expects.items[i], change);
	return err;
}

int expecting_check_of(const struct expecting_opts *opts, const struct expect_subject *subject)
{
	struct expect e;
	int err = 0;

	for (size_t i = 0; !err && i < opts->expects.n; i++)
		err = expect_parse_of(&e, opts->expects.items[i], subject);
	return err;
}

bool expecting_say(const struct expecting_opts *opts, const struct expect *e,
		   enum expect_result result, const char *why)
{
	if (result == EXPECT_FAILED)
		cmd_say("expectation '%s' failed: %s", e->text, why);
	else if (result == EXPECT_UNCLEAR)
		cmd_say("expectation '%s' cannot be judged: %s%s", e->text, why,
			opts->strict ? "" : "; it counts as met without --strict");
	return result == EXPECT_FAILED || (result == EXPECT_UNCLEAR && opts->strict);
}

static int judge(const struct expecting_opts *opts, const struct expect_subject *subject,
		 const struct metrics *t)
{
	bool failed = false;

	for (size_t i = 0; i < opts->expects.n; i++) {
		const char *text = opts->expects.items[i];
		struct buf why = { 0 };
		enum expect_result result;
		struct expect e;

		if (subject ? expect_parse_of(&e, text, subject) : expect_parse(&e, text, false))
			continue; /* expecting_check() did not let it through */
		result = expect_judge(&e, t, &why);
		failed |= expecting_say(opts, &e, result, why.data);
		if (result == EXPECT_MET && !e.verdict[0] && !metrics_find(t, e.key))
			cmd_say("expectation '%s' is met: %s", e.text, why.data); /* a typo? */
		buf_free(&why);
	}
	return failed;
}

int expecting_judge(const struct expecting_opts *opts, const struct metrics *t)
{
	return judge(opts, NULL, t);
}

int expecting_judge_of(const struct expecting_opts *opts, const struct expect_subject *subject,
		       const struct metrics *t)
{
	return judge(opts, subject, t);
}
