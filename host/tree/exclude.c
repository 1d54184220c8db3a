#include "host/tree/exclude.h"

#include <fnmatch.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* What follows the first part of PATH. */
static const char *after_part(const char *path)
{
    path += strcspn(path, "/");
    return path + strspn(path, "/");
}

static bool match_name(const char *pattern, size_t pattern_length, const char *name, size_t length)
{
    CLEANUP(freep) char *pattern_copy = xstrndup(pattern, pattern_length);
    CLEANUP(freep) char *copy = xstrndup(name, length);

    return fnmatch(pattern_copy, copy, 0) == 0;
}

static bool is_any_depth(const char *pattern)
{
    return strcspn(pattern, "/") == 2 && memcmp(pattern, "**", 2) == 0;
}

/* Whether all of PATTERN, which has no slash at its end, is for all of PATH. Its "**" stands for as
 * few directories as the parts up to the next one allow: if that fails, it is tried with one more.
 */
static bool match_path(const char *pattern, const char *path)
{
    const char *after = NULL;   /* the last "**" */
    const char *skipped = NULL; /* what follows the directories that it stands for */

    while (*pattern != '\0' || *path != '\0') {
        if (*path == '\0')
            return false;
        if (is_any_depth(pattern)) {
            pattern = after = after_part(pattern);
            skipped = path;
            if (*pattern == '\0')
                return true;
        } else if (*pattern != '\0' &&
                   match_name(pattern, strcspn(pattern, "/"), path, strcspn(path, "/"))) {
            pattern = after_part(pattern);
            path = after_part(path);
        } else if (after != NULL) {
            pattern = after;
            path = skipped = after_part(skipped);
        } else {
            return false;
        }
    }
    return true;
}

static bool matches(const char *pattern, const char *path, bool is_folder)
{
    size_t length = strlen(pattern);

    while (length > 0 && pattern[length - 1] == '/')
        length--;
    if (pattern[length] == '/' && !is_folder)
        return false;
    CLEANUP(freep) char *trimmed = xstrndup(pattern, length);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (strchr(trimmed, '/') == NULL && strcmp(trimmed, "**") != 0)
        return match_name(trimmed, length, name, strlen(name));
    return match_path(trimmed + strspn(trimmed, "/"), path);
}

bool exclude_matches(const struct strings *patterns, const char *path, bool is_folder)
{
    if (patterns == NULL || patterns->count == 0)
        return false;
    for (const char *end = path; *end != '\0';) {
        end += strcspn(end, "/");
        CLEANUP(freep) char *part = xstrndup(path, (size_t)(end - path));

        for (size_t i = 0; i < patterns->count; i++)
            if (matches(patterns->items[i], part, is_folder || *end == '/'))
                return true;
        end += strspn(end, "/");
    }
    return false;
}
