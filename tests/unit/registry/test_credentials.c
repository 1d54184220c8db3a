#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/memory.h"
#include "host/registry/base64.h"
#include "host/registry/credentials.h"

/* A separate home for each test. */
static char home[] = "/tmp/test_credentials.XXXXXX";

static void write_file(const char *name, mode_t mode, const char *text)
{
    char *path = xasprintf("%s/%s", home, name);

    for (char *slash = path + strlen(home) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    free(path);
}

/* Writes the file NAME with an entry for KEY, whose user is USER. */
static void write_auth(const char *name, const char *key, const char *user)
{
    struct buffer pair = {0};
    char *plain = xasprintf("%s:pass:word", user);

    base64_encode(plain, strlen(plain), &pair);
    char *text = xasprintf("{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}", key, pair.data);

    write_file(name, 0600, text);
    free(plain);
    free(text);
    buffer_free(&pair);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(home + strlen(home) - 6, "XXXXXX");
    char *path = NULL;

    assert_non_null(mkdtemp(home));
    path = xasprintf("%s/run", home);
    setenv("HOME", home, 1);
    setenv("XDG_RUNTIME_DIR", path, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("DOCKER_CONFIG");
    unsetenv("REGISTRY_AUTH_FILE");
    free(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char *command = xasprintf("rm -rf '%s'", home);
    int status = system(command);

    free(command);
    return status;
}

/* Checks that the user found is USER, or none if USER is NULL. */
static void expect(const char *auth_file, const char *host, const char *name, const char *user)
{
    struct credential found = {0};
    struct error *err = credentials_find(auth_file, host, name, &found);

    if (err != NULL)
        fail_msg("%s", err->message);
    if (user == NULL) {
        assert_false(credential_given(&found));
    } else {
        assert_non_null(found.user);
        assert_string_equal(found.user, user);
        assert_string_equal(found.password, "pass:word");
    }
    credential_free(&found);
}

static void expect_error(const char *auth_file, enum exit_code code, const char *words)
{
    struct credential found = {0};
    struct error *err = credentials_find(auth_file, "h", "n", &found);

    assert_non_null(err);
    assert_int_equal(err->code, code);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' does not contain '%s'", err->message, words);
    error_free(err);
}

static void test_none(void **state)
{
    (void)state;
    expect(NULL, "h", "n", NULL);
}

static void test_order(void **state)
{
    (void)state;
    write_file(".dockercfg", 0600, "{\"https://h/v1/\":{\"auth\":\"bGVnYWN5OnBhc3M6d29yZA==\"}}");
    expect(NULL, "h", "n", "legacy");
    write_auth(".docker/config.json", "h", "docker");
    expect(NULL, "h", "n", "docker");
    write_auth(".config/containers/auth.json", "h", "config");
    expect(NULL, "h", "n", "config");
    write_auth("run/containers/auth.json", "h", "runtime");
    expect(NULL, "h", "n", "runtime");
    write_auth("variable.json", "h", "variable");
    char *path = xasprintf("%s/variable.json", home);

    setenv("REGISTRY_AUTH_FILE", path, 1);
    free(path);
    expect(NULL, "h", "n", "variable");
    write_auth("option.json", "h", "option");
    path = xasprintf("%s/option.json", home);
    expect(path, "h", "n", "option");
    free(path);
}

static void test_variables(void **state)
{
    char *config = xasprintf("%s/c", home);
    char *docker = xasprintf("%s/d", home);

    (void)state;
    setenv("XDG_CONFIG_HOME", config, 1);
    setenv("DOCKER_CONFIG", docker, 1);
    write_auth("d/config.json", "h", "docker");
    expect(NULL, "h", "n", "docker");
    write_auth("c/containers/auth.json", "h", "config");
    expect(NULL, "h", "n", "config");
    free(config);
    free(docker);
}

/* A file without an entry for the registry leaves it to the next file. */
static void test_next_file(void **state)
{
    (void)state;
    write_auth("run/containers/auth.json", "other", "no");
    write_auth(".docker/config.json", "h", "docker");
    expect(NULL, "h", "n", "docker");
}

static void test_namespaces(void **state)
{
    (void)state;
    write_file("run/containers/auth.json", 0600,
               "{\"auths\":{\"h:5000\":{\"auth\":\"aG9zdDpwYXNzOndvcmQ=\"},"
               "\"h:5000/a\":{\"auth\":\"YTpwYXNzOndvcmQ=\"},"
               "\"h:5000/a/b/c\":{\"auth\":\"YWJjOnBhc3M6d29yZA==\"}}}");
    expect(NULL, "h:5000", "a/b/c", "abc");
    expect(NULL, "h:5000", "a/b/d", "a");
    expect(NULL, "h:5000", "ab/c", "host");
    expect(NULL, "h", "a/b/c", NULL);
}

static void test_docker_hub(void **state)
{
    (void)state;
    write_auth(".docker/config.json", "https://index.docker.io/v1/", "hub");
    expect(NULL, "docker.io", "library/debian", "hub");
    expect(NULL, "index.docker.io", "library/debian", "hub");
}

static void test_url_key(void **state)
{
    (void)state;
    write_auth(".docker/config.json", "https://h/v2/", "url");
    expect(NULL, "h", "n", "url");
}

static void test_identity_token(void **state)
{
    struct credential found = {0};

    (void)state;
    write_file("run/containers/auth.json", 0600,
               "{\"auths\":{\"h\":{\"auth\":\"dTo=\",\"identitytoken\":\"secret\"}}}");
    assert_null(credentials_find(NULL, "h", "n", &found));
    assert_null(found.user);
    assert_string_equal(found.identity_token, "secret");
    credential_free(&found);
}

/* Kubernetes' tools leave "auth" out. */
static void test_user_and_password(void **state)
{
    (void)state;
    write_file("run/containers/auth.json", 0600,
               "{\"auths\":{\"h\":{\"username\":\"plain\",\"password\":\"pass:word\","
               "\"email\":\"x\"},\"g\":{\"auth\":\"\"}}}");
    expect(NULL, "h", "n", "plain");
    expect(NULL, "g", "n", NULL);
}

/* Line ends, and NULs behind the password. */
static void test_sloppy_base64(void **state)
{
    (void)state;
    write_file("run/containers/auth.json", 0600,
               "{\"auths\":{\"h\":{\"auth\":\"bGluZXM6cGFz\\r\\nczp3b3Jk\\n\"},"
               "\"g\":{\"auth\":\"bnVsczpwYXNzOndvcmQAAA==\"}}}");
    expect(NULL, "h", "n", "lines");
    expect(NULL, "g", "n", "nuls");
}

static void test_registry_token(void **state)
{
    struct credential found = {0};

    (void)state;
    write_file("run/containers/auth.json", 0600,
               "{\"auths\":{\"h\":{\"registrytoken\":\"secret\"}}}");
    assert_null(credentials_find(NULL, "h", "n", &found));
    assert_true(credential_given(&found));
    assert_string_equal(found.registry_token, "secret");
    credential_free(&found);
}

static void test_key_spellings(void **state)
{
    static const char *const keys[] = {
        "h:5000",    "h:5000/",        "h:5000/v2/",       "h:5000/v2", "h:5000/v1/",
        "h:5000/a/", "https://h:5000", "http://h:5000/v2", "h:5000/a",
    };
    static const char *const others[] = {"h", "h:500", "h:5000/ab", "h:5000/v2/a", "h:5000/a/b/c"};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        write_auth("run/containers/auth.json", keys[i], "key");
        expect(NULL, "h:5000", "a/b", "key");
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_auth("run/containers/auth.json", others[i], "key");
        expect(NULL, "h:5000", "a/b", NULL);
    }
}

static void write_helper(const char *name, const char *script)
{
    char *file = xasprintf("bin/docker-credential-%s", name);
    char *text = xasprintf("#!/bin/sh\n%s\n", script);
    char *path = xasprintf("%s/bin:/usr/bin:/bin", home);

    write_file(file, 0755, text);
    setenv("PATH", path, 1);
    free(file);
    free(text);
    free(path);
}

static void test_helper(void **state)
{
    (void)state;
    write_helper("one",
                 "read -r server; [ \"$1\" = get ] || exit 9\n"
                 "printf '{\"ServerURL\":\"%s\",\"Username\":\"%s\",\"Secret\":\"pass:word\"}'"
                 " \"$server\" \"helped-$server\"");
    write_file(
        "run/containers/auth.json", 0600,
        "{\"auths\":{\"h\":{\"auth\":\"bm86cGFzczp3b3Jk\"}},\"credHelpers\":{\"h\":\"one\"}}");
    expect(NULL, "h", "n", "helped-h");
}

static void test_store(void **state)
{
    (void)state;
    write_helper("all", "read -r server\n"
                        "printf '{\"Username\":\"%s\",\"Secret\":\"pass:word\"}' \"for-$server\"");
    write_file(".docker/config.json", 0600, "{\"auths\":{\"h\":{}},\"credsStore\":\"all\"}");
    expect(NULL, "h", "n", "for-h");
    expect(NULL, "docker.io", "n", "for-https://index.docker.io/v1/");
}

/* Keys of credHelpers have many spellings, too. */
static void test_helper_keys(void **state)
{
    (void)state;
    write_helper("one", "read -r server\n"
                        "printf '{\"Username\":\"%s\",\"Secret\":\"pass:word\"}' \"for-$server\"");
    write_file(".docker/config.json", 0600,
               "{\"credHelpers\":{\"https://index.docker.io/v1/\":\"one\",\"h/\":\"one\"}}");
    expect(NULL, "docker.io", "library/debian", "for-https://index.docker.io/v1/");
    expect(NULL, "h", "n", "for-h");
}

/* An empty helper means the file, whatever the helper for all others. */
static void test_empty_helper(void **state)
{
    (void)state;
    write_helper("all", "echo broken; exit 1");
    write_file(".docker/config.json", 0600,
               "{\"auths\":{\"h\":{\"auth\":\"aG9zdDpwYXNzOndvcmQ=\"}},"
               "\"credsStore\":\"all\",\"credHelpers\":{\"h\":\"\",\"g\":\"\"}}");
    expect(NULL, "h", "n", "host");
    expect(NULL, "g", "n", NULL);
}

static void test_helper_without(void **state)
{
    (void)state;
    write_helper("none", "echo 'credentials not found in native keychain'; exit 1");
    write_file("run/containers/auth.json", 0600, "{\"credHelpers\":{\"h\":\"none\"}}");
    expect(NULL, "h", "n", NULL);
}

static void test_helper_fails(void **state)
{
    (void)state;
    write_helper("bad", "echo 'the keyring is locked'; exit 1");
    write_file("run/containers/auth.json", 0600, "{\"credHelpers\":{\"h\":\"bad\"}}");
    expect_error(NULL, EXIT_NETWORK, "the keyring is locked");
    write_file("run/containers/auth.json", 0600, "{\"credHelpers\":{\"h\":\"missing\"}}");
    expect_error(NULL, EXIT_NETWORK, "docker-credential-missing");
    write_file("run/containers/auth.json", 0600, "{\"credHelpers\":{\"h\":\"../evil\"}}");
    expect_error(NULL, EXIT_NETWORK, "not a valid name");
}

static void test_helper_floods(void **state)
{
    (void)state;
    write_helper("flood", "exec yes");
    write_file("run/containers/auth.json", 0600, "{\"credHelpers\":{\"h\":\"flood\"}}");
    expect_error(NULL, EXIT_NETWORK, "read its output: larger than");
    /* A helper that ignores errors is ended by SIGPIPE, although this process ignores that
     * signal. */
    signal(SIGPIPE, SIG_IGN);
    write_helper("flood",
                 "while :; do echo 0123456789012345678901234567890123456789; done 2> /dev/null");
    expect_error(NULL, EXIT_NETWORK, "read its output: larger than");
    signal(SIGPIPE, SIG_DFL);
}

static void test_malformed(void **state)
{
    (void)state;
    expect_error("/nonexistent/auth.json", EXIT_INPUT, "/nonexistent/auth.json");
    write_file("run/containers/auth.json", 0600, "{");
    expect_error(NULL, EXIT_INPUT, "auth.json");
    write_file("run/containers/auth.json", 0600, "[]");
    expect_error(NULL, EXIT_INPUT, "not a JSON object");
    write_file("run/containers/auth.json", 0600, "{\"auths\":{\"h\":{\"auth\":\"!\"}}}");
    expect_error(NULL, EXIT_INPUT, "USER:PASSWORD");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none),           TEST(test_order),
        TEST(test_variables),      TEST(test_next_file),
        TEST(test_namespaces),     TEST(test_docker_hub),
        TEST(test_url_key),        TEST(test_user_and_password),
        TEST(test_sloppy_base64),  TEST(test_registry_token),
        TEST(test_key_spellings),  TEST(test_helper_keys),
        TEST(test_empty_helper),   TEST(test_identity_token),
        TEST(test_helper),         TEST(test_store),
        TEST(test_helper_without), TEST(test_helper_fails),
        TEST(test_helper_floods),  TEST(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
