#include "host/tree/entry_path.h"

#include <stddef.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"

char *entry_path_clean(const char *path)
{
    CLEANUP(buffer_free) struct buffer clean = {0};

    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length == 2 && memcmp(path, "..", 2) == 0)
            return NULL;
        if (length > 0 && !(length == 1 && *path == '.')) {
            if (clean.length > 0)
                buffer_append(&clean, "/", 1);
            buffer_append(&clean, path, length);
        }
        path += length;
        path += strspn(path, "/");
    }
    return buffer_steal(&clean);
}
