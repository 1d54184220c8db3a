#include "host/image/layer_order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define ROOT "./"
#define WHITEOUT ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define SLOTS_LEAST 1024

#define PRIME ((UINT64_C(1) << 61) - 1)  /* a Mersenne prime */
#define HASH_PRESENT (UINT64_C(1) << 63) /* so that no hash is 0 */

/* The paths of all that are not directories, to which hard links may lead. They are known by a hash
 * with a random key, for which a guest can find no two that are the same. */
struct layer_order {
    struct buffer last; /* the path of the last entry, with its final slash if it is a directory */
    size_t folder_length; /* of it, up to the slash of the innermost directory */
    bool has_begun;
    uint64_t key, start;
    uint64_t *slots; /* hashes; 0: free */
    size_t slot_count, used;
};

/* Returns A * B + C modulo PRIME; all are below it. */
static uint64_t multiply_and_add(uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 product = (unsigned __int128)a * b + c;
    uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

    return sum >= PRIME ? sum - PRIME : sum;
}

/* The polynomial whose coefficients are the bytes of PATH, at the random place KEY: two of N bytes
 * are the same at no more than N of its 2^61 values. */
static uint64_t hash(const struct layer_order *order, const char *path)
{
    uint64_t value = order->start;

    for (; *path != '\0'; path++)
        value = multiply_and_add(value, order->key, (unsigned char)*path);
    return value | HASH_PRESENT;
}

static uint64_t *find_slot(uint64_t *slots, size_t count, uint64_t value)
{
    size_t at = (size_t)value & (count - 1);

    while (slots[at] != 0 && slots[at] != value)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static void grow(struct layer_order *order)
{
    size_t count = 2 * order->slot_count;
    uint64_t *slots = xcalloc(count, sizeof *slots);

    for (size_t i = 0; i < order->slot_count; i++)
        if (order->slots[i] != 0)
            *find_slot(slots, count, order->slots[i]) = order->slots[i];
    free(order->slots);
    order->slots = slots;
    order->slot_count = count;
}

static void add_file(struct layer_order *order, const char *path)
{
    uint64_t value = hash(order, path);

    if (2 * ++order->used > order->slot_count)
        grow(order);
    *find_slot(order->slots, order->slot_count, value) = value;
}

static bool has_file(const struct layer_order *order, const char *path)
{
    return *find_slot(order->slots, order->slot_count, hash(order, path)) != 0;
}

struct layer_order *layer_order_new(void)
{
    struct layer_order *order = xcalloc(1, sizeof *order);
    uint64_t random[2] = {0};

    /* Without it, what remains is a hash that a guest could know. */
    (void)!getrandom(random, sizeof random, 0);
    order->key = random[0] % (PRIME - 256) + 256;
    order->start = random[1] % (PRIME - 1) + 1;
    order->slot_count = SLOTS_LEAST;
    order->slots = xcalloc(order->slot_count, sizeof *order->slots);
    return order;
}

/* Whether PATH has parts that are empty or ".", but for a slash at its end. */
static bool has_idle_parts(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");

        if (length == 0 || (length == 1 && *path == '.'))
            return true;
        path += length;
        if (*path == '\0' || path[1] == '\0')
            return false;
        path++;
    }
}

/* The length of PATH up to the slash before its last part. */
static size_t parent_length(const char *path, size_t length)
{
    while (length > 0 && path[length - 1] != '/')
        length--;
    return length;
}

/* Whether PATH, with a slash at its end, was that of a file. */
static bool was_file(const struct layer_order *order, struct buffer *path)
{
    path->data[path->length - 1] = '\0';
    bool found = has_file(order, path->data);

    path->data[path->length - 1] = '/';
    return found;
}

/* Refuses a whiteout that is not one as the packer writes them: an empty file, for a name. */
static struct error *check_whiteout(const struct tar_entry *entry, const char *path)
{
    const char *name = path + parent_length(path, strlen(path) - (entry->type == '5'));
    const char *hidden = name + strlen(WHITEOUT);

    if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
        return NULL;
    if (entry->type != '0' || entry->size != 0)
        return error_new(EXIT_INPUT, "the whiteout '%.200s' is not an empty file", entry->name);
    if (strcmp(name, WHITEOUT_OPAQUE) == 0)
        return NULL;
    if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0 ||
        strncmp(hidden, WHITEOUT, strlen(WHITEOUT)) == 0)
        return error_new(EXIT_INPUT, "the whiteout '%.200s' does not hide a name", entry->name);
    return NULL;
}

/* Refuses the path of ENTRY, which is PATH with a slash at its end if it is a directory, if it may
 * not come next. */
static struct error *check_path(const struct layer_order *order, const struct tar_entry *entry,
                                struct buffer *path)
{
    bool is_folder = entry->type == '5';

    if (has_idle_parts(path->data))
        return error_new(EXIT_INPUT, "the path '%.200s' has empty parts", entry->name);
    if (!is_folder && path->data[path->length - 1] == '/')
        return error_new(EXIT_INPUT, "'%.200s' is not a directory, but is named like one",
                         entry->name);
    if (order->last.length > 0 && strcmp(path->data, order->last.data) == 0)
        return error_new(EXIT_INPUT, "'%.200s' is there twice", entry->name);
    if (order->last.length > 0 && strcmp(path->data, order->last.data) < 0)
        return error_new(EXIT_INPUT, "'%.200s' is there twice, or out of order", entry->name);
    if (is_folder && was_file(order, path))
        return error_new(EXIT_INPUT, "'%.200s' is there twice, also as a file", entry->name);
    size_t parent = parent_length(path->data, path->length - is_folder);

    if (parent > order->folder_length ||
        (parent > 0 && memcmp(path->data, order->last.data, parent) != 0))
        return error_new(EXIT_INPUT, "'%.200s' is not in a directory of the layer", entry->name);
    return check_whiteout(entry, path->data);
}

struct error *layer_order_add(struct layer_order *order, const struct tar_entry *entry)
{
    CLEANUP(buffer_free) struct buffer path = {0};
    bool is_folder = entry->type == '5', is_first = !order->has_begun;

    order->has_begun = true;
    if (is_first && is_folder && strcmp(entry->name, ROOT) == 0)
        return NULL;
    buffer_append(&path, entry->name, strlen(entry->name));
    if (is_folder && path.data[path.length - 1] != '/')
        buffer_append(&path, "/", 1);
    TRY(check_path(order, entry, &path));
    if (entry->type == '1' && !has_file(order, entry->link))
        return error_new(EXIT_INPUT,
                         "the hard link '%.200s' leads to '%.200s', which is not a "
                         "file before it",
                         entry->name, entry->link);
    if (!is_folder)
        add_file(order, path.data);
    order->folder_length = is_folder ? path.length : parent_length(path.data, path.length);
    buffer_free(&order->last);
    order->last = path;
    path = (struct buffer){0};
    return NULL;
}

void layer_order_free(struct layer_order *order)
{
    if (order == NULL)
        return;
    buffer_free(&order->last);
    free(order->slots);
    free(order);
}
