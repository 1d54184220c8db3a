#include "host/spec/spec_content_rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/mode_change.h"
#include "host/spec/spec_error.h"

#define ID_MAX UINT32_C(4294967294) /* 2^32-1 means "no change" to chown */
#define MODE_MAX 07777
#define MODE_DIGITS_MAX 5
#define ACCOUNT_MAX 256 /* bytes of a user's or group's name */

/* Reads the user or group that the LENGTH bytes at TEXT name, by number into *RET, or else into
 * *RET_NAME. Returns whether they name one. */
static bool read_account(const char *text, size_t length, uint32_t *ret, char **ret_name)
{
    CLEANUP(freep) char *name = xstrndup(text, length);

    if (length == 0 || length > ACCOUNT_MAX || strchr(name, ':') != NULL || *name == '-' ||
        strcspn(name, " \t\r\n,/") < length)
        return false;
    if (name[strspn(name, "0123456789")] != '\0') {
        *ret_name = STEAL(name);
        return true;
    }
    unsigned long long id = strtoull(name, NULL, 10); /* beyond the range: its largest value */

    *ret = id <= ID_MAX ? (uint32_t)id : 0;
    return id <= ID_MAX;
}

/* As in Docker's --chown, a user's number without a group stands for the group of the same number;
 * a name, for the user's own group. */
static bool parse_owner(const char *text, struct spec_content *content)
{
    size_t length = strcspn(text, ":");

    if (!read_account(text, length, &content->uid, &content->user))
        return false;
    content->gid = content->uid;
    content->has_group = text[length] == ':';
    return text[length] == '\0' || read_account(text + length + 1, strlen(text + length + 1),
                                                &content->gid, &content->group);
}

struct error *spec_content_read_owner(const struct spec_key *key, const struct json *value,
                                      struct spec_content *content)
{
    content->keep_owner = value->type == JSON_STRING && strcmp(value->text, "keep") == 0;
    if (!content->keep_owner && (value->type != JSON_STRING || !parse_owner(value->text, content)))
        return spec_error(key->name, value,
                          "'owner' must be \"keep\", numbers such as \"1000:1000\", or names such "
                          "as \"www-data\"");
    return NULL;
}

static bool parse_mode(const char *text, uint32_t *ret)
{
    size_t length = strlen(text);
    unsigned long mode = strtoul(text, NULL, 8);

    *ret = (uint32_t)mode;
    return length > 0 && length <= MODE_DIGITS_MAX && strspn(text, "01234567") == length &&
           mode <= MODE_MAX;
}

struct error *spec_content_read_mode(const struct spec_key *key, const struct json *value,
                                     struct spec_content *content)
{
    const char *text = value->type == JSON_STRING ? value->text : "";

    if (strcmp(text, "+w") == 0) {
        content->mode_rule = SPEC_MODE_ADD_WRITE;
    } else if (strcmp(text, "keep") == 0) {
        content->mode_rule = SPEC_MODE_KEEP;
    } else if (parse_mode(text, &content->mode)) {
        content->mode_rule = SPEC_MODE_SET;
    } else if (mode_change_is_valid(text)) {
        content->mode_rule = SPEC_MODE_CHANGE;
        content->mode_change = xstrdup(text);
    } else {
        return spec_error(key->name, value,
                          "'mode' must be \"+w\", \"keep\", an octal number such as \"0755\", or "
                          "a change such as \"u=rwX,go=rX\"");
    }
    return NULL;
}

struct json *spec_content_describe_mode(const struct spec_content *content)
{
    CLEANUP(freep) char *number = xasprintf("%04" PRIo32, content->mode);

    switch (content->mode_rule) {
    case SPEC_MODE_SET:
        return json_string(number);
    case SPEC_MODE_CHANGE:
        return json_string(content->mode_change);
    case SPEC_MODE_KEEP:
        return json_string("keep");
    default:
        return json_string("+w");
    }
}

struct json *spec_content_describe_owner(const struct spec_content *content)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    if (content->keep_owner)
        return json_string("keep");
    if (content->user != NULL)
        buffer_printf(&text, "%s", content->user);
    else
        buffer_printf(&text, "%" PRIu32, content->uid);
    if (content->group != NULL)
        buffer_printf(&text, ":%s", content->group);
    else if (content->user == NULL || content->has_group)
        buffer_printf(&text, ":%" PRIu32, content->gid);
    return json_string(text.data);
}
