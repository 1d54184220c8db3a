#include "guest/script/account.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_MAX INT32_MAX /* of users and groups, as in runc */
#define GROUPS_MAX 65536     /* that a process may have: NGROUPS_MAX of the kernel */
#define FIELDS_MAX 7

static const char missing_user[] = "the image's /etc/passwd has no such user";
static const char missing_group[] = "the image's /etc/group has no such group";
static const char out_of_range[] = "the number of a user or group must be at most 2147483647";
static const char out_of_memory[] = "the guest is out of memory";

/* A part of a line, which ends at a colon or with the line. */
struct field {
    const char *text;
    size_t length;
};

static bool is_text(struct field field, const char *text, size_t length)
{
    return field.length == length && memcmp(field.text, text, length) == 0;
}

static bool is_field(struct field field, struct field other)
{
    return is_text(field, other.text, other.length);
}

/* Reads FIELD as a number; one that is too large counts as UINT32_MAX. Returns whether it is
 * one. */
static bool read_number(struct field field, uint32_t *ret)
{
    uint32_t number = 0;

    for (size_t i = 0; i < field.length; i++) {
        if (field.text[i] < '0' || field.text[i] > '9')
            return false;
        uint32_t digit = (uint32_t)(field.text[i] - '0');

        number = number > (NUMBER_MAX - digit) / 10 ? UINT32_MAX : number * 10 + digit;
        if (number == UINT32_MAX)
            break;
    }
    *ret = number;
    return field.length > 0;
}

/* Splits the next line of *TEXT, without blanks around it, into FIELDS. Moves *TEXT behind it.
 * Returns the number of fields; 0: there is no line any more. */
static size_t next_line(const char **text, struct field *fields)
{
    static const char blanks[] = " \t\r\n\v\f";
    size_t count = 0;

    if (*text == NULL)
        return 0;
    *text += strspn(*text, blanks);
    if (**text == '\0')
        return 0;
    const char *at = *text, *end = at + strcspn(at, "\n");

    *text = end;
    while (end > at && strchr(blanks, end[-1]) != NULL)
        end--;
    while (count < FIELDS_MAX) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *stop = colon != NULL ? colon : end;

        fields[count++] = (struct field){at, (size_t)(stop - at)};
        if (colon == NULL)
            break;
        at = colon + 1;
    }
    return count;
}

/* Whether LIST, names with commas between them, has NAME. */
static bool has_name(struct field list, struct field name)
{
    const char *at = list.text, *end = list.text + list.length;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;

        if (is_text(name, at, (size_t)(stop - at)))
            return true;
        at = stop + 1;
    }
    return false;
}

/* Adds GID, unless it is there. Returns 0, or -1 with errno. */
static int add_group(struct account *account, gid_t gid)
{
    for (size_t i = 0; i < account->count; i++)
        if (account->groups[i] == gid)
            return 0;
    if (account->count == GROUPS_MAX) {
        errno = E2BIG;
        return -1;
    }
    gid_t *groups = realloc(account->groups, (account->count + 1) * sizeof *groups);

    if (groups == NULL)
        return -1;
    groups[account->count++] = gid;
    account->groups = groups;
    return 0;
}

/* Finds the entry of WANTED, by its UID if IS_NUMBER. *RET_NAME is its name. Returns whether there
 * is one. */
static bool find_entry(const char *passwd, struct field wanted, bool is_number,
                       struct account *account, struct field *ret_name)
{
    struct field fields[FIELDS_MAX];
    uint32_t number = account->uid, uid, gid;
    size_t count;

    while ((count = next_line(&passwd, fields)) > 0) {
        if (count < 4 || !read_number(fields[2], &uid) || !read_number(fields[3], &gid) ||
            uid > NUMBER_MAX || gid > NUMBER_MAX ||
            (is_number ? uid != number : !is_field(fields[0], wanted)))
            continue;
        account->uid = uid;
        account->gid = gid;
        if (count > 5 && fields[5].length > 0)
            snprintf(account->home, sizeof account->home, "%.*s", (int)fields[5].length,
                     fields[5].text);
        *ret_name = fields[0];
        return true;
    }
    return false;
}

/* Sets the group to WANTED. Returns NULL, or why that is not possible. */
static const char *set_group(const char *group, struct field wanted, struct account *account)
{
    struct field fields[FIELDS_MAX];
    uint32_t number = 0, gid;
    bool is_number = read_number(wanted, &number);
    size_t count;

    while ((count = next_line(&group, fields)) > 0) {
        if (count < 3 || !read_number(fields[2], &gid) || gid > NUMBER_MAX ||
            (is_number ? gid != number : !is_field(fields[0], wanted)))
            continue;
        account->gid = gid;
        return NULL;
    }
    account->gid = number;
    if (!is_number)
        return missing_group;
    return number > NUMBER_MAX ? out_of_range : NULL;
}

/* Adds the groups that list NAME. Returns NULL, or why that is not possible. */
static const char *add_groups(const char *group, struct field name, struct account *account)
{
    struct field fields[FIELDS_MAX];
    uint32_t gid;
    size_t count;

    while ((count = next_line(&group, fields)) > 0)
        if (count >= 4 && has_name(fields[3], name) && read_number(fields[2], &gid) &&
            gid <= NUMBER_MAX && add_group(account, gid))
            return errno == ENOMEM ? out_of_memory : "the user has too many groups";
    return NULL;
}

const char *account_find(const char *user, const char *passwd, const char *group,
                         struct account *ret)
{
    size_t length = strcspn(user, ":");
    struct field wanted = {user, length};
    struct field wanted_group = {user + length, 0};
    struct field name = {"", 0};
    const char *why = NULL;

    *ret = (struct account){.home = "/"};
    if (user[length] == ':')
        wanted_group = (struct field){user + length + 1, strlen(user + length + 1)};
    bool is_number = length == 0 || read_number(wanted, &ret->uid);
    bool is_known = find_entry(passwd, wanted, is_number, ret, &name);

    if (!is_known && !is_number)
        return missing_user;
    if (!is_known && ret->uid > NUMBER_MAX)
        return out_of_range;
    if (wanted_group.length > 0)
        why = set_group(group, wanted_group, ret);
    if (why == NULL && add_group(ret, ret->gid))
        why = out_of_memory;
    if (why == NULL && wanted_group.length == 0 && name.length > 0)
        why = add_groups(group, name, ret);
    return why;
}

int account_become(const struct account *account)
{
    return setgroups(account->count, account->groups) ||
                   setresgid(account->gid, account->gid, account->gid) ||
                   setresuid(account->uid, account->uid, account->uid)
               ? -1
               : 0;
}

void account_free(struct account *account)
{
    free(account->groups);
    *account = (struct account){0};
}
