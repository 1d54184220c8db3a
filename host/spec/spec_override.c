#include "host/spec/spec_override.h"

#include "host/lib/cleanup.h"
#include "host/lib/nearest.h"
#include "host/spec/spec_key.h"

static struct error *refuse_key(const struct spec_override *override)
{
    const char *nearest =
        nearest_word(override->key, &spec_keys->name, sizeof *spec_keys, spec_key_count);
    struct error *err = error_new(EXIT_USAGE, "read option '--%s': unknown key '%.100s'",
                                  override->option, override->key);

    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild schema' lists the keys");
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
