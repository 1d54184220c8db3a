/*
 * Pieces of a JSON Schema (2020-12). Each is the caller's, who usually makes it part of another.
 */
#ifndef VMBUILD_JSON_SCHEMA_H
#define VMBUILD_JSON_SCHEMA_H

#include "host/lib/json.h"

/* {"type": NAME} */
struct json *json_schema_type(const char *name);

/* An array of ITEMS. */
struct json *json_schema_list(struct json *items);

/* An object whose values are all VALUES. */
struct json *json_schema_map(struct json *values);

/* An object with exactly the string members NAMES, which end with NULL. */
struct json *json_schema_record(const char *const *names);

/* What is valid as ONE or as OTHER. */
struct json *json_schema_either(struct json *one, struct json *other);

#endif
