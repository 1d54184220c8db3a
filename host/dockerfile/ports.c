#include "host/dockerfile/ports.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define PORT_MAX 65535

/* Reads the number at *TEXT and moves past it. */
static bool read_port(const char **text, unsigned long *ret)
{
    size_t digits = strspn(*text, "0123456789");

    *ret = strtoul(*text, NULL, 10); /* beyond the range: its largest value */
    *text += digits;
    return digits > 0 && *ret <= PORT_MAX;
}

/* Returns the protocol that TEXT names, in small letters; NULL: it is unknown. */
static const char *find_protocol(const char *text)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};

    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strcasecmp(text, protocols[i]) == 0)
            return protocols[i];
    return *text == '\0' ? protocols[0] : NULL;
}

struct error *ports_read(const char *text, struct json *out)
{
    const char *colon = strrchr(text, ':');
    const char *at = colon != NULL ? colon + 1 : text;
    const char *slash = strchr(at, '/');
    const char *protocol = find_protocol(slash != NULL ? slash + 1 : "");
    unsigned long first = 0, last = 0;
    bool is_valid = protocol != NULL && read_port(&at, &first);

    last = first;
    if (is_valid && *at == '-') {
        at++;
        is_valid = read_port(&at, &last) && last >= first;
    }
    if (!is_valid || (*at != '\0' && at != slash))
        return error_advise(error_new(EXIT_INPUT, "'%.100s' is not a port", text),
                            "write PORT, PORT/udp or FIRST-LAST");
    for (unsigned long port = first; port <= last; port++) {
        CLEANUP(freep) char *name = xasprintf("%lu/%s", port, protocol);

        json_set(out, name, json_object());
    }
    return NULL;
}
