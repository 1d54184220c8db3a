#include "host/tree/contents_filter.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tree/exclude.h"

/* The worse of two verdicts. */
static enum contents_verdict combine(enum contents_verdict one, enum contents_verdict other)
{
    if (one == CONTENTS_LEFT_OUT || other == CONTENTS_LEFT_OUT)
        return CONTENTS_LEFT_OUT;
    return one == CONTENTS_IMPLIED ? one : other;
}

static enum contents_verdict judge_by(const struct ignore_file *ignore, const char *path,
                                      bool is_folder)
{
    if (ignore == NULL || !ignore_file_matches(ignore, path))
        return CONTENTS_TAKEN;
    return is_folder && ignore_file_has_exceptions(ignore) ? CONTENTS_IMPLIED : CONTENTS_LEFT_OUT;
}

/* By the context's patterns, in which PATH of the source has a longer one. */
static enum contents_verdict judge_in_context(const struct contents_filter *filter,
                                              const char *path, bool is_folder)
{
    if (filter->context_ignore == NULL || filter->inside == NULL || *filter->inside == '\0')
        return judge_by(filter->context_ignore, path, is_folder);
    CLEANUP(freep) char *whole = xasprintf("%s/%s", filter->inside, path);

    return judge_by(filter->context_ignore, whole, is_folder);
}

/* Whether PATH is START, or one of them is in the other. */
static bool is_on_the_way(const char *path, const char *start)
{
    size_t length = strlen(path), start_length = strlen(start);
    size_t shorter = length < start_length ? length : start_length;

    if (shorter == 0 || strncmp(path, start, shorter) != 0)
        return shorter == 0;
    return length == start_length || (length > shorter ? path[shorter] : start[shorter]) == '/';
}

static enum contents_verdict judge_included(const struct contents_filter *filter, const char *path,
                                            bool is_folder)
{
    if (filter->include == NULL || ignore_file_matches(filter->include, path))
        return CONTENTS_TAKEN;
    return is_folder && is_on_the_way(path, filter->include_start) ? CONTENTS_IMPLIED
                                                                   : CONTENTS_LEFT_OUT;
}

static bool has_exceptions(const struct ignore_file *ignore)
{
    return ignore != NULL && ignore_file_has_exceptions(ignore);
}

bool contents_filter_implies(const struct contents_filter *filter)
{
    return filter->include != NULL || has_exceptions(filter->ignore) ||
           has_exceptions(filter->context_ignore);
}

enum contents_verdict contents_filter_judge(const struct contents_filter *filter, const char *path,
                                            bool is_folder)
{
    if (exclude_matches(filter->exclude, path, is_folder))
        return CONTENTS_LEFT_OUT;
    enum contents_verdict verdict = judge_in_context(filter, path, is_folder);

    verdict = combine(verdict, judge_by(filter->ignore, path, is_folder));
    return combine(verdict, judge_included(filter, path, is_folder));
}
