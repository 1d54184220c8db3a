/*
 * The ports of EXPOSE: `80`, `80/udp`, `8000-8010`, and the forms of `docker run`,
 * `[ADDRESS:]HOST-PORT:PORT`, of which only the last port counts.
 */
#ifndef VMBUILD_PORTS_H
#define VMBUILD_PORTS_H

#include "host/lib/error.h"
#include "host/lib/json.h"

/* Sets a member "PORT/PROTOCOL" of OUT, an object, for each port of TEXT. Errors, which name it:
 * EXIT_INPUT. */
[[nodiscard]] struct error *ports_read(const char *text, struct json *out);

#endif
