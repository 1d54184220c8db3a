#include "host/machine/uml_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

/* The keys of disks, each with the disk's number behind it: libguestfs passes arguments on in an
 * order of its own. */
#define READ "read"
#define WRITE "write"

/* The keys of the other arguments KEY=VALUE. */
static const char *const ports[] = {[GUEST_LINE_CHANNEL] = "channel",
                                    [GUEST_LINE_OUTPUT] = "output",
                                    [GUEST_LINE_LAYER] = "layer",
                                    [GUEST_LINE_GATE] = "gate",
                                    [GUEST_LINE_FRAMES] = "frames"};

void uml_plan_write(const struct uml_plan *plan, struct strings *ret)
{
    strings_take(ret, xasprintf("kernel=%s", plan->kernel));
    strings_take(ret, xasprintf("initramfs=%s", plan->initramfs));
    strings_take(ret, xasprintf("folder=%s", plan->folder));
    strings_take(ret, xasprintf("memory=%" PRIu64, plan->memory));
    for (unsigned i = 0; i < plan->disk_count; i++) {
        const struct uml_disk *disk = &plan->disks[i];

        strings_take(ret, xasprintf("%s%u=%s=%s", disk->is_read_only ? READ : WRITE, i,
                                    disk->serial, disk->path));
    }
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        if (plan->sockets[i] != NULL)
            strings_take(ret, xasprintf("%s=%s", ports[i], plan->sockets[i]));
    strings_take(ret, xasprintf("report=%s", plan->report));
    if (plan->base != NULL) {
        strings_take(ret, xasprintf("base=%s", plan->base));
        strings_take(ret, xasprintf("base-server=%s", plan->base_server));
    }
    if (plan->network)
        strings_add(ret, "network=1");
}

/* Reads a disk with the number after WORD in KEY, and the value SERIAL=PATH, of which TEXT is cut
 * in two. Returns whether it is one. */
static bool read_disk(struct uml_plan *plan, const char *key, const char *word, char *text)
{
    char *sign = strchr(text, '=');
    unsigned long number;

    if (strncmp(key, word, strlen(word)) != 0 || sign == NULL)
        return false;
    number = strtoul(key + strlen(word), NULL, 10);
    if (number >= UML_PLAN_DISKS_MAX)
        return false;
    *sign = '\0';
    plan->disks[number] = (struct uml_disk){text, sign + 1, strcmp(word, READ) == 0};
    plan->disk_count++;
    return true;
}

static bool read_argument(struct uml_plan *plan, const char *key, char *value)
{
    const struct {
        const char *key, **place;
    } texts[] = {{"kernel", &plan->kernel}, {"initramfs", &plan->initramfs},
                 {"folder", &plan->folder}, {"report", &plan->report},
                 {"base", &plan->base},     {"base-server", &plan->base_server}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].key, key) == 0) {
            *texts[i].place = value;
            return true;
        }
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        if (strcmp(ports[i], key) == 0) {
            plan->sockets[i] = value;
            return true;
        }
    if (strcmp(key, "memory") == 0)
        plan->memory = strtoull(value, NULL, 10);
    else if (strcmp(key, "network") == 0)
        plan->network = true;
    else
        return read_disk(plan, key, READ, value) || read_disk(plan, key, WRITE, value);
    return true;
}

/* Reads the socket of libguestfs' channel, if VALUE is that: "socket,path=PATH,id=channel0". */
static void read_channel(struct uml_plan *plan, char *value)
{
    static const char start[] = "socket,path=", end[] = ",id=channel0";
    size_t length = strlen(value);

    if (length <= strlen(start) + strlen(end) || strncmp(value, start, strlen(start)) != 0 ||
        strcmp(value + length - strlen(end), end) != 0)
        return;
    value[length - strlen(end)] = '\0';
    plan->sockets[GUEST_LINE_CHANNEL] = value + strlen(start);
}

bool uml_plan_read(char *const *argv, struct uml_plan *ret)
{
    *ret = (struct uml_plan){0};
    for (size_t i = 1; argv[i] != NULL && argv[i + 1] != NULL; i++) {
        char *value = argv[i + 1], *sign = strchr(value, '=');

        if (strcmp(argv[i], "-chardev") == 0)
            read_channel(ret, value);
        if (strcmp(argv[i], UML_PLAN_OPTION) != 0)
            continue;
        if (sign == NULL)
            return false;
        *sign = '\0';
        if (!read_argument(ret, value, sign + 1))
            return false;
    }
    for (unsigned i = 0; i < ret->disk_count; i++)
        if (i >= UML_PLAN_DISKS_MAX || ret->disks[i].path == NULL)
            return false;
    return ret->kernel != NULL && ret->initramfs != NULL && ret->folder != NULL &&
           ret->report != NULL && (ret->base == NULL) == (ret->base_server == NULL) &&
           ret->memory > 0 && ret->sockets[GUEST_LINE_CHANNEL] != NULL;
}
