#include "host/spec/spec.h"

#include <stdlib.h>

void spec_describe(const struct spec *spec, enum spec_part part, struct json *out)
{
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];

        if (key->part == part && !key->kind->is_script)
            json_set(out, key->name, key->kind->describe((const char *)spec + key->offset));
    }
}

void spec_free(struct spec *spec)
{
    if (spec == NULL)
        return;
    for (size_t i = 0; i < spec_key_count; i++)
        if (spec_keys[i].kind->free != NULL)
            spec_keys[i].kind->free((char *)spec + spec_keys[i].offset);
    strings_free(&spec->variables);
    free(spec);
}
