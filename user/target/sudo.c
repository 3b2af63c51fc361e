// SPDX-License-Identifier: GPL-2.0-or-later
/* sudo.c - finds and becomes the user behind sudo; see sudo.h. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/target/sudo.h"

static const char *value_of(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

static int parse_id(const char *name, const char *value, unsigned *ret)
{
	char *end;
	unsigned long id;

	errno = 0;
	id = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || id >= (uid_t)-1)
		return fail(-EINVAL, "%s='%s' is no id: cannot tell who called sudo; --as-root "
			    "runs the command as root", name, value);
	*ret = (unsigned)id;
	return 0;
}

/* Several names may share one id: sudo says which it was. */
static const struct passwd *find_entry(const char *name, uid_t uid)
{
	const struct passwd *entry = name ? getpwnam(name) : NULL;

	return entry && entry->pw_uid == uid ? entry : getpwuid(uid);
}

static void find_groups(const struct passwd *entry, struct sudo_user *ret)
{
	int n = 32;

	do {
		ret->groups = xrealloc(ret->groups, (size_t)n, sizeof(*ret->groups));
		ret->n_groups = (size_t)n;
		/* sets n to what it needs */
	} while (entry && getgrouplist(entry->pw_name, ret->gid, ret->groups, &n) < 0 &&
		 (size_t)n > ret->n_groups);
	if (!entry) {
		ret->groups[0] = ret->gid;
		n = 1;
	}
	ret->n_groups = (size_t)n;
}

static void set_own(struct sudo_user *user, const char *name, const char *value)
{
	struct buf text = { 0 };
	size_t len = strlen(name);
	char **slot = user->env;

	buf_printf(&text, "%s=%s", name, value);
	vec_push(user->own, user->n_own, user->cap_own) = text.data;
	while (*slot && (strncmp(*slot, name, len) || (*slot)[len] != '='))
		slot++;
	*slot = text.data;
}

/* A copy with room for the variables that set_own() may add. */
static char **copy_env(char *const *env)
{
	size_t n = 0;
	char **copy;

	while (env[n])
		n++;
	copy = xcalloc(n + 5, sizeof(*copy));
	memcpy(copy, env, n * sizeof(*copy));
	return copy;
}

static void drop_to(const struct passwd *entry, struct sudo_user *ret)
{
	ret->drop = true;
	find_groups(entry, ret);
	if (!entry)
		return;
	set_own(ret, "HOME", entry->pw_dir);
	set_own(ret, "USER", entry->pw_name);
	set_own(ret, "LOGNAME", entry->pw_name);
	set_own(ret, "SHELL", *entry->pw_shell ? entry->pw_shell : "/bin/sh");
}

int sudo_find_user(char *const *env, bool as_root, struct sudo_user *ret)
{
	const char *uid = value_of(env, "SUDO_UID"), *gid = value_of(env, "SUDO_GID");
	const struct passwd *entry;
	int err;

	*ret = (struct sudo_user){ .env = copy_env(env) };
	if (as_root || geteuid() || !uid)
		return 0;
	err = parse_id("SUDO_UID", uid, &ret->uid);
	if (!err && gid)
		err = parse_id("SUDO_GID", gid, &ret->gid);
	if (err)
		return err;
	if (!ret->uid)
		return 0;
	entry = find_entry(value_of(env, "SUDO_USER"), ret->uid);
	if (!gid && !entry)
		return fail(-EINVAL, "user %u has no passwd entry and SUDO_GID is not set; "
			    "--as-root runs the command as root", ret->uid);
	if (!gid)
		ret->gid = entry->pw_gid;
	drop_to(entry, ret);
	return 0;
}

void sudo_user_free(struct sudo_user *user)
{
	for (size_t i = 0; i < user->n_own; i++)
		free(user->own[i]);
	free(user->own);
	free(user->env);
	free(user->groups);
	*user = (struct sudo_user){ 0 };
}

int sudo_become(const struct sudo_user *user)
{
	if (!user->drop)
		return 0;
	/* the uid last: without it the others may not be changed */
	if (setgroups(user->n_groups, user->groups) ||
	    setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return -errno;
	return 0;
}
