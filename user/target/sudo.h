/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sudo.h - as whom a launched command runs.
 *
 * parascope needs root, the command it measures does not: under sudo the command runs as the user
 * who called sudo, with that user's groups.  HOME, USER, LOGNAME and SHELL become that user's, or
 * the command would look for its files in root's home; the rest of the environment (PATH too) stays
 * as sudo made it.
 */
#ifndef PARASCOPE_SUDO_H
#define PARASCOPE_SUDO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sudo_user {
	bool drop; /* false: as whoever we are; uid, gid and groups are then unset */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	char **env; /* for the command; NULL-terminated, strings of env and of own */
	char **own;
	size_t n_own, cap_own;
};

/*
 * Look at SUDO_UID, SUDO_GID and SUDO_USER in env: nothing is dropped unless we are root and they
 * name another user.  A user without a passwd entry keeps HOME and the like as they are.  -EINVAL
 * if the variables make no sense.  To be freed.
 */
int sudo_find_user(char *const *env, bool as_root, struct sudo_user *ret);
void sudo_user_free(struct sudo_user *user);

/* In a forked child: become that user for good.  0 or -errno, no message. */
int sudo_become(const struct sudo_user *user);

#endif
