#include "host/registry/cross_mount.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_record.h"

#define KIND "repositories"

/* The record is an array of [HOST, NAME], oldest first. */
static bool is_repository(const struct json *entry, const struct reference *reference)
{
    return strcmp(entry->items[0]->text, reference->host) == 0 &&
           strcmp(entry->items[1]->text, reference->name) == 0;
}

static bool is_entry(const struct json *entry)
{
    return entry->type == JSON_ARRAY && entry->count == 2 && entry->items[0]->type == JSON_STRING &&
           entry->items[1]->type == JSON_STRING;
}

static struct json *read_record(struct store *store, const struct digest *blob)
{
    CLEANUP(json_freep) struct json *record = store_record_get(store, KIND, blob->hex);

    if (record == NULL || record->type != JSON_ARRAY)
        return NULL;
    for (size_t i = 0; i < record->count; i++)
        if (!is_entry(record->items[i]))
            return NULL;
    return STEAL(record);
}

void cross_mount_add(struct store *store, const struct digest *blob,
                     const struct reference *reference)
{
    CLEANUP(json_freep) struct json *old = read_record(store, blob);
    CLEANUP(json_freep) struct json *record = json_array();
    size_t count = old != NULL ? old->count : 0;

    if (count > 0 && is_repository(old->items[count - 1], reference))
        return;
    for (size_t i = count < CROSS_MOUNT_SOURCES_MAX ? 0 : count - CROSS_MOUNT_SOURCES_MAX + 1;
         i < count; i++)
        if (!is_repository(old->items[i], reference))
            json_append(record, json_copy(old->items[i]));
    struct json *entry = json_array();

    json_append(entry, json_string(reference->host));
    json_append(entry, json_string(reference->name));
    json_append(record, entry);
    store_record_put(store, KIND, blob->hex, record);
}

char *cross_mount_find(struct store *store, const struct digest *blob,
                       const struct reference *reference)
{
    CLEANUP(json_freep) struct json *record = read_record(store, blob);

    for (size_t i = record != NULL ? record->count : 0; i > 0; i--) {
        const struct json *entry = record->items[i - 1];

        if (strcmp(entry->items[0]->text, reference->host) == 0 &&
            strcmp(entry->items[1]->text, reference->name) != 0)
            return xstrdup(entry->items[1]->text);
    }
    return NULL;
}
