/*
 * The JSON Schema of the spec file, made from the table of keys.
 */
#ifndef VMBUILD_SPEC_SCHEMA_H
#define VMBUILD_SPEC_SCHEMA_H

#include "host/lib/json.h"

/* Returns the schema (JSON Schema 2020-12), which is the caller's. */
struct json *spec_schema(void);

#endif
