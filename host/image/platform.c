#include "host/image/platform.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "host/image/architecture.h"
#include "host/lib/memory.h"

#define OS_PREFIX "linux/"
#define RATE_LEVEL 100 /* and the level: what is for the highest level suits best */
#define RATE_PLAIN 1000
#define RATE_OTHER 50 /* a variant that is not a level, of an architecture without levels */

#define AMD64_LEVEL_MAX 3 /* QEMU emulates AVX2, but not AVX-512 */

/* Architectures whose variants are levels. */
static const struct {
    const char *architecture;
    int usual; /* the level if no variant is named */
    int most;  /* the highest there is */
} levels[] = {{"amd64", 1, 4}, {"arm", 7, 8}, {"arm64", 8, 9}};

static const struct {
    const char *name, *architecture, *variant;
} synonyms[] = {
    {"x86-64", "amd64", ""}, {"armhf", "arm", "v7"},  {"armel", "arm", "v6"},
    {"armv6l", "arm", "v6"}, {"armv7l", "arm", "v7"}, {"armv8l", "arm", "v8"},
};

/* Copies the LENGTH bytes at TEXT in lower case. Returns false if they are none or too many, or
 * have other characters than names do. */
static bool copy_part(const char *text, size_t length, char *ret)
{
    if (length == 0 || length >= PLATFORM_PART_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("._-", text[i]) == NULL)
            return false;
        ret[i] = (char)tolower((unsigned char)text[i]);
    }
    ret[length] = '\0';
    return true;
}

static size_t find_levels(const char *architecture)
{
    size_t i = 0;

    while (i < sizeof levels / sizeof *levels && strcmp(levels[i].architecture, architecture) != 0)
        i++;
    return i;
}

static bool has_levels(const char *architecture)
{
    return find_levels(architecture) < sizeof levels / sizeof *levels;
}

/* The level of PLATFORM, which has levels; 0 if its variant is not one. */
static int level_of(const struct platform *platform)
{
    size_t row = find_levels(platform->architecture);
    const char *variant = platform->variant;
    int level = variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && variant[2] == '\0'
                    ? variant[1] - '0'
                    : 0;

    if (*variant == '\0')
        return levels[row].usual;
    return level <= levels[row].most ? level : 0;
}

/* Sets PLATFORM to the names that images use, and removes the one variant that adds nothing. */
static void normalise(struct platform *platform)
{
    const char *known = architecture_of_machine(platform->architecture);
    bool is_digit = isdigit((unsigned char)platform->variant[0]) && platform->variant[1] == '\0';

    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
        if (strcmp(platform->architecture, synonyms[i].name) != 0)
            continue;
        known = synonyms[i].architecture;
        if (*platform->variant == '\0')
            strcpy(platform->variant, synonyms[i].variant);
    }
    if (known != NULL)
        strcpy(platform->architecture, known);
    if (!has_levels(platform->architecture))
        return;
    if (is_digit) {
        platform->variant[1] = platform->variant[0];
        platform->variant[0] = 'v';
        platform->variant[2] = '\0';
    }
    if (strcmp(platform->architecture, "arm64") == 0 && strcmp(platform->variant, "v8") == 0)
        *platform->variant = '\0';
}

struct error *platform_parse(const char *text, struct platform *ret)
{
    struct platform platform = {0};
    const char *whole = text;

    if (text == NULL)
        text = architecture_of_host();
    if (strncasecmp(text, OS_PREFIX, strlen(OS_PREFIX)) == 0)
        text += strlen(OS_PREFIX);
    size_t length = strcspn(text, "/");

    if (!copy_part(text, length, platform.architecture) ||
        (text[length] == '/' &&
         !copy_part(text + length + 1, strlen(text + length + 1), platform.variant)))
        return error_advise(error_new(EXIT_INPUT, "read platform '%.100s': not a platform", whole),
                            "use ARCHITECTURE or ARCHITECTURE/VARIANT, such as amd64 or arm/v7");
    normalise(&platform);
    *ret = platform;
    return NULL;
}

char *platform_format(const struct platform *platform)
{
    return xasprintf("%s%s%s", platform->architecture, *platform->variant != '\0' ? "/" : "",
                     platform->variant);
}

/* The highest level of amd64 that a guest on this host can run. */
static int guest_level(void)
{
#ifdef __x86_64__
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt"))
        return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma"))
        return 2;
#endif
    return AMD64_LEVEL_MAX;
}

/* The highest level that suits WANTED. */
static int highest_level(const struct platform *wanted)
{
    if (*wanted->variant == '\0' && strcmp(wanted->architecture, "amd64") == 0)
        return guest_level();
    return level_of(wanted);
}

static int rate_level(const struct platform *wanted, const struct platform *image, bool is_plain)
{
    int level = level_of(image);
    int highest = highest_level(wanted);
    bool any = *wanted->variant == '\0';

    if (level == 0 || highest == 0)
        return *wanted->variant != '\0' && strcmp(wanted->variant, image->variant) == 0
                   ? RATE_PLAIN
                   : PLATFORM_WRONG;
    if (level > highest) /* "arm" says nothing of the processor */
        return any && strcmp(wanted->architecture, "arm") == 0 ? PLATFORM_SUITS : PLATFORM_WRONG;
    if (any && is_plain && strcmp(wanted->architecture, "amd64") == 0)
        return RATE_PLAIN;
    return RATE_LEVEL + 2 * level + (is_plain ? 0 : 1);
}

static bool is_stated(const char *text)
{
    return text != NULL && *text != '\0';
}

int platform_rate(const struct platform *wanted, const char *os, const char *architecture,
                  const char *variant)
{
    struct platform image = {0};
    bool is_plain = !is_stated(variant);

    if (!is_stated(architecture))
        return is_stated(os) && strcasecmp(os, "linux") != 0 ? PLATFORM_WRONG : PLATFORM_UNKNOWN;
    if ((is_stated(os) && strcasecmp(os, "linux") != 0) ||
        !copy_part(architecture, strlen(architecture), image.architecture) ||
        (!is_plain && !copy_part(variant, strlen(variant), image.variant)))
        return PLATFORM_WRONG;
    normalise(&image);
    if (strcmp(image.architecture, wanted->architecture) != 0)
        return PLATFORM_WRONG;
    if (has_levels(image.architecture))
        return rate_level(wanted, &image, is_plain);
    if (*wanted->variant != '\0')
        return strcmp(wanted->variant, image.variant) == 0 ? RATE_PLAIN : PLATFORM_WRONG;
    return is_plain ? RATE_PLAIN : RATE_OTHER;
}
