/*
 * What vmbuild calls of libcurl.
 */
#include <assert.h>
#define curl_url_get curl_url_get_declared /* whose handle is const in some versions */
#include <curl/curl.h>
#undef curl_url_get
#include <stdarg.h>

#include "host/late/late_library.h"

/* Macros of curl.h that check arguments. */
#undef curl_easy_getinfo
#undef curl_easy_setopt

static struct late_library curl = {.file = "libcurl.so.4"};

LATE_PROCEDURE(curl, curl_easy_cleanup, (CURL * handle), handle)
LATE_FUNCTION(curl, char *, curl_easy_escape, (CURL * handle, const char *string, int length),
              handle, string, length)
LATE_FUNCTION(curl, CURL *, curl_easy_init, (void))
LATE_FUNCTION(curl, CURLcode, curl_easy_perform, (CURL * handle), handle)
LATE_PROCEDURE(curl, curl_easy_reset, (CURL * handle), handle)
LATE_FUNCTION(curl, const char *, curl_easy_strerror, (CURLcode code), code)
LATE_PROCEDURE(curl, curl_free, (void *memory), memory)
LATE_FUNCTION(curl, time_t, curl_getdate, (const char *text, const time_t *unused), text, unused)
LATE_FUNCTION(curl, CURLcode, curl_global_init, (long flags), flags)
LATE_FUNCTION(curl, struct curl_slist *, curl_slist_append,
              (struct curl_slist * list, const char *string), list, string)
LATE_PROCEDURE(curl, curl_slist_free_all, (struct curl_slist * list), list)
LATE_FUNCTION(curl, CURLU *, curl_url, (void))
LATE_PROCEDURE(curl, curl_url_cleanup, (CURLU * handle), handle)
CURLUcode curl_url_get(const CURLU *handle, CURLUPart what, char **part, unsigned int flags);
LATE_FUNCTION(curl, CURLUcode, curl_url_get,
              (const CURLU *handle, CURLUPart what, char **part, unsigned int flags), handle, what,
              part, flags)
LATE_FUNCTION(curl, CURLUcode, curl_url_set,
              (CURLU * handle, CURLUPart what, const char *part, unsigned int flags), handle, what,
              part, flags)
LATE_FUNCTION(curl, curl_version_info_data *, curl_version_info, (CURLversion version), version)

/* The one further argument of these two is a pointer or an integer of that size. */
static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *),
              "a pointer carries what curl's options are");

CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
    va_list arguments;

    va_start(arguments, option);
    void *value = va_arg(arguments, void *);

    va_end(arguments);
    return LATE_CALL(curl, curl_easy_setopt)(handle, option, value);
}

CURLcode curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
    va_list arguments;

    va_start(arguments, info);
    void *value = va_arg(arguments, void *);

    va_end(arguments);
    return LATE_CALL(curl, curl_easy_getinfo)(handle, info, value);
}
