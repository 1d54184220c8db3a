#include "host/registry/tag_list.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/registry/registries_conf.h"
#include "host/registry/registry_error.h"
#include "host/registry/repository.h"
#include "host/registry/url.h"

#define PAGE_SIZE_MAX (4u << 20)
#define PAGES_MAX 10000
#define TAGS_MAX (1u << 20)

/* Adds the tags of a page. */
static struct error *add_page(const struct http_answer *answer, struct strings *ret)
{
    CLEANUP(json_freep) struct json *page = NULL;

    TRY(json_parse_lenient("list of tags", answer->body.data, answer->body.length, &page));
    const struct json *tags = json_get(page, "tags");

    if (page->type != JSON_OBJECT ||
        (tags != NULL && tags->type != JSON_ARRAY && tags->type != JSON_NULL))
        return error_new(EXIT_INPUT, "the registry's answer is not a list of tags");
    for (size_t i = 0; tags != NULL && i < tags->count; i++) {
        CLEANUP(error_freep) struct error *err = NULL;

        if (tags->items[i]->type != JSON_STRING)
            return error_new(EXIT_INPUT, "the registry's answer is not a list of tags");
        err = reference_check_tag(tags->items[i]->text);
        if (err == NULL)
            strings_add(ret, tags->items[i]->text);
    }
    return NULL;
}

/* Returns the URL of the next page, from a header `Link: <URL>; rel="next"` (RFC 8288); NULL if
 * this is the last. The caller's. */
static char *next_page(const struct http_answer *answer, const char *url)
{
    const char *link = http_header(answer, "link");
    const char *end = link != NULL ? strchr(link, '>') : NULL;

    if (end == NULL || *link != '<' || strstr(end, "next") == NULL)
        return NULL;
    CLEANUP(freep) char *target = xstrndup(link + 1, (size_t)(end - link - 1));

    return url_resolve(url, target);
}

static struct error *read_pages(struct repository *repository, struct strings *ret)
{
    CLEANUP(freep) char *url = repository_url(repository, "tags/list?n=1000");

    for (int pages = 0; url != NULL; pages++) {
        CLEANUP(http_answer_free) struct http_answer answer = {0};
        struct http_request request = {.method = "GET", .url = url, .answer_max = PAGE_SIZE_MAX};

        if (pages == PAGES_MAX)
            return error_new(EXIT_INPUT, "more than %d pages", PAGES_MAX);
        TRY(repository_perform(repository, &request, &answer));
        if (answer.status != 200)
            return registry_error(&answer, answer.status == 404
                                               ? "the registry has no such repository"
                                               : "the registry refused the request");
        TRY(add_page(&answer, ret));
        if (ret->count > TAGS_MAX)
            return error_new(EXIT_INPUT, "more than %u tags", TAGS_MAX);
        char *next = next_page(&answer, url);

        free(url);
        url = next;
    }
    return NULL;
}

struct error *tag_list(const struct reference *reference, const struct registry_access *access,
                       struct strings *ret)
{
    CLEANUP(repository_freep) struct repository *repository = NULL;
    CLEANUP(registry_endpoints_free) struct registry_endpoints places = {0};

    /* The tags are those of the registry itself, the last of the places, not those that a mirror
     * happens to have. */
    TRY(registries_conf_pull(reference, access, &places));
    const struct registry_endpoint *place = &places.items[places.count - 1];
    const struct repository_options options = {.access = access, .insecure = place->insecure};

    TRY(repository_open(&place->reference, &options, &repository));
    return error_context(read_pages(repository, ret), "list tags of '%s/%s'", reference->host,
                         reference->name);
}
