#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/format/cache_place.h"

#define KEY "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST DIGEST_PREFIX KEY

/* Expects TEXT to name the repository NAME of HOST, where the layer of KEY has TAG. */
static void expect(const char *text, const char *host, const char *name, const char *tag)
{
    struct cache_places places = {0};
    const struct digest key = {.hex = KEY};

    assert_null(cache_places_add(&places, text));
    assert_int_equal(places.count, 1);
    char *found = cache_place_tag(&places.items[0], &key);

    assert_string_equal(places.items[0].reference.host, host);
    assert_string_equal(places.items[0].reference.name, name);
    assert_string_equal(found, tag);
    assert_false(*places.items[0].is_out);
    free(found);
    cache_places_free(&places);
}

static void expect_refused(const char *text, const char *why)
{
    struct cache_places places = {0};
    struct error *err = cache_places_add(&places, text);

    if (err == NULL) {
        fail_msg("'%s' was accepted", text);
        return;
    }
    assert_int_equal(err->code, EXIT_USAGE);
    if (strstr(err->message, why) == NULL)
        fail_msg("'%s': %s", text, err->message);
    error_free(err);
    cache_places_free(&places);
}

static void test_repositories(void **state)
{
    (void)state;
    expect("registry.example/team/cache", "registry.example", "team/cache", KEY);
    expect("docker://registry.example/cache", "registry.example", "cache", KEY);
    expect("localhost:5000/cache", "localhost:5000", "cache", KEY);
    expect("user/cache", "docker.io", "user/cache", KEY);
    expect_refused("", "");
    expect_refused("registry.example/CACHE", "CACHE");
    expect_refused("registry.example/cache@" DIGEST, "digest");
    expect_refused("oci:cache", "repository of a registry");
    expect_refused("http://registry.example/cache", "");
}

static void test_tags(void **state)
{
    char longest[64];
    char text[128];
    char tag[129];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[63] = '\0';
    expect("registry.example/app:cache", "registry.example", "app", "cache-" KEY);
    strcpy(text, "localhost:5000/app:");
    strcat(text, longest);
    strcpy(tag, longest);
    strcat(tag, "-" KEY);
    expect(text, "localhost:5000", "app", tag);
    strcat(text, "x");
    expect_refused(text, "63 characters");
}

static void test_attributes(void **state)
{
    (void)state;
    expect("type=registry,ref=registry.example/cache", "registry.example", "cache", KEY);
    expect("ref=registry.example/app:x,type=registry,mode=max,oci-mediatypes=true,"
           "image-manifest=true,ignore-error=true",
           "registry.example", "app", "x-" KEY);
    expect_refused("type=registry", "ref=");
    expect_refused("type=gha", "type=registry");
    expect_refused("type=registry,ref=registry.example/a,mode=half", "mode=");
    expect_refused("type=registry,ref=registry.example/a,color=red", "color=red");
    expect_refused("type=registry,ref=registry.example/a,mode", "mode=");
    expect_refused("type=registry,ref=registry.example/a,", "");
    expect_refused("type=registry,ref=", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repositories),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_attributes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
