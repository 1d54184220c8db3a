#include "host/tar/charset.h"

#include <langinfo.h>
#include <locale.h>

static char ascii[] = "ANSI_X3.4-1968";
static char utf8[] = "UTF-8";
static _Thread_local char *charset = utf8;

void charset_for_reading(void)
{
    charset = ascii;
}

void charset_for_writing(void)
{
    charset = utf8;
}

/* The linker puts a program's own function before that of a shared or static library. */
char *nl_langinfo(nl_item item)
{
    if (item == CODESET)
        return charset;
    return nl_langinfo_l(item, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}
