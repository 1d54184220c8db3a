#include "host/spec/spec_override.h"

#include "host/lib/cleanup.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_misnomer.h"

static struct error *refuse_key(const struct spec_override *override)
{
    return spec_misnomer_advise(error_new(EXIT_USAGE, "read option '--%s': unknown key '%.100s'",
                                          override->option, override->key),
                                override->key);
}

struct error *spec_overrides_read(const struct spec_override *overrides, size_t count,
                                  struct json **ret)
{
    CLEANUP(json_freep) struct json *object = json_object();

    for (size_t i = 0; i < count; i++) {
        const struct spec_key *key = spec_key_find(overrides[i].key);
        struct json *value = NULL;

        if (key == NULL)
            return refuse_key(&overrides[i]);
        TRY(error_context(spec_key_value(key, overrides[i].value, &value), "read option '--%s'",
                          overrides[i].option));
        json_set(object, key->name, value);
    }
    *ret = STEAL(object);
    return NULL;
}
