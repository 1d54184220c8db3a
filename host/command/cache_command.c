#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/command/commands.h"
#include "host/command/option_values.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"
#include "host/store/store_verify.h"

#define MIB ((uint64_t)1 << 20)

static struct error *print(const char *text)
{
    return file_write(text, strlen(text), STDOUT_FILENO, "standard output");
}

static struct error *show_path(const struct options *options)
{
    CLEANUP(freep) char *path = NULL;
    CLEANUP(error_freep) struct error *none = store_locate(options->cache_dir, &path);

    if (none != NULL) {
        progress_note("working without a cache: %s", none->message);
        return NULL;
    }
    CLEANUP(freep) char *line = xasprintf("%s\n", path);

    return print(line);
}

/* Appends a line: bytes on the disk, time of last use, whether it is in use, name. */
static void append_entry(const struct store_entry *entry, struct buffer *out)
{
    struct tm tm;
    char text[32] = "-";

    if (gmtime_r(&entry->used.tv_sec, &tm) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buffer_printf(out, "%15" PRIu64 "  %s  %-6s  %s\n", entry->disk_size, text,
                  entry->in_use ? "in use" : "", entry->name);
}

/* Prints a line for each entry and one for their sum. */
static struct error *list(const struct options *options)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    struct store_entry *entries;
    size_t count;
    uint64_t total = 0;

    TRY(store_open(options->cache_dir, false, &store));
    TRY(store_list(store, false, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        append_entry(&entries[i], &text);
        total += entries[i].disk_size;
    }
    store_entries_free(entries, count);
    buffer_printf(&text, "%15" PRIu64 "  in %zu entries, limit %" PRIu64 " MiB", total, count,
                  store_limit(store) / MIB);
    if (!store_is_thrown_away(store))
        buffer_printf(&text, ", in %s", store_folder(store));
    buffer_printf(&text, "\n");
    return print(text.data);
}

/* Without --limit, removes everything that no running build uses. */
static struct error *prune(const struct options *options)
{
    CLEANUP(store_freep) struct store *store = NULL;
    uint64_t limit = 0;
    uint64_t freed;

    if (options->limit != NULL)
        TRY(option_values_read_mib("limit", options->limit, &limit));
    TRY(store_open(options->cache_dir, false, &store));
    TRY(store_prune(store, limit, &freed));
    CLEANUP(freep) char *line = xasprintf("%" PRIu64 " bytes freed\n", freed);

    return print(line);
}

/* Checks everything, and prints what was damaged and a line for the sum. */
static struct error *verify(const struct options *options)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    struct store_verification found = {0};

    TRY(store_open(options->cache_dir, false, &store));
    TRY(store_verify(store, &found));
    for (size_t i = 0; i < found.damaged.count; i++)
        buffer_printf(&text, "damaged, removed: %s\n", found.damaged.items[i]);
    size_t damaged = found.damaged.count;

    strings_free(&found.damaged);
    buffer_printf(&text, "%zu entries checked, %zu damaged, in %s\n", found.checked, damaged,
                  store_folder(store));
    TRY(print(text.data));
    if (damaged == 0)
        return NULL;
    return error_new(EXIT_OTHER, "verify the cache '%s': %zu of %zu entries were damaged",
                     store_folder(store), damaged, found.checked);
}

struct error *cache_command(const struct options *options)
{
    const char *action = options->arguments.items[0];

    if (strcmp(action, "path") == 0)
        return show_path(options);
    if (strcmp(action, "list") == 0)
        return list(options);
    if (strcmp(action, "verify") == 0)
        return verify(options);
    return prune(options);
}
