/*
 * The kinds whose values are complete in themselves. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_VALUE_H
#define VMBUILD_SPEC_VALUE_H

#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_value_name;         /* char *: an image's name */
extern const struct spec_kind spec_value_tag;          /* char *: an image's tag */
extern const struct spec_kind spec_value_string;       /* char *: any text but the empty one */
extern const struct spec_kind spec_value_architecture; /* struct spec_architecture */
extern const struct spec_kind spec_value_boolean;      /* bool */
extern const struct spec_kind spec_value_number;       /* uint64_t: within the key's limits */
extern const struct spec_kind spec_value_time;         /* int64_t: seconds since 1970 */
extern const struct spec_kind spec_value_config;       /* struct json *: an image config */
extern const struct spec_kind spec_value_env;          /* struct json *: an object of strings */
extern const struct spec_kind spec_value_annotations;  /* struct json *: of strings and nulls */

/* What the kinds of strings share; MEMBER is a char *. */
void spec_value_free_string(void *member);
struct json *spec_value_describe_string(const void *member);
struct json *spec_value_string_schema(const struct spec_key *key);

#endif
