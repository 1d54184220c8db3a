#include "host/image/layer_holes.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/printable.h"
#include "host/lib/progress.h"

void layer_note_holes(const char *path, uint64_t holes)
{
    if (holes <= LAYER_HOLES_NOTED)
        return;
    CLEANUP(freep)
    char *name = printable_copy(path, strlen(path), PRINTABLE_UTF8, PRINTABLE_ESCAPE);

    progress_note("'%s' has holes of %.1f GiB, which a layer stores as zeros: every client that "
                  "unpacks the image writes them to its disk",
                  name, (double)holes / (1 << 30));
}
