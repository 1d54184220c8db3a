#include "guest/tar/charset.h"

#include <langinfo.h>

static char ascii[] = "ANSI_X3.4-1968";
static char utf8[] = "UTF-8";
static char none[] = "";
static char *charset = ascii;

void charset_for_reading(void)
{
    charset = ascii;
}

void charset_for_writing(void)
{
    charset = utf8;
}

/* The linker prefers a program's own function to that of a library. Only libarchive calls it. */
char *nl_langinfo(nl_item item)
{
    return item == CODESET ? charset : none;
}
