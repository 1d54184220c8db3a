#include "host/store/store_verify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/store/store_checks.h"
#include "host/store/store_file.h"
#include "host/store/store_pruning.h"
#include "host/store/store_record.h"

enum finding { FINDING_GONE, FINDING_SOUND, FINDING_DAMAGED };

struct verify {
    const char *folder;
    struct store_entry *entries;
    size_t count;
    enum finding *findings; /* of the entries */
};

/* Work of parallel_run: one entry. */
static struct error *verify_entry(void *context, size_t index, const atomic_bool *stopped)
{
    struct verify *verify = context;
    const char *name = verify->entries[index].name;
    CLEANUP(freep) char *path = xasprintf("%s/%s", verify->folder, name);
    CLEANUP(closep) int fd = store_file_open(path);
    bool sound;

    if (fd < 0) /* pruned or dropped meanwhile */
        return NULL;
    if (strncmp(name, "records/", strlen("records/")) != 0) {
        sound = store_checks_verify(verify->folder, name, fd, stopped);
    } else {
        sound = store_record_is_sound(name, fd);
        if (!sound && store_file_is_linked(fd, path))
            store_file_remove(path);
    }
    verify->findings[index] = sound ? FINDING_SOUND : FINDING_DAMAGED;
    return NULL;
}

struct error *store_verify(struct store *store, struct store_verification *ret)
{
    struct verify verify = {.folder = store_folder(store)};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    TRY(store_list(store, true, &verify.entries, &verify.count));
    CLEANUP(freep) enum finding *findings = xcalloc(verify.count, sizeof *findings);

    verify.findings = findings;
    struct error *err =
        parallel_run(verify.count, processors > 0 ? (size_t)processors : 1, verify_entry, &verify);

    for (size_t i = 0; err == NULL && i < verify.count; i++) {
        ret->checked += findings[i] != FINDING_GONE;
        if (findings[i] == FINDING_DAMAGED)
            strings_add(&ret->damaged, verify.entries[i].name);
    }
    store_entries_free(verify.entries, verify.count);
    return err;
}
