/*
 * --quiet and --progress=none: nothing but errors, and what the command was asked for.
 */
#include <stdlib.h>

#include "host/lib/memory.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/progress_text.h"

static void show(struct progress_renderer *renderer, const struct progress_event *event,
                 struct buffer *out)
{
    (void)renderer;
    if (event->kind == PROGRESS_ERROR)
        progress_text_error(out, "vmbuild: ", event->error, true);
    else if (event->kind == PROGRESS_DIFFERENCE)
        progress_text_difference(out, "vmbuild: ", &event->difference);
}

static void quiet_free(struct progress_renderer *renderer)
{
    free(renderer);
}

struct progress_renderer *progress_quiet_new(bool prints_results)
{
    struct progress_renderer *renderer = xcalloc(1, sizeof *renderer);

    *renderer = (struct progress_renderer){
        .show = show, .free = quiet_free, .prints_results = prints_results};
    return renderer;
}
